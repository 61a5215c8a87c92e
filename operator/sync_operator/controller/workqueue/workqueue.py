"""The work queue: one reconcile per key at a time, repeats merged, failures retried with backoff and jitter."""

import asyncio
import logging
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sync_operator.controller.metrics.queue_metrics import QueueMetrics
from sync_operator.controller.unexpected_errors import UnexpectedErrors
from sync_operator.controller.workqueue.fair_queue import FairQueue, Key

__all__ = ["DONE", "DRIFT_KIND", "MAX_WORKER_SECONDS", "SHUTDOWN_SECONDS", "Key", "Result", "WorkQueue"]

_log = logging.getLogger(__name__)

_BASE_DELAY: Final = 1.0
"""Backoff in seconds after the first failure of a reconcile; it doubles with each further one …"""
_MAX_DELAY: Final = 300.0
"""… up to this longest backoff."""
SHUTDOWN_SECONDS: Final = 20.0
"""Seconds that running reconciles are given to finish when the queue stops; then they are cancelled."""
_CANCEL_SECONDS: Final = 1.0
_LOW_PRIORITY_INTERVAL: Final = 0.05
"""Seconds between two low-priority keys; less only if they would not all be queued in time."""
DRIFT_KIND: Final = "Drift"
"""Kind of the keys that stand for the drift check of one Workspace."""
MAX_WORKER_SECONDS: Final = 2.0
"""Seconds after which a reconcile gives up its worker, because it waits for a server; it continues without one."""
MAX_STALL_SECONDS: Final = 300.0
"""Longer than any reconcile waits for a response or for its token (`syncapi.flow.request_gate`)."""


@dataclass(frozen=True, slots=True)
class Result:
    """Result of a reconcile.

    Attributes:
        failed: True to requeue the key with exponential backoff.
        requeue_after: seconds until the next reconcile; None to wait for a change.
    """

    failed: bool = False
    requeue_after: float | None = None


DONE: Final = Result()


