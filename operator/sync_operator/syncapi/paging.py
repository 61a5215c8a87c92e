"""Reads a list page by page while its rows move: every row that exists all the time is found, or an error is raised.

A Multiwoven server orders its lists by the time of the last change, the newest first, so rows move while they are read
(contract S2): a changed row moves to the front, and a deleted row lets all rows behind it move up. Pages therefore
overlap: a page must contain a row of the page before it, otherwise rows may have been missed between the two. After the
last page, the front is read again until it contains a row that has not moved since: all rows that were changed
meanwhile come before that one.

A server builds a page as a whole, in about 5 ms a row, and fails as a whole if one row of it is broken (contract, 11).
So pages are of moderate size, and a page that fails is requested again in smaller ones, until the broken row is alone
and can be left out.
"""

from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from sync_operator.errors import ResponseTooLargeError, ServerFaultError, TransientError
from sync_operator.syncapi.list_size import ListSize
from sync_operator.util.bounds import MAX_LIST_ITEMS

__all__ = ["Page", "RequestPage", "Row", "WholeList", "read_whole_list"]

MAX_UNLISTED: Final = 3
"""Maximum number of broken rows that are isolated; if there are more, reading the list fails."""
MAX_ROUNDS: Final = 5
"""How often the list, or its front, is read again before it counts as changing too fast."""
MAX_GAPS: Final = 3
_OVERLAP: Final = 10
"""Rows that two consecutive pages share, so that as many may be deleted between the two requests."""


class Row(Protocol):
    """A row of a list."""

    @property
    def id(self) -> Hashable:
        """Its id, unique in the list."""

    @property
    def updated_at(self) -> datetime | None:
        """When it was last changed; None if the server does not say."""


@dataclass(frozen=True, slots=True)
class Page[T: Row]:
    """One page of a list.

    Attributes:
        rows: those that could be parsed.
        count: number of rows in the response, including those that could not be parsed.
        last: whether the server says that no page follows; None if it says nothing.
    """

    rows: tuple[T, ...]
    count: int
    last: bool | None = None


@dataclass(frozen=True, slots=True)
class WholeList[T: Row]:
    """All rows, each once.

    Attributes:
        rows: each as it was last read.
        unlisted: positions, from 1, of the rows that the server fails to list.
    """

    rows: tuple[T, ...]
    unlisted: tuple[int, ...] = ()


type RequestPage[T: Row] = Callable[[int, int], Awaitable[Page[T]]]
"""Requests one page: its number, from 1, and its size."""


async def read_whole_list[T: Row](
    request_page: RequestPage[T], tally: ListSize[T], *, size: int, sized: bool = True
) -> WholeList[T]:
    """Read all rows of a list.

    Args:
        request_page: requests one page from the server, and adds each row to the tally as it is received.
        tally: counts the memory of what is kept.
        size: rows to request in one page.
        sized: False for a list whose page size is fixed by the server.

    Raises:
        ServerFaultError: the server fails to return the list, or too many rows of it.
        TransientError: it changes faster than it can be read, has no end, or needs more memory than is left.
    """
    if sized:
        try:
            return await _Sized(request_page, tally, size).read()
        except _SizeIgnoredError:
            pass
    return await _Unsized(request_page, tally, size).read()


class _SizeIgnoredError(Exception):
    """The server returns pages of another size than requested, so that they cannot overlap."""


type _Marks = frozenset[tuple[Hashable, datetime | None]]
"""Rows with the time of their last change: a row that has moved since has another time."""


def _marks(rows: Iterable[Row]) -> _Marks:
    return frozenset((row.id, row.updated_at) for row in rows)


def _moves_too_fast() -> TransientError:
    return TransientError("the list changes faster than it can be read; it is read again later")


def _too_long() -> TransientError:
    return TransientError(f"the list has more than {MAX_LIST_ITEMS} rows; so many are not read: use several workspaces")


class _Window(NamedTuple):
    """A range of rows that one page can hold: its start, counted from 0, is a multiple of its size."""

    begin: int
    size: int

    @property
    def page(self) -> int:
        return self.begin // self.size + 1

    @property
    def end(self) -> int:
        return self.begin + self.size


