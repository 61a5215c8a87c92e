"""Many resources: the hands that change all of them side by side, and the watches that see what becomes of them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
from tests.support.manifests import sync_manifest
from tests.support.syncs import MAPPING, is_ready

from benchmarks.clients import AT_ONCE, Cluster, open_cluster
from sync_operator.api.constants import API_VERSION

__all__ = ["SPEC", "Crowd", "Ref", "UnfinishedError", "crowd", "why"]

SPEC: Final[Mapping[str, Any]] = {
    "scheduleType": "interval",
    "syncInterval": 5,
    "syncIntervalUnit": "weeks",  # none fires while it is measured
    "configuration": MAPPING,
    "run": {"successfulHistory": 1},
}
"""Of each of them; defaults are left out."""
_LOOK: Final = 0.05


class UnfinishedError(Exception):
    """A contender did not do its work."""


def why(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first of a group, however deep it is in there."""
    first = errors.exceptions[0]
    return why(first) if isinstance(first, BaseExceptionGroup) else first


class Ref(NamedTuple):
    """A resource, by default a Sync."""

    namespace: str
    name: str
    plural: str = "syncs"

    @property
    def path(self) -> str:
        """At the API server."""
        return f"/apis/{API_VERSION}/namespaces/{self.namespace}/{self.plural}/{self.name}"


class Crowd:
    """Many resources, and what the watches have told of them.

    Args:
        cluster: the way to them.
        refs: all of them, there or not.
        manifest_of: makes the manifest of each.

    Attributes:
        listeners: called with each object that a watch brings.
    """

    def __init__(self, cluster: Cluster, refs: list[Ref], manifest_of: Callable[[Ref], Mapping[str, Any]]) -> None:
        self.cluster = cluster
        self.refs = refs
        self.listeners: list[Callable[[dict[str, Any]], None]] = []
        self._manifest_of = manifest_of
        self._known: dict[Ref, bool] = {}

    @property
    def ready(self) -> int:
        """How many are Ready as they stand now."""
        return sum(self._known.values())

    @property
    def left(self) -> int:
        """How many there are."""
        return len(self._known)

    async def create(self) -> None:
        """Create all."""
        await self._each(lambda ref: ("POST", ref.path.removesuffix(f"/{ref.name}"), self._manifest_of(ref)))

    async def change(self, ref: Ref, key: str) -> int:
        """Change what is sent to the server, but not the schedule; the Sync's generation from then on."""
        patch = {"spec": {"configuration": [{**MAPPING[0], "to": key}]}}
        return int(json.loads(await self.cluster.call("PATCH", ref.path, patch))["metadata"]["generation"])

    async def change_all(self, key: str) -> None:
        """The same for all."""
        patch = {"spec": {"configuration": [{**MAPPING[0], "to": key}]}}
        await self._each(lambda ref: ("PATCH", ref.path, patch))

    async def delete(self) -> None:
        """Delete all; their finalizers keep them."""
        await self._each(lambda ref: ("DELETE", ref.path, None))

    async def until(self, done: Callable[[], bool], what: str, *, seconds: float) -> float:
        """Wait until something is so; the moment (`time.monotonic`) at which it was seen.

        Raises:
            UnfinishedError: it was not in that time.
        """
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                words = f"{self.left} of {len(self.refs)} are there, {self.ready} of them Ready, after {seconds:.0f} s"
                raise UnfinishedError(f"waited for {what}: {words}")
            await asyncio.sleep(_LOOK)
        return time.monotonic()

    async def follow(self) -> None:
        """Listen for as long as it is not cancelled."""
        await asyncio.gather(*(self._follow(plural) for plural in {ref.plural for ref in self.refs}))

    async def _follow(self, plural: str) -> None:
        path = f"/apis/{API_VERSION}/{plural}"
        while True:
            listed = await self.cluster.get(path)
            for ref in [ref for ref in self._known if ref.plural == plural]:
                del self._known[ref]
            for obj in listed["items"]:
                self._note(plural, obj)
            await self._watch(plural, path, listed["metadata"]["resourceVersion"])

    async def _watch(self, plural: str, path: str, version: str) -> None:
        """Note what happens from a version on; ends when the API server no longer remembers where we were."""
        url = f"{self.cluster.server}{path}?watch=true&allowWatchBookmarks=true&resourceVersion="
        while True:
            async with self.cluster.http.get(url + version) as stream, _aborted(stream):
                async for line in _lines(stream.content.iter_any()):
                    event = json.loads(line)
                    obj = event["object"]
                    match event["type"]:
                        case "ERROR":
                            return
                        case "DELETED":
                            self._known.pop(_ref(plural, obj), None)
                        case "ADDED" | "MODIFIED":
                            self._note(plural, obj)
                    version = obj["metadata"]["resourceVersion"]

    def _note(self, plural: str, obj: dict[str, Any]) -> None:
        self._known[_ref(plural, obj)] = is_ready(obj)
        for listener in self.listeners:
            listener(obj)

    async def _each(self, request: Callable[[Ref], tuple[str, str, object]]) -> None:
        async def worker(refs: Iterator[Ref]) -> None:
            for ref in refs:
                await self.cluster.call(*request(ref))

        waiting = iter(self.refs)
        await asyncio.gather(*(worker(waiting) for _ in range(AT_ONCE)))


@asynccontextmanager
async def crowd(
    kubeconfig: Path, refs: list[Ref], manifest_of: Callable[[Ref], Mapping[str, Any]] | None = None
) -> AsyncIterator[Crowd]:
    """These resources, not yet created, by default Syncs like `SPEC`, and the watches that follow them."""
    cluster = open_cluster(kubeconfig)
    found = Crowd(cluster, refs, manifest_of or _sync)
    try:
        async with asyncio.TaskGroup() as group:
            following = group.create_task(found.follow())
            yield found
            following.cancel()
    finally:
        await cluster.http.close()


def _sync(ref: Ref) -> Mapping[str, Any]:
    return sync_manifest(ref.name, **SPEC)


def _ref(plural: str, obj: Mapping[str, Any]) -> Ref:
    return Ref(obj["metadata"]["namespace"], obj["metadata"]["name"], plural)


@asynccontextmanager
async def _aborted(stream: aiohttp.ClientResponse) -> AsyncIterator[None]:
    """Abort the stream's connection in the end: to close TLS politely takes longer than the event loop may live."""
    try:
        yield
    finally:
        if stream.connection is not None and stream.connection.transport is not None:
            stream.connection.transport.abort()


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines of any length: the stream's own reader takes only short ones."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
