"""Leaves out of a watch what we know already, before anybody decodes it.

Each write of ours is told to us once more by the watch, and its answer has told us all of it. To decode that and have
kopf work through it would be a sixth of the work of a new Sync. The watch may be quicker than the answer: what it tells
of an object that we are writing to is held back until the answer is there, or for a moment.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import aiohttp

__all__ = ["Seen", "Unknown", "Writes"]

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


class Unknown:
    """The body of a watch, without the states that are known.

    Args:
        content: the body.
        known: says whether a state, or a later one of the same object, is known.
        answer: is done when it will be known what our write to that object made of it; None without such a write.
    """

    def __init__(
        self,
        content: aiohttp.StreamReader,
        known: Callable[[Seen], bool],
        answer: Callable[[Seen], asyncio.Future[None] | None] = lambda _: None,
    ) -> None:
        self._content = content
        self._known = known
        self._answer = answer

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
        told = [(line, seen) for line, seen in zip(lines, map(_seen, lines), strict=True) if not self._knows(seen)]
        answers = [answer for _, seen in told if seen is not None and (answer := self._answer(seen)) is not None]
        if answers:
            await asyncio.wait(answers, timeout=_MOMENT)
        return [line for line, seen in told if not (answers and self._knows(seen))]

    def _knows(self, seen: Seen | None) -> bool:
        return seen is not None and self._known(seen)


def _seen(line: bytes) -> Seen | None:
    """The state that a line tells of; None for an end, and where more than one place, or none, looks like an identity.

    Such a line is left to those who decode it.
    """
    found = _IDENTITY.findall(line)
    if line.startswith(_DELETED) or len(found) != 1:
        return None
    name, namespace, uid, version, other_version, other_uid = (part.decode() for part in found[0])
    return Seen(namespace, name, uid or other_uid, int(version or other_version))
