"""Drops watch events that carry nothing new, before they are decoded.

Every write we make comes back as a watch event that carries nothing new, because the response was already cached. To
decode it and let kopf process it would be a sixth of the work for a new Sync. The event may arrive before the response,
so events about an object with a write in flight are held back until the response, or for at most `_MAX_HOLD_SECONDS`.

A DELETED event is dropped if we have already removed the object from the cache, as we do after deleting it, and kopf
has never seen it (kopf keeps state for each object until it sees DELETED).
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import aiohttp

__all__ = ["DeleteFilter", "FilteredWatchStream", "InFlightWrites", "ObjectVersion"]

_MAX_HOLD_SECONDS: Final = 0.1
"""Maximum seconds for which a watch event waits for the response to a write."""
_DELETED: Final = b'{"type":"DELETED"'
_IDENTITY: Final = re.compile(
    rb'"name":"([^"\\]+)",(?:"generateName":"[^"\\]*",)?"namespace":"([^"\\]+)",'
    rb'(?:"uid":"([^"\\]+)","resourceVersion":"(\d+)"|"resourceVersion":"(\d+)","uid":"([^"\\]+)")'
)
"""Namespace, name, uid and resource version in the JSON of an object, in the API server's two orders: that of built-in
kinds, and the alphabetical one of custom resources."""


class ObjectVersion(NamedTuple):
    """One version of an object.

    Attributes:
        namespace: namespace of the object.
        name: name of the object.
        uid: uid of the object.
        version: resource version, comparable as a number for one object (KEP-5504).
    """

    namespace: str
    name: str
    uid: str
    version: int

    @classmethod
    def of(cls, obj: Mapping[str, Any]) -> "ObjectVersion":
        """The version of an object as returned by the API server."""
        metadata = obj["metadata"]
        return cls(metadata["namespace"], metadata["name"], metadata["uid"], int(metadata["resourceVersion"]))


class InFlightWrites:
    """Own writes in flight, by plural of the kind, namespace and name of the object."""

    def __init__(self) -> None:
        self._done: dict[tuple[str, str, str], asyncio.Future[None]] = {}

    @contextmanager
    def track(self, plural: str, namespace: str, name: str) -> Iterator[None]:
        """Context of one write, from before it is sent until its response."""
        target = plural, namespace, name
        end = self._done[target] = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            # Waiters resume in the next iteration of the event loop; the response is in the caches by then.
            end.set_result(None)
            if self._done.get(target) is end:
                del self._done[target]

    def done(self, plural: str, seen: ObjectVersion) -> asyncio.Future[None] | None:
        """Future that is done when the last write to an object has its response; None if none is in flight."""
        return self._done.get((plural, seen.namespace, seen.name))


class DeleteFilter:
    """Decides which DELETED events of a kind are passed on to kopf.

    Args:
        not_cached: True if an object is not in the cache any more.
    """

    def __init__(self, not_cached: Callable[[ObjectVersion], bool]) -> None:
        self._not_cached = not_cached
        self._delivered_uids: set[str] = set()

    def should_pass(self, seen: ObjectVersion) -> bool:
        """True for the DELETED event of an object that is in the cache, or that kopf has seen."""
        return seen.uid in self._delivered_uids or not self._not_cached(seen)

    def record(self, seen: ObjectVersion | None, *, deleted: bool) -> None:
        """Record an event that is passed on to kopf; ``deleted`` is True for DELETED."""
        if seen is not None and deleted:
            self._delivered_uids.discard(seen.uid)
        elif seen is not None:
            self._delivered_uids.add(seen.uid)


class FilteredWatchStream:
    """The response body of a watch, without events whose object version is known.

    Args:
        content: the body.
        is_cached: True if this version of an object, or a later one, is in the cache.
        write_done: future that is done when our write in flight to that object has its response; None without a write.
        delete_filter: filter for DELETED events; None passes all on.
    """

    def __init__(
        self,
        content: aiohttp.StreamReader,
        is_cached: Callable[[ObjectVersion], bool],
        write_done: Callable[[ObjectVersion], asyncio.Future[None] | None] = lambda _: None,
        delete_filter: DeleteFilter | None = None,
    ) -> None:
        self._content = content
        self._is_cached = is_cached
        self._write_done = write_done
        self._delete_filter = delete_filter

    def __getattr__(self, name: str) -> Any:
        """Everything except the method with which kopf reads is delegated to the body."""
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """The filtered body in chunks of whole lines, and the rest at the end; each line is an event."""
        rest = b""
        async for data in self._content.iter_chunked(size):
            *lines, rest = (rest + data).split(b"\n")
            if passed := await self._pass_on(lines):
                yield b"\n".join([*passed, b""])
        if rest:
            yield rest

    async def _pass_on(self, lines: Sequence[bytes]) -> list[bytes]:
        """The lines to pass on: their versions are not known, even after the responses to writes in flight."""
        passed = [
            (line, seen)
            for line, seen in zip(lines, map(_parse_version, lines), strict=True)
            if self._should_pass(line, seen)
        ]
        pending = [done for _, seen in passed if seen is not None and (done := self._write_done(seen)) is not None]
        if pending:
            await asyncio.wait(pending, timeout=_MAX_HOLD_SECONDS)
            passed = [(line, seen) for line, seen in passed if self._should_pass(line, seen)]
        if self._delete_filter is not None:
            for line, seen in passed:
                self._delete_filter.record(seen, deleted=line.startswith(_DELETED))
        return [line for line, _ in passed]

    def _should_pass(self, line: bytes, seen: ObjectVersion | None) -> bool:
        if seen is None:
            return True
        if line.startswith(_DELETED):
            return self._delete_filter is None or self._delete_filter.should_pass(seen)
        return not self._is_cached(seen)


def _parse_version(line: bytes) -> ObjectVersion | None:
    """The object version in an event's line; None, so that it is passed on, unless exactly one part looks like one."""
    found = _IDENTITY.findall(line)
    if len(found) != 1:
        return None
    name, namespace, uid, version, other_version, other_uid = (part.decode() for part in found[0])
    return ObjectVersion(namespace, name, uid or other_uid, int(version or other_version))
