"""When a reconcile holds its Workspace's server, and when it lets the next one in."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import pytest
from tests.support.pictures import BORN

from sync_operator.decide.actions import (
    Action,
    ApplyCronJob,
    CreateSync,
    DeleteSync,
    DropFinalizer,
    ListRuns,
    MarkCreate,
    ReadSecrets,
)
from sync_operator.decide.picture import Phase
from sync_operator.errors import HeldBackError
from sync_operator.handlers.cache import Ref
from sync_operator.handlers.queue import Key
from sync_operator.handlers.turn import Turn
from sync_operator.model.names import SYNC_KIND

KEY = Key(SYNC_KIND, "team", "orders")
MARK = MarkCreate(BORN, fresh=True)
CREATE = CreateSync({})
APPLY = ApplyCronJob("orders", {})


class Door:
    """Sessions by which one reconcile goes in and out."""

    def __init__(self, *, called: bool = False, full: bool = False) -> None:
        self.called = called
        self.full = full
        self.inside = False

    @contextmanager
    def arrive(self, _home: Ref, key: Key) -> Iterator[bool]:
        assert key == KEY
        with self._entered() if self.called else nullcontext():
            yield self.called

    @contextmanager
    def admit(self, _home: Ref, key: Key) -> Iterator[None]:
        assert key == KEY
        if self.full:
            raise HeldBackError("not now", throttled=False, seconds=1)
        with self._entered():
            yield

    @contextmanager
    def _entered(self) -> Iterator[None]:
        assert not self.inside, "two places for one reconcile"
        self.inside = True
        yield
        self.inside = False


def turn(door: Door) -> Turn:
    return Turn(cast("Any", door), Ref("team", "default"), KEY)


@pytest.mark.parametrize(
    ("actions", "inside"),
    [
        pytest.param([ReadSecrets((), Phase.REGISTRATION)], [False], id="the cluster alone"),
        pytest.param([MARK, CREATE, APPLY], [True, True, False], id="create: out before the CronJob"),
        pytest.param([CREATE, APPLY, ListRuns("7")], [True, False, True], id="runs: in once more"),
        pytest.param([DeleteSync("7"), DropFinalizer()], [True, False], id="delete: out before the finalizer"),
    ],
)
def test_a_place_is_held_only_for_what_the_server_is_asked(actions: list[Action], inside: list[bool]) -> None:
    door, found = Door(), []
    with turn(door) as mine:
        for action in actions:
            mine.fit(action)
            found.append(door.inside)
        assert mine.had is any(inside)
    assert found == inside
    assert not door.inside, "given back in the end"


def test_who_was_called_is_inside_from_the_start_and_needs_no_admission() -> None:
    door = Door(called=True, full=True)
    with turn(door) as mine:
        assert door.inside
        mine.fit(MARK)
        mine.fit(CREATE)
        mine.give_back()
        assert not door.inside


def test_who_is_not_let_in_had_no_turn_and_holds_none() -> None:
    door = Door(full=True)
    with turn(door) as mine:
        with pytest.raises(HeldBackError):
            mine.fit(MARK)
        assert not mine.had
    assert not door.inside
