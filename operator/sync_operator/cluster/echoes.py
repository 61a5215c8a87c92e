"""Leaves out of a watch what we know already, before anybody decodes it.

Each write of ours is told to us once more by the watch, and its answer has told us all of it. To decode that and have
kopf work through it would be a sixth of the work of a new Sync. The watch may be quicker than the answer: what it tells
of an object that we are writing to is held back until the answer is there, or for a moment.

The end of an object is no news where we have forgotten it ourselves, as we do with what we delete, and where kopf never
heard of it, which keeps something of each object until its end.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import aiohttp

__all__ = ["Ends", "Seen", "Unknown", "Writes"]

_MOMENT: Final = 0.1
"""Seconds for which the watch waits for an answer."""
_DELETED: Final = b'{"type":"DELETED"'
_IDENTITY: Final = re.compile(
    rb'"name":"([^"\\]+)",(?:"generateName":"[^"\\]*",)?"namespace":"([^"\\]+)",'
    rb'(?:"uid":"([^"\\]+)","resourceVersion":"(\d+)"|"resourceVersion":"(\d+)","uid":"([^"\\]+)")'
)
"""What names an object and its state, in the two orders in which the API server writes it: that of its own kinds, and
that of the alphabet for custom resources."""


class Seen(NamedTuple):
    """A state of an object.

    Attributes:
        namespace: of the object.
        name: of the object.
        uid: of the object.
        version: its resource version, comparable as a number within one life of an object (KEP-5504).
    """

    namespace: str
    name: str
    uid: str
    version: int

    @classmethod
    def of(cls, obj: Mapping[str, Any]) -> "Seen":
        """That of an object as the API server returns it."""
        metadata = obj["metadata"]
        return cls(metadata["namespace"], metadata["name"], metadata["uid"], int(metadata["resourceVersion"]))


class Writes:
    """Writes of ours that are under way, each by what it is to: plural of the kind, namespace and name."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, str, str], asyncio.Future[None]] = {}

    @contextmanager
    def under_way(self, plural: str, namespace: str, name: str) -> Iterator[None]:
        """From before a write is sent until it was answered."""
        target = plural, namespace, name
        end = self._ends[target] = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            # Whoever waits goes on in the next turn of the event loop: the answer is in the caches by then.
            end.set_result(None)
            if self._ends.get(target) is end:
                del self._ends[target]

    def end(self, plural: str, seen: Seen) -> asyncio.Future[None] | None:
        """Is done when the last write to an object is answered; None when there is none under way."""
        return self._ends.get((plural, seen.namespace, seen.name))


class Ends:
    """Which objects of a kind have to be told of when they come to their ends.

    Args:
        forgotten: says whether nothing is known of an object any more.
    """

    def __init__(self, forgotten: Callable[[Seen], bool]) -> None:
        self._forgotten = forgotten
        self._heard: set[str] = set()

    def are_news(self, seen: Seen) -> bool:
        """True for the end of an object that is known, or of which something was told before."""
        return seen.uid in self._heard or not self._forgotten(seen)

    def told(self, seen: Seen | None, *, ended: bool) -> None:
        """Something is told, of an object that has ended or goes on."""
        if seen is not None and ended:
            self._heard.discard(seen.uid)
        elif seen is not None:
            self._heard.add(seen.uid)


class Unknown:
    """The body of a watch, without the states that are known.

    Args:
        content: the body.
        known: says whether a state, or a later one of the same object, is known.
        answer: is done when it will be known what our write to that object made of it; None without such a write.
        ends: says which ends are news; None when all are.
    """

    def __init__(
        self,
        content: aiohttp.StreamReader,
        known: Callable[[Seen], bool],
        answer: Callable[[Seen], asyncio.Future[None] | None] = lambda _: None,
        ends: Ends | None = None,
    ) -> None:
        self._content = content
        self._known = known
        self._answer = answer
        self._ends = ends

    def __getattr__(self, name: str) -> Any:
        """All but what kopf reads by is the body's own."""
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Whole lines, and in the end what is left; an event is a line."""
        rest = b""
        async for data in self._content.iter_chunked(size):
            *lines, rest = (rest + data).split(b"\n")
            if told := await self._unknown(lines):
                yield b"\n".join([*told, b""])
        if rest:
            yield rest

    async def _unknown(self, lines: Sequence[bytes]) -> list[bytes]:
        """Those lines whose states are not known, and will not be in a moment."""
        told = [(line, seen) for line, seen in zip(lines, map(_seen, lines), strict=True) if self._is_news(line, seen)]
        answers = [answer for _, seen in told if seen is not None and (answer := self._answer(seen)) is not None]
        if answers:
            await asyncio.wait(answers, timeout=_MOMENT)
            told = [(line, seen) for line, seen in told if self._is_news(line, seen)]
        if self._ends is not None:
            for line, seen in told:
                self._ends.told(seen, ended=line.startswith(_DELETED))
        return [line for line, _ in told]

    def _is_news(self, line: bytes, seen: Seen | None) -> bool:
        if seen is None:
            return True
        if line.startswith(_DELETED):
            return self._ends is None or self._ends.are_news(seen)
        return not self._known(seen)


def _seen(line: bytes) -> Seen | None:
    """The state that a line tells of; a line in which more than one place, or none, looks like one is told as it is."""
    found = _IDENTITY.findall(line)
    if len(found) != 1:
        return None
    name, namespace, uid, version, other_version, other_uid = (part.decode() for part in found[0])
    return Seen(namespace, name, uid or other_uid, int(version or other_version))
