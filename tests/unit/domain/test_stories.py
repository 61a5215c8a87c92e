"""Stories that the simulation has found, or that must never be found: each told once, step by step."""

from datetime import timedelta
from typing import Any

import pytest
from tests.support.manifests import BY_NAME
from tests.support.snapshots import URL, connected
from tests.unit.domain.model_server import Fate
from tests.unit.domain.world import OTHER_URL, World

from sync_operator.domain.actions import DeleteCronJob
from sync_operator.domain.blocker import Phase
from sync_operator.syncapi.types import RefKind

LATE = [Fate.LATE, Fate.DIED_LATE]
MADE = [Fate.LOST, Fate.DIED_AFTER]
NOT_MADE = [Fate.NEVER, Fate.DOWN, Fate.THROTTLED, Fate.DIED_BEFORE]
STRANGER = {
    "source_id": 1,
    "destination_id": 2,
    "model_id": 3,
    "schedule_type": "manual",
    "configuration": {"theirs": "theirs"},
    "stream_name": "contacts",
    "sync_mode": "full_refresh",
}


def world(*names: str, ahead: timedelta = timedelta(), **spec: Any) -> World:
    """A world in which these Syncs were applied, and nothing done yet."""
    made = World(ahead)
    for name in names:
        made.cluster.apply(name, **spec)
    made.tell()
    return made


def ready(here: World, name: str) -> tuple[str, str]:
    held = here.cluster.syncs[name]["status"]
    return held["conditions"][0]["status"], held["conditions"][0]["reason"]


@pytest.mark.parametrize("fate", [*MADE, *NOT_MADE, *LATE])
@pytest.mark.parametrize("ahead", [timedelta(), timedelta(hours=9), timedelta(hours=-9)])
def test_a_create_whose_answer_does_not_come_makes_one_sync(fate: Fate, ahead: timedelta) -> None:
    here = world("orders", ahead=ahead)

    here.reconcile("orders", [fate])
    for _ in range(3):
        here.reconcile("orders")
        here.pass_time(31)
    here.reconcile("orders")

    assert list(here.server.syncs) == ["1"]
    assert here.cluster.syncs["orders"]["status"]["id"] == "1"
    assert ready(here, "orders") == ("True", "Manual")


@pytest.mark.parametrize("fate", [*MADE, *NOT_MADE, *LATE])
def test_a_deletion_after_a_create_whose_answer_did_not_come_leaves_nothing(fate: Fate) -> None:
    here = world("orders")
    here.reconcile("orders", [fate])

    here.cluster.delete("orders")
    here.tell()
    for _ in range(3):
        here.reconcile("orders")
        here.pass_time(31)

    assert here.cluster.syncs == {}
    assert here.server.syncs == {}


def test_a_deletion_that_has_to_wait_for_the_server_cleans_up_once() -> None:
    here = world("orders")
    here.reconcile("orders")
    here.cluster.delete("orders")
    here.tell()

    here.reconcile("orders", [Fate.DOWN])
    here.reconcile("orders", [Fate.DOWN])

    assert here.acts.count(DeleteCronJob("orders", Phase.DELETION)) == 1


def test_a_cronjob_that_comes_back_while_a_deletion_waits_goes_again() -> None:
    here = world("orders")
    here.reconcile("orders")
    [cronjob] = here.cluster.cronjobs.values()
    here.cluster.delete("orders")
    here.tell()
    here.reconcile("orders", [Fate.DOWN])
    here.cluster.write_cronjob("orders", cronjob)
    here.tell()

    here.reconcile("orders")

    assert here.cluster.cronjobs == {}
    assert here.cluster.syncs == {}


def test_two_syncs_that_look_the_same_take_one_each() -> None:
    here = world("twin", "brother")
    for name in ("twin", "brother"):
        here.reconcile(name, [Fate.DIED_AFTER])

    for name in ("brother", "twin"):
        here.reconcile(name)

    ids = {held["status"]["id"] for held in here.cluster.syncs.values()}
    assert ids == set(here.server.syncs) == {"1", "2"}


def both_lost(*, restarts: bool = False) -> World:
    """A world of two alike: the create of the first was carried out, and that of the second was not.

    Neither was answered, the first is being deleted, and what was made for it is older than the second's intent.
    """
    here = world("first")
    here.reconcile("first", [Fate.LOST])
    here.cluster.delete("first")
    here.tell()
    here.reconcile("first", [Fate.DOWN])
    here.pass_time(20)
    here.cluster.apply("second")
    here.tell()
    here.reconcile("second", [Fate.NEVER])
    if restarts:
        here.start_process()
    return here


