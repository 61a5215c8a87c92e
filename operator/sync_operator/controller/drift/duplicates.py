"""Finds unclaimed rows of a list that equal a resource's own; deletes those certainly made by our lost creates."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from sync_operator.api.scope import Scope
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.drift.remote_lists import CachedList
from sync_operator.controller.informer.store import NamespacedName, workspace_name
from sync_operator.controller.registration.registrations import Registrations
from sync_operator.controller.workqueue.time_slices import Slices
from sync_operator.domain.create_fence.late_creates import duplicates_of, is_reported, is_same
from sync_operator.domain.registration.resource_snapshot import Duplicate, ResourceSnapshot, ResourceView
from sync_operator.errors import NotFoundError, SyncOperatorError
from sync_operator.syncapi.client import ApiClient
from sync_operator.util.field_names import camel

__all__ = ["delete_duplicate", "find_duplicates"]

_log = logging.getLogger(__name__)
_NO_RESOURCE: Final = NamespacedName("", "")
MAX_UNCLAIMED: Final = 1000
"""Maximum number of unclaimed ones that are compared, the newest first."""


async def find_duplicates(
    context: ControllerContext,
    workspace: NamespacedName,
    scope: Scope,
    listed: CachedList[Any],
    watched: Sequence[ResourceSnapshot],
) -> list[ResourceView]:
    """Record each watched resource's duplicates in the list.

    Args:
        context: the controller's context.
        workspace: the Workspace that was listed.
        scope: the scope of that Workspace.
        listed: the list.
        watched: the resources, all of one kind, that may have a duplicate.

    Returns:
        The resources whose duplicates have changed.
    """
    if not watched:
        return []
    registrations = context.registrations_of(watched[0])
    slices, unclaimed, is_claimed = Slices(), [], _claims(context, registrations, workspace, scope)
    for sync_id in sorted(listed.ids, key=int, reverse=True):
        await slices.yield_if_due()
        if not is_claimed(sync_id) and (remote := listed.get(sync_id)) is not None:
            unclaimed.append(remote)
            if len(unclaimed) == MAX_UNCLAIMED:
                break
    # The loop yields, so another reconcile may have claimed one of them meanwhile.
    is_claimed = _claims(context, registrations, workspace, scope)
    unclaimed = [remote for remote in unclaimed if not is_claimed(remote.id)]
    ahead = listed.clock - listed.at if listed.clock else timedelta()
    changed, pending = [], _pending_partitions(context, registrations, workspace, scope)
    for snapshot in watched:
        await slices.yield_if_due()
        before = registrations.duplicates.get(snapshot.resource.uid, ())
        found = duplicates_of(snapshot, unclaimed, ahead)
        if _is_pending(snapshot, pending):
            found = _known_before(found, before)
        if found != before or (is_reported(snapshot) and not found):
            changed.append(snapshot.resource)
        registrations.duplicates[snapshot.resource.uid] = found
    return changed


def _known_before(found: Iterable[Duplicate], before: Iterable[Duplicate]) -> tuple[Duplicate, ...]:
    """Those of the duplicates found that were there before, none of them certain.

    For a partition with another resource's create that is in flight or lost: a new duplicate may be its result.
    """
    ids = {entry.remote.id for entry in before}
    return tuple(replace(entry, certain=False) for entry in found if entry.remote.id in ids)


async def delete_duplicate[S: ResourceSnapshot](
    context: ControllerContext, client: ApiClient, scope: Scope, snapshot: S, duplicate: Duplicate
) -> S:
    """Delete what a lost create of this resource has made, after reading it once more.

    What has changed, or what the server does not let us delete, is reported and checked with the next list.
    """
    registrations, resource, kind = context.registrations_of(snapshot), snapshot.resource, snapshot.kind
    remote_id, removed = duplicate.remote.id, snapshot.removed
    left = tuple(entry for entry in snapshot.duplicates or () if entry.remote.id != remote_id)
    uncertain = replace(duplicate, certain=False)
    async with registrations.create_fence.lock(scope, snapshot.partition).exclusive():
        try:
            if await _is_ours_alone(context, client, scope, snapshot, duplicate):
                registrations.lists.invalidate(scope.remote_workspace, remote_id)
                await registrations.registered_kind.collection(client).delete(remote_id)
                registrations.lists.invalidate(scope.remote_workspace, remote_id)
                removed = (*removed, remote_id)
            else:
                left = (*left, uncertain)
        except NotFoundError:
            pass
        except SyncOperatorError as error:
            words = "%s %s/%s: %s %s, which a lost create has made, was not deleted: %s"
            _log.warning(words, kind.kind, resource.namespace, resource.name, kind.noun, remote_id, error)
            left = (*left, uncertain)
    registrations.duplicates[resource.uid] = left
    return replace(snapshot, duplicates=left, removed=removed)


async def _is_ours_alone(
    context: ControllerContext, client: ApiClient, scope: Scope, snapshot: ResourceSnapshot, duplicate: Duplicate
) -> bool:
    """True if it is unchanged since the list and was never used, and no resource of the cluster may claim it.

    Raises:
        NotFoundError: it is gone.
        SyncOperatorError: the server refused a request or did not respond.
    """
    registrations, remote_id = context.registrations_of(snapshot), duplicate.remote.id
    held = await registrations.registered_kind.collection(client).get(remote_id)
    if not is_same(snapshot, held, duplicate.remote) or await registrations.registered_kind.is_used(client, remote_id):
        return False
    # Other Workspaces may reach the same server by another URL, so every create of the partition counts, wherever it
    # goes, and every claim to the id, except of those registered with what another server has under that id.
    kind, in_flight = snapshot.kind.kind, registrations.create_fence.claimed(scope.remote_workspace, exclude="")
    if context.store.is_registered(kind, held, if_unknown=True) or remote_id in in_flight:
        return False
    home = NamespacedName(snapshot.resource.namespace, snapshot.workspace.name)
    return not _is_pending(snapshot, _pending_partitions(context, registrations, home, scope, everywhere=True))


def _claims(
    context: ControllerContext, registrations: Registrations[Any], workspace: NamespacedName, scope: Scope
) -> Callable[[str], bool]:
    """A predicate on server ids: True if a resource is registered with it, or may ask for it."""
    kind, may_not_claim = registrations.registered_kind.kind.kind, partial(context.connections.may_not_claim, workspace)
    ours = registrations.create_fence.claimed(scope.remote_workspace, exclude="")
    ours |= registrations.lists.written_since(scope)

    def is_claimed(remote_id: str) -> bool:
        return remote_id in ours or bool(
            context.store.claimed(
                kind, scope.remote_workspace, (remote_id,), exclude=_NO_RESOURCE, may_not_claim=may_not_claim
            )
        )

    return is_claimed


def _is_pending(snapshot: ResourceSnapshot, partitions: frozenset[Any]) -> bool:
    return not partitions.isdisjoint({None, snapshot.partition})


def _pending_partitions(
    context: ControllerContext,
    registrations: Registrations[Any],
    workspace: NamespacedName,
    scope: Scope,
    *,
    everywhere: bool = False,
) -> frozenset[Any]:
    """The partitions with a create that is in flight or lost; contains None if such a create may be in any.

    Args:
        context: the controller's context.
        registrations: the kind whose duplicates are checked.
        workspace: the Workspace whose duplicates are checked.
        scope: the scope of that Workspace.
        everywhere: True to count also creates that go, as far as is known, to other remote workspaces.
    """
    partition = registrations.registered_kind.kind.partition
    found, field = set[Any](), camel(partition)
    for obj in context.store.unresolved(registrations.registered_kind.kind.kind):
        home = NamespacedName(obj["metadata"]["namespace"], workspace_name(obj))
        connection, wanted = context.connections.get(home), obj.get("spec", {}).get(field)
        here = connection is not None and connection.view.remote_workspace == scope.remote_workspace
        if here and not context.connections.may_not_claim(workspace, home):
            sent = registrations.create_fence.sent_body(obj["metadata"]["uid"])
            found |= {wanted, sent.get(partition) if sent is not None else _as_sent(obj, wanted)}
        elif everywhere:
            found.add(wanted)
    return frozenset(found)


def _as_sent(obj: Mapping[str, Any], wanted: Any) -> Any:
    """The partition of the create that an earlier process sent; None if the spec may have changed since then."""
    return wanted if obj["metadata"].get("generation") == 1 else None
