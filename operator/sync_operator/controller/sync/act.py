"""Act: carries out one action of Syncs alone, and returns the snapshot after it.

Actions that need the sync server are passed on to `act_on_server`. Those of every registration are none of these: the
reconcile loop carries them out.
"""

from dataclasses import replace
from typing import Any

from sync_operator.api.constants import (
    HANDLED_RUN_REQUEST_ANNOTATION,
    RUN_REQUESTED_AT_ANNOTATION,
    SYNC_LABEL,
)
from sync_operator.api.statuses.conditions import Reason
from sync_operator.controller.context import OURS, ControllerContext
from sync_operator.controller.registration.act_on_resource import patch_metadata
from sync_operator.controller.sync.act_on_server import act_on_server
from sync_operator.controller.sync.act_on_start import act_on_start
from sync_operator.controller.sync.last_schedule import set_last_schedule
from sync_operator.domain.actions import (
    AcknowledgeRunRequest,
    ApplyCronJob,
    DeleteCronJob,
    GuardSchedule,
    PruneJobs,
    RecordHandledRequest,
    SyncAction,
)
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.runs.start_actions import DiagnoseCronJob, DiagnoseJob, FailStart, ReplaceJob
from sync_operator.domain.scheduling.cronjob_manifest import sync_label
from sync_operator.domain.scheduling.field_ownership import restored
from sync_operator.domain.snapshot import Snapshot
from sync_operator.errors import KubernetesError
from sync_operator.kubernetes.converters import job_view, owning_sync
from sync_operator.kubernetes.resources import CRONJOBS, JOBS
from sync_operator.util.redact import redact

__all__ = ["act", "suspend_cronjob"]


async def act(context: ControllerContext, snapshot: Snapshot, action: SyncAction) -> Snapshot:
    """Carry out one action of a Sync alone.

    Returns:
        The snapshot after the action.

    Raises:
        SyncOperatorError: it failed; the caller records that as a blocker of the action's phase.
    """
    match action:
        case RecordHandledRequest():
            handled = {"annotations": {HANDLED_RUN_REQUEST_ANNOTATION: action.token}}
            return await patch_metadata(context, snapshot, handled)
        case GuardSchedule() | ApplyCronJob() | DeleteCronJob():
            return await _cronjob(context, snapshot, action)
        case AcknowledgeRunRequest():
            return await _acknowledge(context, snapshot, action)
        case DiagnoseJob() | FailStart() | ReplaceJob() | DiagnoseCronJob():
            return await act_on_start(context, snapshot, action)
        case PruneJobs():
            for name in action.names:
                await context.kube.delete(JOBS, snapshot.sync.namespace, name)
            return replace(snapshot, jobs=tuple(job for job in snapshot.jobs if job.name not in action.names))
        case _:
            return await act_on_server(context, snapshot, action)


async def _acknowledge(context: ControllerContext, snapshot: Snapshot, action: AcknowledgeRunRequest) -> Snapshot:
    """Create the Job of a run request; the same status write shows the Job and that the request was handled."""
    made = None
    if action.manifest is not None:
        try:
            made = await context.kube.create(JOBS, snapshot.sync.namespace, action.manifest)
        except KubernetesError as error:
            if not error.permanent:
                raise
            words = f"{RUN_REQUESTED_AT_ANNOTATION}: the cluster refuses the Job of the run: {redact(str(error))}"
            return snapshot.failed(Phase.RUNS, Blocker(Reason.RUN_NOT_STARTED, words))
    if made is not None:
        context.store.put("Job", made)
        snapshot = replace(snapshot, jobs=(*snapshot.jobs, job_view(made)))
    return replace(snapshot, answered_request=action.token)


async def suspend_cronjob(context: ControllerContext, snapshot: Snapshot) -> Snapshot:
    """Suspend the CronJob, if there is one: its sync is gone."""
    if snapshot.cronjob is None:
        return snapshot
    live = await context.kube.merge_patch(
        CRONJOBS, snapshot.sync.namespace, snapshot.cronjob["metadata"]["name"], {"spec": {"suspend": True}}
    )
    if live is not None:
        context.store.put("CronJob", live)
    return replace(snapshot, cronjob=live)


async def _cronjob(
    context: ControllerContext, snapshot: Snapshot, action: GuardSchedule | ApplyCronJob | DeleteCronJob
) -> Snapshot:
    match action:
        case GuardSchedule():
            return await set_last_schedule(context, snapshot, action.name, action.at)
        case ApplyCronJob():
            live, applied = await _apply(context, snapshot, action)
            if applied:
                snapshot = replace(snapshot, applied=True, restored=restored(action, live))
        case DeleteCronJob():
            await _delete_cronjob(context, snapshot, action.name)
            if snapshot.sync.deleting:
                context.children_deleted.add(snapshot.sync.uid)
            return replace(snapshot, cronjob=None, children_deleted=True)
    if live is not None and owning_sync(live):
        context.store.put("CronJob", live)
    return replace(snapshot, cronjob=live)


async def _apply(context: ControllerContext, snapshot: Snapshot, action: ApplyCronJob) -> tuple[dict[str, Any], bool]:
    """Apply the CronJob.

    Returns:
        The CronJob, and whether it was applied: False for an existing one that is not cached, and may not be ours.
    """
    kube = context.kube
    if snapshot.cronjob is None:
        made = await kube.apply_if_absent(CRONJOBS, action.manifest)
        if made is not None:
            return made, True
        found = await kube.get(CRONJOBS, snapshot.sync.namespace, action.name)
        if found is not None:
            return found, False
    return await kube.apply(CRONJOBS, action.manifest), True


async def _delete_cronjob(context: ControllerContext, snapshot: Snapshot, name: str) -> None:
    """Delete the CronJob, then its Jobs, by a list from the API server: the cache may not show the newest Jobs yet."""
    kube, sync = context.kube, snapshot.sync
    live = snapshot.cronjob or await kube.get(CRONJOBS, sync.namespace, name)
    if live is not None and owning_sync(live) == sync.name:
        await kube.delete(CRONJOBS, sync.namespace, name)
        context.store.drop("CronJob", live)
    selector = f"{OURS},{SYNC_LABEL}={sync_label(sync.name)}"
    for job in await kube.list(JOBS, sync.namespace, selector=selector):
        if owning_sync(job) == sync.name:
            await kube.delete(JOBS, sync.namespace, job["metadata"]["name"])
