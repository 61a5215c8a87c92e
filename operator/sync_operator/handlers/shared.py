"""What is asked for once, however many want to know it."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime
from typing import Protocol
from weakref import WeakValueDictionary

__all__ = ["Shared"]


class _Dated(Protocol):
    """An answer that says when it was asked for, by our clock."""

    @property
    def at(self) -> datetime: ...


class Shared[K: Hashable, A: _Dated]:
    """The last answer to each question. Who wants a younger one asks, and all others wait for that."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._held: dict[K, A] = {}
        self._locks: WeakValueDictionary[K, asyncio.Lock] = WeakValueDictionary()

    def get(self, key: K) -> A | None:
        """The last answer; None when nobody has asked yet."""
        return self._held.get(key)

    async def fetch(self, key: K, ask: Callable[[datetime], Awaitable[A]], *, since: datetime) -> A:
        """An answer that was asked for at or after ``since``: the held one if it is young enough, else a new one.

        Args:
            key: the question.
            ask: asks it anew; is given the time, for the answer.
            since: aware.
        """
        lock = self._locks.get(key) or asyncio.Lock()
        self._locks[key] = lock  # it lives as long as somebody asks
        async with lock:
            held = self._held.get(key)
            if held is None or held.at < since:
                held = await ask(self._clock())
                if self._locks.get(key) is lock:
                    self._held[key] = held
            return held

    def forget(self, key: K) -> None:
        """Nobody asks that any more; who is asking just now gets an answer that is not kept."""
        self._held.pop(key, None)
        self._locks.pop(key, None)

    @property
    def kept(self) -> int:
        """How many answers, and questions under way, are kept."""
        return len(self._held) + len(self._locks)
