"""Runs that do not start: Jobs of which no pod has run, what is said of them, and what is done about them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from sync_operator.decide.cronjob import requested_job
from sync_operator.decide.jobs import JobView
from sync_operator.decide.picture import Picture
from sync_operator.decide.scheduling import last_schedule
from sync_operator.decide.start_actions import FailStart, LookAtStart, ReplaceJob, StartAction
from sync_operator.decide.start_words import remedy
from sync_operator.durations import parse_duration
from sync_operator.model.base import rfc3339
from sync_operator.model.names import TEMPLATE
from sync_operator.model.status import LastRun

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
"""What ``status.lastRun`` says of a run of which no pod has run yet."""
_SHOWN_AFTER: Final = timedelta(seconds=15)
"""Until then a scheduled Job is not told of before its pod runs: it costs a write less."""
MAX_PAUSE: Final = timedelta(minutes=30)
"""Between two looks at a Job that does not start."""


def waits(picture: Picture, job: JobView) -> bool:
    """True for a Job that has not ended, and of which no pod is known to have run."""
    if job.finished or not job.waits:
        return False
    look, last = picture.looks.get(job.uid), picture.sync.status.last_run
    if look is not None:
        return not look.ran
    return last is None or last.job != job.name or last.status == WAITING


def is_beginning(picture: Picture, job: JobView) -> bool:
    """True for a scheduled Job so young that it is told of only when its pod runs, or when it has taken longer."""
    last = picture.sync.status.last_run
    told = last is not None and last.job == job.name
    return job.trigger == "Schedule" and not told and waits(picture, job) and picture.now < _shown_at(picture, job)


def start_step(picture: Picture) -> StartAction | None:
    """The next thing to do about Jobs that should have started by now, or None."""
    spec, live = picture.sync.spec, picture.cronjob
    limit = spec.run.start_timeout if spec is not None else None
    for job in picture.jobs:
        if job.finished or not job.waits:
            continue
        if _look_due_at(picture, job) <= picture.now:
            return LookAtStart(job)
        if not waits(picture, job) or job.timed_out:
            continue
        if live is not None and job.uid in picture.looks and job.template != _template(picture):
            request = None
            if job.token:
                request = requested_job(live, picture.sync, job.token, picture.now, instead=_template(picture))
            return ReplaceJob(job, request, _last_due(picture) if job.due is not None else None)
        if limit is not None and picture.now >= job.created_at + parse_duration(limit):
            return FailStart(job, limit)
    return None


def not_started(picture: Picture, job: JobView) -> str:
    """What is wrong with a Job that does not start, and what to do; empty while it has time, or once it has run."""
    look = picture.looks.get(job.uid)
    if look is None or not waits(picture, job):
        return ""
    words = f"Job {job.name} waits since {rfc3339(job.created_at)}, and no pod of it has run: {look.why}"
    return f"{words}. {remedy(look.words)}" if look.words else f"{words}. kubectl describe job/{job.name} may tell more"


def waiting_run(picture: Picture, job: JobView) -> LastRun:
    """What ``status.lastRun`` says of a Job that waits; as before, where this process has not looked at it yet."""
    look, last = picture.looks.get(job.uid), picture.sync.status.last_run
    known = last.message if last is not None and last.job == job.name and last.status == WAITING else None
    return LastRun(
        trigger=job.trigger,
        status=WAITING,
        verdict=WAITING,
        started_at=job.created_at,
        message=look.why if look is not None else known,
        job=job.name,
    )


def never_started(picture: Picture, job: JobView) -> str:
    """Why a Job has ended without a start; empty for one that may have started."""
    last = picture.sync.status.last_run
    if job.timed_out or last is None or last.job != job.name or last.status != WAITING or not last.message:
        return job.timed_out
    return f"Job {job.name} ended before a pod of it ran: {last.message}"


def starts_again_at(picture: Picture) -> datetime | None:
    """When Jobs that wait are to be looked at again; None without any."""
    return min((at for job in picture.jobs for at in _times(picture, job) if at > picture.now), default=None)


def _times(picture: Picture, job: JobView) -> Iterator[datetime]:
    spec = picture.sync.spec
    if job.finished or not job.waits:
        return
    yield _look_due_at(picture, job)
    if waits(picture, job):
        yield _shown_at(picture, job)
        if spec is not None and spec.run.start_timeout is not None:
            yield job.created_at + parse_duration(spec.run.start_timeout)


def _shown_at(picture: Picture, job: JobView) -> datetime:
    return job.created_at + min(_SHOWN_AFTER, picture.deployment.start_grace)


def _look_due_at(picture: Picture, job: JobView) -> datetime:
    """When a Job is looked at next: less often the longer it waits."""
    look, grace = picture.looks.get(job.uid), picture.deployment.start_grace
    return job.created_at + grace if look is None else look.at + max(grace, min(look.at - job.created_at, MAX_PAUSE))


def _template(picture: Picture) -> str:
    """Digest of the template that the CronJob makes its Jobs from now."""
    metadata = (picture.cronjob or {}).get("spec", {}).get("jobTemplate", {}).get("metadata", {})
    return str(metadata.get("annotations", {}).get(TEMPLATE, ""))


def _last_due(picture: Picture) -> datetime:
    """A time after which none was due by now: for an interval the newest one that was, from which it goes on."""
    last, schedule = last_schedule(picture.cronjob or {}), picture.sync.schedule
    now = picture.now.replace(microsecond=0)
    every = schedule.every if schedule is not None and (schedule.expression or "").startswith("@every") else None
    if last is None or every is None:
        return now
    return last + max((now - last) // every, 0) * every
