"""An index: which objects have to do with a key, so that nobody looks through all of them."""

from collections.abc import Hashable

__all__ = ["Index"]


class Index[K: Hashable, V: Hashable]:
    """Values by key, each once, in the order in which they came; a key without any takes no room."""

    def __init__(self) -> None:
        self._values: dict[K, dict[V, None]] = {}

    def add(self, key: K, value: V) -> None:
        """Note that the value has to do with the key."""
        self._values.setdefault(key, {})[value] = None

    def discard(self, key: K, value: V) -> None:
        """It has so no more."""
        values = self._values.get(key)
        if values is not None:
            values.pop(value, None)
            if not values:
                del self._values[key]

    def get(self, key: K) -> tuple[V, ...]:
        """All values of a key."""
        return tuple(self._values.get(key, ()))

    def __len__(self) -> int:
        return len(self._values)
