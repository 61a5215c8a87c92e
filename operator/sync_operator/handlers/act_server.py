"""Act on the sync server: the calls that an action stands for, and the picture with their answers."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import batched
from typing import Final

from sync_operator.decide.actions import (
    CreateSync,
    DeleteSync,
    DeleteTwin,
    ListNames,
    ListRuns,
    ListSyncs,
    ProveWorkspace,
    ReadRuns,
    ReadSync,
    ServerAction,
    SetEnabled,
    TakeCreated,
    TakeRun,
    UpdateSync,
)
from sync_operator.decide.id_check import lists_since
from sync_operator.decide.identity import identity_conflict
from sync_operator.decide.jobs import JobResult
from sync_operator.decide.obstacles import no_such_sync
from sync_operator.decide.picture import Obstacle, Phase, Picture
from sync_operator.decide.refs import names_since
from sync_operator.decide.starts import never_started
from sync_operator.errors import KubernetesError, NotFoundError, OutcomeUnknownError, SyncOperatorError, TransientError
from sync_operator.handlers.cache import Ref
from sync_operator.handlers.duplicates import delete_twin
from sync_operator.handlers.operator import Operator
from sync_operator.handlers.results import job_results, other_result
from sync_operator.model.conditions import Reason
from sync_operator.model.scope import Scope
from sync_operator.remote.client import ApiClient
from sync_operator.remote.detect import detect_dialect
from sync_operator.remote.types import RemoteSync

__all__ = ["act_on_server"]

_RUNS_LISTED: Final = 20
MAX_RUNS_LISTED: Final = 100
_IDS_AT_ONCE: Final = 200
"""Syncs of a list after which other work has its turn."""
_RUN_GOES_ON: Final = 15.0
"""Seconds between looks at a run whose Job ended before it."""


async def act_on_server(operator: Operator, picture: Picture, action: ServerAction) -> Picture:
    """Carry out one action that needs the server.

    Raises:
        SyncOperatorError: the server refused or did not answer, or there are no credentials for it.
    """
    client, scope = _client(operator, picture)
    match action:
        case CreateSync():
            return await _create(operator, client, scope, picture, action)
        case ListNames():
            lists = operator.names
            await lists.fetch(scope, client, action.roles, since=names_since(picture))
            await lists.look(scope, client, action.checks, since=lists_since(picture))
            return replace(picture, names=lists.seen(scope), unlisted=lists.unlisted(scope))
        case ListSyncs():
            return await _list(operator, client, scope, picture)
        case TakeCreated():
            place = picture.workspace.place
            operator.creates.made(picture.sync.uid, place, action.remote, adopted=action.adopted)
            return replace(picture, remote=action.remote, others=action.others, adopted=action.adopted)
        case ReadSync():
            return await _read(operator, client, picture, action)
        case UpdateSync() | SetEnabled():
            return await _write(operator, client, picture, action)
        case ProveWorkspace():
            await detect_dialect(client, client.dialect)
            return replace(picture, proven=True)
        case ReadRuns():
            return await _read_runs(operator, client, scope, picture, action)
        case ListRuns():
            return replace(picture, runs=await client.list_runs(action.sync_id))
        case TakeRun():
            result = await other_result(operator.kube, client, picture, action)
            [told] = await _with_limits(operator, client, scope, picture, [result])
            return replace(picture, results=(*picture.results, told))
        case DeleteSync() | DeleteTwin():
            return await _delete(operator, client, scope, picture, action)


async def _create(operator: Operator, client: ApiClient, scope: Scope, picture: Picture, action: CreateSync) -> Picture:
    """POST once. Whoever has looked for one before, in a list, has the gate already."""
    if picture.listing is not None:
        return await _post(operator, client, picture, action)
    async with operator.creates.gate(scope, action.body.get("stream_name")).creating():
        return await _post(operator, client, picture, action)


async def _post(operator: Operator, client: ApiClient, picture: Picture, action: CreateSync) -> Picture:
    """Whatever interrupts us leaves the create counted as sent; only a clear "not done" takes that back."""
    uid, place, creates = picture.sync.uid, picture.workspace.place, operator.creates
    begun, timeout = operator.clock(), timedelta(seconds=picture.workspace.timeout_seconds)
    creates.lost(uid, action.body, begun, begun + creates.settle(timeout))
    try:
        remote = await client.create_sync(action.body)
    except OutcomeUnknownError as error:
        # The call may have waited for its turn: only from here on is the server's time certain to have begun.
        lost_at = operator.clock()
        creates.lost(uid, action.body, lost_at, None if error.ended else lost_at + creates.settle(timeout))
        raise
    except SyncOperatorError:
        creates.refused(uid, fresh=picture.create_fresh)
        raise
    creates.made(uid, place, remote)
    operator.listings.wrote(place, remote.id)
    return replace(picture, remote=remote, looked=True, create_fresh=False)


async def _list(operator: Operator, client: ApiClient, scope: Scope, picture: Picture) -> Picture:
    """List to find a lost create, in a list that is younger than the create, with the claims as they are now."""
    place, uid = picture.workspace.place, picture.sync.uid
    since = operator.creates.looked_from(uid)
    if picture.settles_at is not None and picture.settles_at <= operator.clock():
        since = max(since, picture.settles_at)
    listed = await operator.listings.fetch(scope, client, since=since)
    if listed.unlisted:
        rows = ", ".join(map(str, listed.unlisted))
        raise TransientError(
            f"the server refuses to list row {rows} of its syncs (GET /syncs?per_page=1&page={rows}), which may be the "
            "one that was created; find and mend it there, or delete it"
        )
    here = Ref(picture.sync.namespace, picture.sync.name)
    refused = partial(operator.sessions.refused, Ref(here.namespace, picture.workspace.name))
    claimed: frozenset[str] = frozenset()
    for ids in batched(listed.ids, _IDS_AT_ONCE, strict=False):
        claimed |= operator.cache.claimed(place, ids, but=here, refused=refused)
        if len(ids) == _IDS_AT_ONCE:
            await asyncio.sleep(0)
    listing = await listed.listing(without=claimed)
    # Of those left, somebody may have claimed one while the others were looked at.
    claimed |= operator.cache.claimed(place, (sync.id for sync in listing.syncs), but=here, refused=refused)
    claimed |= operator.creates.claimed(place, but=uid)
    # What has been written to since is another Sync's, also when that one is gone and its sync deleted.
    claimed |= operator.listings.written_since(scope)
    return replace(picture, listing=listing, listed_at=listed.at, claimed=claimed)


async def _read(operator: Operator, client: ApiClient, picture: Picture, action: ReadSync) -> Picture:
    try:
        remote = await client.get_sync(action.sync_id)
    except NotFoundError:
        if picture.sync.status.id is None:
            raise no_such_sync(action.sync_id) from None
        return replace(picture, looked=True, gone=True)
    if action.phase is not Phase.RUNS:
        operator.listings.wrote(picture.workspace.place, remote.id)
    return replace(picture, remote=remote, looked=True)


async def _read_runs(
    operator: Operator, client: ApiClient, scope: Scope, picture: Picture, action: ReadRuns
) -> Picture:
    runs = await client.list_runs(action.sync_id, limit=min(MAX_RUNS_LISTED, max(_RUNS_LISTED, 2 * len(action.jobs))))
    results = await job_results(operator.kube, client, picture, action, runs)
    *ended, last = await _with_limits(operator, client, scope, picture, results)
    if last.run is None or last.run.status.finished:
        return replace(picture, runs=runs, results=(*picture.results, *ended, last))
    job = last.job
    if job is not None and job.overdue and not never_started(picture, job):
        picture = await _cancel_ours(operator, client, picture, action)
    words = f"Job {job.name if job else ''} ended, but its run {last.run.id} goes on; waiting for its end"
    picture = replace(picture, runs=runs, results=(*picture.results, *ended))
    return picture.failed(Phase.RUNS, Obstacle(Reason.RUN_STARTED, words, retry_after=_RUN_GOES_ON))


async def _with_limits(
    operator: Operator, client: ApiClient, scope: Scope, picture: Picture, results: Sequence[JobResult]
) -> list[JobResult]:
    """The same, with what limits their truth: of a stream written in batches the server hides rows that are refused."""
    spec, destination = picture.sync.spec, picture.sync.status.destination_id
    if spec is None or not any(result.run is not None and result.run.rows.succeeded for result in results):
        return list(results)
    in_batches = await operator.batches.has(scope, client, destination, spec.stream_name)
    return [replace(result, in_batches=in_batches) for result in results]


async def _delete(
    operator: Operator, client: ApiClient, scope: Scope, picture: Picture, action: DeleteSync | DeleteTwin
) -> Picture:
    if isinstance(action, DeleteTwin):
        return await delete_twin(operator, client, scope, picture, action.twin)
    if action.cancels:
        await client.cancel(action.sync_id)
    await client.delete_sync(action.sync_id)
    operator.listings.wrote(picture.workspace.place, action.sync_id)
    return replace(picture, released=True)


async def _cancel_ours(operator: Operator, client: ApiClient, picture: Picture, action: ReadRuns) -> Picture:
    """Cancel the run of an overdue Job, once the server has shown in this reconcile that the sync is ours."""
    if not picture.looked:
        picture = await _read(operator, client, picture, ReadSync(action.sync_id, Phase.RUNS))
    if not picture.gone and identity_conflict(picture) is None:
        await client.cancel(action.sync_id)
    return picture


async def _write(operator: Operator, client: ApiClient, picture: Picture, action: UpdateSync | SetEnabled) -> Picture:
    sync_id = action.sync_id
    operator.listings.wrote(picture.workspace.place, sync_id)
    if isinstance(action, SetEnabled):
        remote = picture.remote or RemoteSync(sync_id, {})
        await _set_enabled(client, sync_id, enabled=action.enabled)
        remote = replace(remote, status="pending" if action.enabled else "disabled")
    elif action.take_over:
        # Only disabling ends the server's own schedule; an update alone leaves it running (contract section 7).
        await client.set_enabled(sync_id, False)
        remote = await client.update_sync(sync_id, action.body)
        await _set_enabled(client, sync_id, enabled=True)
        remote = replace(remote, status="pending")
    else:
        remote = await client.update_sync(sync_id, action.body)
    operator.listings.wrote(picture.workspace.place, sync_id)
    updated = picture.updated or isinstance(action, UpdateSync)
    return replace(picture, remote=remote, updated=updated, corrected=picture.corrected or action.changes)


async def _set_enabled(client: ApiClient, sync_id: str, *, enabled: bool) -> None:
    """Enable or disable; runs that a disabling left behind would keep an enabled sync from running for ever."""
    await client.set_enabled(sync_id, enabled)
    if enabled:
        await client.cancel_all(sync_id)


def _client(operator: Operator, picture: Picture) -> tuple[ApiClient, Scope]:
    """The client for the Workspace, and whose lists and names it sees."""
    session = operator.sessions.get(Ref(picture.sync.namespace, picture.workspace.name))
    if session is None or session.client is None or session.scope is None:
        raise KubernetesError(0, "NoSession", f"Workspace {picture.workspace.name!r} has no usable credentials")
    if session.view.place != picture.workspace.place:
        # What was decided for one server must not be sent to another, where the same id is somebody else's sync.
        raise TransientError(f"Workspace {picture.workspace.name!r} names another server by now; looking again")
    return session.client, session.scope
