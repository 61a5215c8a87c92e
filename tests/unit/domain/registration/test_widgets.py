"""The registration engine knows no kind: a second one, of a test, is registered, adopted, updated and deleted by it."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.unit.domain.registration.widgets import MARK, MASK, STRANGER, Fate, World

from sync_operator.api.enums import AdoptionPolicy, DriftPolicy
from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.registration.registration_actions import (
    AdoptCreated,
    CreateRemote,
    DeleteRemote,
    ListRemotes,
    ReadRemote,
    UpdateRemote,
)
from sync_operator.syncapi.types import RemoteList, RemoteResource

pytestmark = pytest.mark.timeout(300)


def settled(**spec: Any) -> World:
    world = World()
    world.apply(**spec)
    world.reconcile()
    world.acts.clear()
    return world


def writes(world: World) -> list[object]:
    return [act for act in world.acts if isinstance(act, CreateRemote | UpdateRemote | DeleteRemote)]


def test_it_is_created_once_with_its_secret_and_its_mark() -> None:
    world = settled()

    assert [row["configuration"]["password"] for row in world.server.rows.values()] == ["first"]
    assert [row["description"] for row in world.server.rows.values()] == [f"{MARK}uid-1"]
    assert world.stored is not None
    assert (world.stored.status.id, world.stored.status.origin) == ("1", "Created")


def test_a_masked_secret_is_no_drift_and_is_never_sent() -> None:
    world = settled()
    for _ in range(3):
        world.server.pass_time(300)
        world.list_server()
        world.reconcile()
    world.start_process()
    world.reconcile()

    assert writes(world) == []


def test_a_changed_secret_is_sent_once() -> None:
    world = settled()
    world.password, world.recheck = "second", True
    for _ in range(2):
        world.reconcile()

    assert len(writes(world)) == 1
    assert world.server.rows["1"]["configuration"]["password"] == "second"


def test_what_somebody_else_wrote_is_sent_again_though_the_mask_hides_it() -> None:
    world = settled()
    world.server.pass_time(5)
    world.server.update("1", {"configuration": {"size": 1, "password": MASK}})
    world.list_server()
    world.reconcile()

    assert len(writes(world)) == 1
    assert world.server.rows["1"]["configuration"]["password"] == "first"


def late_after(world: World, *, answer: RemoteList[RemoteResource]) -> RemoteList[RemoteResource]:
    """The server carries out what is late right after a list."""
    world.server.pass_time(0)
    return answer


def test_a_lost_create_whose_repetition_is_refused_for_its_name_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.apply()
    world.reconcile([Fate.LOST_BEFORE])
    assert world.stored is not None
    assert world.told() is Reason.OUTCOME_UNKNOWN
    world.server.pass_time(301)
    body = next(act.body for act in world.acts if isinstance(act, CreateRemote))
    world.server.late, listed = [(world.server.now, dict(body))], world.server.list
    monkeypatch.setattr(world.server, "list", lambda: late_after(world, answer=listed()))
    world.reconcile()

    taken = [CreateRemote, ListRemotes, AdoptCreated]
    assert [type(act) for act in world.acts[-5:]] == [*taken, ReadRemote, UpdateRemote], (
        "its Secret may be an older one"
    )
    assert world.told() is None
    assert (world.stored.status.id, world.stored.status.origin) == ("1", "Created")
    assert len(world.server.rows) == 1


def test_a_lost_create_is_known_by_its_mark_whatever_somebody_has_changed_there() -> None:
    world = World()
    world.apply()
    world.reconcile([Fate.LOST_AFTER])
    world.server.update("1", {"configuration": {"size": 9, "password": MASK}})
    world.server.pass_time(301)
    world.reconcile()

    assert [type(act) for act in world.acts[-4:]] == [ListRemotes, AdoptCreated, ReadRemote, UpdateRemote]
    assert world.server.creates == ["1"]
    assert world.server.rows["1"]["configuration"] == {"size": 1, "password": "first"}


def test_a_name_that_somebody_else_has_blocks_and_is_left_alone() -> None:
    world = World()
    world.server.create(STRANGER)
    world.apply()
    world.reconcile()

    assert world.blocker is not None
    assert "same name" in world.blocker.message
    assert list(world.server.rows) == ["1"]
    assert world.server.rows["1"]["description"] == "made by hand"


def test_a_rebuilt_cluster_takes_what_is_there_and_writes_its_own_mark() -> None:
    world = settled()
    world.lose_cluster()
    world.password = "second"
    world.apply()
    world.reconcile()

    assert world.stored is not None
    assert world.server.creates == ["1"]
    assert (world.stored.status.id, world.stored.status.origin) == ("1", "Adopted")
    assert world.server.rows["1"]["description"] == f"{MARK}uid-2"
    assert world.server.rows["1"]["configuration"]["password"] == "second"


def test_what_was_adopted_is_ours_though_the_first_write_got_no_answer() -> None:
    world = settled()
    world.lose_cluster()
    world.apply()
    world.reconcile([Fate.LOST_BEFORE])
    assert world.server.rows["1"]["description"] == f"{MARK}uid-1"
    world.reconcile()

    assert world.told() is None
    assert world.server.rows["1"]["description"] == f"{MARK}uid-2"


def test_one_with_a_mark_of_this_cluster_is_known_by_it_though_its_manifest_has_changed_since() -> None:
    world = settled(size=2)
    world.lose_cluster()
    world.apply(size=3)
    world.reconcile()

    assert world.told() is None
    assert world.server.creates == ["1"]
    assert world.server.rows["1"]["description"] == f"{MARK}uid-2"
    assert world.server.rows["1"]["configuration"] == {"size": 3, "password": "first"}


@pytest.mark.parametrize("changes", [{"family": "cog"}, {"name": "store"}])
def test_one_with_a_mark_and_another_name_or_fixed_field_is_another(changes: dict[str, Any]) -> None:
    world = World()
    world.server.create(STRANGER | {"family": "sprocket", "description": f"{MARK}uid-0"} | changes)
    world.apply()
    world.reconcile()

    assert world.server.rows["1"]["description"] == f"{MARK}uid-0"
    assert (world.told() is None) is ("name" in changes), "a name is there once"


def test_what_differs_and_has_no_mark_is_not_adopted() -> None:
    world = World()
    world.server.create(STRANGER | {"family": "sprocket", "configuration": {"size": 2, "password": "theirs"}})
    world.apply(size=3)
    world.reconcile()

    assert world.blocker is not None
    assert "same name" in world.blocker.message
    assert world.server.rows["1"]["configuration"] == {"size": 2, "password": "theirs"}


def test_nothing_is_adopted_where_that_is_not_wanted() -> None:
    world = settled()
    world.lose_cluster()
    world.apply(adoption_policy=AdoptionPolicy.CREATE)
    world.reconcile()

    assert world.blocker is not None
    assert "same name" in world.blocker.message
    assert world.server.rows["1"]["description"] == f"{MARK}uid-1"


def test_one_named_by_its_id_is_adopted_and_kept() -> None:
    world = World()
    world.server.create(STRANGER | {"family": "sprocket"})
    world.apply(external_id="1")
    world.reconcile()
    assert world.stored is not None
    assert world.stored.status.origin == "Adopted"
    world.delete()
    world.reconcile()

    assert world.is_gone()
    assert list(world.server.rows) == ["1"]


def test_a_fixed_field_of_an_adopted_one_is_never_written() -> None:
    world = World()
    world.server.create(STRANGER)
    world.apply(external_id="1")
    world.reconcile()

    assert writes(world) == []
    assert world.blocker is not None
    assert world.blocker.message.startswith("spec.family: widget 1 (spec.externalId) has another value")


def test_one_in_use_is_deleted_when_nobody_uses_it() -> None:
    world = settled()
    assert world.stored is not None
    world.users = ("team/orders",)
    world.delete()
    world.reconcile()
    assert (world.stored is None, list(world.server.rows)) == (False, ["1"])
    world.users = ()
    world.reconcile()

    assert (world.stored is None, list(world.server.rows)) == (True, [])


@pytest.mark.parametrize("words", ["this Widget", "widget 1"])
def test_messages_call_it_by_its_kind(words: str) -> None:
    world = settled(drift_policy=DriftPolicy.REPORT)
    del world.server.rows["1"]
    world.list_server()
    world.reconcile()
    world.reconcile()

    assert world.blocker is not None
    assert words in world.blocker.message
    assert "sync" not in world.blocker.message.lower()


class Widgets(RuleBasedStateMachine):
    """Whatever happens in whatever order: never two, nothing of others touched, and peace in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.theirs: dict[str, Any] | None = None

    @rule(size=st.integers(1, 3), title=st.sampled_from(["shop", "store"]))
    def apply(self, size: int, title: str) -> None:
        if self.world.stored is None or not self.world.stored.deleting:
            self.world.apply(size=size, title=title)

    @rule(fates=st.lists(st.sampled_from(Fate), max_size=3))
    def reconcile(self, fates: list[Fate]) -> None:
        self.world.reconcile(fates)

    @rule(seconds=st.sampled_from([5, 61, 301]))
    def wait(self, seconds: float) -> None:
        self.world.server.pass_time(seconds)
        self.world.list_server()

    @rule()
    def restart(self) -> None:
        self.world.start_process()

    @rule(password=st.sampled_from(["first", "second"]))
    def rotate(self, password: str) -> None:
        self.world.password, self.world.recheck = password, True

    @precondition(lambda self: self.world.server.rows)
    @rule(mask=st.booleans())
    def edit(self, mask: bool) -> None:
        row_id = next(iter(self.world.server.rows))
        if self.world.server.rows[row_id]["family"] == "sprocket":
            self.world.server.pass_time(1)
            password = MASK if mask else self.world.server.rows[row_id]["configuration"]["password"]
            self.world.server.update(row_id, {"configuration": {"size": 9, "password": password}})

    @precondition(lambda self: self.theirs is None and not self.world.server.has_name("shop"))
    @rule()
    def stranger(self) -> None:
        self.theirs = self.world.server.rows[self.world.server.create(STRANGER)]

    @precondition(lambda self: self.world.stored is not None)
    @rule()
    def delete(self) -> None:
        self.world.delete()

    @invariant()
    def no_mark_is_there_twice(self) -> None:
        marks = [row["description"] for row in self.world.server.rows.values() if row["family"] == "sprocket"]
        assert len(marks) == len(set(marks))

    @invariant()
    def nothing_of_others_is_touched(self) -> None:
        assert self.theirs is None or {**self.theirs, "created_at": 0, "updated_at": 0} == {
            **STRANGER,
            "created_at": 0,
            "updated_at": 0,
        }

    def teardown(self) -> None:
        world = self.world
        for _ in range(6):
            world.server.pass_time(301)
            world.list_server()
            world.reconcile()
        ours = [row for row in world.server.rows.values() if row["family"] == "sprocket"]
        if world.stored is None:
            assert ours == []
        elif world.stored.spec.title == "shop" and self.theirs is not None and not ours:
            assert world.blocker is not None
            assert "same name" in world.blocker.message
        else:
            assert world.blocker is None
            [row] = ours
            assert row["name"] == world.stored.spec.title
            assert row["configuration"] == {"size": world.stored.spec.size, "password": world.password}
            assert world.stored.status.id is not None


TestWidgets = Widgets.TestCase
TestWidgets.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
