"""What the status tells of runs, how they are judged, and whether the data are fresh."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.messages import Messages
from tests.support.snapshots import BORN, ENDED, HOUR, NOW, finished_job, finished_run, ours, pictured, registered

from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.api.statuses.run_status import LastRun
from sync_operator.api.statuses.status_fields import Condition
from sync_operator.domain.runs.job_state import JobResult
from sync_operator.domain.runs.run_health import (
    ended_runs,
    fresh,
    fresh_until,
    health,
    last_run,
    last_success,
    recent_runs,
    runs_healthy,
    verdict_of,
)
from sync_operator.domain.scheduling.cronjob_manifest import cronjob_manifest
from sync_operator.domain.status.sync_status import sync_status
from sync_operator.syncapi.types import RemoteRun, Rows, RunStatus


def test_a_job_that_runs_is_the_last_run_until_it_has_ended() -> None:
    snapshot = pictured(
        ours(),
        jobs=(finished_job("old"), finished_job("new", at=NOW, ended=None)),
        results=(JobResult(finished_job("old"), finished_run()),),
    )

    started = last_run(snapshot)

    assert started == LastRun(trigger="Schedule", status="started", verdict="running", started_at=NOW, job="new")
    later = replace(snapshot, sync=ours(registered(last_run=started)), results=(), now=NOW + HOUR)
    assert last_run(later) == started


def test_what_a_run_did_is_told_as_the_api_tells_it() -> None:
    rows = Rows(queried=12, total=10, succeeded=9, failed=1, skipped=2)
    result = JobResult(finished_job("a"), finished_run(rows=rows), message="1 of 10 rows refused")

    told = last_run(pictured(ours(), results=(JobResult(finished_job("b"), None), result)))

    assert told is not None
    assert (told.id, told.trigger, told.status, told.job) == ("9", "Schedule", "success", "a")
    assert (told.started_at, told.finished_at, told.duration_seconds) == (ENDED - HOUR, ENDED, 3600)
    assert told.rows is not None
    assert told.rows.model_dump() == {"queried": 12, "total": 10, "succeeded": 9, "failed": 1, "skipped": 2}
    assert told.message == "1 of 10 rows refused"


def test_all_runs_that_have_ended_are_told_with_their_verdicts() -> None:
    under_way = JobResult(finished_job("c"), RemoteRun(11, RunStatus.STARTED))
    refused = JobResult(finished_job("b"), finished_run(rows=Rows(total=1, failed=1)))
    snapshot = pictured(ours(), results=(JobResult(finished_job("a"), None), refused, under_way))

    told = ended_runs(snapshot)

    assert [(run.job, run.verdict, run.rows is None) for run in told] == [
        ("a", "failed", True),
        ("b", "rows refused", False),
    ]
    assert ended_runs(pictured(ours())) == ()


def test_times_that_the_server_never_writes_come_from_the_job() -> None:
    bare = RemoteRun(9, RunStatus.CANCELED)

    told = last_run(pictured(ours(), results=(JobResult(finished_job("a"), bare),)))

    assert told is not None
    assert (told.started_at, told.finished_at, told.duration_seconds) == (ENDED - HOUR, ENDED, 3600)


def test_a_job_without_a_run_failed() -> None:
    snapshot = pictured(ours(), results=(JobResult(finished_job("a"), None, message="the server was unreachable"),))

    told, healthy = last_run(snapshot), runs_healthy(snapshot)

    assert told is not None
    assert (told.id, told.status, told.rows) == (None, "failed", None)
    assert healthy is not None
    assert (healthy.status, healthy.reason, healthy.message) == (False, "RunFailed", "the server was unreachable")


def test_a_run_of_others_is_told_without_a_job() -> None:
    told = last_run(pictured(ours(), results=(JobResult(None, finished_run()),)))

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
    snapshot = pictured(
        ours(run={"maxFailedRowsPercent": limit}),
        results=(JobResult(finished_job("a"), finished_run(status=status, rows=rows)),),
    )

    verdict, healthy = verdict_of(snapshot, snapshot.results[0]), runs_healthy(snapshot)

    assert (verdict.reason, verdict.delivered) == (reason, reason is Reason.RUN_SUCCEEDED)
    assert healthy is not None
    assert (healthy.status, healthy.reason) == (verdict.delivered, reason)
    assert last_success(snapshot) == (ENDED if verdict.delivered else None)


ROWS = st.integers(0, 10**6)


@given(ROWS, ROWS, st.integers(0, 100))
def test_more_refused_rows_are_never_better(succeeded: int, failed: int, limit: int) -> None:
    def delivered(refused: int) -> bool:
        rows = Rows(total=succeeded + refused, succeeded=succeeded, failed=refused)
        snapshot = pictured(ours(run={"maxFailedRowsPercent": limit}))
        return verdict_of(snapshot, JobResult(None, finished_run(rows=rows))).delivered

    assert delivered(0)
    assert delivered(failed) or not delivered(failed + 1)
    assert delivered(failed) is (failed * 100 <= limit * (succeeded + failed))


def test_a_sync_that_the_server_calls_failed_for_ever_says_what_clears_it(messages: Messages) -> None:
    snapshot = pictured(
        ours(registered(server_status="failed")), results=(JobResult(finished_job("a"), finished_run()),)
    )

    healthy = runs_healthy(snapshot)

    assert healthy is not None
    assert healthy.status
    messages(healthy)


def test_without_news_health_stays_as_it_was() -> None:
    snapshot = pictured(ours(), results=(JobResult(finished_job("a"), finished_run(rows=Rows(total=1, failed=1))),))
    status = sync_status(snapshot)

    later = replace(snapshot, sync=ours(status), results=(), now=NOW + HOUR)

    assert runs_healthy(later) == runs_healthy(snapshot)
    assert last_run(later) == last_run(snapshot)
    assert runs_healthy(pictured(ours())) is None


def test_results_of_runs_never_turn_ready() -> None:
    manifest = cronjob_manifest(pictured(ours()), "7", suspended=True)
    snapshot = pictured(
        ours(),
        cronjob=manifest,
        registered=True,
        results=(JobResult(finished_job("a"), finished_run(status=RunStatus.FAILED)),),
    )

    conditions = {entry.type: entry.status for entry in sync_status(snapshot).conditions}

    assert (conditions["Ready"], conditions["RunsHealthy"]) == ("True", "False")


# The promise of freshness.

PROMISE: dict[str, Any] = {"freshness": {"maxAge": "2h"}}


@pytest.mark.parametrize(
    ("run", "verdict"),
    [
        (finished_run(), "delivered"),
        (finished_run(rows=Rows(total=10, succeeded=0, failed=10)), "rows refused"),
        (RemoteRun(9, RunStatus.FAILED), "failed"),
        (RemoteRun(9, RunStatus.CANCELED), "canceled"),
        (None, "failed"),
    ],
)
def test_the_last_run_has_a_verdict(run: RemoteRun | None, verdict: str) -> None:
    told = last_run(pictured(ours(), results=(JobResult(finished_job("a"), run),)))

    assert told is not None
    assert told.verdict == verdict


def test_a_run_that_an_older_release_wrote_gets_its_verdict_from_the_condition() -> None:
    refused = Condition(
        type=ConditionType.RUNS_HEALTHY, status="False", reason=Reason.ROWS_REJECTED, last_transition_time=NOW
    )
    before = registered(last_run=LastRun(id="9", status="success", finished_at=NOW), conditions=(refused,))

    told = last_run(pictured(ours(before)))

    assert told is not None
    assert (told.status, told.verdict) == ("success", "rows refused")


@pytest.mark.parametrize(
    ("runs", "fresh_status", "wanted"),
    [
        (None, None, "Unknown"),
        (None, "True", "Unknown"),
        (None, "False", "False"),
        ("True", None, "True"),
        ("True", "True", "True"),
        ("True", "False", "False"),
        ("False", "True", "False"),
        ("False", None, "False"),
    ],
)
def test_health_is_one_word_on_the_runs(runs: str | None, fresh_status: str | None, wanted: str) -> None:
    told = {"Ready": "False", "RunsHealthy": runs, "Fresh": fresh_status}

    assert (
        health(
            Condition(type=kind, status=status, reason="Because", last_transition_time=NOW)
            for kind, status in told.items()
            if status is not None
        )
        == wanted
    )


def test_no_promise_no_condition() -> None:
    snapshot = pictured(ours())

    assert fresh(snapshot) is None
    assert fresh_until(snapshot) is None


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
def test_the_promise_is_broken_at_a_known_time(
    success: datetime | None, age: timedelta, status: bool, messages: Messages
) -> None:
    snapshot = pictured(ours(registered(last_success_at=success), **PROMISE), now=BORN + age)

    said = fresh(snapshot)

    assert said is not None
    assert (said.type, said.status) == (ConditionType.FRESH, status)
    assert fresh_until(snapshot) == (success or BORN) + 2 * HOUR
    messages(said)


@given(st.lists(st.tuples(st.integers(0, 500), st.booleans()), max_size=6))
def test_the_last_success_is_the_newest_whatever_the_order(ends: list[tuple[int, bool]]) -> None:
    results = tuple(
        JobResult(
            None, finished_run(number, RunStatus.SUCCESS if good else RunStatus.FAILED, finished_at=BORN + HOUR * age)
        )
        for number, (age, good) in enumerate(ends)
    )
    known = registered(last_success_at=BORN)

    success = last_success(pictured(ours(known), results=results))

    assert success == max([BORN, *(BORN + HOUR * age for age, good in ends if good)])


def test_a_run_that_was_just_read_keeps_the_promise() -> None:
    late = pictured(ours(**PROMISE), now=NOW + 5 * HOUR)
    read = replace(late, results=(JobResult(finished_job("a"), finished_run(finished_at=NOW + 4 * HOUR)),))

    assert [said.status for said in (fresh(late), fresh(read)) if said is not None] == [False, True]
    assert fresh_until(read) == NOW + 6 * HOUR


def test_the_reasons_of_refused_rows_stay_with_the_run() -> None:
    refused = finished_run(rows=Rows(total=2, succeeded=1, failed=1))
    snapshot = pictured(ours(), results=(JobResult(finished_job("a"), refused, reasons=("422: too long (1 row)",)),))

    told, healthy = last_run(snapshot), runs_healthy(snapshot)

    assert told is not None
    assert told.message is not None
    assert healthy is not None
    assert told.message == healthy.message
    assert told.message.endswith("; 422: too long (1 row)")
    [kept] = recent_runs(snapshot)
    assert (kept.id, kept.verdict, kept.finished_at, kept.rows) == ("9", "rows refused", ENDED, told.rows)
    assert kept.reasons == ("422: too long (1 row)",)


def test_the_last_ten_runs_are_kept_each_once() -> None:
    def ended(number: int) -> JobResult:
        return JobResult(finished_job(f"job-{number}"), finished_run(number))

    before = sync_status(pictured(ours(), results=tuple(ended(number) for number in range(1, 10))))
    snapshot = pictured(ours(before), results=(ended(9), ended(10), ended(11), JobResult(finished_job("none"), None)))

    kept = recent_runs(snapshot)

    assert [run.id for run in kept] == [None, "11", "10", "9", "8", "7", "6", "5", "4", "3"]
    assert kept[0].verdict == "failed"
    assert recent_runs(pictured(ours(sync_status(snapshot)))) == kept


def test_a_run_that_starts_late_leaves_the_verdict_of_the_one_before(messages: Messages) -> None:
    refused = finished_run(rows=Rows(total=2, succeeded=1, failed=1))
    ran = sync_status(pictured(ours(), results=(JobResult(finished_job("a"), refused, reasons=("422 (1 row)",)),)))
    said = {"status": "False", "message": "Job b waits", "last_transition_time": NOW}
    waited = ran.model_copy(update={"conditions": (Condition(type="RunsHealthy", reason="RunNotStarted", **said),)})

    healthy = runs_healthy(pictured(ours(waited), jobs=(finished_job("b", ended=None),)))

    assert healthy is not None
    assert (healthy.reason, healthy.status) == (Reason.ROWS_REJECTED, False)
    messages(healthy)
