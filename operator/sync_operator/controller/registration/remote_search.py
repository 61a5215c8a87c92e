"""Searches of a collection: for what a create without an answer has made, and for one to adopt instead of a create."""

import asyncio
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import batched
from typing import Any, Final

from sync_operator.api.scope import Scope
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.drift.remote_lists import CachedList
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.registration.other_creates import unresolved_creates
from sync_operator.domain.create_fence.candidates import equals, undecided_until
from sync_operator.domain.registration.desired_state import desired_body
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.errors import TransientError
from sync_operator.syncapi.client import ApiClient
from sync_operator.syncapi.types import RemoteList, RemoteResource

__all__ = ["ensure_unclaimed", "look_for_equal", "search_equal", "search_lock", "search_lost_create"]

_IDS_PER_TURN: Final = 200
"""Number of listed resources after which the loop yields."""
MAX_ADOPTED_AGE: Final = timedelta(seconds=60)
"""Maximum age of a list from which something is adopted: it may have been changed or deleted since."""


def search_lock(context: ControllerContext, snapshot: ResourceSnapshot) -> AbstractAsyncContextManager[None]:
    """The lock for a search: creates whose results it could take by mistake wait meanwhile."""
    connection = context.connections.get(NamespacedName(snapshot.resource.namespace, snapshot.workspace.name))
    if connection is None or connection.scope is None:
        return nullcontext()  # without a scope, ListRemotes fails anyway
    return context.registrations_of(snapshot).create_fence.lock(connection.scope, snapshot.partition).exclusive()


async def look_for_equal[S: ResourceSnapshot](
    context: ControllerContext, client: ApiClient, scope: Scope, snapshot: S
) -> S:
    """Look in a list no older than the resync period for one that equals the desired state and that nobody claims.

    That needs no lock, so it does not hold up creates: what it finds is searched for once more before it is adopted. If
    the server fails to produce the list, none is adopted.
    """
    lists, kind = context.registrations_of(snapshot).lists, snapshot.kind
    listed = await lists.fetch_if_listed(scope, client, since=context.clock() - context.drift_period)
    alike = await listed.alike(kind.identifying, desired_body(snapshot)) if listed is not None else []
    for batch in batched(alike, _IDS_PER_TURN, strict=False):
        free = [remote for remote in batch if not context.store.is_registered(kind.kind, remote)]
        claimed = _claimed(context, scope, snapshot, free)
        if any(remote.id not in claimed and equals(snapshot, remote) for remote in free):
            return replace(snapshot, adoptable=True)
        if len(batch) == _IDS_PER_TURN:
            await asyncio.sleep(0)
    return replace(snapshot, adoptable=False)


async def search_equal[S: ResourceSnapshot](
    context: ControllerContext, client: ApiClient, scope: Scope, snapshot: S
) -> S:
    """Fetch a list that is new enough to adopt something from it, with the present claims; the caller has the lock."""
    registrations, since = context.registrations_of(snapshot), context.clock() - MAX_ADOPTED_AGE
    listed = await registrations.lists.fetch(scope, client, since=since)
    rows = await listed.alike(snapshot.kind.identifying, desired_body(snapshot))
    return _with_listing(context, scope, snapshot, listed, RemoteList(tuple(rows), listed.clock))


async def search_lost_create[S: ResourceSnapshot](
    context: ControllerContext, client: ApiClient, scope: Scope, snapshot: S
) -> S:
    """Fetch a list that is newer than the lost create, to find its result there; with the present claims."""
    since = context.registrations_of(snapshot).create_fence.list_not_before(snapshot.resource.uid)
    if snapshot.name_taken is not None:
        since = context.clock()
    if snapshot.indeterminate_until is not None and snapshot.indeterminate_until <= context.clock():
        since = max(since, snapshot.indeterminate_until)
    seen = await _list_since(context, client, scope, snapshot, since)
    until = undecided_until(seen)
    if until is None or not (seen.listed_at or seen.now) < until <= context.clock():
        return seen
    # The creates of other resources that leave it undecided can be carried out no more: a list since then decides.
    return await _list_since(context, client, scope, snapshot, until)


