"""The memory of all lists: bounded for each namespace and together, and nobody loses a list to one who has more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.controller.drift.list_memory import ListMemory, Share
from sync_operator.errors import TransientError


class Memory:
    """100 bytes for all, 60 of them for one namespace; the names of the lists that were dropped."""

    def __init__(self) -> None:
        self.memory = ListMemory(100, 60)
        self.dropped: list[str] = []

    def read(self, owner: str, size: int) -> Share:
        share = self.memory.begin(owner)
        share.grow(size)
        return share

    def keep(self, owner: str, name: str, size: int) -> Share:
        share = self.read(owner, size)
        share.make_evictable(lambda: self.dropped.append(name))
        return share


def test_the_oldest_list_of_a_namespace_goes_for_its_next_one() -> None:
    held = Memory()
    held.keep("team", "first", 30)
    held.keep("team", "second", 30)
    held.keep("other", "theirs", 10)

    held.keep("team", "third", 20)

    assert held.dropped == ["first"]
    assert held.memory.size == 60


def test_a_list_that_is_too_large_for_a_namespace_is_refused() -> None:
    held = Memory()
    share = held.read("team", 50)

    with pytest.raises(TransientError, match="use fewer Workspaces in one namespace"):
        share.grow(11)

    share.release()
    share.release()
    assert held.memory.size == 0


def test_where_all_have_too_much_the_largest_loses_a_list() -> None:
    held = Memory()
    held.keep("large", "large", 55)
    held.keep("small", "small", 10)

    held.keep("team", "mine", 40)

    assert held.dropped == ["large"]


def test_nobody_loses_a_list_to_one_who_has_more() -> None:
    held = Memory()
    held.keep("small", "one", 25)
    held.keep("tiny", "two", 20)
    share = held.read("team", 55)

    with pytest.raises(TransientError, match="asked for again later"):
        share.grow(1)

    assert held.dropped == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 70), st.booleans())))
def test_the_bounds_hold_whatever_is_read(lists: list[tuple[str, int, bool]]) -> None:
    held = Memory()
    for owner, size, kept in lists:
        share = held.memory.begin(owner)
        try:
            share.grow(size)
        except TransientError:
            share.release()
            continue
        if kept:
            share.make_evictable(lambda: None)
        assert held.memory.size <= 100
