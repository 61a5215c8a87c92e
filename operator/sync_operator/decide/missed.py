"""Times at which a run was due, and for which no Job was made though none was active."""

from collections.abc import Iterable
from datetime import datetime

from sync_operator.decide.jobs import JobView
from sync_operator.decide.picture import Picture
from sync_operator.decide.scheduling import last_schedule, suspended
from sync_operator.decide.starts import is_beginning
from sync_operator.model.base import rfc3339
from sync_operator.model.sync import Scheduler

__all__ = ["MISSED", "is_held", "missed_at", "missed_from", "missed_words"]

MISSED = "missed"
"""What ``status.lastRun`` says of a run that was due, and for which there was no Job."""


def missed_at(picture: Picture) -> datetime | None:
    """The time that was due so long ago that its Job will not come any more; None without one."""
    due = _unanswered(picture)
    return due if due is not None and picture.now >= due + picture.deployment.start_grace else None


def missed_from(picture: Picture, runs: Iterable[datetime]) -> datetime | None:
    """When the first of the next runs that is still to be judged counts as missed; None without one."""
    spec, grace = picture.sync.spec, picture.deployment.start_grace
    if spec is None or spec.scheduler is Scheduler.SERVER:
        return None
    return next((run + grace for run in runs if run + grace > picture.now), None)


def is_held(picture: Picture) -> bool:
    """True while the first of ``status.nextRuns`` has come, and what became of it is not known yet."""
    runs = picture.sync.status.next_runs
    if missed_at(picture) is not None or not runs or runs[0] > picture.now or not _is_of_schedule(picture):
        return False
    beginning = any(job.due == runs[0] and is_beginning(picture, job) for job in picture.jobs)
    return beginning or _unanswered(picture) is not None


def missed_words(picture: Picture, due: datetime) -> str:
    """What is wrong, and what to look at."""
    name = picture.cronjob["metadata"]["name"] if picture.cronjob is not None else picture.sync.name
    zone = picture.sync.schedule.time_zone if picture.sync.schedule is not None else "Etc/UTC"
    words = f"a run was due at {rfc3339(due)}, and CronJob {name} made no Job for it, though none was active"
    if picture.cronjob_words:
        return f"{words}: {picture.cronjob_words}"
    words = f"{words}; the cluster's CronJob controller may have been away"
    if zone not in {"Etc/UTC", "UTC"}:
        words = (
            f"{words}, or have other time zone data for {zone}, which rule; with spec.timeZone: Etc/UTC none are needed"
        )
    return f"{words}. kubectl describe cronjob/{name} tells when it made the last one"


def _unanswered(picture: Picture) -> datetime | None:
    """The first of ``status.nextRuns``, when it has come, no Job was made for it, and none was active."""
    runs, now = picture.sync.status.next_runs, picture.now
    if not runs or runs[0] > now or not _is_of_schedule(picture):
        return None
    due, last = runs[0], last_schedule(picture.cronjob or {})
    answered = (last is not None and last >= due) or any(job.due is not None and job.due >= due for job in picture.jobs)
    return None if answered or any(_was_active(job, due) for job in picture.jobs) else due


def _is_of_schedule(picture: Picture) -> bool:
    """True while the times in the status are those of the CronJob as it is now."""
    status, schedule, spec = picture.sync.status, picture.sync.schedule, picture.sync.spec
    if picture.cronjob is None or schedule is None or spec is None or spec.scheduler is Scheduler.SERVER:
        return False
    moved = (schedule.expression, schedule.time_zone) != (status.effective_schedule, status.time_zone)
    return not (moved or picture.sync.deleting or suspended(picture))


def _was_active(job: JobView, at: datetime) -> bool:
    """True for a scheduled Job that kept the next one from being made: one that runs on at that time."""
    return job.trigger == "Schedule" and (not job.finished or (job.finished_at is not None and job.finished_at >= at))
