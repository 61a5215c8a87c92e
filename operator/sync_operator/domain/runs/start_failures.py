"""Jobs that do not start (no pod of theirs has run): how they are reported, and the actions for them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from sync_operator.api.base import rfc3339
from sync_operator.api.constants import TEMPLATE_ANNOTATION
from sync_operator.api.statuses.run_status import LastRun, RunTrigger
from sync_operator.domain.runs.job_state import JobView
from sync_operator.domain.runs.start_actions import DiagnoseJob, FailStart, ReplaceJob, StartAction
from sync_operator.domain.runs.start_messages import remedy
from sync_operator.domain.scheduling.cronjob_manifest import requested_job
from sync_operator.domain.scheduling.scheduling_step import last_schedule
from sync_operator.domain.snapshot import Snapshot
from sync_operator.util.durations import parse_duration

__all__ = [
    "WAITING",
    "is_beginning",
    "never_started",
    "not_started",
    "start_step",
    "starts_again_at",
    "waiting_run",
    "waits",
]

WAITING: Final = "waiting"
"""Status and verdict in ``status.lastRun`` of a Job whose pods have not run yet."""
_SHOWN_AFTER: Final = timedelta(seconds=15)
"""A scheduled Job younger than this is not reported before its pod runs, which saves a status write."""
MAX_PAUSE: Final = timedelta(minutes=30)
"""Maximum time between two lookups of a Job that does not start."""


def waits(snapshot: Snapshot, job: JobView) -> bool:
    """True for an unfinished Job of which no pod is known to have run."""
    if job.finished or not job.waits:
        return False
    look, last = snapshot.diagnoses.get(job.uid), snapshot.sync.status.last_run
    if look is not None:
        return not look.ran
    return last is None or last.job != job.name or last.status == WAITING


def is_beginning(snapshot: Snapshot, job: JobView) -> bool:
    """True for a scheduled Job that is too young to be reported before its pod runs."""
    last = snapshot.sync.status.last_run
    reported = last is not None and last.job == job.name
    return (
        job.trigger is RunTrigger.SCHEDULE
        and not reported
        and waits(snapshot, job)
        and snapshot.now < _shown_at(snapshot, job)
    )


def start_step(snapshot: Snapshot) -> StartAction | None:
    """The next action for Jobs that should have started by now, or None."""
    spec, live = snapshot.sync.spec, snapshot.cronjob
    limit = spec.run.start_timeout if spec is not None else None
    for job in snapshot.jobs:
        if job.finished or not job.waits:
            continue
        if _look_due_at(snapshot, job) <= snapshot.now:
            return DiagnoseJob(job)
        if not waits(snapshot, job) or job.timed_out:
            continue
        if live is not None and job.uid in snapshot.diagnoses and job.template != _template(snapshot):
            request = None
            if job.token:
                request = requested_job(live, snapshot.sync, job.token, snapshot.now, instead=_template(snapshot))
            return ReplaceJob(job, request, _last_due(snapshot) if job.due is not None else None)
        if limit is not None and snapshot.now >= job.created_at + parse_duration(limit):
            return FailStart(job, limit)
    return None


def not_started(snapshot: Snapshot, job: JobView) -> str:
    """What keeps a Job from starting, and how to fix it; empty within the grace period, and once a pod has run."""
    look = snapshot.diagnoses.get(job.uid)
    if look is None or not waits(snapshot, job):
        return ""
    words = f"Job {job.name} waits since {rfc3339(job.created_at)}, and no pod of it has run: {look.why}"
    return f"{words}. {remedy(look.words)}" if look.words else f"{words}. kubectl describe job/{job.name} may tell more"


def waiting_run(snapshot: Snapshot, job: JobView) -> LastRun:
    """``status.lastRun`` for a waiting Job; with the earlier message until this process has looked the Job up."""
    look, last = snapshot.diagnoses.get(job.uid), snapshot.sync.status.last_run
    known = last.message if last is not None and last.job == job.name and last.status == WAITING else None
    return LastRun(
        trigger=job.trigger,
        status=WAITING,
        verdict=WAITING,
        started_at=job.created_at,
        message=look.why if look is not None else known,
        job=job.name,
    )


def never_started(snapshot: Snapshot, job: JobView) -> str:
    """Why a Job ended without having started; empty if it may have started."""
    last = snapshot.sync.status.last_run
    if job.timed_out or last is None or last.job != job.name or last.status != WAITING or not last.message:
        return job.timed_out
    return f"Job {job.name} ended before a pod of it ran: {last.message}"


def starts_again_at(snapshot: Snapshot) -> datetime | None:
    """When waiting Jobs are to be checked again; None if there are none."""
    return min((at for job in snapshot.jobs for at in _times(snapshot, job) if at > snapshot.now), default=None)


def _times(snapshot: Snapshot, job: JobView) -> Iterator[datetime]:
    spec = snapshot.sync.spec
    if job.finished or not job.waits:
        return
    yield _look_due_at(snapshot, job)
    if waits(snapshot, job):
        yield _shown_at(snapshot, job)
        if spec is not None and spec.run.start_timeout is not None:
            yield job.created_at + parse_duration(spec.run.start_timeout)


def _shown_at(snapshot: Snapshot, job: JobView) -> datetime:
    return job.created_at + min(_SHOWN_AFTER, snapshot.runner_config.start_grace)


def _look_due_at(snapshot: Snapshot, job: JobView) -> datetime:
    """When a Job is looked up next; the interval grows with the time that it waits, up to `MAX_PAUSE`."""
    look, grace = snapshot.diagnoses.get(job.uid), snapshot.runner_config.start_grace
    return job.created_at + grace if look is None else look.at + max(grace, min(look.at - job.created_at, MAX_PAUSE))


def _template(snapshot: Snapshot) -> str:
    """Digest of the CronJob's current Job template."""
    metadata = (snapshot.cronjob or {}).get("spec", {}).get("jobTemplate", {}).get("metadata", {})
    return str(metadata.get("annotations", {}).get(TEMPLATE_ANNOTATION, ""))


def _last_due(snapshot: Snapshot) -> datetime:
    """A ``lastScheduleTime`` after which nothing is due yet: now; for an interval its latest due time.

    The interval goes on from that time.
    """
    last, schedule = last_schedule(snapshot.cronjob or {}), snapshot.sync.schedule
    now = snapshot.now.replace(microsecond=0)
    every = schedule.every if schedule is not None and (schedule.expression or "").startswith("@every") else None
    if last is None or every is None:
        return now
    return last + max((now - last) // every, 0) * every
