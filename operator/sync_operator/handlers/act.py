"""Act: carry out one action, and return the picture as it is afterwards."""

import logging
from dataclasses import replace
from datetime import datetime
from typing import Any

from sync_operator.cluster.kube import CRONJOBS, JOBS, SYNCS
from sync_operator.cluster.views import sync_view
from sync_operator.decide.actions import (
    Action,
    AdoptSync,
    AnswerRunRequest,
    ApplyCronJob,
    CreateSync,
    DeleteCronJob,
    DeleteSync,
    DropFinalizer,
    GuardSchedule,
    ListSyncs,
    MarkCreate,
    ReadRun,
    TakeCreated,
    UpdateSync,
)
from sync_operator.decide.picture import Picture
from sync_operator.errors import KubernetesError, OutcomeUnknownError, SyncOperatorError
from sync_operator.handlers.cache import Ref
from sync_operator.handlers.operator import Operator
from sync_operator.handlers.results import job_result
from sync_operator.model.names import CREATE_STARTED, FINALIZER, SYNC_KIND
from sync_operator.remote.client import ApiClient

__all__ = ["act"]

_log = logging.getLogger(__name__)


async def act(operator: Operator, picture: Picture, action: Action) -> Picture:
    """Carry out one action.

    Raises:
        SyncOperatorError: it could not be done; the caller records that as an obstacle of the action's phase.
    """
    _log.debug("Sync %s/%s: %s", picture.sync.namespace, picture.sync.name, type(action).__name__)
    match action:
        case MarkCreate() | DropFinalizer():
            return await _finalizer(operator, picture, action)
        case CreateSync() | ListSyncs() | TakeCreated() | AdoptSync() | UpdateSync() | DeleteSync():
            return await _server(operator, picture, action)
        case GuardSchedule() | ApplyCronJob() | DeleteCronJob():
            return await _cronjob(operator, picture, action)
        case AnswerRunRequest():
            if action.manifest is not None:
                await operator.kube.create(JOBS, picture.sync.namespace, action.manifest)
            return replace(picture, answered_request=action.token)
        case ReadRun():
            client = _client(operator, picture)
            return replace(picture, result=await job_result(operator.kube, client, picture, action))


async def _finalizer(operator: Operator, picture: Picture, action: MarkCreate | DropFinalizer) -> Picture:
    """One patch of our own finalizer; the resource version makes it fail when somebody else wrote in between."""
    sync = picture.sync
    metadata: dict[str, Any] = {"resourceVersion": sync.resource_version}
    if isinstance(action, MarkCreate):
        mark = f"{picture.now.isoformat(timespec='seconds')}/{operator.uid}"
        metadata["finalizers"] = [*(name for name in sync.finalizers if name != FINALIZER), FINALIZER]
        metadata["annotations"] = {CREATE_STARTED: mark}
    else:
        metadata["finalizers"] = [name for name in sync.finalizers if name != FINALIZER]
    answer = await operator.kube.merge(SYNCS, sync.namespace, sync.name, {"metadata": metadata})
    if answer is None:
        raise KubernetesError(404, "NotFound", f"Sync {sync.name!r} is gone")
    if isinstance(action, MarkCreate):
        operator.unsent.add(sync.uid)
    operator.cache.put(SYNC_KIND, answer)
    return replace(picture, sync=sync_view(answer), create_fresh=sync.uid in operator.unsent)


async def _server(
    operator: Operator,
    picture: Picture,
    action: CreateSync | ListSyncs | TakeCreated | AdoptSync | UpdateSync | DeleteSync,
) -> Picture:
    client = _client(operator, picture)
    match action:
        case CreateSync():
            return await _create(operator, client, picture, action)
        case ListSyncs():
            return replace(picture, listing=await client.list_syncs())
        case TakeCreated():
            return replace(picture, remote=action.remote, registered=True)
        case AdoptSync():
            return replace(picture, remote=await client.get_sync(action.sync_id))
        case UpdateSync():
            if action.take_over:
                await client.set_enabled(action.sync_id, False)
            remote = await client.update_sync(action.sync_id, action.body)
            if action.take_over:
                await client.set_enabled(action.sync_id, True)
            return replace(picture, remote=remote, registered=True)
        case DeleteSync():
            await client.cancel(action.sync_id)
            await client.delete_sync(action.sync_id)
            return replace(picture, released=True)


async def _create(operator: Operator, client: ApiClient, picture: Picture, action: CreateSync) -> Picture:
    """POST once. Whatever interrupts us leaves the create counted as sent; only a clear "not done" takes that back."""
    uid = picture.sync.uid
    fresh = uid in operator.unsent
    operator.unsent.discard(uid)
    try:
        remote = await client.create_sync(action.body)
    except OutcomeUnknownError:
        raise
    except SyncOperatorError:
        if fresh:
            operator.unsent.add(uid)
        raise
    return replace(picture, remote=remote, registered=True)


async def _cronjob(
    operator: Operator, picture: Picture, action: GuardSchedule | ApplyCronJob | DeleteCronJob
) -> Picture:
    kube, namespace = operator.kube, picture.sync.namespace
    match action:
        case GuardSchedule():
            live = await kube.merge(
                CRONJOBS,
                namespace,
                action.name,
                {"status": {"lastScheduleTime": _rfc3339(action.at)}},
                subresource="status",
            )
        case ApplyCronJob():
            live = await kube.apply(CRONJOBS, action.manifest)
            picture = replace(picture, applied=True)
        case DeleteCronJob():
            await kube.delete(CRONJOBS, namespace, action.name)
            for job in action.jobs:
                await kube.delete(JOBS, namespace, job)
            held = operator.cache.get("CronJob", Ref(namespace, action.name))
            if held is not None:
                operator.cache.drop("CronJob", held)
            return replace(picture, cronjob=None, cleaned=True)
    if live is not None:
        operator.cache.put("CronJob", live)
    return replace(picture, cronjob=live)


def _client(operator: Operator, picture: Picture) -> ApiClient:
    session = operator.sessions.get(Ref(picture.sync.namespace, picture.workspace.name))
    if session is None or session.client is None:
        raise KubernetesError(0, "NoSession", f"Workspace {picture.workspace.name!r} has no usable credentials")
    return session.client


def _rfc3339(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
