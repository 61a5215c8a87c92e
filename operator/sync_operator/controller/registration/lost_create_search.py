"""The search for what a create without an answer has made: lists the collection, and says what belongs to others."""

import asyncio
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import batched
from typing import Final

from sync_operator.api.scope import Scope
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.registration.other_creates import unresolved_creates
from sync_operator.domain.create_fence.candidates import undecided_until
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.errors import TransientError
from sync_operator.syncapi.client import ApiClient

__all__ = ["ensure_unclaimed", "search_lock", "search_lost_create"]

_IDS_PER_TURN: Final = 200
"""Number of listed resources after which the loop yields."""


def search_lock(context: ControllerContext, snapshot: ResourceSnapshot) -> AbstractAsyncContextManager[None]:
    """The lock for the search of a lost create: creates whose results it could take by mistake wait meanwhile."""
    connection = context.connections.get(NamespacedName(snapshot.resource.namespace, snapshot.workspace.name))
    if connection is None or connection.scope is None:
        return nullcontext()  # without a scope, ListRemotes fails anyway
    return context.registrations_of(snapshot).create_fence.lock(connection.scope, snapshot.partition).exclusive()


async def search_lost_create[S: ResourceSnapshot](
    context: ControllerContext, client: ApiClient, scope: Scope, snapshot: S
) -> S:
    """Fetch a list that is newer than the lost create, to find its result there; with the present claims."""
    since = context.registrations_of(snapshot).create_fence.list_not_before(snapshot.resource.uid)
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
    # The loop yields, so another reconcile may have claimed one of the rest meanwhile.
    claimed |= _claimed_by_others(context, snapshot, (remote.id for remote in listing.rows))
    claimed |= _claimed_in_flight(context, snapshot)
    # What was written to since the list belongs to another resource, even if both are gone by now.
    claimed |= registrations.lists.written_since(scope)
    # The same one may be registered in a Workspace that reaches the server by another URL.
    claimed |= {remote.id for remote in listing.rows if context.store.is_registered(kind.kind, remote)}
    found = replace(snapshot, listing=listing, listed_at=listed.at, claimed=claimed)
    return replace(found, unresolved=unresolved_creates(context, found))


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
