"""Missed runs: scheduled times for which no Job was created although none was active."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sync_operator.api.base import rfc3339
from sync_operator.api.kinds.sync import Scheduler
from sync_operator.api.statuses.run_status import RunTrigger
from sync_operator.domain.memo import memoize
from sync_operator.domain.runs.job_state import JobView
from sync_operator.domain.runs.start_failures import is_beginning
from sync_operator.domain.scheduling.scheduling_step import last_schedule, suspended
from sync_operator.domain.snapshot import Snapshot

__all__ = ["MISSED", "missed_at", "missed_from", "missed_message", "undecided_runs"]

MISSED: Final = "missed"
"""Status and verdict in ``status.lastRun`` of a missed run."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """The times of ``status.nextRuns`` that are past, classified.

    Attributes:
        missed: times for which no Job can be expected any more.
        passed_over: True if the CronJob controller has created a Job for a later time.
        open: the first time for which a Job may still be created, and all after it.
    """

    missed: tuple[datetime, ...] = ()
    passed_over: bool = False
    open: tuple[datetime, ...] = ()


def missed_at(snapshot: Snapshot) -> datetime | None:
    """The first missed time; None if there is none."""
    return next(iter(_judge(snapshot).missed), None)


def missed_from(snapshot: Snapshot, runs: Iterable[datetime]) -> datetime | None:
    """When the next of ``runs`` will count as missed unless it starts; None if there is none."""
    spec, grace = snapshot.sync.spec, _grace(snapshot)
    if spec is None or spec.scheduler is Scheduler.SERVER:
        return None
    return next((run + grace for run in runs if run + grace > snapshot.now), None)


def undecided_runs(snapshot: Snapshot) -> tuple[datetime, ...]:
    """The rest of ``status.nextRuns`` from the first past time that is not decided yet; empty if all are decided."""
    runs = snapshot.sync.status.next_runs
    if not runs or runs[0] > snapshot.now or not _is_of_schedule(snapshot):
        return ()
    if any(job.due == runs[0] and is_beginning(snapshot, job) for job in snapshot.jobs):
        return runs
    return _judge(snapshot).open


def missed_message(snapshot: Snapshot) -> str:
    """What is wrong and what to check, for a snapshot with a missed run."""
    judged = _judge(snapshot)
    name = snapshot.cronjob["metadata"]["name"] if snapshot.cronjob is not None else snapshot.sync.name
    zone = snapshot.sync.schedule.time_zone if snapshot.sync.schedule is not None else "Etc/UTC"
    first, more = rfc3339(judged.missed[0]), len(judged.missed) - 1
    words = f"a run was due at {first}, and CronJob {name} made no Job for it, though none was active"
    if more:
        words = f"{words}; nor for {more} more of the times after it"
    if judged.passed_over:
        words = f"{words}; it has made one for a later time since"
    if snapshot.cronjob_warning:
        return f"{words}: {snapshot.cronjob_warning}"
    words = f"{words}; the cluster's CronJob controller may have been away"
    if zone not in {"Etc/UTC", "UTC"}:
        words = (
            f"{words}, or use other time zone data for {zone}, and its data decide; Etc/UTC as spec.timeZone needs none"
        )
    return f"{words}. kubectl describe cronjob/{name} tells when it made the last one"


@memoize
def _judge(snapshot: Snapshot) -> _Judged:
    """Classify the past times of ``status.nextRuns`` in order, up to the first that is undecided."""
    runs, now, grace = snapshot.sync.status.next_runs, snapshot.now, _grace(snapshot)
    if not runs or runs[0] > now or not _is_of_schedule(snapshot):
        return _Judged()
    missed: list[datetime] = []
    passed_over = False
    for number, due in enumerate(runs):
        if due > now or _is_answered(snapshot, due):
            continue
        if _is_passed_over(snapshot, due):
            passed_over = True
        elif _has_fired(snapshot, due):
            continue
        elif now < due + grace:
            return _Judged(tuple(missed), passed_over, runs[number:])
        missed.append(due)
    return _Judged(tuple(missed), passed_over)


def _grace(snapshot: Snapshot) -> timedelta:
    """How long after its time a Job may be created, by the API server's clock; the CronJob controller's may lag."""
    return snapshot.runner_config.start_grace + snapshot.cronjob_lag


def _is_answered(snapshot: Snapshot, due: datetime) -> bool:
    """True if the time has its Job, or another Job was active then, or the CronJob did not exist yet."""
    jobs = (*snapshot.jobs, *snapshot.replaced)
    made_at = datetime.fromisoformat((snapshot.cronjob or {})["metadata"]["creationTimestamp"])
    return due < made_at or any(job.due == due or _was_active(job, due) for job in jobs)


def _has_fired(snapshot: Snapshot, due: datetime) -> bool:
    """True if ``lastScheduleTime`` is not before that time; the Job itself may be deleted by now."""
    last = last_schedule(snapshot.cronjob or {})
    return last is not None and last >= due


def _is_passed_over(snapshot: Snapshot, due: datetime) -> bool:
    """True if there is a Job for a later time, and the Job of this time cannot have been deleted yet.

    If several times are due, the CronJob controller creates a Job for the last one only. Finished Jobs are deleted
    beyond the history limits or by their TTL, and also by others.
    """
    later = [job for job in snapshot.jobs if job.due is not None and job.due > due]
    every = snapshot.sync.schedule.every if snapshot.sync.schedule is not None else None
    if every is not None:
        later = [job for job in later if job.due is not None and not (job.due - due) % every]
    spec = (snapshot.cronjob or {}).get("spec", {})
    if not later or spec.get("jobTemplate", {}).get("spec", {}).get("ttlSecondsAfterFinished") is not None:
        return False
    ended = [job for job in snapshot.jobs if job.finished and not job.of_sync and job.created_at >= due]
    good = sum(job.succeeded for job in ended)
    kept = spec.get("successfulJobsHistoryLimit", 0), spec.get("failedJobsHistoryLimit", 0)
    return bool(good < kept[0] and len(ended) - good < kept[1])


def _is_of_schedule(snapshot: Snapshot) -> bool:
    """True while the times in the status belong to the CronJob's current schedule."""
    status, schedule, spec = snapshot.sync.status, snapshot.sync.schedule, snapshot.sync.spec
    if snapshot.cronjob is None or schedule is None or spec is None or spec.scheduler is Scheduler.SERVER:
        return False
    moved = (schedule.expression, schedule.time_zone) != (status.effective_schedule, status.time_zone)
    return not (moved or snapshot.sync.deleting or suspended(snapshot))


def _was_active(job: JobView, at: datetime) -> bool:
    """True for a scheduled Job that was active at that time, which keeps the next one from being created."""
    due_at = job.due if job.due is not None else job.created_at
    return (
        job.trigger is RunTrigger.SCHEDULE
        and due_at <= at
        and (not job.finished or (job.finished_at is not None and job.finished_at >= at))
    )
