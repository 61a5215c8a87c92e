"""Uids of deleted objects, kept for a while: a late response to an earlier write must not bring one back."""

from collections.abc import Callable
from typing import Final

__all__ = ["Tombstones"]

TOMBSTONE_SECONDS: Final = 90.0
"""Seconds for which a tombstone is kept: longer than a response may be late, as the client's timeout is a minute."""


class Tombstones:
    """The uids of objects that were deleted lately.

    Args:
        monotonic: monotonic clock, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._until: dict[str, float] = {}

    def add(self, uid: str) -> None:
        """Keep the uid of a deleted object from now on, and drop those that were kept long enough."""
        now = self._monotonic()
        self._until.pop(uid, None)
        self._until[uid] = now + TOMBSTONE_SECONDS
        while (oldest := next(iter(self._until))) and self._until[oldest] < now:
            del self._until[oldest]

    def __contains__(self, uid: str) -> bool:
        return self._until.get(uid, 0.0) > self._monotonic()

    def __len__(self) -> int:
        return len(self._until)
