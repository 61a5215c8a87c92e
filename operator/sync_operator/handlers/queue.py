"""The work queue: each key once at a time, repeats merged, failures retried with exponential backoff and jitter."""

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from sync_operator.handlers.defects import Defects
from sync_operator.handlers.fair import FairQueue, Key
from sync_operator.handlers.queue_metrics import QueueMetrics

__all__ = ["DONE", "DRIFT_KIND", "MAX_WORKER_SECONDS", "Key", "Outcome", "WorkQueue"]

_FIRST_RETRY: Final = 1.0
_LAST_RETRY: Final = 300.0
_LAST_WORK_SECONDS: Final = 20.0
_SLOWLY: Final = 0.05
"""Seconds between two keys of those that are in no hurry; less only where they would take too long."""
DRIFT_KIND: Final = "Drift"
"""Kind of the keys that stand for comparing one Workspace's syncs with the server."""
MAX_WORKER_SECONDS: Final = 2.0
"""A reconcile that takes longer waits for somebody: it goes on, and its worker does something else."""
MAX_STALL_SECONDS: Final = 300.0
"""Longer than any reconcile has to wait for an answer or for a turn: see `remote.transport`, `remote.traffic`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a reconcile ended.

    Attributes:
        failed: True to try again with exponential backoff.
        again_after: seconds until the next look, or None to wait for a change.
    """

    failed: bool = False
    again_after: float | None = None


DONE: Final = Outcome()


