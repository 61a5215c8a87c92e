"""Reading a list page by page while its rows move: every row that is there all the time is found, or an error says so.

A Multiwoven server orders its lists by the time of the last change, the newest first, so rows move while they are read
(contract S2): a row that is changed moves to the front, and one that is deleted lets all rows behind it move up. Pages
therefore overlap: a page must show a row of the page before it, or rows may have slipped through between the two. When
the last page was read, the front is read again until it shows a row that has not moved since: whatever was changed
meanwhile stands before that one.

A server makes a page as a whole, in about 5 ms a row, and refuses it as a whole where one row of it is broken
(contract, 11). So pages are of moderate size, and a page that is refused is asked for in smaller ones, until the broken
row is alone and can be left out.
"""

from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from sync_operator.bounds import MAX_LIST_ITEMS
from sync_operator.errors import AnswerTooLongError, ServerFaultError, TransientError
from sync_operator.remote.tally import Tally

__all__ = ["Ask", "Page", "Row", "WholeList", "read_whole_list"]

MAX_UNLISTED: Final = 3
"""Broken rows that are looked for one by one; where there are more, the list counts as refused."""
MAX_ROUNDS: Final = 5
"""How often the list is read anew, or its front, before it counts as one that moves too fast."""
MAX_GAPS: Final = 3
_OVERLAP: Final = 10
"""Rows that two pages have in common, so that as many may be deleted between the two."""


class Row(Protocol):
    """A row of a list."""

    @property
    def id(self) -> Hashable:
        """Names it."""

    @property
    def updated_at(self) -> datetime | None:
        """When it was last changed; None where the server does not say."""


@dataclass(frozen=True, slots=True)
class Page[T: Row]:
    """One page of a list.

    Attributes:
        rows: those that could be read.
        count: how many were answered, also such that could not be read.
        last: whether the server says that no page follows; None when it says nothing.
    """

    rows: tuple[T, ...]
    count: int
    last: bool | None = None


@dataclass(frozen=True, slots=True)
class WholeList[T: Row]:
    """All rows, each once.

    Attributes:
        rows: as they were read last.
        unlisted: numbers, from 1, of the rows that the server refuses to list.
    """

    rows: tuple[T, ...]
    unlisted: tuple[int, ...] = ()


type Ask[T: Row] = Callable[[int, int], Awaitable[Page[T]]]
"""Asks for one page: its number, from 1, and its size."""


async def read_whole_list[T: Row](ask: Ask[T], tally: Tally[T], *, size: int, sized: bool = True) -> WholeList[T]:
    """All rows of a list.

    Args:
        ask: asks the server for one page, and tells the tally of each row as it comes.
        tally: counts what is kept.
        size: rows to ask for at once.
        sized: False for a list whose pages have a size of their own, whatever is asked for.

    Raises:
        ServerFaultError: the server refuses the list, or too many rows of it.
        TransientError: it moves faster than it can be read, has no end, or takes more memory than there is.
    """
    if sized:
        try:
            return await _Sized(ask, tally, size).read()
        except _SizeIgnoredError:
            pass
    return await _Unsized(ask, tally, size).read()


class _SizeIgnoredError(Exception):
    """The server gives pages of another size than it is asked for, so that they cannot overlap."""


type _Marks = frozenset[tuple[Hashable, datetime | None]]
"""Rows as they were at that moment: one that has moved has another time of its last change."""


def _marks(rows: Iterable[Row]) -> _Marks:
    return frozenset((row.id, row.updated_at) for row in rows)


def _moves_too_fast() -> TransientError:
    return TransientError("the list changes faster than it can be read; it is read again later")


def _too_long() -> TransientError:
    return TransientError(f"the list has more than {MAX_LIST_ITEMS} rows; so many are not read: use several workspaces")


class _Window(NamedTuple):
    """A part of the list that one page can hold: its first row, counted from 0, is a multiple of its size."""

    begin: int
    size: int

    @property
    def page(self) -> int:
        return self.begin // self.size + 1

    @property
    def end(self) -> int:
        return self.begin + self.size


