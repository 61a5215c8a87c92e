"""The truth about runs: what the last one delivered, by its rows, and whether the last success is fresh."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from sync_operator.bounds import one_line
from sync_operator.decide.conditions import Said
from sync_operator.decide.jobs import JobResult, JobView
from sync_operator.decide.missed import MISSED, missed_at, missed_words
from sync_operator.decide.picture import Phase, Picture
from sync_operator.decide.runs import running_job
from sync_operator.decide.starts import WAITING, is_beginning, never_started, not_started, waiting_run, waits
from sync_operator.durations import parse_duration
from sync_operator.model.conditions import ConditionType, Reason
from sync_operator.model.status import MAX_RECENT_RUNS, Condition, LastRun, RecentRun, RowCounts
from sync_operator.remote.judge import Verdict, judge
from sync_operator.remote.types import RunStatus

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
"""What column LAST RUN says of a run, by the reason that its verdict has in RunsHealthy."""


def health(conditions: Iterable[Condition]) -> str:
    """One word on the runs of a Sync: `False` while RunsHealthy or Fresh is, `True` once rows were delivered."""
    kinds = (ConditionType.RUNS_HEALTHY, ConditionType.FRESH)
    told = {entry.type: entry.status for entry in conditions if entry.type in kinds}
    return "False" if "False" in told.values() else told.get(ConditionType.RUNS_HEALTHY, "Unknown")


def last_run(picture: Picture) -> LastRun | None:
    """The newest run: the one under way, the one just read, or what was known before."""
    before, running = picture.sync.status.last_run, running_job(picture)
    if running is not None and not is_beginning(picture, running):
        if waits(picture, running):
            return waiting_run(picture, running)
        known = before is not None and before.job == running.name and before.status != WAITING
        return before if known else _started(running)
    if picture.results:
        return _ended(picture.results[-1], verdict_of(picture, picture.results[-1]))
    if (due := missed_at(picture)) is not None:
        return LastRun(trigger="Schedule", status=MISSED, verdict=MISSED, message=missed_words(picture, due))
    if picture.replaced and before is not None and before.job == picture.replaced[-1].name:
        canceled = _VERDICTS[Reason.RUN_CANCELED]
        return before.model_copy(update={"status": RunStatus.CANCELED, "verdict": canceled, "finished_at": picture.now})
    told = picture.sync.condition(ConditionType.RUNS_HEALTHY)
    if before is not None and before.verdict is None and told is not None:  # written by a release without verdicts
        return before.model_copy(update={"verdict": _VERDICTS.get(told.reason)})
    return before


def ended_runs(picture: Picture) -> tuple[LastRun, ...]:
    """The runs that were just read and have ended, in the order of their ends."""
    return tuple(_ended(result, verdict_of(picture, result)) for result in _finished(picture))


def recent_runs(picture: Picture) -> tuple[RecentRun, ...]:
    """The runs that have ended, the newest first: those just read before those known."""
    told = [_recent(result, verdict_of(picture, result)) for result in reversed(_finished(picture))]
    ids = {run.id for run in told if run.id is not None}
    known = (run for run in picture.sync.status.recent_runs if run.id not in ids)
    return (*told, *known)[:MAX_RECENT_RUNS]


def _finished(picture: Picture) -> tuple[JobResult, ...]:
    return tuple(result for result in picture.results if result.run is None or result.run.status.finished)


def _recent(result: JobResult, verdict: Verdict) -> RecentRun:
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


def last_success(picture: Picture) -> datetime | None:
    """When rows were last delivered in full, as the runs tell."""
    ends = [_finished_at(result) for result in picture.results if verdict_of(picture, result).delivered]
    times = [time for time in (picture.sync.status.last_success_at, *ends) if time is not None]
    return max(times, default=None)


def runs_healthy(picture: Picture) -> Said | None:
    """Did the last finished run deliver its rows, and does the next one start? None before the first one."""
    refused, running = picture.failures.get(Phase.RUNS), running_job(picture)
    if running is not None and (words := not_started(picture, running)):
        return Said(ConditionType.RUNS_HEALTHY, False, Reason.RUN_NOT_STARTED, words)
    if refused is not None and refused.reason is Reason.RUN_NOT_STARTED:
        return Said(ConditionType.RUNS_HEALTHY, False, refused.reason, refused.message)
    if picture.results:
        verdict = verdict_of(picture, picture.results[-1])
        message = run_words(verdict.message, picture.results[-1])
        if verdict.delivered and picture.sync.status.server_status == _FAILED_ON_SERVER:
            message += "; the server still calls the sync failed, which there only disabling and enabling it clears"
        return Said(ConditionType.RUNS_HEALTHY, verdict.delivered, verdict.reason, message)
    if (due := missed_at(picture)) is not None:
        return Said(ConditionType.RUNS_HEALTHY, False, Reason.RUN_MISSED, missed_words(picture, due))
    before = picture.sync.condition(ConditionType.RUNS_HEALTHY)
    if before is None:
        return None
    if before.reason == Reason.RUN_NOT_STARTED and picture.replaced:
        job = picture.replaced[-1].name
        words = f"no pod of Job {job} ever ran; it was deleted when the spec had changed, and the next run tells more"
        return Said(ConditionType.RUNS_HEALTHY, False, Reason.RUN_NOT_STARTED, words)
    if before.reason == Reason.RUN_NOT_STARTED and running is not None and not waits(picture, running):
        return _healthy_before(picture)
    return Said(ConditionType.RUNS_HEALTHY, before.status == "True", Reason(before.reason), before.message)


def _healthy_before(picture: Picture) -> Said | None:
    """What the last run that ended tells; None before the first one."""
    last = next(iter(picture.sync.status.recent_runs), None)
    reason = next(
        (reason for reason, verdict in _VERDICTS.items() if last is not None and verdict == last.verdict), None
    )
    if last is None or reason is None:
        return None
    words = "; ".join((f"run {last.id or 'without an id'}: {last.verdict}", *(last.reasons or ())))
    return Said(ConditionType.RUNS_HEALTHY, reason == Reason.RUN_SUCCEEDED, Reason(reason), words)


def run_words(message: str, result: JobResult) -> str:
    """What is said of a run, with the reasons of the rows that the destination refused."""
    return one_line("; ".join((message, *result.reasons)), MAX_MESSAGE)


def verdict_of(picture: Picture, result: JobResult) -> Verdict:
    """What a run that ended delivered, by the limit of the spec."""
    limit = picture.sync.spec.run.max_failed_rows_percent if picture.sync.spec else 0.0
    words = never_started(picture, result.job) if result.job is not None and not result.message else ""
    if result.run is None and words:
        return Verdict(False, Reason.RUN_NOT_STARTED, words)
    if result.run is None:
        return Verdict(False, Reason.RUN_FAILED, result.message or "the Job ended without a run on the server")
    return judge(result.run, limit, before=picture.runs or (), in_batches=result.in_batches)


def fresh(picture: Picture) -> Said | None:
    """Is the last success younger than ``spec.freshness.maxAge``? None where no promise is asked for."""
    until = fresh_until(picture)
    spec = picture.sync.spec
    if until is None or spec is None or spec.freshness is None:
        return None
    since = last_success(picture)
    age = f"last success at {since:%Y-%m-%dT%H:%M:%SZ}" if since else "no success yet"
    if picture.now < until:
        message = f"{age}, within spec.freshness.maxAge of {spec.freshness.max_age}"
        return Said(ConditionType.FRESH, True, Reason.RUN_SUCCEEDED if since else Reason.RECONCILED, message)
    message = f"{age}, older than spec.freshness.maxAge of {spec.freshness.max_age}; look at status.lastRun"
    return Said(ConditionType.FRESH, False, Reason.RUN_FAILED, message)


def fresh_until(picture: Picture) -> datetime | None:
    """When the promise of ``spec.freshness`` is broken unless a run succeeds before; None without a promise."""
    spec = picture.sync.spec
    if spec is None or spec.freshness is None:
        return None
    return (last_success(picture) or picture.sync.created_at) + parse_duration(spec.freshness.max_age)


def _started(job: JobView) -> LastRun:
    return LastRun(
        trigger=job.trigger,
        status=RunStatus.STARTED,
        verdict=_RUNNING,
        started_at=job.started_at or job.created_at,
        job=job.name,
    )


def _finished_at(result: JobResult) -> datetime | None:
    told = result.run.finished_at if result.run else None
    return told or (result.job.finished_at if result.job else None)


def _ended(result: JobResult, verdict: Verdict) -> LastRun:
    run, job = result.run, result.job
    started = (run.started_at or run.created_at) if run else None
    if started is None and job is not None:
        started = job.started_at or job.created_at
    finished = _finished_at(result)
    seconds = max(0, int((finished - started).total_seconds())) if finished and started else None
    rows = None
    if run is not None:
        counted = run.rows
        rows = RowCounts(
            queried=counted.queried,
            total=counted.total,
            succeeded=counted.succeeded,
            failed=counted.failed,
            skipped=counted.skipped,
        )
    return LastRun(
        id=str(run.id) if run else None,
        trigger=job.trigger if job else "Other",
        status=run.status if run else RunStatus.FAILED,
        verdict=_VERDICTS[verdict.reason],
        started_at=started,
        finished_at=finished,
        duration_seconds=seconds,
        rows=rows,
        message=run_words(verdict.message if result.in_batches else result.message or verdict.message, result),
        job=job.name if job else None,
    )
