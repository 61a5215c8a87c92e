"""The search for what a create without an answer has made: lists the collection, and says what belongs to others."""

import asyncio
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
    registrations, store, kind = context.registrations_of(snapshot), context.store, snapshot.kind
    remote_workspace, resource = snapshot.workspace.remote_workspace, snapshot.resource
    listed = await registrations.lists.fetch(scope, client, since=since)
    if listed.unlisted:
        rows = ", ".join(map(str, listed.unlisted))
        path = registrations.registered_kind.collection(client).path.path
        raise TransientError(
            f"the server refuses to list row {rows} of its {kind.noun}s (GET {path}?per_page=1&page={rows}), which may "
            "be the one that was created; find and correct it there, or delete it"
        )
    here = NamespacedName(resource.namespace, resource.name)
    may_not_claim = partial(context.connections.may_not_claim, NamespacedName(here.namespace, snapshot.workspace.name))
    claimed: frozenset[str] = frozenset()
    for ids in batched(listed.ids, _IDS_PER_TURN, strict=False):
        claimed |= store.claimed(kind.kind, remote_workspace, ids, exclude=here, may_not_claim=may_not_claim)
        if len(ids) == _IDS_PER_TURN:
            await asyncio.sleep(0)
    listing = await listed.listing(without=claimed)
    # The loop yields, so another reconcile may have claimed one of the rest meanwhile.
    claimed |= store.claimed(
        kind.kind,
        remote_workspace,
        (remote.id for remote in listing.rows),
        exclude=here,
        may_not_claim=may_not_claim,
    )
    claimed |= registrations.create_fence.claimed(remote_workspace, exclude=resource.uid)
    # What was written to since the list belongs to another resource, even if both are gone by now.
    claimed |= registrations.lists.written_since(scope)
    # The same one may be registered in a Workspace that reaches the server by another URL.
    claimed |= {remote.id for remote in listing.rows if store.is_registered(kind.kind, remote)}
    found = replace(snapshot, listing=listing, listed_at=listed.at, claimed=claimed)
    return replace(found, unresolved=unresolved_creates(context, found))


def ensure_unclaimed(context: ControllerContext, snapshot: ResourceSnapshot, remote_id: str) -> None:
    """Check once more, right before what a list shows is taken or deleted, that it belongs to no other resource.

    Raises:
        TransientError: it does.
    """
    remote_workspace, resource, kind = snapshot.workspace.remote_workspace, snapshot.resource, snapshot.kind
    here = NamespacedName(resource.namespace, resource.name)
    may_not_claim = partial(context.connections.may_not_claim, NamespacedName(here.namespace, snapshot.workspace.name))
    claimed = context.store.claimed(
        kind.kind, remote_workspace, (remote_id,), exclude=here, may_not_claim=may_not_claim
    )
    in_flight = context.registrations_of(snapshot).create_fence.claimed(remote_workspace, exclude=resource.uid)
    if remote_id in claimed | in_flight:
        raise TransientError(f"{kind.noun} {remote_id} was taken by another {kind.kind} meanwhile; looking again")
