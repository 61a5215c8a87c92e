"""Leaves out of a watch what we know already, before anybody decodes it.

Each write of ours is told to us once more by the watch, and its answer has told us all of it. To decode that and have
kopf work through it would be a sixth of the work of a new Sync.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, NamedTuple

import aiohttp

__all__ = ["Seen", "Unknown"]

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


class Unknown:
    """The body of a watch, without the states that are known.

    Args:
        content: the body.
        known: says whether a state, or a later one of the same object, is known.
    """

    def __init__(self, content: aiohttp.StreamReader, known: Callable[[Seen], bool]) -> None:
        self._content = content
        self._known = known

    def __getattr__(self, name: str) -> Any:
        """All but what kopf reads by is the body's own."""
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Whole lines, and in the end what is left; an event is a line."""
        rest = b""
        async for data in self._content.iter_chunked(size):
            *lines, rest = (rest + data).split(b"\n")
            if told := [line for line in lines if not self._is_known(line)]:
                yield b"\n".join([*told, b""])
        if rest:
            yield rest

    def _is_known(self, line: bytes) -> bool:
        """A line in which more than one place, or none, looks like an identity is left to those who decode it."""
        found = _IDENTITY.findall(line)
        if line.startswith(_DELETED) or len(found) != 1:
            return False
        name, namespace, uid, version, other_version, other_uid = (part.decode() for part in found[0])
        return self._known(Seen(namespace, name, uid or other_uid, int(version or other_version)))
