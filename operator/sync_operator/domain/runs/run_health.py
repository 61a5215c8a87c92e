"""Health of runs: what the last one delivered, judged by its rows, and whether the last success is fresh."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.api.statuses.run_status import MAX_RECENT_RUNS, LastRun, RecentRun, RowCounts, RunTrigger
from sync_operator.api.statuses.status_fields import Condition
from sync_operator.domain.blocker import Phase
from sync_operator.domain.runs.job_state import JobResult, JobView
from sync_operator.domain.runs.missed_runs import MISSED, missed_at, missed_message
from sync_operator.domain.runs.runs_step import running_job
from sync_operator.domain.runs.start_failures import (
    WAITING,
    is_beginning,
    never_started,
    not_started,
    waiting_run,
    waits,
)
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.status.set_conditions import DesiredCondition
from sync_operator.syncapi.run_verdict import RunVerdict, evaluate_run
from sync_operator.syncapi.types import RunStatus
from sync_operator.util.bounds import one_line
from sync_operator.util.durations import parse_duration

__all__ = [
    "ended_runs",
    "fresh",
    "fresh_until",
    "health",
    "last_run",
    "last_success",
    "recent_runs",
    "run_words",
    "runs_healthy",
    "verdict_of",
]

_FAILED_ON_SERVER = "failed"
_RUNNING: Final = "running"
MAX_MESSAGE: Final = 1024
MAX_REASON: Final = 300
_VERDICTS: Final[Mapping[str, str]] = {
    Reason.RUN_SUCCEEDED: "delivered",
    Reason.ROWS_REJECTED: "rows refused",
    Reason.RUN_FAILED: "failed",
    Reason.RUN_CANCELED: "canceled",
    Reason.RUN_NOT_STARTED: "failed",
}
"""Reason of a verdict in RunsHealthy → text of the column LAST RUN."""


def health(conditions: Iterable[Condition]) -> str:
    """Summary of the runs of a Sync: `False` while RunsHealthy or Fresh is, else RunsHealthy, `Unknown` before that."""
    kinds = (ConditionType.RUNS_HEALTHY, ConditionType.FRESH)
    statuses = {entry.type: entry.status for entry in conditions if entry.type in kinds}
    return "False" if "False" in statuses.values() else statuses.get(ConditionType.RUNS_HEALTHY, "Unknown")


def last_run(snapshot: Snapshot) -> LastRun | None:
    """The newest run: the running one, the one just read, or the one in the status."""
    before, running = snapshot.sync.status.last_run, running_job(snapshot)
    if running is not None and not is_beginning(snapshot, running):
        if waits(snapshot, running):
            return waiting_run(snapshot, running)
        known = before is not None and before.job == running.name and before.status != WAITING
        return before if known else _started(running)
    if snapshot.results:
        return _ended(snapshot.results[-1], verdict_of(snapshot, snapshot.results[-1]))
    if missed_at(snapshot) is not None:
        return LastRun(trigger=RunTrigger.SCHEDULE, status=MISSED, verdict=MISSED, message=missed_message(snapshot))
    if snapshot.replaced and before is not None and before.job == snapshot.replaced[-1].name:
        canceled = _VERDICTS[Reason.RUN_CANCELED]
        return before.model_copy(
            update={"status": RunStatus.CANCELED, "verdict": canceled, "finished_at": snapshot.now}
        )
    condition = snapshot.sync.condition(ConditionType.RUNS_HEALTHY)
    if before is not None and before.verdict is None and condition is not None:  # written by a release without verdicts
        return before.model_copy(update={"verdict": _VERDICTS.get(condition.reason)})
    return before


def ended_runs(snapshot: Snapshot) -> tuple[LastRun, ...]:
    """The finished runs read in this reconcile, in the order of their ends."""
    return tuple(_ended(result, verdict_of(snapshot, result)) for result in _finished(snapshot))


def recent_runs(snapshot: Snapshot) -> tuple[RecentRun, ...]:
    """Finished runs, newest first: those read in this reconcile, then those in the status."""
    finished = [_recent(result, verdict_of(snapshot, result)) for result in reversed(_finished(snapshot))]
    ids = {run.id for run in finished if run.id is not None}
    known = (run for run in snapshot.sync.status.recent_runs if run.id not in ids)
    return (*finished, *known)[:MAX_RECENT_RUNS]


def _finished(snapshot: Snapshot) -> tuple[JobResult, ...]:
    return tuple(result for result in snapshot.results if result.run is None or result.run.status.finished)


def _recent(result: JobResult, verdict: RunVerdict) -> RecentRun:
    run = _ended(result, verdict)
    return RecentRun(
        id=run.id,
        trigger=run.trigger,
        status=run.status,
        verdict=run.verdict,
        started_at=run.started_at,
        finished_at=run.finished_at,
        rows=run.rows,
        reasons=tuple(one_line(reason, MAX_REASON) for reason in result.reasons) or None,
    )


def last_success(snapshot: Snapshot) -> datetime | None:
    """End of the last run that delivered its rows; None if there was none."""
    ends = [_finished_at(result) for result in snapshot.results if verdict_of(snapshot, result).delivered]
    times = [time for time in (snapshot.sync.status.last_success_at, *ends) if time is not None]
    return max(times, default=None)


def runs_healthy(snapshot: Snapshot) -> DesiredCondition | None:
    """Condition RunsHealthy: the last finished run delivered its rows, and the next one starts. None before any run."""
    refused, running = snapshot.failures.get(Phase.RUNS), running_job(snapshot)
    if running is not None and (words := not_started(snapshot, running)):
        return DesiredCondition(ConditionType.RUNS_HEALTHY, False, Reason.RUN_NOT_STARTED, words)
    if refused is not None and refused.reason is Reason.RUN_NOT_STARTED:
        return DesiredCondition(ConditionType.RUNS_HEALTHY, False, refused.reason, refused.message)
    if snapshot.results:
        verdict = verdict_of(snapshot, snapshot.results[-1])
        message = run_words(verdict.message, snapshot.results[-1])
        if verdict.delivered and snapshot.sync.status.server_status == _FAILED_ON_SERVER:
            message += (
                "; the server still reports the sync as failed, which only disabling and enabling it there clears"
            )
        return DesiredCondition(ConditionType.RUNS_HEALTHY, verdict.delivered, verdict.reason, message)
    if missed_at(snapshot) is not None:
        return DesiredCondition(ConditionType.RUNS_HEALTHY, False, Reason.RUN_MISSED, missed_message(snapshot))
    before = snapshot.sync.condition(ConditionType.RUNS_HEALTHY)
    if before is None:
        return None
    if before.reason == Reason.RUN_NOT_STARTED and snapshot.replaced:
        job = snapshot.replaced[-1].name
        words = f"no pod of Job {job} ever ran; it was deleted when the spec had changed, and the next run tells more"
        return DesiredCondition(ConditionType.RUNS_HEALTHY, False, Reason.RUN_NOT_STARTED, words)
    if before.reason == Reason.RUN_NOT_STARTED and running is not None and not waits(snapshot, running):
        return _healthy_before(snapshot)
    return DesiredCondition(ConditionType.RUNS_HEALTHY, before.status == "True", Reason(before.reason), before.message)


def _healthy_before(snapshot: Snapshot) -> DesiredCondition | None:
    """Condition RunsHealthy by the last finished run in the status; None if there is none."""
    last = next(iter(snapshot.sync.status.recent_runs), None)
    reason = next(
        (reason for reason, verdict in _VERDICTS.items() if last is not None and verdict == last.verdict), None
    )
    if last is None or reason is None:
        return None
    words = "; ".join((f"run {last.id or 'without an id'}: {last.verdict}", *(last.reasons or ())))
    return DesiredCondition(ConditionType.RUNS_HEALTHY, reason == Reason.RUN_SUCCEEDED, Reason(reason), words)


def run_words(message: str, result: JobResult) -> str:
    """The message about a run, with the destination's reasons for rejected rows."""
    return one_line("; ".join((message, *result.reasons)), MAX_MESSAGE)


