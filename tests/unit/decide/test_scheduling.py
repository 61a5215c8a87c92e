"""A CronJob that fires at the right times and at no other: when it is applied, when it is guarded, when it is left."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.pictures import BORN, NOW, connected, marked, pictured, registered, stored, synced

from sync_operator.decide.actions import ApplyCronJob, DeleteCronJob, GuardSchedule
from sync_operator.decide.cronjob import cronjob_manifest
from sync_operator.decide.match import Claim
from sync_operator.decide.picture import Deployment, Obstacle, Phase, Picture, SyncView, WorkspaceView
from sync_operator.decide.report import sync_status
from sync_operator.decide.scheduling import _holds, scheduling_obstacle, scheduling_step
from sync_operator.model.base import rfc3339
from sync_operator.model.conditions import Reason

DAILY: dict[str, Any] = {"scheduleType": "cron_expression", "cronExpression": "0 6 * * *"}
ODD: dict[str, Any] = {"scheduleType": "interval", "syncInterval": 5, "syncIntervalUnit": "hours"}
EVEN: dict[str, Any] = {"scheduleType": "interval", "syncInterval": 6, "syncIntervalUnit": "hours"}
SCHEDULES = (DAILY, ODD, EVEN)


def ours(status: Any = None, **spec: Any) -> SyncView:
    return synced(status=status or registered(), metadata=marked(), **DAILY | spec)


def live(picture: Picture, *, status: Mapping[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """The CronJob that was applied for a picture, as the API server returns it, but for changes to its spec."""
    action = scheduling_step(replace(picture, cronjob=None))
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
    picture = pictured(ours())

    action = scheduling_step(picture)

    assert action == ApplyCronJob("orders", cronjob_manifest(picture, "7", suspended=False), restores="")


NOTHING: dict[str, Picture] = {
    "nothing is registered": pictured(synced(**DAILY)),
    "the spec cannot be read": pictured(ours(scheduleType="sometimes")),
    "the spec names no zone that exists": pictured(ours(timeZone="Nowhere/Atall")),
    "the dialect is not known": pictured(ours(), workspace=connected(dialect=None)),
    "it was just applied": pictured(ours(), applied=True),
    "it was refused": pictured(ours()).failed(Phase.SCHEDULING, Obstacle(Reason.CRON_JOB_REJECTED, "x")),
    "the server schedules": pictured(ours(scheduler="Server")),
}


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_is_done_when(name: str) -> None:
    assert scheduling_step(NOTHING[name]) is None


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_what_the_api_server_and_others_add_is_no_change(schedule: dict[str, Any]) -> None:
    picture = pictured(ours(**schedule, run={"pod": {"resources": {"limits": {"cpu": "1000m", "memory": "0.5Gi"}}}}))
    held = live(picture)
    limits = held["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    limits |= {"cpu": "1", "memory": "512Mi"}

    assert scheduling_step(replace(picture, cronjob=held)) is None


def test_a_cronjob_goes_when_the_server_is_to_schedule() -> None:
    assert step(ours(), ours(scheduler="Server")) == DeleteCronJob("orders", Phase.SCHEDULING)


def test_another_image_is_applied_without_a_guard() -> None:
    assert isinstance(step(ours(), ours(), deployment=Deployment(image="runner:2")), ApplyCronJob)


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
    picture = pictured(ours(**before | after), now=NOW.replace(microsecond=999))
    held = live(pictured(ours(**before)))

    guard = scheduling_step(replace(picture, cronjob=held))

    assert guard == GuardSchedule("orders", NOW)
    guarded = held | {"status": {"lastScheduleTime": rfc3339(NOW)}}
    applied = scheduling_step(replace(picture, cronjob=guarded))
    assert isinstance(applied, ApplyCronJob)
    assert applied.restores == ""


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
    assert isinstance(step(ours(**before), ours(**before | after)), ApplyCronJob)


def test_a_guard_of_an_earlier_second_is_set_anew() -> None:
    held = live(pictured(ours()), status={"lastScheduleTime": rfc3339(NOW - timedelta(seconds=1))})

    action = scheduling_step(pictured(ours(cronExpression="0 7 * * *"), cronjob=held))

    assert isinstance(action, GuardSchedule)


@given(st.sampled_from(SCHEDULES), st.sampled_from(SCHEDULES), st.booleans(), st.booleans(), st.booleans())
def test_a_guard_comes_before_every_change_that_fires(
    before: dict[str, Any], after: dict[str, Any], paused: bool, pauses: bool, meddled: bool
) -> None:
    held = live(pictured(ours(**before, suspend=paused)))
    if meddled:
        held["spec"] |= {"suspend": not paused, "schedule": "* * * * *"}
    picture = pictured(ours(**after, suspend=pauses), cronjob=held)
    wanted = live(picture)["spec"]

    action = scheduling_step(picture)

    runs = not wanted["suspend"]
    moved = any(wanted[name] != held["spec"][name] for name in ("schedule", "timeZone", "suspend"))
    assert isinstance(action, GuardSchedule) is (runs and moved)


# Whose CronJob is it, and is the sync still ours?


def test_a_foreign_cronjob_in_the_way_is_told_and_left() -> None:
    held = live(pictured(ours()))
    held["metadata"]["ownerReferences"] = [{"kind": "Sync", "name": "orders", "uid": "another life"}]
    for sync in (ours(), ours(scheduler="Server")):
        picture = pictured(sync, cronjob=held)

        obstacle = scheduling_obstacle(picture)

        assert obstacle is not None
        assert (obstacle.reason, obstacle.waits, obstacle.stalled) == (Reason.CONFLICT, True, False)
        assert obstacle.message.startswith("metadata.name: a CronJob 'orders'")
        assert "delete or rename it" in obstacle.message
        assert scheduling_step(picture) is None


GONE = registered(server_status="deleted")

STOPPED: dict[str, Picture] = {
    "the spec suspends it": pictured(ours(suspend=True)),
    "it is manual": pictured(ours(scheduleType="manual")),
    "the Workspace is suspended": pictured(ours(), workspace=connected(suspended=True)),
    "the Workspace is another one": pictured(ours(), workspace=connected(workspace_id="2")),
    "the sync belongs to an older Sync": pictured(
        ours(), rivals=(Claim("team/first", True, BORN - timedelta(hours=1), "uid-first"),)
    ),
    "the sync is gone": pictured(ours(), gone=True),
    "the sync was gone, and nobody can tell whether it is back": pictured(ours(GONE)),
    "the sync was gone, and the server is away": pictured(ours(GONE)).failed(
        Phase.REGISTRATION, Obstacle(Reason.SERVER_UNAVAILABLE, "no answer")
    ),
}


@pytest.mark.parametrize("name", STOPPED)
def test_the_cronjob_is_stopped_when(name: str) -> None:
    picture = STOPPED[name]

    action = scheduling_step(replace(picture, cronjob=live(pictured(ours()))))

    assert isinstance(action, ApplyCronJob)
    assert action.manifest["spec"]["suspend"] is True
    stopped = replace(picture, cronjob=live(picture))
    assert scheduling_step(stopped) is None, "and stays so"
    status = sync_status(stopped)
    assert status.next_runs == ()
    after = replace(stopped, sync=replace(stopped.sync, status=status), gone=False)
    assert scheduling_step(after) is None, "also when the server is not asked again"


RUNNING: dict[str, Picture] = {
    "all is well": pictured(ours()),
    "the Workspace is in trouble": pictured(ours(), workspace=connected(obstacle=Obstacle(Reason.UNAUTHORIZED, "x"))),
    "the sync was gone, and is back": pictured(ours(GONE), seen=stored(pictured())),
    "the sync was gone, and was just read": pictured(ours(GONE), remote=stored(pictured())),
}


@pytest.mark.parametrize("name", RUNNING)
def test_the_cronjob_goes_on_when(name: str) -> None:
    action = scheduling_step(RUNNING[name])

    assert isinstance(action, ApplyCronJob)
    assert action.manifest["spec"]["suspend"] is False


def test_a_cronjob_keeps_its_server_while_the_workspace_names_another() -> None:
    picture = pictured(ours(), workspace=connected(url="https://elsewhere.example.com", workspace_id="2"))

    action = scheduling_step(replace(picture, cronjob=live(pictured(ours()))))

    assert isinstance(action, ApplyCronJob)
    env = action.manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "SYNC_API_URL", "value": "https://api.example.com"} in env
    assert {"name": "SYNC_API_WORKSPACE_ID", "value": "1"} in env


def test_without_a_workspace_the_cronjob_stays_as_it_is() -> None:
    lost = WorkspaceView("default", found=False)

    assert step(ours(), ours(suspend=True), workspace=lost) is None


# What others change is put back and told; what we want anew is no news.


@pytest.mark.parametrize(
    ("meddle", "words"),
    [
        ({"schedule": "* * * * *"}, "spec.schedule was changed"),
        ({"suspend": True}, "spec.suspend was changed"),
        ({"schedule": "1 * * * *", "concurrencyPolicy": "Allow"}, "spec.schedule, spec.concurrencyPolicy was changed"),
    ],
)
def test_a_foreign_change_is_put_back_and_told(meddle: dict[str, Any], words: str) -> None:
    picture = pictured(ours())
    held = live(picture, status={"lastScheduleTime": rfc3339(NOW)}, **meddle)

    action = scheduling_step(replace(picture, cronjob=held))

    assert isinstance(action, ApplyCronJob)
    assert action.restores.startswith("CronJob orders: ")
    assert words in action.restores


def test_a_cronjob_that_others_deleted_is_made_again_and_told() -> None:
    action = scheduling_step(pictured(ours(registered(cron_job="orders"))))

    assert isinstance(action, ApplyCronJob)
    assert "was deleted from outside and made again" in action.restores


# Quantities are equal when they mean the same amount.

AMOUNTS = [
    ("1", "1000m"),
    ("0.5", "500m"),
    (".5", "500m"),
    ("1.", "1"),
    ("1Gi", "1024Mi"),
    ("0.5Gi", "512Mi"),
    ("1k", "1000"),
    ("1M", "1000k"),
    ("1Ki", "1024"),
    ("1000000u", "1"),
    ("1000000000n", "1"),
]
DIFFERENT = [("1", "1k"), ("1Gi", "1G"), ("100m", "100M"), ("1", "1.5"), ("1Mi", "1Ki"), ("1", "1x"), ("x", "y")]


def limited(amount: str) -> SyncView:
    return ours(run={"pod": {"resources": {"limits": {"memory": amount}, "requests": {"memory": "1"}}}})


@pytest.mark.parametrize(
    ("written", "answered", "same"), [(*pair, True) for pair in AMOUNTS] + [(*pair, False) for pair in DIFFERENT]
)
def test_quantities(written: str, answered: str, same: bool) -> None:
    for one, other in ((written, answered), (answered, written)):
        picture = pictured(limited("1"))
        wanted, held = live(picture), live(picture)
        for manifest, amount in ((wanted, one), (held, other)):
            pod = manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]
            pod["containers"][0]["resources"]["limits"]["memory"] = amount
        assert _holds(wanted, held) is same


@given(st.decimals(0, 1000, places=3), st.sampled_from(["", "m", "k", "M", "G", "Ki", "Mi", "Gi"]))
def test_trailing_zeros_mean_nothing(amount: Decimal, unit: str) -> None:
    assert _holds({"resources": {"cpu": f"{amount}{unit}"}}, {"resources": {"cpu": f"{amount}000{unit}"}})


def test_only_resources_are_quantities() -> None:
    assert not _holds({"env": [{"value": "1000m"}]}, {"env": [{"value": "1"}]})
