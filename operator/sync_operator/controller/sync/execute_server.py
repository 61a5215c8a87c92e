"""Act on the sync server: sends the requests of an action and returns the snapshot with their responses."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import batched
from typing import Final

from sync_operator.api.conditions import Reason
from sync_operator.api.scope import Scope
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.drift.duplicates import delete_duplicate
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.sync.observe import unresolved_creates
from sync_operator.controller.sync.run_results import adopted_result, job_results
from sync_operator.domain.actions import (
    AdoptRun,
    DeleteSync,
    ListNames,
    ListRuns,
    ReadRuns,
    ServerAction,
    SetEnabled,
    UpdateSync,
)
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.create_fence.candidates import undecided_until
from sync_operator.domain.identity.resource_identity import identity_conflict
from sync_operator.domain.registration.registration_actions import (
    AdoptCreated,
    CreateRemote,
    DeleteDuplicate,
    DeleteRemote,
    ListRemotes,
    ReadRemote,
    UpdateRemote,
    VerifyWorkspace,
)
from sync_operator.domain.runs.job_state import JobResult
from sync_operator.domain.runs.start_failures import never_started
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.status.error_classification import no_such_remote
from sync_operator.domain.sync.id_check import lists_not_before
from sync_operator.domain.sync.references import names_not_before
from sync_operator.errors import KubernetesError, NotFoundError, OutcomeUnknownError, SyncOperatorError, TransientError
from sync_operator.syncapi.client import ApiClient
from sync_operator.syncapi.dialect import detect_dialect
from sync_operator.syncapi.types import RemoteSync

__all__ = ["act_on_server"]

_RUNS_LISTED: Final = 20
MAX_RUNS_LISTED: Final = 100
_IDS_PER_TURN: Final = 200
"""Number of listed syncs after which the loop yields."""
_RUN_POLL_SECONDS: Final = 15.0
"""Seconds between two reads of a run that continues after its Job has ended."""


async def act_on_server(context: ControllerContext, snapshot: Snapshot, action: ServerAction) -> Snapshot:
    """Carry out one action that needs the server.

    Returns:
        The snapshot after the action.

    Raises:
        SyncOperatorError: the server refused a request or did not respond, or there are no usable credentials.
    """
    client, scope = _client(context, snapshot)
    match action:
        case CreateRemote():
            return await _create(context, client, scope, snapshot, action)
        case ListNames():
            lists = context.name_lists
            await lists.fetch(scope, client, action.roles, since=names_not_before(snapshot))
            await lists.try_fetch(scope, client, action.checks, since=lists_not_before(snapshot))
            return replace(snapshot, names=lists.cached(scope), unlisted=lists.unlisted(scope))
        case ListRemotes():
            return await _list(context, client, scope, snapshot)
        case AdoptCreated():
            _ensure_unclaimed(context, snapshot, action.remote.id)
            remote_workspace = snapshot.workspace.remote_workspace
            context.create_fence.succeeded(snapshot.sync.uid, remote_workspace, action.remote, adopted=action.adopted)
            return replace(snapshot, remote=action.remote, others=action.others, adopted=action.adopted)
        case ReadRemote():
            return await _read(context, client, snapshot, action)
        case UpdateRemote() | SetEnabled():
            return await _write(context, client, snapshot, action)
        case VerifyWorkspace():
            await detect_dialect(client, client.dialect)
            return replace(snapshot, workspace_verified=True)
        case ReadRuns():
            return await _read_runs(context, client, scope, snapshot, action)
        case ListRuns():
            return replace(snapshot, runs=await client.list_runs(action.sync_id))
        case AdoptRun():
            result = await adopted_result(context.kube, client, snapshot, action)
            [told] = await _with_limits(context, client, scope, snapshot, [result])
            return replace(snapshot, results=(*snapshot.results, told))
        case DeleteRemote() | DeleteDuplicate():
            return await _delete(context, client, scope, snapshot, action)


async def _create(
    context: ControllerContext, client: ApiClient, scope: Scope, snapshot: Snapshot, action: CreateRemote
) -> Snapshot:
    """POST once, holding the create gate; a reconcile that has listed for a lost create holds it already."""
    if snapshot.listing is not None:
        return await _post(context, client, snapshot, action)
    async with context.create_fence.lock(scope, action.body.get("stream_name")).shared():
        return await _post(context, client, snapshot, action)


async def _post(context: ControllerContext, client: ApiClient, snapshot: Snapshot, action: CreateRemote) -> Snapshot:
    """Send the POST. It counts as sent after any interruption; only a response that clearly rejects it undoes that."""
    uid, remote_workspace, create_fence = snapshot.sync.uid, snapshot.workspace.remote_workspace, context.create_fence
    begun, timeout = context.clock(), timedelta(seconds=snapshot.workspace.timeout_seconds)
    create_fence.indeterminate(uid, action.body, begun, begun + create_fence.settle(timeout))
    try:
        remote = await client.syncs.create(action.body)
    except OutcomeUnknownError as error:
        # The request may have waited for its token first, so the server's time is counted from here.
        lost_at = context.clock()
        create_fence.indeterminate(
            uid, action.body, lost_at, None if error.ended else lost_at + create_fence.settle(timeout)
        )
        raise
    except SyncOperatorError:
        create_fence.rejected(uid, fresh=snapshot.create_fresh)
        raise
    create_fence.succeeded(uid, remote_workspace, remote)
    context.sync_lists.invalidate(remote_workspace, remote.id)
    return replace(snapshot, remote=remote, was_read=True, create_fresh=False, created=True)


async def _list(context: ControllerContext, client: ApiClient, scope: Scope, snapshot: Snapshot) -> Snapshot:
    """Fetch a list that is newer than the lost create, to find its sync there; with the present claims."""
    since = context.create_fence.list_not_before(snapshot.sync.uid)
    if snapshot.indeterminate_until is not None and snapshot.indeterminate_until <= context.clock():
        since = max(since, snapshot.indeterminate_until)
    seen = await _list_since(context, client, scope, snapshot, since)
    until = undecided_until(seen)
    if until is None or not (seen.listed_at or seen.now) < until <= context.clock():
        return seen
    # The creates of other Syncs that leave it undecided can be carried out no more: a list since then decides.
    return await _list_since(context, client, scope, snapshot, until)


async def _list_since(
    context: ControllerContext, client: ApiClient, scope: Scope, snapshot: Snapshot, since: datetime
) -> Snapshot:
    """The snapshot with a list requested at or after ``since``, the present claims, and other unresolved creates."""
    remote_workspace, uid = snapshot.workspace.remote_workspace, snapshot.sync.uid
    listed = await context.sync_lists.fetch(scope, client, since=since)
    if listed.unlisted:
        rows = ", ".join(map(str, listed.unlisted))
        raise TransientError(
            f"the server refuses to list row {rows} of its syncs (GET /syncs?per_page=1&page={rows}), which may be the "
            "one that was created; find and correct it there, or delete it"
        )
    here = NamespacedName(snapshot.sync.namespace, snapshot.sync.name)
    may_not_claim = partial(context.connections.may_not_claim, NamespacedName(here.namespace, snapshot.workspace.name))
    claimed: frozenset[str] = frozenset()
    for ids in batched(listed.ids, _IDS_PER_TURN, strict=False):
        claimed |= context.store.claimed(remote_workspace, ids, exclude=here, may_not_claim=may_not_claim)
        if len(ids) == _IDS_PER_TURN:
            await asyncio.sleep(0)
    listing = await listed.listing(without=claimed)
    # The loop yields, so another reconcile may have claimed one of the rest meanwhile.
    claimed |= context.store.claimed(
        remote_workspace, (sync.id for sync in listing.rows), exclude=here, may_not_claim=may_not_claim
    )
    claimed |= context.create_fence.claimed(remote_workspace, exclude=uid)
    # A sync written to since the list belongs to another Sync, even if that Sync and its server sync are gone by now.
    claimed |= context.sync_lists.written_since(scope)
    # The same sync may be registered in a Workspace that reaches the server by another URL.
    claimed |= {sync.id for sync in listing.rows if context.store.is_registered(sync.id, sync.created_at)}
    found = replace(snapshot, listing=listing, listed_at=listed.at, claimed=claimed)
    return replace(found, unresolved=unresolved_creates(context, found))


def _ensure_unclaimed(context: ControllerContext, snapshot: Snapshot, sync_id: str) -> None:
    """Check once more, right before a sync found in a list is taken or deleted, that it belongs to no other Sync.

    Raises:
        TransientError: it does.
    """
    remote_workspace = snapshot.workspace.remote_workspace
    here = NamespacedName(snapshot.sync.namespace, snapshot.sync.name)
    may_not_claim = partial(context.connections.may_not_claim, NamespacedName(here.namespace, snapshot.workspace.name))
    claimed = context.store.claimed(remote_workspace, (sync_id,), exclude=here, may_not_claim=may_not_claim)
    if sync_id in claimed | context.create_fence.claimed(remote_workspace, exclude=snapshot.sync.uid):
        raise TransientError(f"sync {sync_id} was taken by another Sync meanwhile; looking again")


async def _read(context: ControllerContext, client: ApiClient, snapshot: Snapshot, action: ReadRemote) -> Snapshot:
    try:
        remote = await client.syncs.get(action.remote_id)
    except NotFoundError:
        if snapshot.sync.status.id is None:
            raise no_such_remote("sync", action.remote_id) from None
        return replace(snapshot, was_read=True, not_found=True)
    if action.phase is not Phase.RUNS:
        context.sync_lists.invalidate(snapshot.workspace.remote_workspace, remote.id)
    return replace(snapshot, remote=remote, was_read=True)


async def _read_runs(
    context: ControllerContext, client: ApiClient, scope: Scope, snapshot: Snapshot, action: ReadRuns
) -> Snapshot:
    runs = await client.list_runs(action.sync_id, limit=min(MAX_RUNS_LISTED, max(_RUNS_LISTED, 2 * len(action.jobs))))
    results = await job_results(context.kube, client, snapshot, action, runs)
    *ended, last = await _with_limits(context, client, scope, snapshot, results)
    if last.run is None or last.run.status.finished:
        return replace(snapshot, runs=runs, results=(*snapshot.results, *ended, last))
    job = last.job
    if job is not None and job.overdue and not never_started(snapshot, job):
        snapshot = await _cancel_ours(context, client, snapshot, action)
    words = f"Job {job.name if job else ''} ended, but its run {last.run.id} goes on; waiting for its end"
    snapshot = replace(snapshot, runs=runs, results=(*snapshot.results, *ended))
    return snapshot.failed(Phase.RUNS, Blocker(Reason.RUN_STARTED, words, retry_after=_RUN_POLL_SECONDS))


async def _with_limits(
    context: ControllerContext, client: ApiClient, scope: Scope, snapshot: Snapshot, results: Sequence[JobResult]
) -> list[JobResult]:
    """The results, each with a note if the stream is written in batches: then the server hides refused rows."""
    spec, destination = snapshot.sync.spec, snapshot.sync.status.destination_id
    if spec is None or not any(result.run is not None and result.run.rows.succeeded for result in results):
        return list(results)
    in_batches = await context.batch_streams.has(scope, client, destination, spec.stream_name)
    return [replace(result, in_batches=in_batches) for result in results]


async def _delete(
    context: ControllerContext,
    client: ApiClient,
    scope: Scope,
    snapshot: Snapshot,
    action: DeleteRemote | DeleteDuplicate,
) -> Snapshot:
    if isinstance(action, DeleteDuplicate):
        return await delete_duplicate(context, client, scope, snapshot, action.duplicate)
    if snapshot.remote_id is None:
        # Found in a list. Reserved without a pause after the check, so that no other Sync can take it from now on.
        _ensure_unclaimed(context, snapshot, action.remote_id)
        context.create_fence.reserve(snapshot.sync.uid, snapshot.workspace.remote_workspace, action.remote_id)
    if isinstance(action, DeleteSync) and action.cancels:
        await client.cancel(action.remote_id)
    await client.syncs.delete(action.remote_id)
    context.sync_lists.invalidate(snapshot.workspace.remote_workspace, action.remote_id)
    return replace(snapshot, released=True)


async def _cancel_ours(context: ControllerContext, client: ApiClient, snapshot: Snapshot, action: ReadRuns) -> Snapshot:
    """Cancel the run of an overdue Job, after checking in this reconcile that the server's sync is ours."""
    if not snapshot.was_read:
        snapshot = await _read(context, client, snapshot, ReadRemote(action.sync_id, Phase.RUNS))
    if not snapshot.not_found and identity_conflict(snapshot) is None:
        await client.cancel(action.sync_id)
    return snapshot


