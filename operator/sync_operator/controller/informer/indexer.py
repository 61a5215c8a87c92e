"""An index from a key to objects, so that a lookup need not iterate over all objects."""

from collections.abc import Hashable

__all__ = ["Indexer"]


class Indexer[K: Hashable, V: Hashable]:
    """Values by key: unique, in insertion order; a key without values takes no memory."""

    def __init__(self) -> None:
        self._values: dict[K, dict[V, None]] = {}

    def add(self, key: K, value: V) -> None:
        """Add the value under the key."""
        self._values.setdefault(key, {})[value] = None

    def discard(self, key: K, value: V) -> None:
        """Remove the value from the key, if it is there."""
        values = self._values.get(key)
        if values is not None:
            values.pop(value, None)
            if not values:
                del self._values[key]

    def get(self, key: K) -> tuple[V, ...]:
        """All values of a key."""
        return tuple(self._values.get(key, ()))

    def count(self, key: K) -> int:
        """Number of values of a key."""
        return len(self._values.get(key, ()))

    def __len__(self) -> int:
        return len(self._values)
