"""Those who wait for their turn, in the order of their coming. Pure: time is a parameter."""

from collections.abc import Hashable, Iterator
from itertools import islice
from typing import Final

__all__ = ["CALL_LIFE", "Line"]

CALL_LIFE: Final = 30.0
"""Seconds for which a turn is kept for somebody who was called, and may be gone."""


class Line:
    """A line of keys. Who was called stands in it no more, and is on the way for a while."""

    def __init__(self) -> None:
        self._standing: dict[Hashable, None] = {}
        self._called: dict[Hashable, float] = {}

    def __len__(self) -> int:
        """How many stand in it."""
        return len(self._standing)

    def __iter__(self) -> Iterator[Hashable]:
        """Those who stand in it, the first one first."""
        return iter(self._standing)

    @property
    def called(self) -> int:
        """How many are on the way."""
        return len(self._called)

    def is_called(self, key: Hashable) -> bool:
        """True for who is on the way."""
        return key in self._called

    def join(self, key: Hashable) -> None:
        """Stand at the end, or stay where one stands."""
        self._standing.setdefault(key)

    def leave(self, key: Hashable) -> None:
        """Stand in it no more."""
        self._standing.pop(key, None)

    def arrived(self, key: Hashable) -> bool:
        """True for who was called and has not come before; that turn is taken then."""
        return self._called.pop(key, None) is not None

    def call(self, most: int, now: float) -> tuple[Hashable, ...]:
        """Those who are next, so many at most; they are on the way from now on."""
        called = tuple(islice(self._standing, max(0, most)))
        for key in called:
            del self._standing[key]
            self._called[key] = now
        return called

    def give_up(self, now: float) -> None:
        """Wait no longer for those who were called long ago."""
        self._called = {key: at for key, at in self._called.items() if now - at < CALL_LIFE}
