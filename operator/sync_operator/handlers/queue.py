"""The work queue: each key once at a time, repeats merged, failures retried with exponential backoff and jitter."""

import asyncio
import logging
import random
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

__all__ = ["DONE", "DRIFT_KIND", "Key", "Outcome", "WorkQueue"]

_log = logging.getLogger(__name__)
_FIRST_RETRY: Final = 1.0
_LAST_RETRY: Final = 300.0
_LAST_WORK_SECONDS: Final = 20.0
_SLOWLY: Final = 0.05
"""Seconds between two keys of those that are in no hurry; less only where they would take too long."""
DRIFT_KIND: Final = "Drift"
"""Kind of the keys that stand for comparing one Workspace's syncs with the server."""
_URGENT_KINDS: Final = frozenset({"Workspace"})


class Key(NamedTuple):
    """What is to be reconciled: a Sync or a Workspace."""

    kind: str
    namespace: str
    name: str


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
    """Runs one coroutine function over keys with a fixed number of workers.

    Workspaces go before Syncs, which cannot do without them, and before those goes what is added as first. A key added
    while it is being worked on is worked on once more afterwards. Keys that are in no hurry come in one by one, so that
    ten thousand of them stand in nobody's way.
    """

    def __init__(self, work: Callable[[Key], Awaitable[Outcome]], *, workers: int) -> None:
        self._work = work
        self._workers = workers
        self._urgent: deque[Key] = deque()
        self._ordinary: deque[Key] = deque()
        self._waiting: set[Key] = set()
        self._active: set[Key] = set()
        self._dirty: dict[Key, bool] = {}
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._unhurried: OrderedDict[Key, None] = OrderedDict()
        self._pause = _SLOWLY
        self._next: asyncio.TimerHandle | None = None
        self._wake = asyncio.Semaphore(0)
        self.finished = 0

    def add(self, key: Key, *, first: bool = False) -> None:
        """Ask for one reconcile of the key as soon as a worker is free; ``first`` for one who has waited elsewhere."""
        self._cancel_timer(key)
        self._unhurried.pop(key, None)
        if key in self._active:
            self._dirty[key] = first or self._dirty.get(key, False)
        elif key not in self._waiting or first:
            self._waiting.add(key)
            (self._urgent if first or key.kind in _URGENT_KINDS else self._ordinary).append(key)
            self._wake.release()

    def add_after(self, key: Key, seconds: float) -> None:
        """Ask for a reconcile later, unless it is asked for earlier in the meantime."""
        if key in self._waiting:
            return
        deadline = asyncio.get_running_loop().time() + seconds
        known = self._timers.get(key)
        if known is None or known.when() > deadline:
            self._cancel_timer(key)
            self._timers[key] = asyncio.get_running_loop().call_later(seconds, self.add, key)

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

    @property
    def depth(self) -> int:
        """Keys that wait for a worker."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """True when no reconcile is under way."""
        return not self._active

    async def run(self) -> None:
        """Work until cancelled; reconciles under way then end first."""
        stopping = asyncio.Event()
        tasks = [asyncio.create_task(self._worker(stopping), name=f"worker-{n}") for n in range(self._workers)]
        try:
            # Unlike gather, wait leaves the tasks alone when it is cancelled itself: a request already on its way
            # to the sync server is to be seen through.
            await asyncio.wait(tasks)
        finally:
            stopping.set()
            self._unhurried.clear()
            for _ in tasks:
                self._wake.release()
            await asyncio.wait(tasks, timeout=_LAST_WORK_SECONDS)

    async def _worker(self, stopping: asyncio.Event) -> None:
        while True:
            await self._wake.acquire()
            if stopping.is_set():
                return
            key = (self._urgent or self._ordinary).popleft()
            if key not in self._waiting:
                continue  # it was added as first since, and had its turn then
            self._waiting.discard(key)
            self._active.add(key)
            try:
                outcome = await self._work(key)
            except Exception:  # noqa: BLE001 (the outermost frame: see below)
                # A defect in one object's reconcile must not end the worker: it is logged whole, and retried.
                _log.exception("reconcile of %s %s/%s failed unexpectedly", *key)
                outcome = Outcome(failed=True)
            self._active.discard(key)
            self.finished += 1
            self._settle(key, outcome)

    def _settle(self, key: Key, outcome: Outcome) -> None:
        if outcome.failed:
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
