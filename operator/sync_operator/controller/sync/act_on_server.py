"""Act on the sync server: the actions of Syncs alone. Sends the requests, returns the snapshot with their responses."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from sync_operator.api.scope import Scope
from sync_operator.api.statuses.conditions import Reason
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.registration.act_on_remote import (
    connected_client,
    delete_remote,
    read_remote,
    write_remote,
)
from sync_operator.controller.sync.run_results import adopted_result, job_results
from sync_operator.domain.actions import (
    AdoptRun,
    CancelAndDeleteSync,
    ListNames,
    ListRuns,
    ReadRuns,
    ServerAction,
    SetEnabled,
    TakeOverSync,
)
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.identity.resource_identity import identity_conflict
from sync_operator.domain.registration.registration_actions import (
    ReadRemote,
)
from sync_operator.domain.runs.job_state import JobResult
from sync_operator.domain.runs.start_failures import never_started
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.sync.id_check import lists_not_before
from sync_operator.domain.sync.references import names_not_before
from sync_operator.syncapi.client import ApiClient
from sync_operator.syncapi.types import RemoteSync

__all__ = ["act_on_server"]

_RUNS_LISTED: Final = 20
MAX_RUNS_LISTED: Final = 100
_RUN_POLL_SECONDS: Final = 15.0
"""Seconds between two reads of a run that continues after its Job has ended."""


async def act_on_server(context: ControllerContext, snapshot: Snapshot, action: ServerAction) -> Snapshot:
    """Carry out one action that needs the server.

    Returns:
        The snapshot after the action.

    Raises:
        SyncOperatorError: the server refused a request or did not respond, or there are no usable credentials.
    """
    client, scope = connected_client(context, snapshot)
    match action:
        case ListNames():
            lists = context.name_lists
            await lists.fetch(scope, client, action.roles, since=names_not_before(snapshot))
            await lists.try_fetch(scope, client, action.checks, since=lists_not_before(snapshot))
            return replace(snapshot, names=lists.cached(scope), unlisted=lists.unlisted(scope))
        case TakeOverSync():
            take_over = partial(_take_over, client, action)
            return await write_remote(context, snapshot, action.remote_id, action.changes, take_over, updated=True)
        case SetEnabled():
            send = partial(_set_status, client, snapshot, action)
            return await write_remote(context, snapshot, action.sync_id, action.changes, send, updated=False)
        case ReadRuns():
            return await _read_runs(context, client, scope, snapshot, action)
        case ListRuns():
            return replace(snapshot, runs=await client.list_runs(action.sync_id))
        case AdoptRun():
            result = await adopted_result(context.kube, client, snapshot, action)
            [result] = await _with_limits(context, client, scope, snapshot, [result])
            return replace(snapshot, results=(*snapshot.results, result))
        case CancelAndDeleteSync():
            return await delete_remote(context, client, snapshot, action, partial(client.cancel, action.remote_id))


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


async def _cancel_ours(context: ControllerContext, client: ApiClient, snapshot: Snapshot, action: ReadRuns) -> Snapshot:
    """Cancel the run of an overdue Job, after checking in this reconcile that the server's sync is ours."""
    if not snapshot.was_read:
        snapshot = await read_remote(context, client, snapshot, ReadRemote(action.sync_id, Phase.RUNS))
    if not snapshot.not_found and identity_conflict(snapshot) is None:
        await client.cancel(action.sync_id)
    return snapshot


async def _take_over(client: ApiClient, action: TakeOverSync) -> RemoteSync:
    """Update a sync and end the server's own schedule: an update alone leaves it running (contract section 7)."""
    await client.set_enabled(action.remote_id, False)
    remote = await client.syncs.update(action.remote_id, action.body)
    await _set_enabled(client, action.remote_id, enabled=True)
    return replace(remote, status="pending")


async def _set_status(client: ApiClient, snapshot: Snapshot, action: SetEnabled) -> RemoteSync:
    remote = snapshot.remote or RemoteSync(action.sync_id, {})
    await _set_enabled(client, action.sync_id, enabled=action.enabled)
    return replace(remote, status="pending" if action.enabled else "disabled")


async def _set_enabled(client: ApiClient, sync_id: str, *, enabled: bool) -> None:
    """Enable or disable a sync. After enabling, cancel runs left from the disabling: they would block later runs."""
    await client.set_enabled(sync_id, enabled)
    if enabled:
        await client.cancel_all(sync_id)
