"""Act on the sync server: sends the requests of a registration's action, and returns the snapshot with the responses.

The searches of the collection are `controller.registration.remote_search`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from sync_operator.api.scope import Scope
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.drift.duplicates import delete_duplicate
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.registration.remote_search import (
    ensure_unclaimed,
    look_for_equal,
    search_equal,
    search_lost_create,
)
from sync_operator.domain.blocker import Phase
from sync_operator.domain.registration.registration_actions import (
    AdoptCreated,
    CreateRemote,
    DeleteDuplicate,
    DeleteRemote,
    ListRemotes,
    LookForEqual,
    ReadRemote,
    RemoteAction,
    UpdateRemote,
    VerifyWorkspace,
)
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.domain.status.error_classification import classify_error, no_such_remote
from sync_operator.errors import KubernetesError, NotFoundError, OutcomeUnknownError, SyncOperatorError, TransientError
from sync_operator.syncapi.client import ApiClient
from sync_operator.syncapi.dialect import detect_dialect
from sync_operator.syncapi.types import RemoteResource

__all__ = ["act_on_remote", "connected_client", "delete_remote", "read_remote", "write_remote"]


def connected_client(context: ControllerContext, snapshot: ResourceSnapshot) -> tuple[ApiClient, Scope]:
    """The Workspace's client and its scope.

    Raises:
        KubernetesError: the Workspace has no usable credentials.
        TransientError: the Workspace names another server than the snapshot.
    """
    name = snapshot.workspace.name
    connection = context.connections.get(NamespacedName(snapshot.resource.namespace, name))
    if connection is None or connection.client is None or connection.scope is None:
        raise KubernetesError(0, "NoSession", f"Workspace {name!r} has no usable credentials")
    if connection.view.remote_workspace != snapshot.workspace.remote_workspace:
        # An action decided for one server must not go to another one, where the same id is a different resource.
        raise TransientError(f"Workspace {name!r} names another server by now; looking again")
    return connection.client, connection.scope


async def act_on_remote[S: ResourceSnapshot](
    context: ControllerContext, client: ApiClient, scope: Scope, snapshot: S, action: RemoteAction
) -> S:
    """Carry out one action that needs the server, with what `connected_client` returns.

    Returns:
        The snapshot after the action.

    Raises:
        SyncOperatorError: the server refused a request or did not respond.
    """
    registrations = context.registrations_of(snapshot)
    match action:
        case CreateRemote():
            return await _create(context, client, scope, snapshot, action)
        case ListRemotes():
            search = search_equal if snapshot.adoptable else search_lost_create
            return await search(context, client, scope, snapshot)
        case LookForEqual():
            return await look_for_equal(context, client, scope, snapshot)
        case AdoptCreated():
            ensure_unclaimed(context, snapshot, action.remote.id)
            uid, remote_workspace = snapshot.resource.uid, snapshot.workspace.remote_workspace
            registrations.create_fence.succeeded(uid, remote_workspace, action.remote, adopted=action.adopted)
            return replace(snapshot, remote=action.remote, others=action.others, adopted=action.adopted)
        case ReadRemote():
            return await read_remote(context, client, snapshot, action)
        case UpdateRemote():
            send = partial(registrations.registered_kind.collection(client).update, action.remote_id, action.body)
            return await write_remote(context, snapshot, action.remote_id, action.changes, send, updated=True)
        case VerifyWorkspace():
            await detect_dialect(client, client.dialect)
            return replace(snapshot, workspace_verified=True)
        case DeleteRemote():
            return await delete_remote(context, client, snapshot, action)
        case DeleteDuplicate():
            return await delete_duplicate(context, client, scope, snapshot, action.duplicate)


async def _create[S: ResourceSnapshot](
    context: ControllerContext, client: ApiClient, scope: Scope, snapshot: S, action: CreateRemote
) -> S:
    """POST once, holding the create lock; a reconcile that has listed for a lost create holds it already."""
    if snapshot.listing is not None:
        return await _post(context, client, snapshot, action)
    async with context.registrations_of(snapshot).create_fence.lock(scope, snapshot.partition).shared():
        return await _post(context, client, snapshot, action)


async def _post[S: ResourceSnapshot](
    context: ControllerContext, client: ApiClient, snapshot: S, action: CreateRemote
) -> S:
    """Send the POST. It counts as sent after any interruption; only a response that clearly rejects it undoes that."""
    registrations = context.registrations_of(snapshot)
    uid, remote_workspace, fence = (
        snapshot.resource.uid,
        snapshot.workspace.remote_workspace,
        registrations.create_fence,
    )
    started, timeout = context.clock(), timedelta(seconds=snapshot.workspace.timeout_seconds)
    fence.indeterminate(uid, action.body, started, started + fence.settle(timeout))
    try:
        remote = await registrations.registered_kind.collection(client).create(action.body)
    except OutcomeUnknownError as error:
        # The request may have waited for its token first, so the server's time is counted from here.
        lost_at = context.clock()
        fence.indeterminate(uid, action.body, lost_at, None if error.settled else lost_at + fence.settle(timeout))
        raise
    except SyncOperatorError as error:
        fence.rejected(uid, fresh=snapshot.create_fresh)
        if snapshot.kind.is_name_taken(error):
            return snapshot.refused_name(classify_error(error))
        raise
    fence.succeeded(uid, remote_workspace, remote)
    registrations.lists.invalidate(remote_workspace, remote.id)
    return replace(snapshot, remote=remote, was_read=True, create_fresh=False, created=True)


async def read_remote[S: ResourceSnapshot](
    context: ControllerContext, client: ApiClient, snapshot: S, action: ReadRemote
) -> S:
    """Read a remote resource by its id."""
    registrations = context.registrations_of(snapshot)
    try:
        remote = await registrations.registered_kind.collection(client).get(action.remote_id)
    except NotFoundError:
        if snapshot.resource.status.id is None:
            raise no_such_remote(snapshot.kind.noun, action.remote_id) from None
        return replace(snapshot, was_read=True, not_found=True)
    if action.phase is not Phase.RUNS:
        registrations.lists.invalidate(snapshot.workspace.remote_workspace, remote.id)
    return replace(snapshot, remote=remote, was_read=True)


async def write_remote[S: ResourceSnapshot](
    context: ControllerContext,
    snapshot: S,
    remote_id: str,
    changes: tuple[str, ...],
    send: Callable[[], Awaitable[RemoteResource]],
    *,
    updated: bool,
) -> S:
    """Write to a remote resource.

    Args:
        context: the controller's context.
        snapshot: the snapshot before.
        remote_id: the server's id.
        changes: the drift that this corrects, as message lines.
        send: sends the requests, and returns what the server holds then.
        updated: True if that is an update of the fields in a body.
    """
    lists, remote_workspace = context.registrations_of(snapshot).lists, snapshot.workspace.remote_workspace
    lists.invalidate(remote_workspace, remote_id)
    remote = await send()
    lists.invalidate(remote_workspace, remote_id)
    corrected = snapshot.corrected or changes
    return replace(snapshot, remote=remote, updated=snapshot.updated or updated, corrected=corrected)


async def delete_remote[S: ResourceSnapshot](
    context: ControllerContext,
    client: ApiClient,
    snapshot: S,
    action: DeleteRemote,
    first: Callable[[], Awaitable[object]] | None = None,
) -> S:
    """Delete a remote resource; ``first`` sends requests that have to come right before."""
    registrations, remote_workspace = context.registrations_of(snapshot), snapshot.workspace.remote_workspace
    if snapshot.remote_id is None:
        # Found in a list. Reserved without a pause after the check, so that no other resource can take it from now on.
        ensure_unclaimed(context, snapshot, action.remote_id)
        registrations.create_fence.reserve(snapshot.resource.uid, remote_workspace, action.remote_id)
    if first is not None:
        await first()
    await registrations.registered_kind.collection(client).delete(action.remote_id)
    registrations.lists.invalidate(remote_workspace, action.remote_id)
    return replace(snapshot, released=True)