class WorkQueue:
    """Runs one coroutine function over keys, so many at a time; `FairQueue` says which one is next.

    A key added while it is being worked on is worked on once more afterwards. Keys that are in no hurry come in one by
    one, so that ten thousand of them stand in nobody's way.

    Args:
        work: reconciles one key.
        workers: how many keys are worked on at once; a reconcile is counted for `MAX_WORKER_SECONDS` at most.
        server_of: see `FairQueue`.
        clock: seconds that only grow.
        metrics: are told of what goes through; none by default.
    """

    def __init__(
        self,
        work: Callable[[Key], Awaitable[Outcome]],
        *,
        workers: int,
        server_of: Callable[[Key], str | None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        metrics: QueueMetrics | None = None,
    ) -> None:
        self._work = work
        self._metrics = metrics or QueueMetrics()
        self._clock = clock
        self._waiting = FairQueue(workers, server_of)
        self._active: set[Key] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._defect: BaseException | None = None
        self._dirty: dict[Key, bool] = {}
        self._failures: dict[Key, int] = {}
        self._defects = Defects()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._unhurried: OrderedDict[Key, None] = OrderedDict()
        self._pause = _SLOWLY
        self._next: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self._moved_at = 0.0
        self.finished = 0

    def add(self, key: Key, *, first: bool = False) -> None:
        """Ask for one reconcile of the key as soon as a worker is free; ``first`` for one who has waited elsewhere."""
        self._cancel_timer(key)
        self._unhurried.pop(key, None)
        if key in self._active:
            if key not in self._dirty:
                self._metrics.added(key, waits=False)
            self._dirty[key] = first or self._dirty.get(key, False)
        else:
            if key not in self._waiting:
                self._metrics.added(key, waits=True)
            if not self._waiting:
                self._moved_at = self._clock()
            self._waiting.add(key, first=first)
            self._wake.set()

    def add_after(self, key: Key, seconds: float) -> None:
        """Ask for a reconcile later, unless it is asked for earlier in the meantime."""
        if key in self._waiting:
            return
        deadline = asyncio.get_running_loop().time() + seconds
        known = self._timers.get(key)
        if known is None or known.when() > deadline:
            self._cancel_timer(key)
            self._timers[key] = asyncio.get_running_loop().call_later(seconds, self.add, key)

    def expects(self, key: Key) -> bool:
        """True when the key is worked on, waits for it, or is to be added at some time."""
        return key in self._timers or key in self._waiting or key in self._active

    def add_slowly(self, keys: Iterable[Key], *, within: float) -> None:
        """Ask for a reconcile of each, one after the other, unless it is asked for earlier in the meantime.

        Args:
            keys: in the order of their turns, behind those that wait from before.
            within: seconds in which all are to have had their turns.
        """
        self._unhurried.update(dict.fromkeys(keys))
        self._pause = min(_SLOWLY, within / max(1, len(self._unhurried)))
        if self._next is None:
            self._add_next()

    def _add_next(self) -> None:
        if self._unhurried:
            self.add(self._unhurried.popitem(last=False)[0])
            self._next = asyncio.get_running_loop().call_later(self._pause, self._add_next)
        else:
            self._next = None

    def forget(self, key: Key) -> None:
        """The object is gone: no retry and no memory of failures."""
        self._unhurried.pop(key, None)
        self._cancel_timer(key)
        self._failures.pop(key, None)
        self._defects.forget(key)

    @property
    def depth(self) -> int:
        """Keys that wait for a worker."""
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """True while keys wait for the end of others that are worked on, and not only for slow servers."""
        return bool(self._waiting) and self._waiting.at_work

    @property
    def idle(self) -> bool:
        """True when no reconcile is under way."""
        return not self._active

    def stalled(self) -> str:
        """Says for how long nothing has been finished though work waits; empty while it goes on. Any thread may ask.

        What waits for a server, for its share of a budget or for the end of a pause does not wait here.
        """
        waiting, seconds = len(self._waiting), self._clock() - self._moved_at
        if not waiting or seconds < MAX_STALL_SECONDS:
            return ""
        return f"no reconcile has finished for {seconds:.0f} s while {waiting} wait"

    async def run(self) -> None:
        """Work until cancelled; reconciles under way then end first.

        Raises:
            BaseException: a defect of the queue itself, not of a reconcile: its key would never have its turn again.
        """
        try:
            while True:
                await self._wake.wait()
                if self._defect is not None:
                    raise self._defect
                self._wake.clear()
                while (key := self._waiting.pop()) is not None:
                    self._begin(key)
        finally:
            self._unhurried.clear()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=_LAST_WORK_SECONDS)

    def _begin(self, key: Key) -> None:
        self._active.add(key)
        self._metrics.begun(key)
        task = asyncio.create_task(self._reconcile(key))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._defect = error
            self._wake.set()

    async def _reconcile(self, key: Key) -> None:
        long = asyncio.get_running_loop().call_later(MAX_WORKER_SECONDS, self._give_up_worker, key)
        try:
            outcome = await self._work(key)
            self._defects.forget(key)
        except Exception as error:  # noqa: BLE001 (the outermost frame: see below)
            # A defect in one object's reconcile must not end the work: it is logged, and retried.
            self._defect_of(key, error)
            outcome = Outcome(failed=True)
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            # Not we were cancelled, but something that the reconcile waited for.
            self._defect_of(key, error)
            outcome = Outcome(failed=True)
        long.cancel()
        self._waiting.done(key)
        self._active.remove(key)
        self._metrics.ended(key)
        self.finished += 1
        self._moved_at = self._clock()
        self._settle(key, outcome)
        self._wake.set()

    def _defect_of(self, key: Key, error: BaseException) -> None:
        self._metrics.panicked(key)
        self._defects.log(key, error)

    def _give_up_worker(self, key: Key) -> None:
        self._waiting.give_up_worker(key)
        self._wake.set()

    def _settle(self, key: Key, outcome: Outcome) -> None:
        if outcome.failed:
            self._metrics.retried(key)
            count = self._failures[key] = self._failures.get(key, 0) + 1
            ceiling = min(_LAST_RETRY, _FIRST_RETRY * 2 ** min(count - 1, 16))
            again_after: float | None = ceiling * random.uniform(0.5, 1.0)  # noqa: S311 (jitter, not a secret)
        else:
            self._failures.pop(key, None)
            again_after = outcome.again_after
        if key in self._dirty:
            self.add(key, first=self._dirty.pop(key))
        elif again_after is not None:
            self.add_after(key, again_after)

    def _cancel_timer(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
