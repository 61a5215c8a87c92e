"""What a list takes in memory while it is read: each row counts once, however often its page is read."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from sync_operator.bounds import MAX_KEPT_BYTES
from sync_operator.errors import TransientError

__all__ = ["RowSize", "Tally", "uncounted"]


class RowSize(NamedTuple):
    """Bytes that a row of a list takes.

    Attributes:
        text: of its configuration, or its name.
        memory: all of it, as a Python object.
    """

    text: int
    memory: int


def uncounted(_size: int) -> None:
    """Nobody counts what a list takes."""


class Tally[T]:
    """Counts the rows of one list that are kept, and those of the page that is being read.

    Args:
        measure: what a row takes.
        grow: is told of the bytes of memory that the list takes more, or fewer (below zero); may raise.
        refusal: what to say where the list's texts take more than `MAX_KEPT_BYTES`.
    """

    def __init__(self, measure: Callable[[T], RowSize], grow: Callable[[int], None], refusal: str) -> None:
        self._measure = measure
        self._grow = grow
        self._refusal = refusal
        self._kept = RowSize(0, 0)
        self._page = RowSize(0, 0)

    def add(self, row: T) -> None:
        """A row of the page that is being read has come.

        Raises:
            TransientError: the list takes more than is read, or than there is room for.
        """
        size = self._measure(row)
        self._page = RowSize(self._page.text + size.text, self._page.memory + size.memory)
        self._grow(size.memory)
        if self._kept.text + self._page.text > MAX_KEPT_BYTES:
            raise TransientError(self._refusal)

    def drop_page(self) -> None:
        """What has come of the page is not kept."""
        self._grow(-self._page.memory)
        self._page = RowSize(0, 0)

    def keep_page(self, replaced: Iterable[T]) -> None:
        """The page's rows are kept, and these rows, of this page or of earlier ones, are not any more."""
        gone = [self._measure(row) for row in replaced]
        text, memory = sum(size.text for size in gone), sum(size.memory for size in gone)
        self._kept = RowSize(self._kept.text + self._page.text - text, self._kept.memory + self._page.memory - memory)
        self._page = RowSize(0, 0)
        self._grow(-memory)

    def restart(self) -> None:
        """Nothing of the list is kept: it is read anew."""
        self.drop_page()
        self._grow(-self._kept.memory)
        self._kept = RowSize(0, 0)