async def _write(
    context: ControllerContext, client: ApiClient, snapshot: Snapshot, action: UpdateRemote | SetEnabled
) -> Snapshot:
    sync_id = action.sync_id if isinstance(action, SetEnabled) else action.remote_id
    context.sync_lists.invalidate(snapshot.workspace.remote_workspace, sync_id)
    if isinstance(action, SetEnabled):
        remote = snapshot.remote or RemoteSync(sync_id, {})
        await _set_enabled(client, sync_id, enabled=action.enabled)
        remote = replace(remote, status="pending" if action.enabled else "disabled")
    elif isinstance(action, UpdateSync) and action.take_over:
        # Only disabling ends the server's own schedule; an update alone leaves it running (contract section 7).
        await client.set_enabled(sync_id, False)
        remote = await client.syncs.update(sync_id, action.body)
        await _set_enabled(client, sync_id, enabled=True)
        remote = replace(remote, status="pending")
    else:
        remote = await client.syncs.update(sync_id, action.body)
    context.sync_lists.invalidate(snapshot.workspace.remote_workspace, sync_id)
    updated = snapshot.updated or isinstance(action, UpdateRemote)
    return replace(snapshot, remote=remote, updated=updated, corrected=snapshot.corrected or action.changes)


async def _set_enabled(client: ApiClient, sync_id: str, *, enabled: bool) -> None:
    """Enable or disable a sync. After enabling, cancel runs left from the disabling: they would block later runs."""
    await client.set_enabled(sync_id, enabled)
    if enabled:
        await client.cancel_all(sync_id)


def _client(context: ControllerContext, snapshot: Snapshot) -> tuple[ApiClient, Scope]:
    """The Workspace's client and its scope.

    Raises:
        KubernetesError: the Workspace has no usable credentials.
        TransientError: the Workspace names another server than the snapshot.
    """
    connection = context.connections.get(NamespacedName(snapshot.sync.namespace, snapshot.workspace.name))
    if connection is None or connection.client is None or connection.scope is None:
        raise KubernetesError(0, "NoSession", f"Workspace {snapshot.workspace.name!r} has no usable credentials")
    if connection.view.remote_workspace != snapshot.workspace.remote_workspace:
        # An action decided for one server must not go to another one, where the same id is a different sync.
        raise TransientError(f"Workspace {snapshot.workspace.name!r} names another server by now; looking again")
    return connection.client, connection.scope