@pytest.mark.parametrize("restarts", [False, True])
def test_a_sync_takes_nothing_that_a_deleted_one_has_still_to_delete(*, restarts: bool) -> None:
    here = both_lost(restarts=restarts)

    for _ in range(4):
        here.reconcile("second")
        here.reconcile("first", [Fate.ANSWERED, Fate.DOWN])
        assert "id" not in here.cluster.syncs["second"]["status"]
    for _ in range(2):
        here.pass_time(31)
        here.reconcile("second")
    assert here.cluster.syncs["second"]["status"]["id"] == "2"
    assert here.cluster.syncs["second"]["status"]["origin"] == "Created"
    here.reconcile("first")

    assert list(here.server.syncs) == ["2"]
    assert list(here.cluster.syncs) == ["second"]


def test_a_sync_that_waits_for_a_deletion_says_so_and_goes_on_with_it() -> None:
    here = both_lost()

    here.reconcile("second")
    told = here.cluster.syncs["second"]["status"]["conditions"][0]
    assert (told["reason"], "a create of Sync first" in told["message"]) == ("OutcomeUnknown", True)
    here.reconcile("first")
    assert list(here.cluster.syncs) == ["second"]
    here.pass_time(31)
    here.reconcile("second")

    assert list(here.server.syncs) == ["2"]
    assert ready(here, "second")[0] == "True"


def test_a_deletion_leaves_what_an_elder_sync_has_taken() -> None:
    here = world("elder", "younger")
    here.reconcile("elder", [Fate.NEVER])
    here.reconcile("younger", [Fate.LOST])
    here.pass_time(31)
    here.reconcile("elder")
    assert here.cluster.syncs["elder"]["status"]["id"] == "1"

    here.cluster.delete("younger")
    here.tell()
    here.reconcile("younger")

    assert list(here.cluster.syncs) == ["elder"]
    assert list(here.server.syncs) == ["1"]


def test_a_deletion_takes_nothing_of_one_alike_while_its_own_may_still_come() -> None:
    here = world("first", "second")
    here.reconcile("first", [Fate.LOST])
    here.pass_time(4)
    here.reconcile("second", [Fate.LATE])
    for name in ("first", "second"):
        here.cluster.delete(name)
    here.tell()

    for seconds in (0, 26.5, 5, 5):
        here.pass_time(seconds)
        for name in ("second", "first"):
            here.reconcile(name)

    assert here.server.made == 2
    assert here.cluster.syncs == {}
    assert here.server.syncs == {}


def test_a_sync_that_was_just_deleted_is_not_taken_for_a_lost_one() -> None:
    here = world("brother", "twin")
    here.reconcile("brother")
    here.reconcile("twin", [Fate.LOST])
    here.list_server()
    here.cluster.delete("brother")
    here.tell()
    here.reconcile("brother")
    assert list(here.server.syncs) == ["2"]

    here.cluster.delete("twin")
    here.tell()
    here.reconcile("twin")

    assert here.server.syncs == {}
    assert here.cluster.syncs == {}


def test_a_spec_that_changed_while_an_answer_was_lost_is_sent_to_what_was_made() -> None:
    here = world("orders")
    here.reconcile("orders", [Fate.LOST])

    here.cluster.apply("orders", syncMode="incremental")
    here.tell()
    here.reconcile("orders")

    [stored] = here.server.syncs.values()
    assert stored.attributes["sync_mode"] == "incremental"


def test_what_is_fixed_and_changed_while_an_answer_was_lost_is_told() -> None:
    here = world("orders")
    here.reconcile("orders", [Fate.LOST])

    here.cluster.apply("orders", syncMode="incremental", streamName="better")
    here.tell()
    here.reconcile("orders")

    assert ready(here, "orders") == ("False", "Conflict")
    assert "id" not in here.cluster.syncs["orders"]["status"]
    assert here.server.writes == []
    here.cluster.apply("orders", streamName="contacts")
    here.tell()
    here.reconcile("orders")
    assert ready(here, "orders")[0] == "True"
    assert here.cluster.syncs["orders"]["status"]["id"] == "1"


def test_a_sync_that_only_resembles_a_lost_one_is_nobodys_to_take() -> None:
    here = world("orders")
    here.reconcile("orders", [Fate.DIED_BEFORE])
    here.server.create(STRANGER)
    here.cluster.apply("orders", syncMode="incremental")
    here.tell()

    here.reconcile("orders")

    assert ready(here, "orders") == ("False", "OutcomeUnknown")
    assert here.server.writes == []
    here.cluster.apply("orders", externalId="1", configuration={"theirs": "theirs"})
    here.tell()
    here.reconcile("orders")
    assert here.cluster.syncs["orders"]["status"]["origin"] == "Adopted"


