"""Runs: which of them are still to be reported, and which run request is still to be answered."""

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Final

from sync_operator.bounds import bounded_token
from sync_operator.decide.actions import (
    Action,
    AnswerRunRequest,
    ListRuns,
    NoteRunRequest,
    PruneJobs,
    ReadRuns,
    ReadSync,
    TakeRun,
)
from sync_operator.decide.blocking import conflict, workspace_changed
from sync_operator.decide.cluster_mark import cluster_changed
from sync_operator.decide.cronjob import requested_job
from sync_operator.decide.identity import identity_conflict
from sync_operator.decide.jobs import JobView
from sync_operator.decide.missed import missed_at
from sync_operator.decide.picture import Phase, Picture
from sync_operator.decide.server import is_registered
from sync_operator.decide.start_actions import LookAtCronJob
from sync_operator.decide.starts import WAITING, start_step
from sync_operator.model.names import HANDLED_RUN_REQUEST, RUN_REQUESTED_AT
from sync_operator.model.sync import Scheduler
from sync_operator.remote.types import RemoteRun, RunStatus

__all__ = ["attributed_runs", "handled_request", "open_request", "probable_run", "run_step", "running_job"]

MAX_CLOCK_SKEW: Final = timedelta(minutes=5)
"""Between the cluster's clock and the server's."""


def run_step(picture: Picture) -> Action | None:
    """The next thing to do about runs, or None."""
    workspace, sync_id, spec = picture.workspace, picture.sync.status.id, picture.sync.spec
    if Phase.RUNS in picture.failures or spec is None:
        return None
    if workspace_changed(picture) or cluster_changed(picture) or conflict(picture):
        return None
    if identity_conflict(picture):
        return None
    token = open_request(picture)
    if token is not None and is_registered(picture):
        if spec.scheduler is Scheduler.SERVER:
            return AnswerRunRequest(token, None)
        if picture.cronjob is not None:
            return AnswerRunRequest(token, requested_job(picture.cronjob, picture.sync, token, picture.now))
    if start := start_step(picture):
        return start
    if missed_at(picture) is not None and picture.cronjob_words is None:
        return LookAtCronJob()
    if token is None and (housekeeping := _unnoted(picture) or _surplus(picture)):
        return housekeeping
    if sync_id is None or not workspace.found or workspace.obstacle is not None or workspace.suspended:
        return None
    wanted = _run_to_read(picture, sync_id)
    if wanted is not None and picture.seen is None and not picture.looked:
        return ReadSync(sync_id, Phase.RUNS)  # its runs are told of only where it is known to be ours
    return wanted if not picture.gone else None


def _run_to_read(picture: Picture, sync_id: str) -> Action | None:
    ended = _unreported(picture)
    if ended:
        return ReadRuns(ended, sync_id)
    if picture.watch_runs and picture.runs is None:
        return ListRuns(sync_id)
    other = _of_others(picture)
    return TakeRun(other, sync_id) if other is not None else None


def open_request(picture: Picture) -> str | None:
    """The token of a run request that was not answered yet; of one that is too long, its hash."""
    token = bounded_token(picture.sync.annotations.get(RUN_REQUESTED_AT, ""))
    return token if token and token not in _handled(picture) else None


def handled_request(picture: Picture) -> str | None:
    """The request that was answered last; of a Sync that lost its status, as its annotation tells."""
    told, noted = _handled(picture)
    return told or noted


def _handled(picture: Picture) -> tuple[str | None, str | None]:
    """The request answered last, as this reconcile or the status tells, and as the Sync itself has it."""
    status = picture.answered_request or picture.sync.status.last_handled_run_request
    return status, picture.sync.annotations.get(HANDLED_RUN_REQUEST)


def _unnoted(picture: Picture) -> NoteRunRequest | None:
    """The request that was answered and of which the Sync itself does not tell."""
    told, noted = _handled(picture)
    asked = bounded_token(picture.sync.annotations.get(RUN_REQUESTED_AT, ""))
    return NoteRunRequest(told) if told is not None and told == asked != noted else None


