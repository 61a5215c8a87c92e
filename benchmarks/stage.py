"""The cluster and the server on which contenders are measured, and the hands that change many Syncs at once."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kubernetes import client
from tests.support.manifests import sync_manifest
from tests.support.plane import Kube, Plane, build_plane, running_plane
from tests.support.running import Sandbox, running_sandbox
from tests.support.syncs import MAPPING, Tenant, is_ready

from benchmarks.work import NAMESPACE
from sync_operator.cluster.login import ClusterSession, open_session
from sync_operator.model.names import API_VERSION

__all__ = ["Crowd", "Stage", "crowd", "staged"]

_AT_ONCE: Final = 16
_BUSY: Final = 429
_COLLECTION: Final = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/syncs"
_MERGE: Final = {"Content-Type": "application/merge-patch+json"}


@dataclass(frozen=True, slots=True)
class Stage:
    """A control plane and a sandbox of their own, with a Workspace that names it."""

    plane: Plane
    sandbox: Sandbox
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Of the contenders."""
        return {"PATH": os.environ["PATH"], "KUBECONFIG": str(self.plane.kubeconfig)}


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Start a control plane and a sandbox, with nothing in them but a Workspace."""
    with running_plane(build_plane(), folder / "cluster") as plane, running_sandbox(folder) as sandbox:
        kube = Kube(plane.kubeconfig)
        kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
        tenant = Tenant(kube, NAMESPACE, sandbox)
        tenant.secret()
        tenant.workspace(requestsPerMinute=100_000, dialect="Multiwoven")
        kube.close()
        yield Stage(plane, sandbox, folder)


class Crowd:
    """Many Syncs: changes all of them side by side, and keeps count of those that are ready, by one watch."""

    def __init__(self, session: ClusterSession, names: list[str]) -> None:
        self._session = session
        self.names = names
        self._known: dict[str, bool] = {}
        self.following: asyncio.Task[None] | None = None

    @property
    def ready(self) -> int:
        """How many are Ready as they stand now."""
        return sum(self._known.values())

    @property
    def left(self) -> int:
        """How many there are."""
        return len(self._known)

    async def create(self) -> None:
        """Create all, daily ones, so that none fires meanwhile."""
        spec = {"scheduleType": "interval", "syncInterval": 1, "syncIntervalUnit": "days", "configuration": MAPPING}
        await self._each(lambda name: self._send("POST", "", sync_manifest(name, **spec)))

    async def update(self) -> None:
        """Change what is sent to the server, but not the schedule."""
        patch = {"spec": {"configuration": [{**MAPPING[0], "to": "identity"}]}}
        await self._each(lambda name: self._send("PATCH", f"/{name}", patch, _MERGE))

    async def delete(self) -> None:
        """Delete all; their finalizers keep them."""
        await self._each(lambda name: self._send("DELETE", f"/{name}", None))

    async def until(self, done: Callable[[], bool], *, seconds: float) -> float:
        """Wait until something is so; the moment (`time.monotonic`) at which it was seen.

        Raises:
            TimeoutError: it was not in that time.
        """
        async with asyncio.timeout(seconds):
            while not done():
                if self.following is not None and self.following.done():
                    self.following.result()
                await asyncio.sleep(0.05)
        return time.monotonic()

    async def follow(self) -> None:
        """Keep count for as long as it is not cancelled."""
        listed = await self._send("GET", "?limit=0", None)
        for obj in listed["items"]:
            self._note("ADDED", obj)
        version = listed["metadata"]["resourceVersion"]
        url = f"{self._session.server}{_COLLECTION}?watch=true&allowWatchBookmarks=true&resourceVersion="
        while True:
            async with self._session.http.get(url + version) as stream:
                async for line in _lines(stream.content.iter_any()):
                    event = json.loads(line)
                    version = event["object"]["metadata"]["resourceVersion"]
                    self._note(event["type"], event["object"])

    def _note(self, kind: str, obj: dict[str, Any]) -> None:
        if kind == "BOOKMARK":
            return
        name = obj["metadata"]["name"]
        if kind == "DELETED":
            self._known.pop(name, None)
        else:
            self._known[name] = is_ready(obj)

    async def _each(self, change: Callable[[str], Awaitable[object]]) -> None:
        waiting = iter(self.names)

        async def worker(names: Iterable[str]) -> None:
            for name in names:
                await change(name)

        await asyncio.gather(*(worker(waiting) for _ in range(_AT_ONCE)))

    async def _send(
        self, method: str, path: str, body: object, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        url = f"{self._session.server}{_COLLECTION}{path}"
        while True:
            async with self._session.http.request(method, url, json=body, headers=headers) as answer:
                if answer.status != _BUSY:
                    answer.raise_for_status()
                    parsed: dict[str, Any] = await answer.json()
                    return parsed
            await asyncio.sleep(0.5)  # the API server still fills its caches


@asynccontextmanager
async def crowd(stage: Stage, syncs: int) -> AsyncIterator[Crowd]:
    """So many Syncs, not yet created, and the watch that counts them."""
    os.environ["KUBECONFIG"] = str(stage.plane.kubeconfig)
    session = open_session()
    found = Crowd(session, [f"sync-{number:05}" for number in range(syncs)])
    found.following = asyncio.create_task(found.follow())
    try:
        yield found
    finally:
        found.following.cancel()
        await asyncio.wait([found.following])
        await session.http.close()


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines of any length: the stream's own reader takes only short ones."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
