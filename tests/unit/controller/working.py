"""A work queue whose work is only noted, and ends when it is let go."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

from prometheus_client import CollectorRegistry

from sync_operator.controller.metrics.queue_metrics import QueueMetrics
from sync_operator.controller.workqueue.workqueue import DONE, Key, Result, WorkQueue

__all__ = ["FAILED", "HOME", "A", "B", "C", "Work", "working"]

A, B, C = (Key("Sync", "team", name) for name in "abc")
HOME = Key("Workspace", "team", "default")
FAILED = Result(failed=True)


def _now() -> float:
    return asyncio.get_event_loop().time()


class Work:
    """Notes when each key was worked on, and ends as it was told to: at once, or when let go."""

    def __init__(self, outcome: Callable[[Key], Result] = lambda _: DONE, *, workers: int = 2) -> None:
        self.registry = CollectorRegistry()
        self.metrics = QueueMetrics(self.registry, kinds=("Sync", "Workspace"), clock=_now)
        self.queue = WorkQueue(workers=workers, clock=_now, metrics=self.metrics)
        self.done: list[tuple[Key, float]] = []
        self.busy: set[Key] = set()
        self.held: dict[Key, asyncio.Event] = {}
        self._outcome = outcome

    async def run(self) -> None:
        """The queue, with this work."""
        await self.queue.run(defaultdict(lambda: self._do))

    async def _do(self, key: Key) -> Result:
        assert key not in self.busy, "a key is worked on by one worker at a time"
        self.busy.add(key)
        self.done.append((key, asyncio.get_running_loop().time()))
        try:
            if key in self.held:
                await self.held[key].wait()
            return self._outcome(key)
        finally:
            self.busy.discard(key)

    def metric(self, name: str, controller: str = "sync") -> float | None:
        """The value of a metric of the queue, as it would be exported now."""
        return self.registry.get_sample_value(name, {"name": controller, "controller": controller})

    def hold(self, *keys: Key) -> None:
        self.held |= {key: asyncio.Event() for key in keys}

    @property
    def order(self) -> list[Key]:
        return [key for key, _ in self.done]

    def gaps(self, key: Key) -> list[float]:
        times = [time for other, time in self.done if other == key]
        return [later - time for time, later in pairwise(times)]


@asynccontextmanager
async def working(work: Work) -> AsyncIterator[None]:
    task = asyncio.create_task(work.run())
    try:
        yield
    finally:
        for event in work.held.values():
            event.set()
        task.cancel()
        await asyncio.wait([task])
