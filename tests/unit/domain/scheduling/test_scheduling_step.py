"""A CronJob that fires at the right times and at no other: when it is applied, when it is guarded, when it is left."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.messages import Messages
from tests.support.snapshots import BORN, NOW, connected, ours, pictured, registered, stored, synced

from sync_operator.api.base import rfc3339
from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.actions import ApplyCronJob, DeleteCronJob, GuardSchedule
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.create_fence.matching import Claim
from sync_operator.domain.scheduling.cronjob_manifest import cronjob_manifest
from sync_operator.domain.scheduling.field_ownership import restored
from sync_operator.domain.scheduling.scheduling_step import scheduling_blocker, scheduling_step
from sync_operator.domain.snapshot import RunnerConfig, Snapshot, SyncView
from sync_operator.domain.status.sync_status import sync_status
from sync_operator.domain.workspace_view import WorkspaceView

DAILY: dict[str, Any] = {"scheduleType": "cron_expression", "cronExpression": "0 6 * * *"}
ODD: dict[str, Any] = {"scheduleType": "interval", "syncInterval": 5, "syncIntervalUnit": "hours"}
EVEN: dict[str, Any] = {"scheduleType": "interval", "syncInterval": 6, "syncIntervalUnit": "hours"}
SCHEDULES = (DAILY, ODD, EVEN)


def daily(status: Any = None, **spec: Any) -> SyncView:
    return ours(status, **DAILY | spec)


def live(snapshot: Snapshot, *, status: Mapping[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """The CronJob that was applied for a snapshot, as the API server returns it, but for changes to its spec."""
    action = scheduling_step(replace(snapshot, cronjob=None))
    assert isinstance(action, ApplyCronJob)
    held: dict[str, Any] = copy.deepcopy(dict(action.manifest))
    held["metadata"] |= {"uid": "cronjob", "resourceVersion": "5", "creationTimestamp": rfc3339(BORN), "generation": 1}
    held["metadata"]["labels"]["added"] = "by others"
    held["spec"] |= spec
    pod = held["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    pod |= {"dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler", "terminationGracePeriodSeconds": 30}
    pod["containers"][0] |= {"imagePullPolicy": "IfNotPresent", "terminationMessagePolicy": "File"}
    return held | {"status": dict(status or {})}


def step(before: SyncView, after: SyncView, **changes: Any) -> Any:
    return scheduling_step(pictured(after, cronjob=live(pictured(before)), **changes))


def test_a_registered_sync_gets_its_cronjob() -> None:
    snapshot = pictured(daily())

    action = scheduling_step(snapshot)

    assert action == ApplyCronJob("orders", cronjob_manifest(snapshot, "7", suspended=False))


NOTHING: dict[str, Snapshot] = {
    "nothing is registered": pictured(synced(**DAILY)),
    "the spec cannot be read": pictured(daily(scheduleType="sometimes")),
    "the spec names no zone that exists": pictured(daily(timeZone="Nowhere/Atall")),
    "the dialect is not known": pictured(daily(), workspace=connected(dialect=None)),
    "it was just applied": pictured(daily(), applied=True),
    "it was refused": pictured(daily()).failed(Phase.SCHEDULING, Blocker(Reason.CRON_JOB_REJECTED, "x")),
    "the server schedules": pictured(daily(scheduler="Server")),
}


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_is_done_when(name: str) -> None:
    assert scheduling_step(NOTHING[name]) is None


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_what_the_api_server_and_others_add_is_no_change(schedule: dict[str, Any]) -> None:
    snapshot = pictured(daily(**schedule, run={"pod": {"resources": {"limits": {"cpu": "1000m", "memory": "0.5Gi"}}}}))
    held = live(snapshot)
    limits = held["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    limits |= {"cpu": "1", "memory": "512Mi"}

    assert scheduling_step(replace(snapshot, cronjob=held)) is None


def test_a_cronjob_goes_when_the_server_is_to_schedule() -> None:
    assert step(daily(), daily(scheduler="Server")) == DeleteCronJob("orders", Phase.SCHEDULING)


def test_another_image_is_applied_without_a_guard() -> None:
    assert isinstance(step(daily(), daily(), runner_config=RunnerConfig(image="runner:2")), ApplyCronJob)


# Only these changes make the CronJob controller look for times that were missed.


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (DAILY, {"cronExpression": "0 7 * * *"}),
        (DAILY, {"timeZone": "Asia/Tokyo"}),
        (DAILY, ODD),
        (ODD, DAILY),
        (ODD, {"syncInterval": 7}),
        (EVEN, {"syncInterval": 8}),
        ({"suspend": True}, {"suspend": False}),
        ({"scheduleType": "manual"}, DAILY),
        ({"suspend": True}, {"suspend": False, "cronExpression": "0 7 * * *"}),
    ],
)
def test_a_change_that_would_look_back_is_guarded(before: dict[str, Any], after: dict[str, Any]) -> None:
    snapshot = pictured(daily(**before | after), now=NOW.replace(microsecond=999))
    held = live(pictured(daily(**before)))

    guard = scheduling_step(replace(snapshot, cronjob=held))

    assert guard == GuardSchedule("orders", NOW)
    guarded = held | {"status": {"lastScheduleTime": rfc3339(NOW)}}
    applied = scheduling_step(replace(snapshot, cronjob=guarded))
    assert isinstance(applied, ApplyCronJob)
    assert applied.foreign == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"suspend": False}, {"suspend": True}),
        ({"suspend": False}, {"suspend": True, "cronExpression": "0 7 * * *"}),
        (DAILY, {"scheduleType": "manual"}),
        (DAILY, {"run": {"retries": 2}}),
        (DAILY, {"run": {"startingDeadlineSeconds": 60}}),
    ],
)
def test_other_changes_need_no_guard(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert isinstance(step(daily(**before), daily(**before | after)), ApplyCronJob)


def test_a_guard_of_an_earlier_second_is_set_anew() -> None:
    held = live(pictured(daily()), status={"lastScheduleTime": rfc3339(NOW - timedelta(seconds=1))})

    action = scheduling_step(pictured(daily(cronExpression="0 7 * * *"), cronjob=held))

    assert isinstance(action, GuardSchedule)


@given(st.sampled_from(SCHEDULES), st.sampled_from(SCHEDULES), st.booleans(), st.booleans(), st.booleans())
def test_a_guard_comes_before_every_change_that_fires(
    before: dict[str, Any], after: dict[str, Any], paused: bool, pauses: bool, meddled: bool
) -> None:
    held = live(pictured(daily(**before, suspend=paused)))
    if meddled:
        held["spec"] |= {"suspend": not paused, "schedule": "* * * * *"}
    snapshot = pictured(daily(**after, suspend=pauses), cronjob=held)
    wanted = live(snapshot)["spec"]

    action = scheduling_step(snapshot)

    runs = not wanted["suspend"]
    moved = any(wanted[name] != held["spec"][name] for name in ("schedule", "timeZone", "suspend"))
    assert isinstance(action, GuardSchedule) is (runs and moved)


# Whose CronJob is it, and is the sync still ours?


def test_a_foreign_cronjob_in_the_way_is_told_and_left(messages: Messages) -> None:
    held = live(pictured(daily()))
    held["metadata"]["ownerReferences"] = [{"kind": "Sync", "name": "orders", "uid": "another life"}]
    for sync in (daily(), daily(scheduler="Server")):
        snapshot = pictured(sync, cronjob=held)

        blocker = scheduling_blocker(snapshot)

        assert blocker is not None
        assert (blocker.reason, blocker.resolved_by_watch, blocker.stalled) == (Reason.CONFLICT, True, False)
        messages(blocker)
        assert scheduling_step(snapshot) is None


GONE = registered(server_status="deleted")

STOPPED: dict[str, Snapshot] = {
    "the spec suspends it": pictured(daily(suspend=True)),
    "it is manual": pictured(daily(scheduleType="manual")),
    "the Workspace is suspended": pictured(daily(), workspace=connected(suspended=True)),
    "the Workspace is another one": pictured(daily(), workspace=connected(workspace_id="2")),
    "the sync belongs to an older Sync": pictured(
        daily(), competing_claims=(Claim("team/first", True, BORN - timedelta(hours=1), "uid-first"),)
    ),
    "the sync is gone": pictured(daily(), not_found=True),
    "the sync was gone, and nobody can tell whether it is back": pictured(daily(GONE)),
    "the sync was gone, and the server is away": pictured(daily(GONE)).failed(
        Phase.REGISTRATION, Blocker(Reason.SERVER_UNAVAILABLE, "no answer")
    ),
}


@pytest.mark.parametrize("name", STOPPED)
def test_the_cronjob_is_stopped_when(name: str) -> None:
    snapshot = STOPPED[name]

    action = scheduling_step(replace(snapshot, cronjob=live(pictured(daily()))))

    assert isinstance(action, ApplyCronJob)
    assert action.manifest["spec"]["suspend"] is True
    stopped = replace(snapshot, cronjob=live(snapshot))
    assert scheduling_step(stopped) is None, "and stays so"
    status = sync_status(stopped)
    assert status.next_runs == ()
    after = replace(stopped, sync=replace(stopped.sync, status=status), not_found=False)
    assert scheduling_step(after) is None, "also when the server is not asked again"


RUNNING: dict[str, Snapshot] = {
    "all is well": pictured(daily()),
    "the Workspace is in trouble": pictured(daily(), workspace=connected(blocker=Blocker(Reason.UNAUTHORIZED, "x"))),
    "the sync was gone, and is back": pictured(daily(GONE), last_listed=stored(pictured())),
    "the sync was gone, and was just read": pictured(daily(GONE), remote=stored(pictured())),
}


@pytest.mark.parametrize("name", RUNNING)
def test_the_cronjob_goes_on_when(name: str) -> None:
    action = scheduling_step(RUNNING[name])

    assert isinstance(action, ApplyCronJob)
    assert action.manifest["spec"]["suspend"] is False


def test_a_cronjob_keeps_its_server_while_the_workspace_names_another() -> None:
    snapshot = pictured(daily(), workspace=connected(url="https://elsewhere.example.com", workspace_id="2"))

    action = scheduling_step(replace(snapshot, cronjob=live(pictured(daily()))))

    assert isinstance(action, ApplyCronJob)
    env = action.manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "SYNC_API_URL", "value": "https://api.example.com"} in env
    assert {"name": "SYNC_API_WORKSPACE_ID", "value": "1"} in env


def test_without_a_workspace_the_cronjob_stays_as_it_is() -> None:
    lost = WorkspaceView("default", found=False)

    assert step(daily(), daily(suspend=True), workspace=lost) is None


# What others change is put back and told; what we want anew is no news.


@pytest.mark.parametrize(
    "meddle",
    [{"schedule": "* * * * *"}, {"suspend": True}, {"schedule": "1 * * * *", "concurrencyPolicy": "Allow"}],
    ids=["the schedule", "the suspension", "two fields"],
)
def test_a_foreign_change_is_put_back_and_told(meddle: dict[str, Any], messages: Messages) -> None:
    snapshot = pictured(daily())
    held = live(snapshot, status={"lastScheduleTime": rfc3339(NOW)}, **meddle)

    action = scheduling_step(replace(snapshot, cronjob=held))

    assert isinstance(action, ApplyCronJob)
    messages.text("DriftCorrected", restored(action, live(snapshot)))


def test_a_cronjob_that_others_deleted_is_made_again_and_told(messages: Messages) -> None:
    action = scheduling_step(pictured(daily(registered(cron_job="orders"))))

    assert isinstance(action, ApplyCronJob)
    messages.text("DriftCorrected", restored(action, live(pictured(daily()))))
