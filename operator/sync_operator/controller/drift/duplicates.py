"""Finds unclaimed syncs in a list that equal a Sync's own; deletes those certainly made by our lost creates."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from sync_operator.api.scope import Scope
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.drift.sync_lists import CachedSyncList
from sync_operator.controller.informer.store import NamespacedName, workspace_name
from sync_operator.controller.workqueue.time_slices import Slices
from sync_operator.domain.create_fence.late_creates import duplicates_of, is_reported, is_same
from sync_operator.domain.registration.resource_snapshot import Duplicate
from sync_operator.domain.snapshot import Snapshot, SyncView
from sync_operator.errors import NotFoundError, SyncOperatorError
from sync_operator.syncapi.client import ApiClient

__all__ = ["delete_duplicate", "find_duplicates"]

_log = logging.getLogger(__name__)
_NOBODY: Final = NamespacedName("", "")
MAX_UNCLAIMED: Final = 1000
"""Maximum number of unclaimed syncs that are compared, the newest first."""


async def find_duplicates(
    context: ControllerContext,
    workspace: NamespacedName,
    scope: Scope,
    listed: CachedSyncList,
    watched: Sequence[Snapshot],
) -> list[SyncView]:
    """Record each watched Sync's duplicates in the list.

    Args:
        context: the controller's context.
        workspace: the Workspace that was listed.
        scope: the scope of that Workspace.
        listed: the list.
        watched: the Syncs that may have a duplicate.

    Returns:
        The Syncs whose duplicates have changed.
    """
    if not watched:
        return []
    slices, unclaimed, is_claimed = Slices(), [], _claims(context, workspace, scope)
    for sync_id in sorted(listed.ids, key=int, reverse=True):
        await slices.yield_if_due()
        if not is_claimed(sync_id) and (remote := listed.get(sync_id)) is not None:
            unclaimed.append(remote)
            if len(unclaimed) == MAX_UNCLAIMED:
                break
    # The loop yields, so another reconcile may have claimed one of them meanwhile.
    is_claimed = _claims(context, workspace, scope)
    unclaimed = [remote for remote in unclaimed if not is_claimed(remote.id)]
    ahead = listed.clock - listed.at if listed.clock else timedelta()
    changed, pending = [], _pending_streams(context, workspace, scope)
    for snapshot in watched:
        await slices.yield_if_due()
        before = context.duplicates.get(snapshot.sync.uid, ())
        found = duplicates_of(snapshot, unclaimed, ahead)
        if _is_pending(snapshot, pending):
            found = _known_before(found, before)
        if found != before or (is_reported(snapshot) and not found):
            changed.append(snapshot.sync)
        context.duplicates[snapshot.sync.uid] = found
    return changed


def _known_before(found: Iterable[Duplicate], before: Iterable[Duplicate]) -> tuple[Duplicate, ...]:
    """Those of the duplicates found that were there before, none of them certain.

    For a stream with another Sync's create that is in flight or lost: a new duplicate may be the result of that create.
    """
    ids = {entry.remote.id for entry in before}
    return tuple(replace(entry, certain=False) for entry in found if entry.remote.id in ids)


async def delete_duplicate(
    context: ControllerContext, client: ApiClient, scope: Scope, snapshot: Snapshot, duplicate: Duplicate
) -> Snapshot:
    """Delete a sync that a lost create of this Sync has made, after reading it once more.

    A sync that has changed, or that the server does not let us delete, is reported and checked with the next list.
    """
    sync, sync_id, removed = snapshot.sync, duplicate.remote.id, snapshot.removed
    left = tuple(entry for entry in snapshot.duplicates or () if entry.remote.id != sync_id)
    uncertain = replace(duplicate, certain=False)
    async with context.create_fence.lock(scope, sync.spec.stream_name if sync.spec else None).exclusive():
        try:
            if await _is_ours_alone(context, client, scope, snapshot, duplicate):
                context.sync_lists.invalidate(scope.remote_workspace, sync_id)
                await client.syncs.delete(sync_id)
                context.sync_lists.invalidate(scope.remote_workspace, sync_id)
                removed = (*removed, sync_id)
            else:
                left = (*left, uncertain)
        except NotFoundError:
            pass
        except SyncOperatorError as error:
            words = "Sync %s/%s: sync %s, which a lost create has made, was not deleted: %s"
            _log.warning(words, sync.namespace, sync.name, sync_id, error)
            left = (*left, uncertain)
    context.duplicates[sync.uid] = left
    return replace(snapshot, duplicates=left, removed=removed)


async def _is_ours_alone(
    context: ControllerContext, client: ApiClient, scope: Scope, snapshot: Snapshot, duplicate: Duplicate
) -> bool:
    """True if the sync is unchanged since the list and has no runs, and no Sync of the cluster may claim it.

    Raises:
        NotFoundError: the sync is gone.
        SyncOperatorError: the server refused a request or did not respond.
    """
    sync_id = duplicate.remote.id
    held = await client.syncs.get(sync_id)
    if not is_same(snapshot, held, duplicate.remote) or await client.list_runs(sync_id, limit=1):
        return False
    # Other Workspaces may reach the same server by another URL, so every claim to the id and every create of the
    # stream counts, wherever it goes.
    if context.store.claimants(sync_id) or sync_id in context.create_fence.claimed(scope.remote_workspace, exclude=""):
        return False
    home = NamespacedName(snapshot.sync.namespace, snapshot.workspace.name)
    return not _is_pending(snapshot, _pending_streams(context, home, scope, everywhere=True))


def _claims(context: ControllerContext, workspace: NamespacedName, scope: Scope) -> Callable[[str], bool]:
    """A predicate on server ids: True if a Sync is registered with that sync, or may ask for it."""
    may_not_claim = partial(context.connections.may_not_claim, workspace)
    ours = context.create_fence.claimed(scope.remote_workspace, exclude="") | context.sync_lists.written_since(scope)

    def is_claimed(sync_id: str) -> bool:
        return sync_id in ours or bool(
            context.store.claimed(scope.remote_workspace, (sync_id,), exclude=_NOBODY, may_not_claim=may_not_claim)
        )

    return is_claimed


def _is_pending(snapshot: Snapshot, streams: frozenset[str | None]) -> bool:
    return not streams.isdisjoint({None, snapshot.sync.spec.stream_name if snapshot.sync.spec else None})


def _pending_streams(
    context: ControllerContext, workspace: NamespacedName, scope: Scope, *, everywhere: bool = False
) -> frozenset[str | None]:
    """The streams with a create that is in flight or lost; contains None if such a create may be of any stream.

    Args:
        context: the controller's context.
        workspace: the Workspace whose duplicates are checked.
        scope: the scope of that Workspace.
        everywhere: True to count also creates that go, as far as is known, to other remote workspaces.
    """
    streams = set[str | None]()
    for sync in context.store.unresolved():
        home = NamespacedName(sync["metadata"]["namespace"], workspace_name(sync))
        connection = context.connections.get(home)
        here = connection is not None and connection.view.remote_workspace == scope.remote_workspace
        if here and not context.connections.may_not_claim(workspace, home):
            streams |= {_wanted_stream(sync), _sent_stream(context, sync)}
        elif everywhere:
            streams.add(_wanted_stream(sync))
    return frozenset(streams)


def _wanted_stream(sync: Mapping[str, Any]) -> str | None:
    name: str | None = sync.get("spec", {}).get("streamName")
    return name


def _sent_stream(context: ControllerContext, sync: Mapping[str, Any]) -> str | None:
    """The stream of the create that was sent; None if unknown, because the spec may have changed since then."""
    sent = context.create_fence.sent_body(sync["metadata"]["uid"])
    if sent is not None:
        return str(sent.get("stream_name"))
    return _wanted_stream(sync) if sync["metadata"].get("generation") == 1 else None