def _furthest(first: int, last: int, limit: int) -> _Window:
    """The window of at most ``limit`` rows that begins at ``first`` to ``last`` and reaches furthest."""
    found = (_Window(last // size * size, size) for size in range(limit, 0, -1))
    return max((window for window in found if window.begin >= first), key=lambda window: window.end)


class _Sized[T: Row]:
    """A list whose pages have the size that is asked for, so that they can overlap."""

    def __init__(self, ask: Ask[T], tally: Tally[T], size: int) -> None:
        self._ask = ask
        self._tally = tally
        self._limit = size
        self._found: dict[Hashable, T] = {}
        self._unlisted: set[int] = set()

    async def read(self) -> WholeList[T]:
        """All of it."""
        reading = await self._read_until(frozenset())
        for _ in range(MAX_ROUNDS):
            if reading.pages <= 1:
                return WholeList(tuple(self._found.values()), tuple(sorted(self._unlisted)))
            reading = await self._read_until(reading.front)
        raise _moves_too_fast()

    async def _read_until(self, known: _Marks) -> "_Reading[T]":
        """Read from the front until one of these rows is seen, or the end."""
        reading = _Reading[T](self._limit)
        while True:
            window = reading.next_window()
            self._tally.drop_page()
            try:
                page = await self._ask(window.page, window.size)
            except AnswerTooLongError as error:
                if window.size == 1:
                    self._leave_out(window.page, error)
                self._limit = max(1, window.size // 2)
                reading.too_long(window, self._limit)
                continue
            except ServerFaultError as error:
                if window.size == 1:
                    self._leave_out(window.page, error)
                reading.refused(window, self._limit)
                continue
            if page.count > window.size:
                raise _SizeIgnoredError
            if not reading.took(window, page, self._limit):
                continue
            self._tally.keep_page(self._take(page.rows))
            if len(self._found) > MAX_LIST_ITEMS:
                raise _too_long()
            if reading.ended or known & reading.marks:
                return reading
            if window.begin == 0 and page.count < window.size:
                self._limit = reading.limit = page.count  # that many at most, whatever is asked for

    def _take(self, rows: Iterable[T]) -> list[T]:
        """Take over rows as they are now; gives those that are not kept any more."""
        replaced = []
        for row in rows:
            before = self._found.get(row.id)
            if before is not None:
                replaced.append(before)
            self._found[row.id] = row
        return replaced

    def _leave_out(self, number: int, error: TransientError) -> None:
        self._unlisted.add(number)
        if len(self._unlisted) > MAX_UNLISTED:
            raise error


class _Reading[T: Row]:
    """How far one reading has got.

    Attributes:
        limit: most rows to ask for next.
        front: the rows of the first page.
        marks: the rows of the last page.
        pages: how many were read.
        ended: True once the end was seen.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.front: _Marks = frozenset()
        self.marks: _Marks = frozenset()
        self.pages = 0
        self.ended = False
        self._position = 0
        self._floor = 0
        self._refused_to = 0
        self._gaps = 0
        self._reached = 0
        self._gaps_in_all = 0

    def next_window(self) -> _Window:
        """The window to read next, with an overlap wherever that is possible.

        Raises:
            _SizeIgnoredError: pages are too small to overlap.
        """
        overlap = min(_OVERLAP, self.limit // 4) * 8**self._gaps
        window = _furthest(self._floor, max(self._floor, self._position - overlap), self.limit)
        gain = window.end - self._position
        if self._gaps or (window.begin < self._position and gain >= (self.limit // 4 if self._floor else 1)):
            return window
        if self._position > self._refused_to and not self._floor:
            raise _SizeIgnoredError
        # Behind a broken row, and close before one, there is no way to overlap.
        return _furthest(self._floor, self._position, self.limit)

    def refused(self, window: _Window, limit: int) -> None:
        """A window was refused: smaller ones are next, or what follows a broken row."""
        if window.size > 1:
            self._refused_to = max(self._refused_to, window.end)
            self.limit = max(1, window.size // 4)
        else:
            self._position = self._floor = window.end
            self.marks, self.limit, self._gaps = frozenset(), limit, 0

    def too_long(self, window: _Window, limit: int) -> None:
        """A window's answer was too long: smaller ones are read from now on, also such that cannot overlap."""
        self.refused(window, limit)
        self.limit, self._refused_to = limit, MAX_LIST_ITEMS

    def took(self, window: _Window, page: Page[T], limit: int) -> bool:
        """A window was read; False when rows may have slipped through before it, so that it is read anew from before.

        Raises:
            _SizeIgnoredError: that happens again and again without coming further.
        """
        marks = _marks(page.rows)
        if window.begin < self._position and self.marks and not marks & self.marks:
            self._gaps += 1
            self._gaps_in_all += 1
            if self._gaps_in_all > MAX_GAPS:
                raise _SizeIgnoredError
            return False
        end = window.begin + page.count
        no_progress = end <= self._position and not self._gaps
        self.ended = no_progress or bool(page.last)
        self.pages += 1
        self.front = self.front or marks
        self._position, self.marks, self._gaps = end, marks, 0
        if end > self._reached:
            self._reached, self._gaps_in_all = end, 0
        if end >= self._refused_to:
            self.limit = limit
        return True


class _Unsized[T: Row]:
    """A list whose pages cannot overlap: it is whole when its first and its last page are the same at the end."""

    def __init__(self, ask: Ask[T], tally: Tally[T], size: int) -> None:
        self._ask = ask
        self._tally = tally
        self._size = size

    async def read(self) -> WholeList[T]:
        """All of it."""
        for _ in range(MAX_ROUNDS):
            whole = await self._read_once()
            if whole is not None:
                return whole
        raise _moves_too_fast()

    async def _read_once(self) -> WholeList[T] | None:
        """All of it, or None when it has moved meanwhile."""
        self._tally.restart()
        pages, rows = await self._read_through()
        if len(pages) <= 1 or await self._are_same({1: pages[0], len(pages): pages[-1]}):
            self._tally.drop_page()
            return WholeList(rows)
        return None

    async def _read_through(self) -> tuple[list[_Marks], tuple[T, ...]]:
        """What each page showed, and all rows."""
        pages: list[_Marks] = []
        found: dict[Hashable, T] = {}
        while True:
            page = await self._ask(len(pages) + 1, self._size)
            known = len(found)
            self._tally.keep_page([row for row in page.rows if found.setdefault(row.id, row) is not row])
            if len(found) == known:
                return pages, tuple(found.values())
            pages.append(_marks(page.rows))
            if page.last:
                return pages, tuple(found.values())
            if len(found) > MAX_LIST_ITEMS:
                raise _too_long()

    async def _are_same(self, pages: dict[int, _Marks]) -> bool:
        for number, marks in pages.items():
            self._tally.drop_page()
            if _marks((await self._ask(number, self._size)).rows) != marks:
                return False
        return True
