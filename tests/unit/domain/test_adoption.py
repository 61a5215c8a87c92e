"""Stories of Syncs that find on the server what they were to make: each takes one, and nobody takes another's."""

from typing import Any

import pytest
from tests.unit.domain.model_server import Fate
from tests.unit.domain.world import World

from sync_operator.domain.registration.registration_actions import CreateRemote

NAMES = ("first", "second", "third")


def rebuilt(here: World, *names: str, **spec: Any) -> None:
    """The cluster is made anew from the same manifests; the server is not."""
    here.cluster.syncs.clear()
    here.cluster.cronjobs.clear()
    here.start_process()
    for name in names:
        here.cluster.apply(name, **spec)
    here.tell()
    here.acts.clear()


def settled(*names: str) -> World:
    """A world in which these Syncs are Ready."""
    here = World()
    for name in names:
        here.cluster.apply(name)
    here.tell()
    for name in names:
        here.reconcile(name)
    return here


def ids(here: World) -> list[str]:
    return sorted(held["status"].get("id", "") for held in here.cluster.syncs.values())


def told(here: World, name: str) -> str:
    found = here.cluster.syncs[name]["status"]["conditions"]
    return str(next(entry["message"] for entry in found if entry["type"] == "Registered"))


def test_a_cluster_made_anew_finds_everything_again() -> None:
    here = settled(*NAMES)
    here.pass_time(3600)
    rebuilt(here, *NAMES)
    for name in NAMES:
        here.reconcile(name)

    assert ids(here) == sorted(here.server.syncs) == ["1", "2", "3"]
    assert not [act for act in here.acts if isinstance(act, CreateRemote)]
    assert {held["status"]["origin"] for held in here.cluster.syncs.values()} == {"Adopted"}
    assert "stays on the server when this Sync is deleted" in told(here, "third")


def test_what_is_adopted_stays_when_the_sync_is_deleted() -> None:
    here = settled("first")
    rebuilt(here, "first")
    here.reconcile("first")
    here.cluster.delete("first")
    here.tell()
    here.reconcile("first")

    assert here.cluster.syncs == {}
    assert list(here.server.syncs) == ["1"]


def test_a_sync_that_is_to_make_its_own_does_so_beside_an_equal_one() -> None:
    here = settled("first")
    rebuilt(here, "first", adoptionPolicy="Create")
    here.reconcile("first")

    assert ids(here) == ["2"]
    assert here.cluster.syncs["first"]["status"]["origin"] == "Created"


def test_of_more_syncs_alike_than_there_are_on_the_server_the_others_make_theirs() -> None:
    here = settled("first")
    rebuilt(here, *NAMES)
    for name in NAMES:
        here.reconcile(name)

    assert ids(here) == sorted(here.server.syncs) == ["1", "2", "3"]


def test_of_several_alike_on_the_server_the_oldest_is_taken_and_the_others_are_named() -> None:
    here = settled(*NAMES)
    rebuilt(here, "first")
    here.reconcile("first")

    assert ids(here) == ["1"]
    assert "sync 2, 3 looks the same and belongs to no Sync" in told(here, "first")


def test_what_another_sync_has_is_not_taken() -> None:
    here = settled("first")
    here.cluster.apply("second")
    here.tell()
    here.pass_time(90)
    here.reconcile("second")

    assert ids(here) == ["1", "2"]


def test_what_a_deleted_sync_has_left_is_taken_by_the_next() -> None:
    here = World()
    here.cluster.apply("first", deletionPolicy="Retain")
    here.tell()
    here.reconcile("first")
    here.pass_time(90)
    here.list_server()
    here.cluster.delete("first")
    here.tell()
    here.reconcile("first")
    here.cluster.apply("second")
    here.tell()
    here.reconcile("second")

    assert ids(here) == list(here.server.syncs) == ["1"]


def test_what_was_deleted_since_the_list_is_not_taken() -> None:
    here = settled("first")
    rebuilt(here, "first")
    here.list_server()
    here.pass_time(61)
    here.server.delete("1")
    here.reconcile("first")

    assert ids(here) == list(here.server.syncs) == ["2"]


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.NEVER, Fate.LATE, Fate.DIED_BEFORE, Fate.DIED_AFTER])
def test_the_result_of_a_lost_create_of_another_is_not_taken(fate: Fate) -> None:
    here = World()
    for name in ("first", "second"):
        here.cluster.apply(name)
    here.tell()
    here.reconcile("first", [fate])
    here.pass_time(1)
    here.tell()
    for _ in range(6):
        for name in ("second", "first"):
            here.reconcile(name)
        here.pass_time(31)
        here.tell()

    assert ids(here) == sorted(here.server.syncs)
    assert len(here.server.syncs) == 2


def test_a_process_that_dies_before_it_has_adopted_leaves_no_twin() -> None:
    here = settled("first")
    here.pass_time(3600)
    rebuilt(here, "first")
    for _ in range(3):
        assert here.step("first", [])
    here.start_process()
    for _ in range(3):
        here.reconcile("first")
        here.pass_time(31)

    assert ids(here) == list(here.server.syncs) == ["1"]
    assert here.cluster.syncs["first"]["status"]["origin"] == "Adopted"
