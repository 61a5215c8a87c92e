"""The next action for runs: run requests to handle, Jobs that do not start, results to report."""

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Final

from sync_operator.api.constants import HANDLED_RUN_REQUEST_ANNOTATION, RUN_REQUESTED_AT_ANNOTATION
from sync_operator.api.kinds.sync import Scheduler
from sync_operator.api.statuses.run_status import RunTrigger
from sync_operator.domain.actions import (
    AcknowledgeRunRequest,
    Action,
    AdoptRun,
    ListRuns,
    PruneJobs,
    ReadRuns,
    RecordHandledRequest,
)
from sync_operator.domain.blocker import Phase
from sync_operator.domain.identity.cluster_mark import cluster_changed
from sync_operator.domain.identity.resource_identity import identity_conflict
from sync_operator.domain.registration.desired_state import is_registered
from sync_operator.domain.registration.preconditions import claim_conflict, workspace_changed
from sync_operator.domain.registration.registration_actions import ReadRemote
from sync_operator.domain.runs.job_state import JobView
from sync_operator.domain.runs.missed_runs import missed_at
from sync_operator.domain.runs.start_actions import DiagnoseCronJob
from sync_operator.domain.runs.start_failures import WAITING, start_step
from sync_operator.domain.scheduling.cronjob_manifest import requested_job
from sync_operator.domain.snapshot import Snapshot
from sync_operator.syncapi.types import RemoteRun, RunStatus
from sync_operator.util.bounds import bounded_token

__all__ = ["attributed_runs", "handled_request", "pending_run_request", "probable_run", "run_step", "running_job"]

MAX_SERVER_CLOCK_SKEW: Final = timedelta(minutes=5)
"""Assumed maximum skew between the cluster's clock and the server's."""


def run_step(snapshot: Snapshot) -> Action | None:
    """The next action for runs, or None."""
    workspace, sync_id, spec = snapshot.workspace, snapshot.sync.status.id, snapshot.sync.spec
    if Phase.RUNS in snapshot.failures or spec is None:
        return None
    if workspace_changed(snapshot) or cluster_changed(snapshot) or claim_conflict(snapshot):
        return None
    if identity_conflict(snapshot):
        return None
    token = pending_run_request(snapshot)
    if token is not None and is_registered(snapshot):
        if spec.scheduler is Scheduler.SERVER:
            return AcknowledgeRunRequest(token, None)
        if snapshot.cronjob is not None:
            return AcknowledgeRunRequest(token, requested_job(snapshot.cronjob, snapshot.sync, token, snapshot.now))
    if start := start_step(snapshot):
        return start
    if missed_at(snapshot) is not None and snapshot.cronjob_warning is None:
        return DiagnoseCronJob()
    if token is None and (housekeeping := _unnoted(snapshot) or _surplus(snapshot)):
        return housekeeping
    if sync_id is None or not workspace.found or workspace.blocker is not None or workspace.suspended:
        return None
    wanted = _run_to_read(snapshot, sync_id)
    if wanted is not None and snapshot.last_listed is None and not snapshot.was_read:
        return ReadRemote(sync_id, Phase.RUNS)  # runs are reported only once the sync is known to be ours
    return wanted if not snapshot.not_found else None


def _run_to_read(snapshot: Snapshot, sync_id: str) -> Action | None:
    ended = _unreported_job(snapshot)
    if ended:
        return ReadRuns(ended, sync_id)
    if snapshot.watch_runs and snapshot.runs is None:
        return ListRuns(sync_id)
    other = _externally_started(snapshot)
    return AdoptRun(other, sync_id) if other is not None else None


def pending_run_request(snapshot: Snapshot) -> str | None:
    """The token of a run request that is not handled yet (its hash if it is too long); None without one."""
    token = bounded_token(snapshot.sync.annotations.get(RUN_REQUESTED_AT_ANNOTATION, ""))
    return token if token and token not in _handled(snapshot) else None


def handled_request(snapshot: Snapshot) -> str | None:
    """Token of the run request handled last; from the annotation if the Sync lost its status."""
    handled, noted = _handled(snapshot)
    return handled or noted


def _handled(snapshot: Snapshot) -> tuple[str | None, str | None]:
    """Token of the run request handled last: by this reconcile or the status, and by the Sync's annotation."""
    status = snapshot.answered_request or snapshot.sync.status.last_handled_run_request
    return status, snapshot.sync.annotations.get(HANDLED_RUN_REQUEST_ANNOTATION)


