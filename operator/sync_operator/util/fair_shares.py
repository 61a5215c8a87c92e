"""Fair shares of a limited resource, which adapt to the number of holders. Pure."""

from collections.abc import Hashable

__all__ = ["FairShares"]


class FairShares:
    """Counts how many of a limited number of slots each holder has, and decides whether it may have another one.

    A holder may take a slot while it has fewer than `factor` times the free slots: the dynamic thresholds by which
    switches share a buffer (Choudhury and Hahne, 1998). A single holder gets factor / (1 + factor) of all slots; the
    more holders there are, the fewer slots each may have; and as long as there are fewer holders than slots, a slot
    stays free for the next holder.

    Args:
        total: number of slots. More than that may be taken; then none is free.

    Attributes:
        taken: number of slots that are taken.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self.taken = 0
        self._held: dict[Hashable, int] = {}

    @property
    def free(self) -> int:
        """Number of slots that are not taken."""
        return self._total - self.taken

    def held(self, holder: Hashable) -> int:
        """Number of slots of this holder."""
        return self._held.get(holder, 0)

    def allow(self, holder: Hashable, factor: float) -> bool:
        """True if the holder may take another slot."""
        return self.held(holder) < factor * self.free

    def take(self, *holders: Hashable) -> None:
        """Take one slot, which counts for each of these holders."""
        self.taken += 1
        for holder in holders:
            self._held[holder] = self.held(holder) + 1

    def give_back(self, *holders: Hashable) -> None:
        """Give back a slot that was taken for the same holders."""
        self.taken -= 1
        for holder in holders:
            left = self.held(holder) - 1
            if left:
                self._held[holder] = left
            else:
                del self._held[holder]
