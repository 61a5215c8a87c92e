"""Single-flight cache: one fetch per key at a time, its result shared and kept while there is memory for it."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime
from functools import partial
from typing import Protocol
from weakref import WeakValueDictionary

from sync_operator.controller.drift.list_memory import ListMemory, Share

__all__ = ["Grow", "Load", "SingleFlightCache"]

type Grow = Callable[[int], None]
"""Called with the number of further bytes that a result takes; raises `TransientError` if there is no memory left."""
type Load[A] = Callable[[datetime, Grow], Awaitable[A]]
"""Fetches a value; called with the time of the request."""


class _Dated(Protocol):
    """A value with the time of its request, by our clock."""

    @property
    def at(self) -> datetime: ...


class SingleFlightCache[K: Hashable, A: _Dated]:
    """Single-flight cache: callers say how new a value must be, and concurrent callers share one fetch.

    Args:
        clock: returns the current time (aware, UTC).
        memory: limits the memory of all values; a value that was dropped for others is fetched again.
    """

    def __init__(self, clock: Callable[[], datetime], memory: ListMemory | None = None) -> None:
        self._clock = clock
        self._memory = memory or ListMemory()
        self._values: dict[K, A] = {}
        self._shares: dict[K, Share] = {}
        self._locks: WeakValueDictionary[K, asyncio.Lock] = WeakValueDictionary()

    def get(self, key: K) -> A | None:
        """The cached value; None if there is none."""
        return self._values.get(key)

    async def fetch(self, key: K, load: Load[A], *, since: datetime, owner: str = "") -> A:
        """A value that was requested at or after ``since``: the cached one if it is new enough, else a new one.

        Args:
            key: key of the value.
            load: fetches the value; called with the time of the request, which the value must carry.
            since: minimum time of the request (aware).
            owner: the namespace whose memory limit applies; empty for the controller itself.

        Raises:
            Exception: whatever ``load`` raises.
        """
        lock = self._locks.get(key) or asyncio.Lock()
        self._locks[key] = lock  # a weak reference: it lives as long as a caller waits
        async with lock:
            held = self._values.get(key)
            if held is not None and held.at >= since:
                return held
            del held  # so that its memory is freed if it is dropped to make room for the new one
            share = self._memory.begin(owner)
            try:
                answer = await load(self._clock(), share.grow)
            except BaseException:
                share.release()
                raise
            if self._locks.get(key) is lock:
                self._put(key, answer, share)
            else:
                share.release()
            return answer

    def _put(self, key: K, answer: A, share: Share) -> None:
        self._drop(key)
        self._values[key], self._shares[key] = answer, share
        share.make_evictable(partial(self._drop, key))

    def _drop(self, key: K) -> None:
        self._values.pop(key, None)
        share = self._shares.pop(key, None)
        if share is not None:
            share.release()

    def forget(self, key: K) -> None:
        """Drop the value of a key; a fetch that is in flight returns its result, but does not cache it."""
        self._drop(key)
        self._locks.pop(key, None)

    @property
    def entry_count(self) -> int:
        """Number of cached values and of fetches in flight."""
        return len(self._values) + len(self._locks)
