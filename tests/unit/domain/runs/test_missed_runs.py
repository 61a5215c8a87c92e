"""Times that were due, and for which the CronJob controller made no Job."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.messages import Messages
from tests.support.snapshots import NOW, finished_job, finished_run
from tests.unit.domain.reconciled import CRON, SERVER, in_place

from sync_operator.api.statuses.run_status import LastRun
from sync_operator.domain.runs.job_state import JobResult, JobView
from sync_operator.domain.runs.missed_runs import missed_from
from sync_operator.domain.runs.runs_step import run_step
from sync_operator.domain.runs.start_actions import DiagnoseCronJob
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.status.event_specs import sync_events
from sync_operator.domain.status.sync_status import sync_status

MINUTE = timedelta(minutes=1)


def due(minutes: float, **spec: Any) -> Snapshot:
    """That long after the first of the times that the status names."""
    snapshot = in_place(**CRON | spec)
    status = sync_status(snapshot)
    return replace(snapshot, sync=replace(snapshot.sync, status=status), now=status.next_runs[0] + minutes * MINUTE)


def test_nothing_is_said_and_written_while_the_job_may_still_come() -> None:
    snapshot = due(1.9)

    assert sync_status(snapshot) == snapshot.sync.status
    assert run_step(snapshot) is None
    assert missed_from(snapshot, snapshot.sync.status.next_runs) == snapshot.now + 0.1 * MINUTE


def test_a_time_without_a_job_is_told_and_asked_about(messages: Messages) -> None:
    snapshot = due(2)
    assert run_step(snapshot) == DiagnoseCronJob()

    asked = replace(snapshot, cronjob_warning="")
    status = sync_status(asked)

    told = next(entry for entry in status.conditions if entry.type == "RunsHealthy")
    assert (told.status, told.reason) == ("False", "RunMissed")
    messages(told)
    assert status.last_run == LastRun(trigger="Schedule", status="missed", verdict="missed", message=told.message)
    assert (status.health, status.message) == ("False", told.message)
    assert status.next_runs[0] > snapshot.now, "told, and moved on from"
    [notice] = sync_events(asked, snapshot.sync.status, status)
    assert (notice.reason, notice.message, notice.warning) == ("RunMissed", told.message, True)

    again = replace(asked, sync=replace(asked.sync, status=status), now=status.next_runs[0] + 2 * MINUTE)
    assert sync_events(again, status, sync_status(again)) == (), "one event for times in a row"


def test_the_cronjob_s_own_words_come_first(messages: Messages) -> None:
    words = "FailedCreate: exceeded quota: small, requested: count/jobs.batch=1"
    snapshot = replace(due(2), cronjob_warning=words)

    last = sync_status(snapshot).last_run

    assert last is not None
    messages.text("RunMissed", last.message)


DUE = due(0).now
DAY = timedelta(days=1)


def made(*days: int, **changes: Any) -> tuple[JobView, ...]:
    """Jobs that the CronJob controller made and that have ended, so many days after the first time."""
    usual = {"succeeded": True, "reported": True} | changes
    return tuple(
        finished_job(f"orders-{day}", at=DUE + day * DAY, ended=DUE + day * DAY + MINUTE, due=DUE + day * DAY, **usual)
        for day in days
    )


def test_a_time_is_told_also_when_a_later_one_has_its_job_before_anybody_looked(messages: Messages) -> None:
    snapshot = replace(due(2 * 24 * 60 + 1), jobs=made(2))
    assert run_step(snapshot) == DiagnoseCronJob()

    asked = replace(snapshot, cronjob_warning="")
    status = sync_status(asked)

    told = next(entry for entry in status.conditions if entry.type == "RunsHealthy")
    assert told.reason == "RunMissed"
    messages(told)
    assert status.next_runs[0] == DUE + 3 * DAY, "told once"


def test_a_run_that_has_ended_since_keeps_its_verdict_and_the_miss_is_an_event() -> None:
    [job] = made(1, reported=False)
    result = JobResult(job, finished_run())
    snapshot = replace(due(24 * 60 + 5), jobs=(job,), results=(result,), cronjob_warning="")

    status = sync_status(snapshot)

    assert next(entry for entry in status.conditions if entry.type == "RunsHealthy").reason == "RunSucceeded"
    reasons = [notice.reason for notice in sync_events(snapshot, snapshot.sync.status, status)]
    assert reasons == ["RunMissed", "RunSucceeded"]


def test_a_time_that_may_still_get_its_job_stays_while_one_before_it_is_told() -> None:
    snapshot = replace(due(3 * 24 * 60 + 1), jobs=made(0, 2), cronjob_warning="")

    status = sync_status(snapshot)

    assert next(entry for entry in status.conditions if entry.type == "RunsHealthy").reason == "RunMissed"
    assert status.next_runs[0] == DUE + 3 * DAY <= snapshot.now


LONG = finished_job("a", at=DUE - DAY, ended=DUE, due=DUE - DAY)
STUCK = finished_job("a", at=NOW, ended=None, due=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"jobs": made(0, 1)}, id="it has its Job"),
        pytest.param({"jobs": made(1, 2, 3)}, id="its Job may be gone: as many good ones are kept"),
        pytest.param({"jobs": made(1, 2, 3, succeeded=False)}, id="its Job may be gone: as many bad ones are kept"),
        pytest.param({"jobs": (LONG, *made(1))}, id="one was active"),
        pytest.param({"replaced": (STUCK,), "jobs": made(1)}, id="one was stuck"),
        pytest.param({"cronjob": "later", "jobs": made(1)}, id="there was no CronJob then"),
        pytest.param({"cronjob": "gone", "jobs": made(1)}, id="Jobs go when they have ended"),
    ],
)
def test_a_time_before_a_job_is_not_missed_when(changes: dict[str, Any]) -> None:
    snapshot = due(24 * 60 + 5)
    live = dict(snapshot.cronjob or {})
    if changes.get("cronjob") == "later":
        metadata = live["metadata"] | {"creationTimestamp": (DUE + MINUTE).isoformat()}
        changes = changes | {"cronjob": live | {"metadata": metadata}}
    if changes.get("cronjob") == "gone":
        template = live["spec"]["jobTemplate"]
        template = template | {"spec": template["spec"] | {"ttlSecondsAfterFinished": 60}}
        live = live | {"spec": live["spec"] | {"jobTemplate": template}}
        changes = changes | {"cronjob": live}
    last = {"status": {"lastScheduleTime": (DUE + DAY).isoformat()}}
    snapshot = replace(snapshot, **{"cronjob": live, **changes})

    status = sync_status(replace(snapshot, cronjob={**(snapshot.cronjob or {}), **last}))

    assert all(entry.reason != "RunMissed" for entry in status.conditions)
    assert all(run > snapshot.now for run in status.next_runs)


def test_jobs_out_of_step_do_not_tell_of_an_interval() -> None:
    every: dict[str, Any] = {"scheduleType": "automated", "syncInterval": 7, "syncIntervalUnit": "minutes"}
    snapshot = in_place(**every)
    assert snapshot.sync.schedule is not None
    status = sync_status(snapshot)
    first, second, *_ = status.next_runs
    snapshot = replace(snapshot, sync=replace(snapshot.sync, status=status), now=second + MINUTE, cronjob_warning="")

    def reasons(late: timedelta) -> set[str]:
        job = finished_job("orders-1", at=second + late, ended=None, due=second + late, waits=False)
        return {entry.reason for entry in sync_status(replace(snapshot, jobs=(job,))).conditions}

    assert "RunMissed" in reasons(timedelta())
    assert first < second
    fired = {"status": {"lastScheduleTime": (second + 0.5 * MINUTE).isoformat()}}
    snapshot = replace(snapshot, cronjob={**(snapshot.cronjob or {}), **fired})
    assert "RunMissed" not in reasons(0.5 * MINUTE)


def test_a_controller_whose_clock_is_behind_gets_its_time() -> None:
    snapshot = replace(due(4), cronjob_warning="", cronjob_lag=3 * MINUTE)

    assert run_step(snapshot) is None
    status = sync_status(snapshot)
    assert status == snapshot.sync.status
    assert missed_from(snapshot, status.next_runs) == DUE + 5 * MINUTE
    assert run_step(replace(snapshot, now=DUE + 5 * MINUTE, cronjob_warning=None)) == DiagnoseCronJob()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"jobs": (finished_job("a", at=DUE, ended=None, due=DUE),)}, id="its Job is there"),
        pytest.param({"jobs": (finished_job("a", at=NOW, ended=None, due=NOW),)}, id="another Job was active"),
        pytest.param({"jobs": (finished_job("a", at=NOW, ended=DUE, due=NOW),)}, id="another Job was active then"),
        pytest.param({"cronjob": "ran"}, id="the CronJob says so"),
        pytest.param({"cronjob": None}, id="there is no CronJob"),
    ],
)
def test_a_time_is_not_missed_when(changes: dict[str, Any]) -> None:
    snapshot = due(3)
    if changes.get("cronjob") == "ran":
        changes = {"cronjob": {**(snapshot.cronjob or {}), "status": {"lastScheduleTime": DUE.isoformat()}}}

    status = sync_status(replace(snapshot, **changes))

    assert all(entry.reason != "RunMissed" for entry in status.conditions)
    assert all(run > snapshot.now for run in status.next_runs)


@pytest.mark.parametrize("spec", [{"suspend": True}, {"cronExpression": "0 7 * * *"}, {"scheduler": "Server"}])
def test_a_time_is_not_missed_when_it_is_so_no_more(spec: dict[str, Any]) -> None:
    snapshot, changed = due(3), in_place(**CRON | spec)

    status = sync_status(replace(changed, sync=replace(changed.sync, status=snapshot.sync.status), now=snapshot.now))

    assert all(entry.reason != "RunMissed" for entry in status.conditions)


def test_what_a_server_schedules_is_its_own_matter() -> None:
    snapshot = in_place(**SERVER)

    assert missed_from(snapshot, sync_status(snapshot).next_runs) is None
