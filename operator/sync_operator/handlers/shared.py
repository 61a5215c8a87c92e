"""What is asked for once, however many want to know it, and kept while there is memory for it."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime
from functools import partial
from typing import Protocol
from weakref import WeakValueDictionary

from sync_operator.handlers.list_memory import ListMemory, Share

__all__ = ["Ask", "Grow", "Shared"]

type Grow = Callable[[int], None]
"""Is told how many bytes more an answer takes; raises `TransientError` where there is no room for them."""
type Ask[A] = Callable[[datetime, Grow], Awaitable[A]]
"""Asks a question anew, at this time."""


class _Dated(Protocol):
    """An answer that says when it was asked for, by our clock."""

    @property
    def at(self) -> datetime: ...


class Shared[K: Hashable, A: _Dated]:
    """The last answer to each question. Who wants a younger one asks, and all others wait for that.

    Args:
        clock: the time now, aware, UTC.
        memory: what all answers take; one that is dropped for others is asked for anew.
    """

    def __init__(self, clock: Callable[[], datetime], memory: ListMemory | None = None) -> None:
        self._clock = clock
        self._memory = memory or ListMemory()
        self._held: dict[K, A] = {}
        self._shares: dict[K, Share] = {}
        self._locks: WeakValueDictionary[K, asyncio.Lock] = WeakValueDictionary()

    def get(self, key: K) -> A | None:
        """The last answer; None when nobody has asked yet."""
        return self._held.get(key)

    async def fetch(self, key: K, ask: Ask[A], *, since: datetime, owner: str = "") -> A:
        """An answer that was asked for at or after ``since``: the held one if it is young enough, else a new one.

        Args:
            key: the question.
            ask: asks it anew; is given the time, for the answer.
            since: aware.
            owner: the namespace that asks; empty for our own questions.
        """
        lock = self._locks.get(key) or asyncio.Lock()
        self._locks[key] = lock  # it lives as long as somebody asks
        async with lock:
            held = self._held.get(key)
            if held is not None and held.at >= since:
                return held
            del held  # it may be dropped to make room for the new one
            share = self._memory.begin(owner)
            try:
                answer = await ask(self._clock(), share.grow)
            except BaseException:
                share.release()
                raise
            if self._locks.get(key) is lock:
                self._keep(key, answer, share)
            else:
                share.release()
            return answer

    def _keep(self, key: K, answer: A, share: Share) -> None:
        self._drop(key)
        self._held[key], self._shares[key] = answer, share
        share.keep(partial(self._drop, key))

    def _drop(self, key: K) -> None:
        self._held.pop(key, None)
        share = self._shares.pop(key, None)
        if share is not None:
            share.release()

    def forget(self, key: K) -> None:
        """Nobody asks that any more; who is asking just now gets an answer that is not kept."""
        self._drop(key)
        self._locks.pop(key, None)

    @property
    def kept(self) -> int:
        """How many answers, and questions under way, are kept."""
        return len(self._held) + len(self._locks)
