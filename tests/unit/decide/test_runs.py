"""Which run is reported next, what the status tells of it, and how it is judged."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.pictures import BORN, NOW, connected, marked, pictured, registered, stored, synced

from sync_operator.decide.actions import AnswerRunRequest, ListRuns, ReadRun, TakeRun
from sync_operator.decide.cronjob import cronjob_manifest
from sync_operator.decide.health import fresh, fresh_until, last_run, last_success, runs_healthy, verdict_of
from sync_operator.decide.match import Claim
from sync_operator.decide.picture import JobResult, JobView, Obstacle, Phase, Picture
from sync_operator.decide.report import sync_status
from sync_operator.decide.runs import run_step
from sync_operator.model.conditions import ConditionType, Reason
from sync_operator.model.names import ANSWERED_RUN_REQUEST, RUN_REQUESTED_AT
from sync_operator.model.status import LastRun, SyncStatus
from sync_operator.remote.types import RemoteRun, Rows, RunStatus

HOUR = timedelta(hours=1)
ENDED = NOW - timedelta(minutes=1)


def ours(status: SyncStatus | None = None, *, token: str = "", **spec: Any) -> Any:
    metadata = marked()
    if token:
        metadata["annotations"] |= {RUN_REQUESTED_AT: token}
    return synced(status=status or registered(), metadata=metadata, **spec)


def cronjob() -> dict[str, Any]:
    made = cronjob_manifest(pictured(ours()), "7", suspended=True)
    made["metadata"] |= {"uid": "cronjob", "creationTimestamp": BORN.isoformat(), "resourceVersion": "5"}
    return made


def job(name: str, *, at: datetime = ENDED - HOUR, ended: datetime | None = ENDED, **changes: Any) -> JobView:
    return JobView(name, "Schedule", at, started_at=at, finished_at=ended, finished=ended is not None, **changes)


def run(number: int = 9, status: RunStatus = RunStatus.SUCCESS, rows: Rows = Rows(), **changes: Any) -> RemoteRun:  # noqa: B008 (frozen)
    times = {"created_at": ENDED - HOUR, "started_at": ENDED - HOUR, "finished_at": ENDED}
    return RemoteRun(number, status, rows=rows, **times | changes)


# Which run is next.


def test_jobs_are_reported_once_each_in_the_order_of_their_ends() -> None:
    jobs = (job("b", at=BORN, ended=NOW), job("a", at=BORN + HOUR / 2), job("c", reported=True), job("d", ended=None))
    picture = pictured(ours(), jobs=jobs)

    first = run_step(picture)
    second = run_step(replace(picture, results=(JobResult(jobs[1], run()),)))
    third = run_step(replace(picture, results=(JobResult(jobs[1], run()), JobResult(jobs[0], None))))

    assert (first, second, third) == (ReadRun(jobs[1], "7"), ReadRun(jobs[0], "7"), None)


def test_a_job_that_was_deleted_while_it_ran_is_still_told() -> None:
    before = LastRun(trigger="Schedule", status="started", started_at=ENDED - HOUR, job="gone")

    action = run_step(pictured(ours(registered(last_run=before))))

    assert isinstance(action, ReadRun)
    assert (action.job.name, action.job.created_at, action.job.finished_at) == ("gone", ENDED - HOUR, NOW)
    assert run_step(pictured(ours(registered(last_run=before)), jobs=(job("gone", ended=None),))) is None


QUIET: dict[str, Picture] = {
    "nothing ran": pictured(ours()),
    "nothing is registered": pictured(synced(), jobs=(job("a"),)),
    "the Workspace is suspended": pictured(ours(), jobs=(job("a"),), workspace=connected(suspended=True)),
    "the Workspace is in trouble": pictured(
        ours(), jobs=(job("a"),), workspace=connected(obstacle=Obstacle(Reason.UNAUTHORIZED, "x"))
    ),
    "the Workspace is gone": pictured(ours(), jobs=(job("a"),), workspace=connected(found=False)),
    "the Workspace is another one": pictured(ours(), jobs=(job("a"),), workspace=connected(workspace_id="2")),
    "the sync belongs to an older Sync": pictured(
        ours(), jobs=(job("a"),), rivals=(Claim("team/first", True, BORN - HOUR, "uid-first"),)
    ),
    "it has just failed": pictured(ours(), jobs=(job("a"),)).failed(Phase.RUNS, Obstacle(Reason.THROTTLED, "x")),
    "the spec cannot be read": pictured(ours(scheduleType="sometimes"), jobs=(job("a"),)),
    "the request was answered": pictured(
        ours(registered(last_handled_run_request="one"), token="one"), cronjob=cronjob(), registered=True
    ),
    "the request comes before the sync": pictured(ours(token="one"), cronjob=cronjob()),
    "the request comes before the CronJob": pictured(ours(token="one"), registered=True),
}


@pytest.mark.parametrize("name", QUIET)
def test_nothing_is_done_when(name: str) -> None:
    assert run_step(QUIET[name]) is None


def test_a_request_is_answered_once_also_while_suspended() -> None:
    picture = pictured(
        ours(token="one", suspend=True), cronjob=cronjob(), registered=True, workspace=connected(suspended=True)
    )

    action = run_step(picture)

    assert isinstance(action, AnswerRunRequest)
    assert action.manifest is not None
    assert action.manifest["metadata"]["annotations"][ANSWERED_RUN_REQUEST] == "one"
    answered = replace(picture, answered_request="one")
    assert run_step(answered) is None
    assert sync_status(answered).last_handled_run_request == "one"


def test_a_request_waits_for_what_the_spec_says_to_be_on_the_server() -> None:
    drifted = stored(pictured(), sync_mode="incremental")

    assert run_step(pictured(ours(token="one"), cronjob=cronjob(), registered=True, seen=drifted)) is None


def test_a_request_to_a_server_that_schedules_is_only_noted() -> None:
    server: dict[str, Any] = {
        "scheduler": "Server",
        "scheduleType": "interval",
        "syncInterval": 5,
        "syncIntervalUnit": "hours",
    }

    assert run_step(pictured(ours(token="one", **server), registered=True)) == AnswerRunRequest("one", None)


def test_runs_of_others_are_looked_for_where_the_server_schedules() -> None:
    picture = pictured(ours(registered(last_run=LastRun(id="8"))), watch_runs=True)

    assert run_step(picture) == ListRuns("7")
    assert run_step(replace(picture, runs=(run(9),))) == TakeRun(run(9), "7")
    active = run(10, RunStatus.QUERYING)
    assert run_step(replace(picture, runs=(active, run(9)))) == TakeRun(run(9), "7")
    assert run_step(replace(picture, runs=(run(8), run(7)))) is None
    assert run_step(replace(picture, runs=(active,))) is None
    assert run_step(replace(picture, runs=(run(9),), jobs=(job("a", ended=None),))) is None
    assert run_step(replace(picture, runs=(run(9),), results=(JobResult(None, run(9)),))) is None


# What the status tells.


def test_a_job_that_runs_is_the_last_run_until_it_has_ended() -> None:
    picture = pictured(
        ours(), jobs=(job("old"), job("new", at=NOW, ended=None)), results=(JobResult(job("old"), run()),)
    )

    started = last_run(picture)

    assert started == LastRun(trigger="Schedule", status="started", started_at=NOW, job="new")
    later = replace(picture, sync=ours(registered(last_run=started)), results=(), now=NOW + HOUR)
    assert last_run(later) == started


def test_what_a_run_did_is_told_as_the_api_tells_it() -> None:
    rows = Rows(queried=12, total=10, succeeded=9, failed=1, skipped=2)
    result = JobResult(job("a"), run(rows=rows), message="1 of 10 rows refused")

    told = last_run(pictured(ours(), results=(JobResult(job("b"), None), result)))

    assert told is not None
    assert (told.id, told.trigger, told.status, told.job) == ("9", "Schedule", "success", "a")
    assert (told.started_at, told.finished_at, told.duration_seconds) == (ENDED - HOUR, ENDED, 3600)
    assert told.rows is not None
    assert told.rows.model_dump() == {"queried": 12, "total": 10, "succeeded": 9, "failed": 1, "skipped": 2}
    assert told.message == "1 of 10 rows refused"


def test_times_that_the_server_never_writes_come_from_the_job() -> None:
    bare = RemoteRun(9, RunStatus.CANCELED)

    told = last_run(pictured(ours(), results=(JobResult(job("a"), bare),)))

    assert told is not None
    assert (told.started_at, told.finished_at, told.duration_seconds) == (ENDED - HOUR, ENDED, 3600)


def test_a_job_without_a_run_failed() -> None:
    picture = pictured(ours(), results=(JobResult(job("a"), None, message="the server was unreachable"),))

    told, healthy = last_run(picture), runs_healthy(picture)

    assert told is not None
    assert (told.id, told.status, told.rows) == (None, "failed", None)
    assert healthy is not None
    assert (healthy.status, healthy.reason, healthy.message) == (False, "RunFailed", "the server was unreachable")


def test_a_run_of_others_is_told_without_a_job() -> None:
    told = last_run(pictured(ours(), results=(JobResult(None, run()),)))

    assert told is not None
    assert (told.id, told.trigger, told.job) == ("9", "Other", None)


@pytest.mark.parametrize(
    ("status", "rows", "limit", "reason"),
    [
        (RunStatus.SUCCESS, Rows(total=10, succeeded=10), 0, Reason.RUN_SUCCEEDED),
        (RunStatus.SUCCESS, Rows(), 0, Reason.RUN_SUCCEEDED),
        (RunStatus.SUCCESS, Rows(total=10, failed=10), 0, Reason.ROWS_REJECTED),
        (RunStatus.SUCCESS, Rows(total=1000, succeeded=999, failed=1), 0, Reason.ROWS_REJECTED),
        (RunStatus.SUCCESS, Rows(total=1000, succeeded=999, failed=1), 0.1, Reason.RUN_SUCCEEDED),
        (RunStatus.SUCCESS, Rows(total=100, succeeded=94, failed=6), 5, Reason.ROWS_REJECTED),
        (RunStatus.SUCCESS, Rows(succeeded=1, failed=1), 50, Reason.RUN_SUCCEEDED),
        (RunStatus.SUCCESS, Rows(succeeded=1, failed=2), 50, Reason.ROWS_REJECTED),
        (RunStatus.SUCCESS, Rows(total=10, failed=10), 100, Reason.RUN_SUCCEEDED),
        (RunStatus.CANCELED, Rows(total=10, succeeded=10), 100, Reason.RUN_CANCELED),
        (RunStatus.FAILED, Rows(total=10, succeeded=10), 100, Reason.RUN_FAILED),
    ],
)
def test_a_run_is_judged_by_its_rows(status: RunStatus, rows: Rows, limit: float, reason: Reason) -> None:
    picture = pictured(
        ours(run={"maxFailedRowsPercent": limit}), results=(JobResult(job("a"), run(status=status, rows=rows)),)
    )

    verdict, healthy = verdict_of(picture, picture.results[0]), runs_healthy(picture)

    assert (verdict.reason, verdict.delivered) == (reason, reason is Reason.RUN_SUCCEEDED)
    assert healthy is not None
    assert (healthy.status, healthy.reason) == (verdict.delivered, reason)
    assert last_success(picture) == (ENDED if verdict.delivered else None)


ROWS = st.integers(0, 10**6)


@given(ROWS, ROWS, st.integers(0, 100))
def test_more_refused_rows_are_never_better(succeeded: int, failed: int, limit: int) -> None:
    def delivered(refused: int) -> bool:
        rows = Rows(total=succeeded + refused, succeeded=succeeded, failed=refused)
        picture = pictured(ours(run={"maxFailedRowsPercent": limit}))
        return verdict_of(picture, JobResult(None, run(rows=rows))).delivered

    assert delivered(0)
    assert delivered(failed) or not delivered(failed + 1)
    assert delivered(failed) is (failed * 100 <= limit * (succeeded + failed))


def test_without_news_health_stays_as_it_was() -> None:
    picture = pictured(ours(), results=(JobResult(job("a"), run(rows=Rows(total=1, failed=1))),))
    status = sync_status(picture)

    later = replace(picture, sync=ours(status), results=(), now=NOW + HOUR)

    assert runs_healthy(later) == runs_healthy(picture)
    assert last_run(later) == last_run(picture)
    assert runs_healthy(pictured(ours())) is None


def test_results_of_runs_never_turn_ready() -> None:
    picture = pictured(
        ours(), cronjob=cronjob(), registered=True, results=(JobResult(job("a"), run(status=RunStatus.FAILED)),)
    )

    conditions = {entry.type: entry.status for entry in sync_status(picture).conditions}

    assert (conditions["Ready"], conditions["RunsHealthy"]) == ("True", "False")


# The promise of freshness.

PROMISE: dict[str, Any] = {"freshness": {"maxAge": "2h"}}


def test_no_promise_no_condition() -> None:
    picture = pictured(ours())

    assert fresh(picture) is None
    assert fresh_until(picture) is None


@pytest.mark.parametrize(
    ("success", "age", "status"),
    [
        (None, timedelta(), True),
        (None, 2 * HOUR - timedelta(seconds=1), True),
        (None, 2 * HOUR, False),
        (BORN + HOUR, 3 * HOUR - timedelta(seconds=1), True),
        (BORN + HOUR, 3 * HOUR, False),
    ],
)
def test_the_promise_is_broken_at_a_known_time(success: datetime | None, age: timedelta, status: bool) -> None:
    picture = pictured(ours(registered(last_success_at=success), **PROMISE), now=BORN + age)

    said = fresh(picture)

    assert said is not None
    assert (said.type, said.status) == (ConditionType.FRESH, status)
    assert fresh_until(picture) == (success or BORN) + 2 * HOUR
    assert "spec.freshness.maxAge of 2h" in said.message
    assert ("no success yet" in said.message) is (success is None)
    assert status or "look at status.lastRun" in said.message


@given(st.lists(st.tuples(st.integers(0, 500), st.booleans()), max_size=6))
def test_the_last_success_is_the_newest_whatever_the_order(ends: list[tuple[int, bool]]) -> None:
    results = tuple(
        JobResult(None, run(number, RunStatus.SUCCESS if good else RunStatus.FAILED, finished_at=BORN + HOUR * age))
        for number, (age, good) in enumerate(ends)
    )
    known = registered(last_success_at=BORN)

    success = last_success(pictured(ours(known), results=results))

    assert success == max([BORN, *(BORN + HOUR * age for age, good in ends if good)])


def test_a_run_that_was_just_read_keeps_the_promise() -> None:
    late = pictured(ours(**PROMISE), now=NOW + 5 * HOUR)
    read = replace(late, results=(JobResult(job("a"), run(finished_at=NOW + 4 * HOUR)),))

    assert [said.status for said in (fresh(late), fresh(read)) if said is not None] == [False, True]
    assert fresh_until(read) == NOW + 6 * HOUR
