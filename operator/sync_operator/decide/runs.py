"""Runs: which finished Job is still to be reported, and which run request is still to be answered."""

from sync_operator.decide.actions import Action, AnswerRunRequest, ReadRun
from sync_operator.decide.blocking import conflict, workspace_changed
from sync_operator.decide.cronjob import requested_job
from sync_operator.decide.picture import JobView, Phase, Picture
from sync_operator.decide.server import is_registered
from sync_operator.model.names import ANSWERED_RUN_REQUEST, RUN_REQUESTED_AT
from sync_operator.model.status import LastRun
from sync_operator.model.sync import Scheduler
from sync_operator.remote.types import RunStatus

__all__ = ["newest_job", "open_request", "run_step"]


def run_step(picture: Picture) -> Action | None:
    """The next thing to do about runs, or None."""
    workspace, sync_id = picture.workspace, picture.sync.status.id
    if Phase.RUNS in picture.failures or picture.sync.spec is None or workspace_changed(picture) or conflict(picture):
        return None
    token = open_request(picture)
    if token is not None and is_registered(picture):
        if picture.sync.spec.scheduler is Scheduler.SERVER:
            return AnswerRunRequest(token, None)
        if picture.cronjob is not None:
            return AnswerRunRequest(token, requested_job(picture.cronjob, token, ANSWERED_RUN_REQUEST))
    usable = workspace.found and workspace.obstacle is None and not workspace.suspended
    ended = _unreported(picture)
    return ReadRun(ended, sync_id) if ended and sync_id and usable else None


def open_request(picture: Picture) -> str | None:
    """The token of a run request that was not answered yet."""
    token = picture.sync.annotations.get(RUN_REQUESTED_AT)
    handled = picture.answered_request or picture.sync.status.last_handled_run_request
    return token if token and token != handled else None


def newest_job(picture: Picture) -> JobView | None:
    """The Job that was made last."""
    return picture.jobs[-1] if picture.jobs else None


def _unreported(picture: Picture) -> JobView | None:
    """The newest finished Job, when the status does not tell of it (or of a later one) yet."""
    last = picture.sync.status.last_run
    finished = [job for job in picture.jobs if job.finished]
    if picture.result is not None or not finished:
        return None
    job = finished[-1]
    return None if last is not None and _covers(last, job, picture.jobs) else job


def _covers(last: LastRun, job: JobView, jobs: tuple[JobView, ...]) -> bool:
    if last.job == job.name:
        return last.status in {RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.CANCELED}
    known = next((other for other in jobs if other.name == last.job), None)
    since = known.created_at if known else last.started_at
    return since is not None and job.created_at < since