def _unnoted(snapshot: Snapshot) -> RecordHandledRequest | None:
    """Write the annotation for a handled run request if the Sync does not have it yet."""
    handled, noted = _handled(snapshot)
    requested = bounded_token(snapshot.sync.annotations.get(RUN_REQUESTED_AT_ANNOTATION, ""))
    return RecordHandledRequest(handled) if handled is not None and handled == requested != noted else None


def _surplus(snapshot: Snapshot) -> PruneJobs | None:
    """Delete Jobs of run requests beyond the history limits; the CronJob controller deletes those of the schedule."""
    spec = snapshot.sync.spec
    ended = [job for job in snapshot.jobs if job.of_sync and job.finished and job.reported]
    if spec is None or not ended:
        return None
    ended.sort(key=lambda job: (job.finished_at or job.created_at, job.name), reverse=True)
    good, bad = [job for job in ended if job.succeeded], [job for job in ended if not job.succeeded]
    surplus = (*good[spec.run.successful_history :], *bad[spec.run.failed_history :])
    return PruneJobs(tuple(job.name for job in surplus)) if surplus else None


def running_job(snapshot: Snapshot) -> JobView | None:
    """The newest unfinished Job, or None."""
    return next((job for job in reversed(snapshot.jobs) if not job.finished), None)


def attributed_runs(snapshot: Snapshot) -> set[int]:
    """Ids of the runs that are attributed to a Job, or were reported already."""
    last = snapshot.sync.status.last_run
    reported = {int(last.id)} if last is not None and last.id is not None else set()
    read = {result.run.id for result in snapshot.results if result.run is not None}
    return reported | read | {job.run_id for job in snapshot.jobs if job.run_id is not None}


def probable_run(
    job: JobView, runs: Iterable[RemoteRun], *, but: Collection[int], others: Iterable[JobView]
) -> RemoteRun | None:
    """The run of a Job without a termination message: the first one created after the Job and before the next Job.

    If there is none, the last one created shortly before the Job, because the server's clock may be behind.

    Args:
        job: a finished Job.
        runs: runs on the server.
        but: ids of runs to exclude, because they belong to other Jobs.
        others: the Sync's Jobs.
    """
    times = [(run.creation_time, run) for run in runs if run.id not in but]
    made = sorted(((at, run.id, run) for at, run in times if at is not None), key=lambda entry: entry[:2])
    ends = [one.created_at for one in others if one.created_at > job.created_at]
    ends += [job.finished_at + MAX_SERVER_CLOCK_SKEW] if job.finished_at is not None else []
    after = [run for at, _, run in made if job.created_at <= at <= min(ends, default=at)]
    before = [run for at, _, run in made if job.created_at - MAX_SERVER_CLOCK_SKEW <= at < job.created_at]
    return next(iter(after or before[::-1]), None)


def _unreported_job(snapshot: Snapshot) -> tuple[JobView, ...]:
    """The finished Jobs that are not reported yet, in the order of their ends."""
    read = {result.job.name for result in snapshot.results if result.job is not None}
    ended = [job for job in snapshot.jobs if job.finished and not job.reported and job.name not in read]
    if ended:
        return tuple(sorted(ended, key=lambda job: (job.finished_at or job.created_at, job.name)))
    gone = None if snapshot.results else _deleted_job(snapshot)
    return (gone,) if gone is not None else ()


def _deleted_job(snapshot: Snapshot) -> JobView | None:
    """The Job that is running or waiting by the status but was deleted; its run is still to be reported."""
    last = snapshot.sync.status.last_run
    if last is None or last.status not in {RunStatus.STARTED, WAITING} or last.job is None or last.started_at is None:
        return None
    if any(job.name == last.job for job in (*snapshot.jobs, *snapshot.replaced)):
        return None
    return JobView(
        last.job, RunTrigger(last.trigger), created_at=last.started_at, finished_at=snapshot.now, finished=True
    )


def _externally_started(snapshot: Snapshot) -> RemoteRun | None:
    """The newest finished run, if it is newer than every known run and no Job of ours can be following it."""
    last = snapshot.sync.status.last_run
    known = [result.run.id for result in snapshot.results if result.run is not None]
    known += [int(last.id)] if last is not None and last.id is not None else []
    if running_job(snapshot) is not None:
        return None
    newest = next((run for run in snapshot.runs or () if run.status.finished), None)
    return newest if newest is not None and newest.id > max(known, default=0) else None