def test_a_workspace_that_moves_during_a_reconcile_has_nothing_sent_to_the_other_server() -> None:
    here = world("orders")
    here.reconcile("orders")
    for _ in range(3):
        here.servers[OTHER_URL].create(STRANGER)
    here.cluster.apply("orders", syncMode="incremental")
    here.tell()
    assert here.step("orders", []), "about to read the sync"
    assert here.step("orders", []), "about to update it"

    here.view = connected(url=OTHER_URL)
    here.tell_workspace()
    here.reconcile("orders")

    assert here.servers[OTHER_URL].writes == []
    here.reconcile("orders")
    assert ready(here, "orders") == ("False", "WorkspaceChanged")
    assert here.cluster.cronjobs["orders"]["spec"]["suspend"] is True
    assert here.cluster.syncs["orders"]["status"]["url"] == URL


def test_a_zone_that_does_not_exist_stalls_and_leaves_the_cronjob_alone() -> None:
    here = world("orders", scheduleType="cron_expression", cronExpression="0 6 * * *")
    here.reconcile("orders")
    before = here.cluster.cronjobs["orders"]

    here.cluster.apply("orders", timeZone="Nowhere/Atall")
    here.tell()
    here.reconcile("orders")

    assert ready(here, "orders") == ("False", "InvalidSpec")
    assert here.cluster.cronjobs["orders"] == before


@pytest.mark.parametrize("policy", ["Report", "Ignore"])
def test_the_cronjob_of_a_sync_that_is_gone_stays_suspended_through_outage_and_restart(policy: str) -> None:
    here = world("orders", scheduleType="cron_expression", cronExpression="0 6 * * *", driftPolicy=policy)
    here.reconcile("orders")
    here.server.delete("1")
    here.list_server()
    here.cluster.apply("orders", suspendReason="a change, so that it is looked at")
    here.tell()
    here.reconcile("orders")
    assert here.cluster.cronjobs["orders"]["spec"]["suspend"] is True

    here.start_process()
    here.reconcile("orders", [Fate.DOWN])
    here.reconcile("orders")

    assert here.cluster.cronjobs["orders"]["spec"]["suspend"] is True


def by_name(fate: Fate) -> World:
    """A world in which the answer to a create by name did not come, the name moved, and another process goes on."""
    here = world("orders", **BY_NAME)
    here.reconcile("orders", [*[Fate.ANSWERED] * len(RefKind), fate])
    here.pass_time(60)
    here.server.name(RefKind.SOURCE, 1, "Lake")
    here.server.name(RefKind.SOURCE, 9, "Warehouse")
    here.start_process()
    here.pass_time(31)
    return here


@pytest.mark.parametrize("fate", MADE)
def test_a_name_that_moves_while_a_create_is_not_answered_makes_no_twin(fate: Fate) -> None:
    here = by_name(fate)

    here.reconcile("orders")
    assert list(here.server.syncs) == ["1"]
    assert ready(here, "orders") == ("False", "OutcomeUnknown")

    here.server.name(RefKind.SOURCE, 9, "Lake of old")
    here.server.name(RefKind.SOURCE, 1, "Warehouse")
    here.pass_time(301)
    here.reconcile("orders")
    assert here.cluster.syncs["orders"]["status"]["id"] == "1"
    assert here.cluster.syncs["orders"]["status"]["sourceId"] == 1


@pytest.mark.parametrize("fate", NOT_MADE)
def test_a_name_that_moves_before_anything_is_made_is_followed(fate: Fate) -> None:
    here = by_name(fate)

    here.reconcile("orders")  # the mark is this process's from now on: whoever was before can send nothing more
    here.pass_time(31)
    here.reconcile("orders")

    assert [stored.attributes["source_id"] for stored in here.server.syncs.values()] == [9]
    assert here.cluster.syncs["orders"]["status"]["sourceId"] == 9


@pytest.mark.parametrize("fate", MADE)
def test_a_name_that_moves_keeps_a_deletion_from_leaving_what_was_made(fate: Fate) -> None:
    here = by_name(fate)

    here.cluster.delete("orders")
    here.tell()
    here.reconcile("orders")

    assert ready(here, "orders") == ("False", "DeleteFailed")
    assert "sync 1" in here.cluster.syncs["orders"]["status"]["conditions"][0]["message"]
