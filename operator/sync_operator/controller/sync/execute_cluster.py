"""Act: carries out one action and returns the snapshot after it."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sync_operator.api.conditions import Reason
from sync_operator.api.constants import (
    FINALIZER,
    HANDLED_RUN_REQUEST_ANNOTATION,
    RUN_REQUESTED_AT_ANNOTATION,
    SYNC_KIND,
    SYNC_LABEL,
)
from sync_operator.controller.context import OURS, ControllerContext
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.sync.execute_server import act_on_server
from sync_operator.controller.sync.execute_starts import act_on_start
from sync_operator.controller.sync.last_schedule import set_last_schedule
from sync_operator.controller.workspace.secret_values import read_secret_values
from sync_operator.domain.actions import (
    AcknowledgeRunRequest,
    Action,
    ApplyCronJob,
    DeleteCronJob,
    GuardSchedule,
    PruneJobs,
    RecordHandledRequest,
)
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.create_fence.create_intent import intent_annotations
from sync_operator.domain.identity.cluster_mark import cluster_marks
from sync_operator.domain.registration.registration_actions import (
    CheckCrd,
    DropFinalizer,
    ForgetRemote,
    ReadSecrets,
    RecordClusterUid,
    RecordCreateIntent,
)
from sync_operator.domain.runs.start_actions import DiagnoseCronJob, DiagnoseJob, FailStart, ReplaceJob
from sync_operator.domain.scheduling.cronjob_manifest import sync_label
from sync_operator.domain.scheduling.field_ownership import restored
from sync_operator.domain.snapshot import Snapshot
from sync_operator.errors import KubernetesError
from sync_operator.kubernetes.converters import job_view, owning_sync, sync_view
from sync_operator.kubernetes.kube_client import CRONJOBS, JOBS, SYNCS
from sync_operator.util.redact import redact

__all__ = ["act"]

_log = logging.getLogger(__name__)


async def act(context: ControllerContext, snapshot: Snapshot, action: Action) -> Snapshot:
    """Carry out one action.

    Returns:
        The snapshot after the action.

    Raises:
        SyncOperatorError: it failed; the caller records that as a blocker of the action's phase.
    """
    _log.debug("Sync %s/%s: %s", snapshot.sync.namespace, snapshot.sync.name, type(action).__name__)
    match action:
        case ReadSecrets():
            values = await read_secret_values(
                context.kube, snapshot.sync.namespace, action.wanted, require_label=context.require_secret_label
            )
            return replace(snapshot, secrets=values)
        case CheckCrd():
            return replace(snapshot, crd_deleted=await context.crd_deletion.is_being_deleted(snapshot.sync.uid))
        case RecordCreateIntent() | RecordClusterUid() | RecordHandledRequest() | DropFinalizer():
            return await _patch_metadata(context, snapshot, action)
        case ForgetRemote():
            return await _forget(context, snapshot)
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


async def _patch_metadata(
    context: ControllerContext,
    snapshot: Snapshot,
    action: RecordCreateIntent | RecordClusterUid | RecordHandledRequest | DropFinalizer,
) -> Snapshot:
    """Patch finalizer and annotations at once; the resource version makes it fail with a conflict if others wrote."""
    sync, begun = snapshot.sync, context.clock()
    metadata: dict[str, Any] = {"resourceVersion": sync.resource_version}
    if isinstance(action, DropFinalizer):
        metadata["finalizers"] = [name for name in sync.finalizers if name != FINALIZER]
    elif isinstance(action, RecordHandledRequest):
        metadata["annotations"] = {HANDLED_RUN_REQUEST_ANNOTATION: action.token}
    else:
        metadata["annotations"] = cluster_marks(snapshot.cluster)
    if isinstance(action, RecordCreateIntent):
        metadata["finalizers"] = [*(name for name in sync.finalizers if name != FINALIZER), FINALIZER]
        repeated = begun if action.repeats else None
        metadata["annotations"] |= intent_annotations(action.at, context.uid, fresh=action.fresh, repeated=repeated)
    answer = await context.kube.merge_patch(SYNCS, sync.namespace, sync.name, {"metadata": metadata})
    if answer is None:
        raise KubernetesError(404, "NotFound", f"Sync {sync.name!r} is gone")
    if isinstance(action, RecordCreateIntent):
        context.create_fence.intent_recorded(sync.uid, begun, fresh=action.fresh)
    context.store.put(SYNC_KIND, answer)
    # The patch succeeded for this resource version, so nothing else has changed: only the metadata is taken over.
    metadata = answer["metadata"]
    written = replace(
        sync,
        resource_version=metadata["resourceVersion"],
        finalizers=tuple(metadata.get("finalizers", ())),
        annotations=metadata.get("annotations", {}),
    )
    return replace(
        snapshot,
        sync=written,
        create_fresh=context.create_fence.fresh(sync.uid),
        intent_verified=isinstance(action, RecordCreateIntent),
        indeterminate_until=context.create_fence.indeterminate_until(
            sync.uid, timedelta(seconds=snapshot.workspace.timeout_seconds)
        ),
    )


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


async def _forget(context: ControllerContext, snapshot: Snapshot) -> Snapshot:
    """Remove the id from the status, and suspend the CronJob until there is a new one.

    Write a new create annotation first, in place of the old one, whose create is complete. Then a crash between these
    steps cannot cause an older sync to be taken for the result of the next create.
    """
    listed_at = (
        context.absences.compared_at(NamespacedName(snapshot.sync.namespace, snapshot.workspace.name))
        or context.clock()
    )
    marked = await _patch_metadata(context, snapshot, RecordCreateIntent(context.clock(), fresh=True))
    verified, sync = context.clock(), marked.sync
    if snapshot.cronjob is not None:
        live = await context.kube.merge_patch(
            CRONJOBS, sync.namespace, snapshot.cronjob["metadata"]["name"], {"spec": {"suspend": True}}
        )
        if live is not None:
            context.store.put("CronJob", live)
        snapshot = replace(snapshot, cronjob=live)
    nothing = {"status": {"id": None, "registeredAt": None, "account": None}}
    answer = await context.kube.merge_patch(SYNCS, sync.namespace, sync.name, nothing, subresource="status")
    if answer is None:
        raise KubernetesError(404, "NotFound", f"Sync {sync.name!r} is gone")
    context.store.put(SYNC_KIND, answer)
    context.create_fence.deleted_by_others(sync.uid, listed_at)
    context.create_fence.intent_recorded(sync.uid, verified, fresh=True)
    context.duplicates.pop(sync.uid, None)
    return replace(snapshot, sync=sync_view(answer)).forgotten()


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
