"""The truth about runs: what the last one delivered, by its rows, and whether the last success is fresh."""

from datetime import datetime

from sync_operator.decide.conditions import Said
from sync_operator.decide.picture import JobResult, JobView, Picture
from sync_operator.decide.runs import newest_job
from sync_operator.durations import parse_duration
from sync_operator.model.conditions import ConditionType, Reason
from sync_operator.model.status import LastRun, RowCounts
from sync_operator.remote.judge import Verdict, judge
from sync_operator.remote.types import RunStatus

__all__ = ["fresh", "fresh_until", "last_run", "last_success", "runs_healthy"]


def last_run(picture: Picture) -> LastRun | None:
    """The newest run: the one under way, the one just read, or what was known before."""
    before, newest, result = picture.sync.status.last_run, newest_job(picture), picture.result
    if newest is not None and not newest.finished:
        started = before is not None and before.job == newest.name
        return before if started else _started(newest)
    return _ended(result) if result is not None else before


def last_success(picture: Picture) -> datetime | None:
    """When rows were last delivered in full, as the run tells."""
    before = picture.sync.status.last_success_at
    result = picture.result
    if result is None or not _verdict(picture, result).delivered:
        return before
    return result.run.finished_at if result.run and result.run.finished_at else result.job.finished_at


def runs_healthy(picture: Picture) -> Said | None:
    """Did the last finished run deliver its rows? None before the first one."""
    if picture.result is not None:
        verdict = _verdict(picture, picture.result)
        return Said(ConditionType.RUNS_HEALTHY, verdict.delivered, verdict.reason, verdict.message)
    before = picture.sync.condition(ConditionType.RUNS_HEALTHY)
    if before is None:
        return None
    return Said(ConditionType.RUNS_HEALTHY, before.status == "True", Reason(before.reason), before.message)


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


def _verdict(picture: Picture, result: JobResult) -> Verdict:
    limit = picture.sync.spec.run.max_failed_rows_percent if picture.sync.spec else 0.0
    if result.run is None:
        return Verdict(False, Reason.RUN_FAILED, result.message or "the Job ended without a run on the server")
    return judge(result.run, limit)


def _started(job: JobView) -> LastRun:
    return LastRun(
        trigger=job.trigger,
        status=RunStatus.STARTED,
        started_at=job.started_at or job.created_at,
        job=job.name,
    )


def _ended(result: JobResult) -> LastRun:
    run, job = result.run, result.job
    started = (run.started_at if run else None) or job.started_at or job.created_at
    finished = (run.finished_at if run else None) or job.finished_at
    return LastRun(
        id=str(run.id) if run else None,
        trigger=job.trigger,
        status=run.status if run else RunStatus.FAILED,
        started_at=started,
        finished_at=finished,
        duration_seconds=max(0, int((finished - started).total_seconds())) if finished else None,
        rows=RowCounts(
            queried=run.rows.queried,
            total=run.rows.total,
            succeeded=run.rows.succeeded,
            failed=run.rows.failed,
            skipped=run.rows.skipped,
        )
        if run
        else None,
        message=result.message or None,
        job=job.name,
    )