def _surplus(picture: Picture) -> PruneJobs | None:
    """Jobs of requests beyond the history that the spec asks for; the CronJob controller deletes the others."""
    spec = picture.sync.spec
    ended = [job for job in picture.jobs if job.of_sync and job.finished and job.reported]
    if spec is None or not ended:
        return None
    ended.sort(key=lambda job: (job.finished_at or job.created_at, job.name), reverse=True)
    good, bad = [job for job in ended if job.succeeded], [job for job in ended if not job.succeeded]
    surplus = (*good[spec.run.successful_history :], *bad[spec.run.failed_history :])
    return PruneJobs(tuple(job.name for job in surplus)) if surplus else None


def running_job(picture: Picture) -> JobView | None:
    """The Job that was made last, of those which have not ended."""
    return next((job for job in reversed(picture.jobs) if not job.finished), None)


def attributed_runs(picture: Picture) -> set[int]:
    """Ids of the runs of which it is known, or was told, whose they are."""
    last = picture.sync.status.last_run
    told = {int(last.id)} if last is not None and last.id is not None else set()
    read = {result.run.id for result in picture.results if result.run is not None}
    return told | read | {job.run_id for job in picture.jobs if job.run_id is not None}


def probable_run(
    job: JobView, runs: Iterable[RemoteRun], *, but: Collection[int], others: Iterable[JobView]
) -> RemoteRun | None:
    """The run of a Job that left no last words: the first one made after it, and before the next Job.

    Where there is none, the last one made before it may be its own, by a server's clock that is behind.

    Args:
        job: which has ended.
        runs: the server's.
        but: ids of the runs that are known to be of other Jobs.
        others: the Sync's Jobs.
    """
    times = [(run.created_at or run.started_at, run) for run in runs if run.id not in but]
    made = sorted(((at, run.id, run) for at, run in times if at is not None), key=lambda entry: entry[:2])
    ends = [one.created_at for one in others if one.created_at > job.created_at]
    ends += [job.finished_at + MAX_CLOCK_SKEW] if job.finished_at is not None else []
    after = [run for at, _, run in made if job.created_at <= at <= min(ends, default=at)]
    before = [run for at, _, run in made if job.created_at - MAX_CLOCK_SKEW <= at < job.created_at]
    return next(iter(after or before[::-1]), None)


def _unreported(picture: Picture) -> tuple[JobView, ...]:
    """The Jobs that have ended, and which the status has not told of, in the order of their ends."""
    read = {result.job.name for result in picture.results if result.job is not None}
    ended = [job for job in picture.jobs if job.finished and not job.reported and job.name not in read]
    if ended:
        return tuple(sorted(ended, key=lambda job: (job.finished_at or job.created_at, job.name)))
    gone = None if picture.results else _vanished(picture)
    return (gone,) if gone is not None else ()


def _vanished(picture: Picture) -> JobView | None:
    """The Job that the status calls running, or waiting, but that was deleted: its run is still to be told."""
    last = picture.sync.status.last_run
    if last is None or last.status not in {RunStatus.STARTED, WAITING} or last.job is None or last.started_at is None:
        return None
    if any(job.name == last.job for job in (*picture.jobs, *picture.replaced)):
        return None
    return JobView(last.job, last.trigger, created_at=last.started_at, finished_at=picture.now, finished=True)


def _of_others(picture: Picture) -> RemoteRun | None:
    """The newest run that ended, when it is newer than every run we know, and no Job of ours can be following it."""
    last = picture.sync.status.last_run
    known = [result.run.id for result in picture.results if result.run is not None]
    known += [int(last.id)] if last is not None and last.id is not None else []
    if running_job(picture) is not None:
        return None
    newest = next((run for run in picture.runs or () if run.status.finished), None)
    return newest if newest is not None and newest.id > max(known, default=0) else None
