"""How much memory the lists of all servers take together, and whose list goes where that is too much."""

from collections import defaultdict
from collections.abc import Callable
from typing import Final

from sync_operator.errors import TransientError

__all__ = ["MAX_LISTS_BYTES", "MAX_LISTS_BYTES_OF_NAMESPACE", "ListMemory", "Share"]

MAX_LISTS_BYTES: Final = 64 * 1024 * 1024
"""Most that all lists take together, those included that are being read."""
MAX_LISTS_BYTES_OF_NAMESPACE: Final = 40 * 1024 * 1024
"""Most that the lists of one namespace's Workspaces take, so that others' have the rest."""
_MIB: Final = 1024 * 1024


class Share:
    """The memory of one list, from its first item until it is dropped.

    Attributes:
        owner: the namespace of the Workspace that has asked for it.
        size: bytes.
    """

    def __init__(self, memory: "ListMemory", owner: str) -> None:
        self._memory = memory
        self.owner = owner
        self.size = 0

    def grow(self, size: int) -> None:
        """Take so many bytes more.

        Raises:
            TransientError: there is no room for them, and no list that may be dropped for them.
        """
        self._memory.grow(self, size)

    def keep(self, drop: Callable[[], None]) -> None:
        """The list is whole: from now on it may be dropped for another one, by ``drop``."""
        self._memory.keep(self, drop)

    def release(self) -> None:
        """The list is gone. A second time does nothing."""
        self._memory.release(self)


class ListMemory:
    """Bounds the lists of each namespace, and of all together.

    Where there is no room, the oldest list goes of the namespace that has most; it is asked for anew when it is needed.
    No namespace loses a list to one that has more than it.

    Args:
        limit: bytes of all lists.
        limit_of_namespace: bytes of the lists of one namespace.
    """

    def __init__(self, limit: int = MAX_LISTS_BYTES, limit_of_namespace: int = MAX_LISTS_BYTES_OF_NAMESPACE) -> None:
        self._limit = limit
        self._limit_of_namespace = limit_of_namespace
        self._used: defaultdict[str, int] = defaultdict(int)
        self._kept: dict[Share, Callable[[], None]] = {}
        self.size = 0

    def begin(self, owner: str) -> Share:
        """The share of a list that is asked for now."""
        return Share(self, owner)

    def grow(self, share: Share, size: int) -> None:
        """See `Share.grow`."""
        share.size += size
        self._add(share.owner, size)
        while self._used[share.owner] > self._limit_of_namespace:
            if not self._drop_oldest(share.owner):
                raise TransientError(
                    f"the lists of this namespace's Workspaces take more than {self._limit_of_namespace // _MIB} MiB "
                    "of memory; use fewer Workspaces in one namespace, or smaller workspaces of the server"
                )
        while self.size > self._limit:
            mine = self._used[share.owner]
            larger = sorted((used, owner) for owner, used in self._used.items() if used >= mine)
            if not any(self._drop_oldest(owner) for _, owner in reversed(larger)):
                raise TransientError(
                    f"the lists of all servers take more than {self._limit // _MIB} MiB of memory; this one is asked "
                    "for again later"
                )

    def keep(self, share: Share, drop: Callable[[], None]) -> None:
        """See `Share.keep`."""
        self._kept[share] = drop

    def release(self, share: Share) -> None:
        """See `Share.release`."""
        self._kept.pop(share, None)
        self._add(share.owner, -share.size)
        share.size = 0

    def _add(self, owner: str, size: int) -> None:
        self.size += size
        self._used[owner] += size
        if not self._used[owner]:
            del self._used[owner]

    def _drop_oldest(self, owner: str) -> bool:
        """Drop the list of a namespace that has been kept for longest; False when none is kept."""
        oldest = next((share for share in self._kept if share.owner == owner), None)
        if oldest is None:
            return False
        drop = self._kept[oldest]
        self.release(oldest)
        drop()
        return True
