"""Fair shares of something limited, which adapt to how many ask for it. Pure."""

from collections.abc import Hashable

__all__ = ["Shares"]


class Shares:
    """Who holds how much of a limited number of places.

    A holder may take one more while it holds less than `factor` times what is free: the dynamic thresholds by which
    switches share a buffer (Choudhury and Hahne, 1998). One holder alone gets factor / (1 + factor) of all places; the
    more there are, the less each may have; and as long as fewer hold places than there are, one is free for the next.

    Args:
        total: how many places there are. More may be taken than that; then none is free.

    Attributes:
        taken: places that somebody holds.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self.taken = 0
        self._held: dict[Hashable, int] = {}

    @property
    def free(self) -> int:
        """Places that nobody holds."""
        return self._total - self.taken

    def held(self, holder: Hashable) -> int:
        """Places that somebody holds."""
        return self._held.get(holder, 0)

    def allow(self, holder: Hashable, factor: float) -> bool:
        """True while the holder may take one more."""
        return self.held(holder) < factor * self.free

    def take(self, *holders: Hashable) -> None:
        """Take one place, which counts for each of these holders."""
        self.taken += 1
        for holder in holders:
            self._held[holder] = self.held(holder) + 1

    def give_back(self, *holders: Hashable) -> None:
        """Give a place back that was taken with the same holders."""
        self.taken -= 1
        for holder in holders:
            left = self.held(holder) - 1
            if left:
                self._held[holder] = left
            else:
                del self._held[holder]