async def _list_since[S: ResourceSnapshot](
    context: ControllerContext, client: ApiClient, scope: Scope, snapshot: S, since: datetime
) -> S:
    """The snapshot with a list requested at or after ``since``, the present claims, and other unresolved creates."""
    registrations, kind = context.registrations_of(snapshot), snapshot.kind
    listed = await registrations.lists.fetch(scope, client, since=since)
    if listed.unlisted:
        rows = ", ".join(map(str, listed.unlisted))
        path = registrations.registered_kind.collection(client).path.path
        raise TransientError(
            f"the server refuses to list row {rows} of its {kind.noun}s (GET {path}?per_page=1&page={rows}), which may "
            "be the one that was created; find and correct it there, or delete it"
        )
    claimed: frozenset[str] = frozenset()
    for ids in batched(listed.ids, _IDS_PER_TURN, strict=False):
        claimed |= _claimed_by_others(context, snapshot, ids)
        if len(ids) == _IDS_PER_TURN:
            await asyncio.sleep(0)
    listing = await listed.listing(without=claimed)
    return _with_listing(context, scope, snapshot, listed, listing)


def _with_listing[S: ResourceSnapshot](
    context: ControllerContext, scope: Scope, snapshot: S, listed: CachedList[Any], listing: RemoteList[Any]
) -> S:
    """The snapshot with rows of a list, what others claim of them now, and other unresolved creates."""
    fence, uid = context.registrations_of(snapshot).create_fence, snapshot.resource.uid
    found = replace(
        snapshot,
        listing=listing,
        listed_at=listed.at,
        claimed=_claimed(context, scope, snapshot, listing.rows),
        # The list may have taken long.
        intent_verified=fence.verified(uid, context.clock()),
    )
    return replace(found, unresolved=unresolved_creates(context, found))


def _claimed(
    context: ControllerContext, scope: Scope, snapshot: ResourceSnapshot, remotes: Iterable[RemoteResource]
) -> frozenset[str]:
    """Ids of listed resources that others have, or may ask for, as far as is known at this moment."""
    registrations, kind, rows = context.registrations_of(snapshot), snapshot.kind, tuple(remotes)
    claimed = _claimed_by_others(context, snapshot, (remote.id for remote in rows))
    claimed |= _claimed_in_flight(context, snapshot)
    # What was written to since the list belongs to another resource, even if both are gone by now.
    claimed |= registrations.lists.written_since(scope)
    # The same one may be registered in a Workspace that reaches the server by another URL.
    claimed |= {remote.id for remote in rows if context.store.is_registered(kind.kind, remote)}
    return claimed | _marked_by_others(context, snapshot, rows)


def _marked_by_others(
    context: ControllerContext, snapshot: ResourceSnapshot, remotes: Iterable[RemoteResource]
) -> frozenset[str]:
    """Ids of those with the mark of another resource that this cluster has."""
    marks = ((remote.id, snapshot.kind.mark_owner(remote)) for remote in remotes)
    others = ((remote_id, owner) for remote_id, owner in marks if owner is not None and owner != snapshot.resource.uid)
    return frozenset(remote_id for remote_id, owner in others if context.store.has_registered(owner))


def ensure_unclaimed(context: ControllerContext, snapshot: ResourceSnapshot, remote_id: str) -> None:
    """Check once more, right before what a list shows is taken or deleted, that it belongs to no other resource.

    Raises:
        TransientError: it does.
    """
    kind = snapshot.kind
    if remote_id in _claimed_by_others(context, snapshot, (remote_id,)) | _claimed_in_flight(context, snapshot):
        raise TransientError(f"{kind.noun} {remote_id} was taken by another {kind.kind} meanwhile; looking again")


def _claimed_by_others(
    context: ControllerContext, snapshot: ResourceSnapshot, remote_ids: Iterable[str]
) -> frozenset[str]:
    """Those of the ids that other resources have, or may ask for."""
    namespace, name = snapshot.resource.namespace, snapshot.resource.name
    home = NamespacedName(namespace, snapshot.workspace.name)
    return context.store.claimed(
        snapshot.kind.kind,
        snapshot.workspace.remote_workspace,
        remote_ids,
        exclude=NamespacedName(namespace, name),
        may_not_claim=partial(context.connections.may_not_claim, home),
    )


def _claimed_in_flight(context: ControllerContext, snapshot: ResourceSnapshot) -> frozenset[str]:
    """Ids of what creates and deletions of other resources have made or found, and no status holds yet."""
    fence = context.registrations_of(snapshot).create_fence
    return fence.claimed(snapshot.workspace.remote_workspace, exclude=snapshot.resource.uid)
