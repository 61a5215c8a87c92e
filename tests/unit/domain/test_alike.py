"""Two Syncs alike, whatever becomes of their creates: each has its own in the end, and nothing else is left."""

from collections.abc import Collection
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.domain.model_server import Fate
from tests.unit.domain.verdicts import check_taken
from tests.unit.domain.world import World

pytestmark = pytest.mark.timeout(600)  # a story that fails is made short before it is told

BOTH = ("first", "second")
NAMES = st.sampled_from(BOTH)
CREATES = [Fate.LOST, Fate.NEVER, Fate.LATE]
FATES = st.lists(st.sampled_from([fate for fate in Fate if fate is not Fate.REFUSED]), max_size=2)
DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("reconcile"), NAMES, FATES),
        st.tuples(st.just("delete"), NAMES),
        st.tuples(st.just("restart")),
        st.tuples(st.just("wait"), st.sampled_from([1, 4, 11, 26.5, 40])),
    ),
    max_size=8,
)


def begun(creates: Collection[Fate], deleted: Collection[str], seconds: float) -> World:
    """A world in which the creates of both met these fates, so many seconds apart."""
    here = World()
    for name, fate in zip(BOTH, creates, strict=True):
        here.cluster.apply(name)
        do(here, "reconcile", name, [fate])
        if name in deleted:
            do(here, "delete", name)
        here.pass_time(seconds)
    return here


def do(here: World, deed: str, *what: Any) -> None:
    """One thing that happens."""
    here.tell()
    if deed == "reconcile":
        here.reconcile(what[0], what[1])
    elif deed == "delete" and what[0] in here.cluster.syncs:
        here.cluster.delete(what[0])
    elif deed == "restart":
        here.start_process()
    elif deed == "wait":
        here.pass_time(what[0])


def check_end(here: World, *, backwards: bool) -> None:
    """Once nothing goes wrong any more, what is there is as it must be."""
    for _ in range(8):
        for name in sorted(here.cluster.syncs, reverse=backwards):
            do(here, "reconcile", name, [])
        here.pass_time(31)
    for before, after in here.reports:
        check_taken(here, before, after)
        assert after.origin != "Adopted", "there is nothing here that somebody else has made"
    for held in here.cluster.syncs.values():
        assert "deletionTimestamp" not in held["metadata"]
        assert held["status"]["conditions"][0]["status"] == "True"
    assert sorted(held["status"]["id"] for held in here.cluster.syncs.values()) == sorted(here.server.syncs)


@pytest.mark.parametrize("creates", list(product(CREATES, CREATES)), ids=", and ".join)
@pytest.mark.parametrize("restarts", [False, True])
def test_each_of_two_alike_has_its_own(creates: tuple[Fate, Fate], *, restarts: bool) -> None:
    for deleted, seconds, backwards in product([(), BOTH[:1], BOTH[1:], BOTH], [0, 4, 11], [False, True]):
        here = begun(creates, deleted, seconds)
        if restarts:
            here.start_process()

        check_end(here, backwards=backwards)


@settings(max_examples=50, deadline=None)
@given(st.tuples(*[st.sampled_from(CREATES)] * 2), st.sets(NAMES), st.sampled_from([0, 4, 11]), DEEDS, st.booleans())
def test_whatever_else_happens_nothing_is_left(
    creates: tuple[Fate, Fate], deleted: set[str], seconds: float, deeds: list[tuple[Any, ...]], backwards: bool
) -> None:
    here = begun(creates, deleted, seconds)
    for deed, *what in deeds:
        do(here, deed, *what)

    check_end(here, backwards=backwards)
