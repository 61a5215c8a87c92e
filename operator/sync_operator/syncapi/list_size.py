"""Memory of a list while it is read: each row counts once, however often its page is read."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from sync_operator.errors import TransientError
from sync_operator.util.bounds import MAX_KEPT_BYTES

__all__ = ["ListSize", "RowSize", "ignore_growth"]


class RowSize(NamedTuple):
    """Size of a list row in bytes.

    Attributes:
        text: of its configuration or name only.
        memory: of all of it as a Python object.
    """

    text: int
    memory: int


def ignore_growth(_size: int) -> None:
    """Default for ``on_growth``: does not count the list's memory."""


class ListSize[T]:
    """Counts the size of one list: of the rows that are kept, and of the page that is being read.

    Args:
        measure: returns the size of a row.
        on_growth: called with the bytes of memory by which the list grows, or shrinks (negative); may raise.
        refusal: error message if the list's texts exceed `MAX_KEPT_BYTES`.
    """

    def __init__(self, measure: Callable[[T], RowSize], on_growth: Callable[[int], None], refusal: str) -> None:
        self._measure = measure
        self._on_growth = on_growth
        self._refusal = refusal
        self._kept = RowSize(0, 0)
        self._page = RowSize(0, 0)

    def add(self, row: T) -> None:
        """Count a row of the page that is being read.

        Raises:
            TransientError: the list exceeds its size limit, or the memory that is left.
        """
        size = self._measure(row)
        self._page = RowSize(self._page.text + size.text, self._page.memory + size.memory)
        self._on_growth(size.memory)
        if self._kept.text + self._page.text > MAX_KEPT_BYTES:
            raise TransientError(self._refusal)

    def drop_page(self) -> None:
        """Subtract the page that is being read: its rows are not kept."""
        self._on_growth(-self._page.memory)
        self._page = RowSize(0, 0)

    def keep_page(self, replaced: Iterable[T]) -> None:
        """Keep the page's rows, and subtract the rows that they replaced, of this page or of earlier ones."""
        gone = [self._measure(row) for row in replaced]
        text, memory = sum(size.text for size in gone), sum(size.memory for size in gone)
        self._kept = RowSize(self._kept.text + self._page.text - text, self._kept.memory + self._page.memory - memory)
        self._page = RowSize(0, 0)
        self._on_growth(-memory)

    def restart(self) -> None:
        """Subtract everything: the list is read again from the start."""
        self.drop_page()
        self._on_growth(-self._kept.memory)
        self._kept = RowSize(0, 0)
