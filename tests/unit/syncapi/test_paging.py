"""Lists that move while they are read: what is there all the time is found, or an error says that it may not be."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.errors import ResponseTooLargeError, ServerFaultError, TransientError
from sync_operator.syncapi.list_size import ListSize, RowSize, ignore_growth
from sync_operator.syncapi.paging import MAX_UNLISTED, Page, WholeList, read_whole_list
from sync_operator.util.bounds import MAX_LIST_ITEMS

START = datetime(2026, 3, 1, tzinfo=UTC)
SIZE = 20


@dataclass(frozen=True)
class Row:
    id: int
    updated_at: datetime | None


@dataclass
class Server:
    """A list, the last changed first, in which something happens before each page is made.

    Attributes:
        cap: most rows of a page, whatever is asked for.
        ignores_size: every page has ``cap`` rows.
        links: whether the server says what follows.
        broken: ids that no page can show.
        heavy: most rows whose answer is not too long.
        stamps: whether the server tells when a row was changed.
    """

    rows: dict[int, int]
    moves: list[list[tuple[str, int]]] = field(default_factory=list)
    cap: int = 10**9
    ignores_size: bool = False
    links: bool = True
    broken: frozenset[int] = frozenset()
    heavy: int = 10**9
    stamps: bool = True
    asked: list[tuple[int, int]] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    changes: int = 1000
    held: int = 0
    most_held: int = 0

    def __post_init__(self) -> None:
        self.tally: ListSize[Row] = ListSize(lambda _: RowSize(1, 1), self.grow, "too much")

    def grow(self, size: int) -> None:
        self.held += size
        self.most_held = max(self.most_held, self.held)
        assert self.held >= 0

    async def ask(self, page: int, size: int) -> Page[Row]:
        for kind, number in self.moves.pop(0) if self.moves else ():
            self.move(kind, number)
        self.asked.append((page, size))
        size = self.cap if self.ignores_size else min(size, self.cap)
        order = sorted(self.rows, key=lambda number: self.rows[number], reverse=True)
        shown = order[(page - 1) * size : page * size]
        whole = tuple(Row(number, self.stamp(number)) for number in shown)
        for row in whole[: self.heavy]:
            self.tally.add(row)
        if self.broken & set(shown):
            raise ServerFaultError("undefined method 'read_attribute_for_serialization' for nil")
        if len(shown) > self.heavy:
            raise ResponseTooLargeError("longer than is read")
        pages = -(-len(order) // size)
        return Page(
            whole,
            len(shown),
            page == pages if self.links else None,
        )

    def stamp(self, number: int) -> datetime | None:
        return START + timedelta(seconds=self.rows[number]) if self.stamps else None

    def move(self, kind: str, number: int) -> None:
        self.changes += 1
        if kind == "insert":
            self.rows[1000 + self.changes] = self.changes
        elif kind == "touch" and number in self.rows:
            self.rows[number] = self.changes
        elif kind == "delete" and number in self.rows:
            self.gone.add(number)
            del self.rows[number]

    def read(self, *, sized: bool = True) -> WholeList[Row]:
        return asyncio.run(self.read_pages(SIZE, sized=sized))

    async def read_pages(self, size: int, *, sized: bool = True) -> WholeList[Row]:
        whole = await read_whole_list(self.ask, self.tally, size=size, sized=sized)
        assert self.held == len(whole.rows), "each row counts once, however often it was read"
        return whole


def rows(count: int) -> dict[int, int]:
    return {number: number for number in range(1, count + 1)}


def uncounted_rows() -> ListSize[Row]:
    return ListSize(lambda _: RowSize(0, 0), ignore_growth, "")


def found(whole: WholeList[Row]) -> set[int]:
    ids = [row.id for row in whole.rows]
    assert len(ids) == len(set(ids)), "each once"
    return set(ids)


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 40, 41, 399, 1000])
@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("cap", [10**9, 7])
def test_a_list_that_stands_still_is_whole(count: int, links: bool, cap: int) -> None:
    server = Server(rows(count), links=links, cap=cap if links else 10**9)
    assert found(server.read()) == set(rows(count))


def test_a_list_of_one_page_takes_one_request() -> None:
    server = Server(rows(19))
    server.read()
    assert server.asked == [(1, 20)]


def test_a_long_list_takes_few_requests_more_than_its_pages() -> None:
    server = Server(rows(10_000))
    asyncio.run(server.read_pages(500))
    assert len(server.asked) <= 24
    assert all(size <= 500 for _, size in server.asked)


@pytest.mark.parametrize("cap", [10, 20, 3])
@pytest.mark.parametrize("sized", [True, False])
@pytest.mark.parametrize("count", [0, 5, 20, 25, 95])
def test_a_server_with_a_page_size_of_its_own_is_read_whole(count: int, cap: int, sized: bool) -> None:
    server = Server(rows(count), cap=cap, ignores_size=True)
    assert found(server.read(sized=sized)) == set(rows(count))


def test_a_server_that_answers_the_same_page_to_everything_comes_to_an_end() -> None:
    async def ask(_page: int, _size: int) -> Page[Row]:
        return Page(tuple(Row(number, None) for number in range(50)), 50, last=False)

    assert found(asyncio.run(read_whole_list(ask, uncounted_rows(), size=SIZE))) == set(range(50))


def test_a_list_without_an_end_is_an_error() -> None:
    async def ask(page: int, size: int) -> Page[Row]:
        return Page(tuple(Row(number, None) for number in range((page - 1) * size, page * size)), size, last=False)

    with pytest.raises(TransientError, match=f"more than {MAX_LIST_ITEMS}"):
        asyncio.run(read_whole_list(ask, uncounted_rows(), size=50_000))


MOVES = st.lists(
    st.lists(st.tuples(st.sampled_from(["touch", "insert", "delete"]), st.integers(1, 130)), max_size=6), max_size=30
)


@given(
    MOVES,
    st.integers(0, 130),
    st.builds(
        lambda cap, links, stamps: {"cap": cap, "links": links or cap < SIZE, "stamps": stamps},
        st.sampled_from([10**9, 100, 9]),
        st.booleans(),
        st.just(True),
    ),
)
def test_what_is_there_all_the_time_is_found_or_an_error_says_so(
    moves: list[list[tuple[str, int]]], count: int, ways: dict[str, object]
) -> None:
    server = Server(rows(count), moves=list(moves), **ways)  # type: ignore[arg-type]
    try:
        whole = server.read()
    except TransientError:
        return
    assert set(rows(count)) - server.gone <= found(whole)


@given(st.lists(st.tuples(st.integers(1, 130), st.integers(0, 5)), max_size=30), st.integers(0, 130))
def test_where_sizes_are_ignored_too(moves: list[tuple[int, int]], count: int) -> None:
    """Rows that only change: a deletion and an insertion at once could look as if nothing had happened."""
    server = Server(rows(count), moves=[[("touch", number)] * many for number, many in moves], cap=9, ignores_size=True)
    try:
        whole = server.read(sized=False)
    except TransientError:
        return
    assert set(rows(count)) <= found(whole)


@given(st.sets(st.integers(1, 130), max_size=MAX_UNLISTED), st.integers(0, 130))
def test_a_broken_row_is_left_out_and_named(broken: set[int], count: int) -> None:
    server = Server(rows(count), broken=frozenset(broken))
    whole = server.read()
    there = broken & set(rows(count))
    assert found(whole) == set(rows(count)) - there
    assert whole.unlisted == tuple(sorted(count - number + 1 for number in there))


def test_a_broken_row_of_a_long_list_is_found_in_few_requests() -> None:
    server = Server(rows(10_000), broken=frozenset({4321}))
    whole = asyncio.run(server.read_pages(500))
    assert len(whole.rows) == 9999
    assert len(server.asked) < 60


@pytest.mark.parametrize("broken", [range(1, 5), range(1, 100)])
def test_a_list_with_too_many_broken_rows_is_refused(broken: range) -> None:
    server = Server(rows(100), broken=frozenset(broken))
    with pytest.raises(ServerFaultError, match="read_attribute_for_serialization"):
        server.read()
    assert len(server.asked) < 60


def test_a_page_whose_answer_is_too_long_is_asked_for_in_parts() -> None:
    server = Server(rows(100), heavy=6)
    assert found(server.read()) == set(rows(100))
    assert server.asked.count((1, 20)) == 1


@given(MOVES, st.integers(0, 130), st.booleans())
def test_pages_that_are_read_anew_count_once(moves: list[list[tuple[str, int]]], count: int, sized: bool) -> None:
    server = Server(rows(count), moves=list(moves))
    with suppress(TransientError):
        server.read(sized=sized)
    assert server.most_held <= count + sum(map(len, moves)) + SIZE


def test_a_list_whose_texts_take_too_much_is_refused() -> None:
    tally: ListSize[Row] = ListSize(lambda _: RowSize(2**20, 0), ignore_growth, "spread them over several workspaces")
    for number in range(16):
        tally.add(Row(number, None))
    tally.keep_page([Row(1, None)])
    tally.add(Row(1, None))
    with pytest.raises(TransientError, match="spread them"):
        tally.add(Row(2, None))


def test_a_list_that_never_stands_still_is_an_error() -> None:
    last = 100

    def touched(many: int) -> Callable[[int], list[tuple[str, int]]]:
        return lambda number: [("touch", (number * many + step) % last + 1) for step in range(many)]

    server = Server(rows(last), moves=list(map(touched(30), range(1000))))
    with pytest.raises(TransientError, match="changes faster"):
        server.read()
