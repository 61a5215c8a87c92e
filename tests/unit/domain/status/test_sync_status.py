"""The status that is written: the same for the same snapshot, and nothing to write when nothing changed."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.support.messages import Messages
from tests.support.snapshots import (
    HOUR,
    NOW,
    URL,
    connected,
    finished_job,
    finished_run,
    marked,
    ours,
    pictured,
    stored,
    synced,
)
from tests.unit.domain.reconciled import CRON, PICTURES, SERVER, after, conditions, in_place

from sync_operator.api.base import rfc3339
from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.runs.job_state import JobResult
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.status.event_specs import sync_events
from sync_operator.domain.status.sync_status import blockers, sync_status
from sync_operator.syncapi.types import Rows, RunStatus


@pytest.mark.parametrize("name", PICTURES)
def test_a_status_is_not_written_twice(name: str) -> None:
    once = PICTURES[name]
    twice = after(once)

    assert sync_status(twice) == sync_status(once)
    assert sync_status(replace(twice, now=NOW + timedelta(seconds=1))) == sync_status(once)
    assert sync_events(twice, twice.sync.status, sync_status(twice)) == ()


@pytest.mark.parametrize("name", PICTURES)
def test_conditions_follow_kstatus(name: str) -> None:
    snapshot = PICTURES[name]
    status, said = sync_status(snapshot), conditions(snapshot)

    assert status.observed_generation == snapshot.sync.generation
    assert {"Ready", "Registered", "Scheduled"} <= set(said)
    assert not {"Reconciling", "Stalled"} <= set(said)
    assert {said[kind].status for kind in said if kind in {"Reconciling", "Stalled"}} <= {"True"}
    assert (said["Ready"].status == "True") is not bool({"Reconciling", "Stalled"} & set(said))
    assert (said["Ready"].status == "True") is not bool(blockers(snapshot))
    for entry in status.conditions:
        assert entry.observed_generation == snapshot.sync.generation
        assert entry.last_transition_time == NOW
        assert entry.reason in set(Reason)
        assert 0 < len(entry.message) <= 1024


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_said(name: str, messages: Messages) -> None:
    snapshot = PICTURES[name]
    status = sync_status(snapshot)

    messages(*status.conditions)
    messages(*sync_events(snapshot, snapshot.sync.status, status))
    if status.last_run is not None and status.last_run.message:
        messages.text("LastRun", status.last_run.message)


TROUBLE = Blocker(Reason.SERVER_UNAVAILABLE, "no answer")


def test_a_transition_time_moves_only_with_the_status() -> None:
    first = after(in_place())
    second = after(replace(first, now=NOW + HOUR).failed(Phase.REGISTRATION, TROUBLE))
    third = after(replace(second, now=NOW + 2 * HOUR).failed(Phase.REGISTRATION, replace(TROUBLE, message="again")))
    fourth = after(replace(third, now=NOW + 3 * HOUR, failures={}, remote=stored(pictured())))

    def moved(snapshot: Snapshot) -> list[datetime]:
        held = {entry.type: entry.last_transition_time for entry in snapshot.sync.status.conditions}
        return [held["Ready"], held["Registered"], held["Scheduled"]]

    assert moved(first) == [NOW] * 3
    assert moved(second) == [NOW + HOUR, NOW + HOUR, NOW]
    assert moved(third) == [NOW + HOUR, NOW + HOUR, NOW]
    assert moved(fourth) == [NOW + 3 * HOUR, NOW + 3 * HOUR, NOW]


@pytest.mark.parametrize(("name", "reason"), [("put right", "DriftCorrected"), ("made anew", "Recreated")])
def test_what_was_put_right_is_told_until_the_spec_changes(name: str, reason: str) -> None:
    told = after(PICTURES[name])
    quiet = replace(told, corrected=(), recreated=False)

    assert conditions(quiet)["Registered"].reason == reason
    edited = conditions(replace(quiet, sync=replace(quiet.sync, generation=quiet.sync.generation + 1)))["Registered"]
    assert (edited.reason, edited.status) == ("Registered", "True")
    assert edited.message.startswith("registered as sync ")
    assert "put back" not in edited.message


# What else the status tells.


def test_where_the_sync_lives_is_written_when_it_was_seen_there() -> None:
    status = sync_status(pictured(synced(metadata=marked()), remote=stored(pictured(), "5")))

    assert (status.id, status.url, status.workspace_id, status.origin) == ("5", URL, "1", "Created")
    moved = replace(pictured(synced(status=status)), workspace=connected(workspace_id="2"))
    assert sync_status(moved).workspace_id == "1"


def test_a_sync_that_cannot_be_adopted_leaves_no_id() -> None:
    snapshot = pictured(synced(metadata=marked(), externalId="5"), remote=stored(pictured(), "5", stream_name="theirs"))

    status = sync_status(snapshot)

    assert (status.id, status.url, status.origin) == (None, None, None)
    assert conditions(snapshot)["Registered"].reason == "Conflict"


def test_what_an_adopted_sync_is_called_stays() -> None:
    adopted = sync_status(PICTURES["adopted"])
    assert adopted.origin == "Adopted"

    assert sync_status(pictured(ours(adopted), registered=True)).origin == "Adopted"


@pytest.mark.parametrize(
    ("spec", "expression", "zone", "runs"),
    [
        (CRON, "0 6 * * *", "Asia/Tokyo", ["2026-01-31T21:00:00Z", "2026-02-01T21:00:00Z"]),
        (
            {"scheduleType": "interval", "syncInterval": 5, "syncIntervalUnit": "hours"},
            "@every 5h",
            "Etc/UTC",
            ["2026-01-31T16:00:00Z", "2026-01-31T21:00:00Z"],
        ),
        ({"scheduleType": "manual"}, None, None, []),
        (CRON | {"suspend": True}, "0 6 * * *", "Asia/Tokyo", []),
        (SERVER, "0 6 * * *", "Etc/UTC", ["2026-02-01T06:00:00Z", "2026-02-02T06:00:00Z"]),
        (CRON | {"cronExpression": "0 0 31 2 *"}, "0 0 31 2 *", "Asia/Tokyo", []),
    ],
)
def test_the_schedule_and_its_next_runs(
    spec: dict[str, Any], expression: str | None, zone: str | None, runs: list[str]
) -> None:
    status = sync_status(in_place(**spec))

    assert (status.effective_schedule, status.time_zone) == (expression, zone)
    assert [rfc3339(time) for time in status.next_runs[:2]] == runs
    assert len(status.next_runs) == (5 if runs else 0)


def test_an_interval_is_counted_from_the_last_time() -> None:
    snapshot = in_place(scheduleType="interval", syncInterval=5, syncIntervalUnit="hours")
    assert snapshot.cronjob is not None
    cronjob = dict(snapshot.cronjob) | {"status": {"lastScheduleTime": "2026-01-31T11:30:00Z"}}

    assert rfc3339(sync_status(replace(snapshot, cronjob=cronjob)).next_runs[0]) == "2026-01-31T16:30:00Z"


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(CRON | {"cronExpression": "0 0 31 2 *"}, id="it never comes"),
        pytest.param({"suspend": True, "suspendReason": "for tests"}, id="it is suspended"),
        pytest.param(
            {
                "scheduleType": "interval",
                "syncInterval": 5,
                "syncIntervalUnit": "hours",
                "run": {"startingDeadlineSeconds": 60},
            },
            id="a deadline for an interval",
        ),
    ],
)
def test_what_is_odd_about_a_schedule_is_said(spec: dict[str, Any], messages: Messages) -> None:
    said = conditions(in_place(**spec))

    assert said["Scheduled"].message in said["Ready"].message
    messages(said["Ready"], said["Scheduled"])


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(CRON, id="cron"),
        pytest.param({"scheduleType": "interval", "syncInterval": 1, "syncIntervalUnit": "days"}, id="interval"),
    ],
)
def test_an_age_that_the_schedule_cannot_keep_is_told_in_ready(spec: dict[str, Any], messages: Messages) -> None:
    said = conditions(in_place(**spec, freshness={"maxAge": "24h"}))["Ready"]

    assert "; warning: spec.freshness.maxAge " in said.message
    messages(said)
    assert "warning" not in conditions(in_place(**spec, freshness={"maxAge": "26h"}))["Ready"].message


def test_a_schedule_that_is_suspended_because_the_sync_is_elsewhere_is_not_told_as_one_that_runs(
    messages: Messages,
) -> None:
    moved = replace(in_place(**CRON), workspace=connected(workspace_id="2"))

    said = conditions(moved)

    assert (said["Scheduled"].status, said["Scheduled"].reason) == ("False", "WorkspaceChanged")
    messages(said["Scheduled"])


def test_the_message_of_the_status_is_that_of_what_is_worst() -> None:
    healthy = in_place()
    refused = finished_run(rows=Rows(total=10, succeeded=1, failed=9))
    unhealthy = replace(healthy, results=(JobResult(finished_job("a"), refused),))

    assert sync_status(healthy).message == conditions(healthy)["Ready"].message
    assert sync_status(unhealthy).message == conditions(unhealthy)["RunsHealthy"].message
    assert sync_status(unhealthy).health == "False"
    moved = replace(unhealthy, workspace=connected(workspace_id="2"))
    assert sync_status(moved).message == conditions(moved)["Ready"].message


def test_drift_is_told_while_it_is_left_so() -> None:
    found = PICTURES["drift found"]
    assert sync_status(found).drift == ("syncMode: full_refresh → incremental",)

    unseen = replace(after(found), last_listed=None)
    assert sync_status(unseen).drift == ("syncMode: full_refresh → incremental",)

    put_back = replace(after(found), last_listed=stored(pictured()))
    assert sync_status(put_back).drift == ()

    assert sync_status(PICTURES["gone"]).drift == ("status: registered → deleted",)
    assert sync_status(PICTURES["gone"]).server_status == "deleted"


@pytest.mark.parametrize(
    ("spec", "workspace", "reason", "runs"),
    [
        pytest.param(SERVER, {}, "ServerScheduled", 5, id="a zone"),
        pytest.param(
            {"scheduler": "Server", "scheduleType": "interval", "syncInterval": 45, "syncIntervalUnit": "minutes"},
            {},
            "ServerScheduled",
            5,
            id="an interval",
        ),
        pytest.param({"scheduler": "Server"}, {}, "Manual", 0, id="manual"),
        pytest.param(SERVER | {"suspend": True, "suspendReason": "audit"}, {}, "Suspended", 0, id="suspended"),
        pytest.param(SERVER, {"suspended": True}, "ServerScheduled", 5, id="no word to the server"),
        pytest.param(SERVER | {"cronExpression": "0 0 31 2 *"}, {}, "ServerScheduled", 0, id="never"),
    ],
)
def test_the_schedule_shown_is_the_one_that_the_server_makes(
    spec: dict[str, Any], workspace: dict[str, Any], reason: str, runs: int, messages: Messages
) -> None:
    snapshot = replace(in_place(**spec), workspace=connected(**workspace))

    status, said = sync_status(snapshot), conditions(snapshot)["Scheduled"]

    assert (said.status, said.reason) == ("True", reason)
    messages(said)
    assert len(status.next_runs) == runs
    assert status.time_zone == (None if reason == "Manual" else "Etc/UTC")


@pytest.mark.parametrize(
    ("before", "run", "after"),
    [
        ("pending", RunStatus.SUCCESS, "healthy"),
        ("healthy", RunStatus.FAILED, "failed"),
        ("failed", RunStatus.SUCCESS, "failed"),
        ("disabled", RunStatus.SUCCESS, "disabled"),
        ("healthy", RunStatus.CANCELED, "healthy"),
    ],
)
def test_the_server_s_word_is_not_older_than_the_run_that_is_told(before: str, run: RunStatus, after: str) -> None:
    result = JobResult(finished_job("a"), finished_run(status=run))
    snapshot = replace(
        PICTURES["created"], remote=None, last_listed=stored(pictured(), status=before), results=(result,)
    )

    assert sync_status(snapshot).server_status == after
