"""Those who wait for their turn, in the order of their coming; some go before all others. Pure: time is a parameter."""

from collections.abc import Hashable, Iterator
from itertools import chain, islice
from typing import Final

__all__ = ["CALL_LIFE", "Line"]

CALL_LIFE: Final = 30.0
"""Seconds for which a turn is kept for somebody who was called, and may be gone."""


class Line:
    """A line of keys. Who was called stands in it no more, and is on the way for a while."""

    def __init__(self) -> None:
        self._urgent: dict[Hashable, None] = {}
        self._standing: dict[Hashable, None] = {}
        self._called: dict[Hashable, float] = {}

    def __len__(self) -> int:
        """How many stand in it."""
        return len(self._urgent) + len(self._standing)

    def __iter__(self) -> Iterator[Hashable]:
        """Those who stand in it, the first one first."""
        return chain(self._urgent, self._standing)

    @property
    def urgent(self) -> int:
        """How many go before all others."""
        return len(self._urgent)

    def is_urgent(self, key: Hashable) -> bool:
        """True for who goes before all others."""
        return key in self._urgent

    @property
    def called(self) -> int:
        """How many are on the way."""
        return len(self._called)

    def is_called(self, key: Hashable) -> bool:
        """True for who is on the way."""
        return key in self._called

    def join(self, key: Hashable, *, first: bool = False) -> None:
        """Stand at the end, or at the end of those who go before all others, or stay where one stands."""
        if first:
            self._standing.pop(key, None)
            self._urgent.setdefault(key)
        elif key not in self._urgent:
            self._standing.setdefault(key)

    def leave(self, key: Hashable) -> None:
        """Stand in it no more."""
        self._urgent.pop(key, None)
        self._standing.pop(key, None)

    def arrived(self, key: Hashable) -> bool:
        """True for who was called and has not come before; that turn is taken then."""
        return self._called.pop(key, None) is not None

    def call(self, most: int, now: float) -> tuple[Hashable, ...]:
        """Those who are next, so many at most; they are on the way from now on."""
        called = tuple(islice(self, max(0, most)))
        for key in called:
            self.leave(key)
            self._called[key] = now
        return called

    def give_up(self, now: float) -> None:
        """Wait no longer for those who were called long ago."""
        self._called = {key: at for key, at in self._called.items() if now - at < CALL_LIFE}