def verdict_of(snapshot: Snapshot, result: JobResult) -> RunVerdict:
    """The verdict on a finished run, by ``maxFailedRowsPercent`` of the spec."""
    limit = snapshot.sync.spec.run.max_failed_rows_percent if snapshot.sync.spec else 0.0
    words = never_started(snapshot, result.job) if result.job is not None and not result.message else ""
    if result.run is None and words:
        return RunVerdict(False, Reason.RUN_NOT_STARTED, words)
    if result.run is None:
        return RunVerdict(False, Reason.RUN_FAILED, result.message or "the Job ended without a run on the server")
    return evaluate_run(result.run, limit, before=snapshot.runs or (), in_batches=result.in_batches)


def fresh(snapshot: Snapshot) -> DesiredCondition | None:
    """Condition Fresh: the last success is younger than ``spec.freshness.maxAge``. None without ``spec.freshness``."""
    until = fresh_until(snapshot)
    spec = snapshot.sync.spec
    if until is None or spec is None or spec.freshness is None:
        return None
    since = last_success(snapshot)
    age = f"last success at {since:%Y-%m-%dT%H:%M:%SZ}" if since else "no success yet"
    if snapshot.now < until:
        message = f"{age}, within spec.freshness.maxAge of {spec.freshness.max_age}"
        return DesiredCondition(
            ConditionType.FRESH, True, Reason.RUN_SUCCEEDED if since else Reason.RECONCILED, message
        )
    message = f"{age}, older than spec.freshness.maxAge of {spec.freshness.max_age}; look at status.lastRun"
    return DesiredCondition(ConditionType.FRESH, False, Reason.RUN_FAILED, message)


def fresh_until(snapshot: Snapshot) -> datetime | None:
    """When Fresh becomes False unless a run succeeds before; None without ``spec.freshness``."""
    spec = snapshot.sync.spec
    if spec is None or spec.freshness is None:
        return None
    return (last_success(snapshot) or snapshot.sync.created_at) + parse_duration(spec.freshness.max_age)


def _started(job: JobView) -> LastRun:
    return LastRun(
        trigger=job.trigger,
        status=RunStatus.STARTED,
        verdict=_RUNNING,
        started_at=job.started_at or job.created_at,
        job=job.name,
    )


def _finished_at(result: JobResult) -> datetime | None:
    finished_at = result.run.finished_at if result.run else None
    return finished_at or (result.job.finished_at if result.job else None)


def _ended(result: JobResult, verdict: RunVerdict) -> LastRun:
    run, job = result.run, result.job
    started = (run.started_at or run.created_at) if run else None
    if started is None and job is not None:
        started = job.started_at or job.created_at
    finished = _finished_at(result)
    seconds = max(0, int((finished - started).total_seconds())) if finished and started else None
    return LastRun(
        id=str(run.id) if run else None,
        trigger=job.trigger if job else RunTrigger.OTHER,
        status=run.status if run else RunStatus.FAILED,
        verdict=_VERDICTS[verdict.reason],
        started_at=started,
        finished_at=finished,
        duration_seconds=seconds,
        rows=RowCounts(**run.rows.as_dict()) if run else None,
        message=run_words(verdict.message if result.in_batches else result.message or verdict.message, result),
        job=job.name if job else None,
    )
