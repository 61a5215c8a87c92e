"""Limits the memory of all cached lists together, and chooses which list is dropped."""

from collections import defaultdict
from collections.abc import Callable
from typing import Final

from sync_operator.errors import TransientError

__all__ = ["MAX_LISTS_BYTES", "MAX_LISTS_BYTES_OF_NAMESPACE", "ListMemory", "Share"]

MAX_LISTS_BYTES: Final = 64 * 1024 * 1024
"""Maximum size of all lists together, including those that are being read."""
MAX_LISTS_BYTES_OF_NAMESPACE: Final = 40 * 1024 * 1024
"""Maximum size of the lists of one namespace's Workspaces, so that the rest is left for other namespaces."""
_MIB: Final = 1024 * 1024


class Share:
    """The memory of one list, from its first item until it is dropped.

    Attributes:
        owner: namespace of the Workspace that requested the list.
        size: its size in bytes.
    """

    def __init__(self, memory: "ListMemory", owner: str) -> None:
        self._memory = memory
        self.owner = owner
        self.size = 0

    def grow(self, size: int) -> None:
        """Add a number of bytes, dropping other lists if necessary.

        Raises:
            TransientError: the limit is reached, and no list may be dropped.
        """
        self._memory.grow(self, size)

    def make_evictable(self, drop: Callable[[], None]) -> None:
        """Mark the list as complete: from now on it may be dropped for another one, by calling ``drop``."""
        self._memory.make_evictable(self, drop)

    def release(self) -> None:
        """Free the memory of a list that was dropped. Idempotent."""
        self._memory.release(self)


class ListMemory:
    """Limits the size of the lists of each namespace, and of all together.

    At a namespace's limit its own oldest list is dropped; at the common limit, the oldest of the namespace with the
    largest total. A dropped list is requested again when needed. No namespace loses a list to one that uses more.

    Args:
        limit: maximum size of all lists, in bytes.
        limit_of_namespace: maximum size of the lists of one namespace, in bytes.
    """

    def __init__(self, limit: int = MAX_LISTS_BYTES, limit_of_namespace: int = MAX_LISTS_BYTES_OF_NAMESPACE) -> None:
        self._limit = limit
        self._limit_of_namespace = limit_of_namespace
        self._used: defaultdict[str, int] = defaultdict(int)
        self._evictable: dict[Share, Callable[[], None]] = {}
        self.size = 0

    def begin(self, owner: str) -> Share:
        """A share for a list that is about to be read."""
        return Share(self, owner)

    def grow(self, share: Share, size: int) -> None:
        """See `Share.grow`."""
        share.size += size
        self._add(share.owner, size)
        while self._used[share.owner] > self._limit_of_namespace:
            if not self._evict_oldest(share.owner):
                raise TransientError(
                    f"the lists of this namespace's Workspaces take more than {self._limit_of_namespace // _MIB} MiB "
                    "of memory; use fewer Workspaces in one namespace, or smaller workspaces of the server"
                )
        while self.size > self._limit:
            mine = self._used[share.owner]
            larger = sorted((used, owner) for owner, used in self._used.items() if used >= mine)
            if not any(self._evict_oldest(owner) for _, owner in reversed(larger)):
                raise TransientError(
                    f"the lists of all servers take more than {self._limit // _MIB} MiB of memory; this one is asked "
                    "for again later"
                )

    def make_evictable(self, share: Share, drop: Callable[[], None]) -> None:
        """See `Share.keep`."""
        self._evictable[share] = drop

    def release(self, share: Share) -> None:
        """See `Share.release`."""
        self._evictable.pop(share, None)
        self._add(share.owner, -share.size)
        share.size = 0

    def _add(self, owner: str, size: int) -> None:
        self.size += size
        self._used[owner] += size
        if not self._used[owner]:
            del self._used[owner]

    def _evict_oldest(self, owner: str) -> bool:
        """Drop the oldest complete list of a namespace; False if it has none."""
        oldest = next((share for share in self._evictable if share.owner == owner), None)
        if oldest is None:
            return False
        drop = self._evictable[oldest]
        self.release(oldest)
        drop()
        return True
