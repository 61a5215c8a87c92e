"""What the watch shows of each Sync, and when it first did."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.syncs import is_ready

from benchmarks.crowd import Ref

__all__ = ["Witness"]


@dataclass(slots=True)
class _Seen:
    """Of one Sync.

    Attributes:
        sync_id: the server's.
        ready: the last generation that was Ready, first seen at ``ready_at``.
        job: of the last run that was told with its end, first seen at ``told_at``.
        news: set by each change of the Sync.
    """

    sync_id: str = ""
    ready: int = 0
    ready_at: float = 0.0
    job: str = ""
    told_at: float = 0.0
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Witness:
    """To be told of each object that the watch brings; all times are of `time.monotonic`."""

    def __init__(self) -> None:
        self._seen: defaultdict[Ref, _Seen] = defaultdict(_Seen)

    def see(self, obj: dict[str, Any]) -> None:
        """Note what an object shows."""
        metadata, status, now = obj["metadata"], obj.get("status", {}), time.monotonic()
        seen = self._seen[Ref(metadata["namespace"], metadata["name"])]
        seen.sync_id = status.get("id", "")
        if is_ready(obj) and metadata["generation"] > seen.ready:
            seen.ready, seen.ready_at = metadata["generation"], now
        last = status.get("lastRun", {})
        if "finishedAt" in last and last["job"] != seen.job:
            seen.job, seen.told_at = last["job"], now
        seen.news.set()

    def sync_id(self, ref: Ref) -> str:
        """The server's id of a Sync, empty while it has none."""
        return self._seen[ref].sync_id

    async def ready(self, ref: Ref, generation: int) -> float:
        """When a Sync was Ready with this generation, or a later one."""
        return await self._when(ref, lambda seen: seen.ready_at if seen.ready >= generation else None)

    async def told(self, ref: Ref, job: str) -> float:
        """When the status told of the end of this Job's run."""
        return await self._when(ref, lambda seen: seen.told_at if seen.job == job else None)

    async def _when(self, ref: Ref, at: Callable[[_Seen], float | None]) -> float:
        seen = self._seen[ref]
        while (found := at(seen)) is None:
            seen.news.clear()
            await seen.news.wait()
        return found