class WorkQueue:
    """Calls a coroutine function for each key, with limited concurrency; `FairQueue` chooses the next key.

    A key added during its own reconcile is reconciled once more afterwards. Low-priority keys are added at a limited
    rate, so that a relist of ten thousand of them does not delay user changes.

    Args:
        workers: maximum number of concurrent reconciles; each is counted for `MAX_WORKER_SECONDS` at most.
        server_of: see `FairQueue`.
        clock: monotonic clock, in seconds.
        metrics: metrics of the queue; not exported by default.
    """

    def __init__(
        self,
        *,
        workers: int,
        server_of: Callable[[Key], str | None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        metrics: QueueMetrics | None = None,
    ) -> None:
        self._metrics = metrics or QueueMetrics()
        self._clock = clock
        self._waiting = FairQueue(workers, server_of)
        self._active: set[Key] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._queue_error: BaseException | None = None
        self._dirty: dict[Key, bool] = {}
        self._failures: dict[Key, int] = {}
        self._unexpected_errors = UnexpectedErrors()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._low_priority: OrderedDict[Key, None] = OrderedDict()
        self._low_priority_interval = _LOW_PRIORITY_INTERVAL
        self._low_priority_timer: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self._last_progress_at = 0.0
        self.finished = 0

    def add(self, key: Key, *, first: bool = False) -> None:
        """Queue the key; ``first`` is for a key that has already waited elsewhere, such as for a server slot."""
        self._cancel_timer(key)
        self._low_priority.pop(key, None)
        if key in self._active:
            if key not in self._dirty:
                self._metrics.added(key, waits=False)
            self._dirty[key] = first or self._dirty.get(key, False)
        else:
            if key not in self._waiting:
                self._metrics.added(key, waits=True)
            if not self._waiting:
                self._last_progress_at = self._clock()
            self._waiting.add(key, first=first)
            self._wake.set()

    def add_after(self, key: Key, seconds: float) -> None:
        """Queue the key after a delay in seconds, unless it is queued earlier."""
        if key in self._waiting:
            return
        deadline = asyncio.get_running_loop().time() + seconds
        known = self._timers.get(key)
        if known is None or known.when() > deadline:
            self._cancel_timer(key)
            self._timers[key] = asyncio.get_running_loop().call_later(seconds, self.add, key)

    def is_scheduled(self, key: Key) -> bool:
        """True if the key is waiting, active, or delayed by `add_after`."""
        return key in self._timers or key in self._waiting or key in self._active

    def add_low_priority(self, keys: Iterable[Key], *, within: float) -> None:
        """Queue keys one by one at a limited rate; a key that is queued earlier is left out.

        Args:
            keys: the keys in their order, behind the low-priority keys that wait already.
            within: seconds in which all of them must have been queued.
        """
        self._low_priority.update(dict.fromkeys(keys))
        self._low_priority_interval = min(_LOW_PRIORITY_INTERVAL, within / max(1, len(self._low_priority)))
        if self._low_priority_timer is None:
            self._add_next_low_priority()

    def _add_next_low_priority(self) -> None:
        if self._low_priority:
            self.add(self._low_priority.popitem(last=False)[0])
            self._low_priority_timer = asyncio.get_running_loop().call_later(
                self._low_priority_interval, self._add_next_low_priority
            )
        else:
            self._low_priority_timer = None

    def forget(self, key: Key) -> None:
        """Cancel the key's retry and drop its failure count: the object is gone."""
        self._low_priority.pop(key, None)
        self._cancel_timer(key)
        self._failures.pop(key, None)
        self._unexpected_errors.forget(key)

    @property
    def depth(self) -> int:
        """Number of keys that wait for a worker."""
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """True if keys wait while workers are busy, not only for reconciles that gave up their worker."""
        return bool(self._waiting) and self._waiting.at_work

    @property
    def idle(self) -> bool:
        """True if no reconcile is running."""
        return not self._active

    def stalled(self) -> str:
        """An error if keys wait and no reconcile has finished for `MAX_STALL_SECONDS`, else empty. Thread-safe.

        Keys that wait for a server, for the rate limiter or for the circuit breaker do not wait in this queue.
        """
        waiting, seconds = len(self._waiting), self._clock() - self._last_progress_at
        if not waiting or seconds < MAX_STALL_SECONDS:
            return ""
        return f"no reconcile has finished for {seconds:.0f} s while {waiting} wait"

    async def run(self, reconcilers: Mapping[str, Callable[[Key], Awaitable[Result]]]) -> None:
        """Reconcile keys until cancelled; then give running reconciles `SHUTDOWN_SECONDS` to finish.

        Args:
            reconcilers: kind → what reconciles one key of that kind.

        Raises:
            BaseException: an error of the queue itself, not of a reconcile; its key would never be reconciled again.
        """
        try:
            while True:
                await self._wake.wait()
                if self._queue_error is not None:
                    raise self._queue_error
                self._wake.clear()
                while (key := self._waiting.pop()) is not None:
                    self._begin(key, reconcilers[key.kind])
        finally:
            self._low_priority.clear()
            await self._finish_running()

    async def _finish_running(self) -> None:
        if not self._tasks:
            return
        _, unfinished = await asyncio.wait(self._tasks, timeout=SHUTDOWN_SECONDS)
        if unfinished:
            # Left running, they would hold up kopf, which waits for every task before it cancels it.
            _log.warning(
                "stopping: reconciles cancelled after %.0f s: %d; the next start goes on with them",
                SHUTDOWN_SECONDS,
                len(unfinished),
            )
            for task in unfinished:
                task.cancel()
            await asyncio.wait(unfinished, timeout=_CANCEL_SECONDS)

    def _begin(self, key: Key, reconcile: Callable[[Key], Awaitable[Result]]) -> None:
        self._active.add(key)
        self._metrics.started(key)
        task = asyncio.create_task(self._reconcile(key, reconcile))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._queue_error = error
            self._wake.set()

    async def _reconcile(self, key: Key, reconcile: Callable[[Key], Awaitable[Result]]) -> None:
        started = self._clock()
        timer = asyncio.get_running_loop().call_later(MAX_WORKER_SECONDS, self._release_worker, key)
        try:
            outcome = await reconcile(key)
            self._unexpected_errors.forget(key)
        except Exception as error:  # noqa: BLE001 (the outermost frame: see below)
            # An unexpected error in one object's reconcile must not stop the queue: it is logged, and retried.
            self._record_unexpected(key, error)
            outcome = Result(failed=True)
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            # This task was not cancelled, but something that the reconcile awaited.
            self._record_unexpected(key, error)
            outcome = Result(failed=True)
        timer.cancel()
        self._waiting.done(key)
        self._active.remove(key)
        self._metrics.ended(key)
        self._metrics.reconciled(key, _result_label(outcome), self._clock() - started)
        self.finished += 1
        self._last_progress_at = self._clock()
        self._requeue(key, outcome)
        self._wake.set()

    def _record_unexpected(self, key: Key, error: BaseException) -> None:
        self._metrics.panicked(key)
        self._unexpected_errors.log(key, error)

    def _release_worker(self, key: Key) -> None:
        self._waiting.release_worker(key)
        self._wake.set()

    def _requeue(self, key: Key, outcome: Result) -> None:
        if outcome.failed:
            self._metrics.retried(key)
            count = self._failures[key] = self._failures.get(key, 0) + 1
            ceiling = min(_MAX_DELAY, _BASE_DELAY * 2 ** min(count - 1, 16))
            again_after: float | None = ceiling * random.uniform(0.5, 1.0)  # noqa: S311 (jitter, not a secret)
        else:
            self._failures.pop(key, None)
            again_after = outcome.requeue_after
        if key in self._dirty:
            self.add(key, first=self._dirty.pop(key))
        elif again_after is not None:
            self.add_after(key, again_after)

    def _cancel_timer(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()


def _result_label(outcome: Result) -> str:
    """The result's name in metrics."""
    if outcome.failed:
        return "error"
    return "success" if outcome.requeue_after is None else "requeue_after"
