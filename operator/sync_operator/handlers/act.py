"""Act: carry out one action, and return the picture as it is afterwards."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sync_operator.cluster.kube import CRONJOBS, JOBS, SYNCS
from sync_operator.cluster.views import job_view, owning_sync, sync_view
from sync_operator.decide.actions import (
    Action,
    AnswerRunRequest,
    ApplyCronJob,
    DeleteCronJob,
    DropFinalizer,
    ForgetSync,
    GuardSchedule,
    LookAtCrd,
    MarkCluster,
    MarkCreate,
    NoteRunRequest,
    PruneJobs,
    ReadSecrets,
)
from sync_operator.decide.applied import restored
from sync_operator.decide.cluster_mark import cluster_marks
from sync_operator.decide.create_mark import create_marks
from sync_operator.decide.cronjob import sync_label
from sync_operator.decide.picture import Obstacle, Phase, Picture
from sync_operator.decide.start_actions import FailStart, LookAtCronJob, LookAtStart, ReplaceJob
from sync_operator.errors import KubernetesError
from sync_operator.handlers.act_server import act_on_server
from sync_operator.handlers.act_starts import act_on_start
from sync_operator.handlers.cache import Ref
from sync_operator.handlers.operator import OURS, Operator
from sync_operator.handlers.secret_values import read_secret_values
from sync_operator.model.base import rfc3339
from sync_operator.model.conditions import Reason
from sync_operator.model.names import FINALIZER, HANDLED_RUN_REQUEST, RUN_REQUESTED_AT, SYNC_KIND, SYNC_LABEL
from sync_operator.redact import redact

__all__ = ["act"]

_log = logging.getLogger(__name__)


async def act(operator: Operator, picture: Picture, action: Action) -> Picture:
    """Carry out one action.

    Raises:
        SyncOperatorError: it could not be done; the caller records that as an obstacle of the action's phase.
    """
    _log.debug("Sync %s/%s: %s", picture.sync.namespace, picture.sync.name, type(action).__name__)
    match action:
        case ReadSecrets():
            values = await read_secret_values(
                operator.kube, picture.sync.namespace, action.wanted, require_label=operator.require_secret_label
            )
            return replace(picture, secrets=values)
        case LookAtCrd():
            return replace(picture, crd_deleted=await operator.crd.under_way(picture.sync.uid))
        case MarkCreate() | MarkCluster() | NoteRunRequest() | DropFinalizer():
            return await _mark(operator, picture, action)
        case ForgetSync():
            return await _forget(operator, picture)
        case GuardSchedule() | ApplyCronJob() | DeleteCronJob():
            return await _cronjob(operator, picture, action)
        case AnswerRunRequest():
            return await _answer(operator, picture, action)
        case LookAtStart() | FailStart() | ReplaceJob() | LookAtCronJob():
            return await act_on_start(operator, picture, action)
        case PruneJobs():
            for name in action.names:
                await operator.kube.delete(JOBS, picture.sync.namespace, name)
            return replace(picture, jobs=tuple(job for job in picture.jobs if job.name not in action.names))
        case _:
            return await act_on_server(operator, picture, action)


async def _mark(
    operator: Operator, picture: Picture, action: MarkCreate | MarkCluster | NoteRunRequest | DropFinalizer
) -> Picture:
    """One patch of finalizer and marks; the resource version makes it fail when somebody else wrote in between."""
    sync, begun = picture.sync, operator.clock()
    metadata: dict[str, Any] = {"resourceVersion": sync.resource_version}
    if isinstance(action, DropFinalizer):
        metadata["finalizers"] = [name for name in sync.finalizers if name != FINALIZER]
    elif isinstance(action, NoteRunRequest):
        metadata["annotations"] = {HANDLED_RUN_REQUEST: action.token}
    else:
        metadata["annotations"] = cluster_marks(picture.cluster)
    if isinstance(action, MarkCreate):
        metadata["finalizers"] = [*(name for name in sync.finalizers if name != FINALIZER), FINALIZER]
        repeated = begun if action.repeats else None
        metadata["annotations"] |= create_marks(action.at, operator.uid, fresh=action.fresh, repeated=repeated)
    answer = await operator.kube.merge(SYNCS, sync.namespace, sync.name, {"metadata": metadata})
    if answer is None:
        raise KubernetesError(404, "NotFound", f"Sync {sync.name!r} is gone")
    if isinstance(action, MarkCreate):
        operator.creates.marked(sync.uid, begun, fresh=action.fresh)
    operator.cache.put(SYNC_KIND, answer)
    # The resource version vouches that nothing else changed, so there is no need to read the whole object again.
    metadata = answer["metadata"]
    written = replace(
        sync,
        resource_version=metadata["resourceVersion"],
        finalizers=tuple(metadata.get("finalizers", ())),
        annotations=metadata.get("annotations", {}),
    )
    return replace(
        picture,
        sync=written,
        create_fresh=operator.creates.fresh(sync.uid),
        mark_verified=isinstance(action, MarkCreate),
        settles_at=operator.creates.settles_at(sync.uid, timedelta(seconds=picture.workspace.timeout_seconds)),
    )


async def _answer(operator: Operator, picture: Picture, action: AnswerRunRequest) -> Picture:
    """Make the Job, and show it in the same status that says that the request was answered."""
    made = None
    if action.manifest is not None:
        try:
            made = await operator.kube.create(JOBS, picture.sync.namespace, action.manifest)
        except KubernetesError as error:
            if not error.permanent:
                raise
            words = f"{RUN_REQUESTED_AT}: the cluster refuses the Job of the run: {redact(str(error))}"
            return picture.failed(Phase.RUNS, Obstacle(Reason.RUN_NOT_STARTED, words))
    if made is not None:
        operator.cache.put("Job", made)
        picture = replace(picture, jobs=(*picture.jobs, job_view(made)))
    return replace(picture, answered_request=action.token)


async def _forget(operator: Operator, picture: Picture) -> Picture:
    """Take the id out of the status, and let nothing fire for it until there is a new one.

    First of all a new mark takes the place of the old one, which has ended with its create: were this to end in the
    middle, nothing that was made before would be taken for what comes now.
    """
    listed_at = operator.absences.compared_at(Ref(picture.sync.namespace, picture.workspace.name)) or operator.clock()
    marked = await _mark(operator, picture, MarkCreate(operator.clock(), fresh=True))
    verified, sync = operator.clock(), marked.sync
    if picture.cronjob is not None:
        live = await operator.kube.merge(
            CRONJOBS, sync.namespace, picture.cronjob["metadata"]["name"], {"spec": {"suspend": True}}
        )
        if live is not None:
            operator.cache.put("CronJob", live)
        picture = replace(picture, cronjob=live)
    nothing = {"status": {"id": None, "registeredAt": None, "account": None}}
    answer = await operator.kube.merge(SYNCS, sync.namespace, sync.name, nothing, subresource="status")
    if answer is None:
        raise KubernetesError(404, "NotFound", f"Sync {sync.name!r} is gone")
    operator.cache.put(SYNC_KIND, answer)
    operator.creates.deleted(sync.uid, listed_at)
    operator.creates.marked(sync.uid, verified, fresh=True)
    operator.duplicates.pop(sync.uid, None)
    return replace(
        picture,
        sync=sync_view(answer),
        duplicates=None,
        remote=None,
        looked=False,
        seen=None,
        missing=False,
        gone=False,
        registered=False,
        settled=False,
        recreated=True,
        create_fresh=True,
        mark_verified=True,
    )


async def _cronjob(
    operator: Operator, picture: Picture, action: GuardSchedule | ApplyCronJob | DeleteCronJob
) -> Picture:
    kube, namespace = operator.kube, picture.sync.namespace
    match action:
        case GuardSchedule():
            status = {"status": {"lastScheduleTime": rfc3339(action.at)}}
            live = await kube.merge(CRONJOBS, namespace, action.name, status, subresource="status")
        case ApplyCronJob():
            live, applied = await _apply(operator, picture, action)
            if applied:
                picture = replace(picture, applied=True, restored=restored(action, live))
        case DeleteCronJob():
            await _delete_cronjob(operator, picture, action.name)
            if picture.sync.deleting:
                operator.cleaned.add(picture.sync.uid)
            return replace(picture, cronjob=None, cleaned=True)
    if live is not None and owning_sync(live):
        operator.cache.put("CronJob", live)
    return replace(picture, cronjob=live)


async def _apply(operator: Operator, picture: Picture, action: ApplyCronJob) -> tuple[dict[str, Any], bool]:
    """The CronJob, and whether it is now as it should be: one that nobody has looked at may be somebody else's."""
    kube = operator.kube
    if picture.cronjob is None:
        made = await kube.apply_new(CRONJOBS, action.manifest)
        if made is not None:
            return made, True
        found = await kube.get(CRONJOBS, picture.sync.namespace, action.name)
        if found is not None:
            return found, False
    return await kube.apply(CRONJOBS, action.manifest), True


async def _delete_cronjob(operator: Operator, picture: Picture, name: str) -> None:
    """First what makes Jobs, then the Jobs: all that there are by then, whatever the caches say."""
    kube, sync = operator.kube, picture.sync
    live = picture.cronjob or await kube.get(CRONJOBS, sync.namespace, name)
    if live is not None and owning_sync(live) == sync.name:
        await kube.delete(CRONJOBS, sync.namespace, name)
        operator.cache.drop("CronJob", live)
    selector = f"{OURS},{SYNC_LABEL}={sync_label(sync.name)}"
    for job in await kube.list(JOBS, sync.namespace, selector=selector):
        if owning_sync(job) == sync.name:
            await kube.delete(JOBS, sync.namespace, job["metadata"]["name"])