def _furthest(first: int, last: int, limit: int) -> _Window:
    """The window of at most ``limit`` rows that begins between ``first`` and ``last`` and reaches furthest."""
    found = (_Window(last // size * size, size) for size in range(limit, 0, -1))
    return max((window for window in found if window.begin >= first), key=lambda window: window.end)


class _Sized[T: Row]:
    """A list whose pages have the requested size, so that they can overlap."""

    def __init__(self, request_page: RequestPage[T], tally: ListSize[T], size: int) -> None:
        self._request_page = request_page
        self._tally = tally
        self._limit = size
        self._found: dict[Hashable, T] = {}
        self._unlisted: set[int] = set()

    async def read(self) -> WholeList[T]:
        """Read the whole list."""
        reading = await self._read_until(frozenset())
        for _ in range(MAX_ROUNDS):
            if reading.pages <= 1:
                return WholeList(tuple(self._found.values()), tuple(sorted(self._unlisted)))
            reading = await self._read_until(reading.front)
        raise _moves_too_fast()

    async def _read_until(self, known: _Marks) -> "_Reading[T]":
        """Read from the front until a page contains one of these rows, or to the end."""
        reading = _Reading[T](self._limit)
        while True:
            window = reading.next_window()
            self._tally.drop_page()
            try:
                page = await self._request_page(window.page, window.size)
            except ResponseTooLargeError as error:
                if window.size == 1:
                    self._skip_row(window.page, error)
                self._limit = max(1, window.size // 2)
                reading.record_too_large(window, self._limit)
                continue
            except ServerFaultError as error:
                if window.size == 1:
                    self._skip_row(window.page, error)
                reading.record_failure(window, self._limit)
                continue
            if page.count > window.size:
                raise _SizeIgnoredError
            if not reading.record_page(window, page, self._limit):
                continue
            self._tally.keep_page(self._store(page.rows))
            if len(self._found) > MAX_LIST_ITEMS:
                raise _too_long()
            if reading.ended or known & reading.marks:
                return reading
            if window.begin == 0 and page.count < window.size:
                self._limit = reading.limit = page.count  # the server's own maximum

    def _store(self, rows: Iterable[T]) -> list[T]:
        """Store rows as they are now; returns the earlier versions that they replaced."""
        replaced = []
        for row in rows:
            before = self._found.get(row.id)
            if before is not None:
                replaced.append(before)
            self._found[row.id] = row
        return replaced

    def _skip_row(self, number: int, error: TransientError) -> None:
        self._unlisted.add(number)
        if len(self._unlisted) > MAX_UNLISTED:
            raise error


class _Reading[T: Row]:
    """Progress of one pass through the list.

    Attributes:
        limit: maximum rows to request next.
        front: the rows of the first page.
        marks: the rows of the last page that was read.
        pages: number of pages read.
        ended: True once the end was reached.
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
        """The window to read next, overlapping the previous one wherever that is possible.

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
        # Right behind a broken row, and right before one, an overlap is impossible.
        return _furthest(self._floor, self._position, self.limit)

    def record_failure(self, window: _Window, limit: int) -> None:
        """Record a window that failed: the next ones are smaller, or begin behind a broken row."""
        if window.size > 1:
            self._refused_to = max(self._refused_to, window.end)
            self.limit = max(1, window.size // 4)
        else:
            self._position = self._floor = window.end
            self.marks, self.limit, self._gaps = frozenset(), limit, 0

    def record_too_large(self, window: _Window, limit: int) -> None:
        """Record a window whose response was too large: all further ones are smaller, even if they cannot overlap."""
        self.record_failure(window, limit)
        self.limit, self._refused_to = limit, MAX_LIST_ITEMS

    def record_page(self, window: _Window, page: Page[T], limit: int) -> bool:
        """Record a window that was read; False if rows may have been missed before it, so that it must begin earlier.

        Raises:
            _SizeIgnoredError: that has happened too often without progress.
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
    """A list whose pages cannot overlap: it is complete if its first and last page are unchanged at the end."""

    def __init__(self, request_page: RequestPage[T], tally: ListSize[T], size: int) -> None:
        self._request_page = request_page
        self._tally = tally
        self._size = size

    async def read(self) -> WholeList[T]:
        """Read the whole list."""
        for _ in range(MAX_ROUNDS):
            whole = await self._read_once()
            if whole is not None:
                return whole
        raise _moves_too_fast()

    async def _read_once(self) -> WholeList[T] | None:
        """Read the whole list; None if rows have moved meanwhile."""
        self._tally.restart()
        pages, rows = await self._read_through()
        if len(pages) <= 1 or await self._are_same({1: pages[0], len(pages): pages[-1]}):
            self._tally.drop_page()
            return WholeList(rows)
        return None

    async def _read_through(self) -> tuple[list[_Marks], tuple[T, ...]]:
        """The marks of each page, and all rows."""
        pages: list[_Marks] = []
        found: dict[Hashable, T] = {}
        while True:
            page = await self._request_page(len(pages) + 1, self._size)
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
            if _marks((await self._request_page(number, self._size)).rows) != marks:
                return False
        return True
