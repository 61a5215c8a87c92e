"""What uses a connector or model: Syncs and Models of the cluster, and what else the server's lists show."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from sync_operator.api.kinds.workspace import RemoteWorkspace
from sync_operator.api.scope import Scope
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.informer.index_keys import is_unresolved
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.workqueue.workqueue import Key
from sync_operator.domain.registration.resource_snapshot import ResourceView
from sync_operator.domain.usage import USER_FIELDS, ListUsers, Usage, used_ids
from sync_operator.errors import TransientError
from sync_operator.syncapi.client import ApiClient

__all__ = ["enqueue_released", "is_used", "read_usage", "usage_of"]

_MAX_LIST_AGE: Final = timedelta(seconds=2)
"""Maximum age of a list by which something is deleted as unused."""


def usage_of(context: ControllerContext, kind: str, view: ResourceView, remote_workspace: RemoteWorkspace) -> Usage:
    """What uses a connector or model in the cluster; only looked up while its resource is being deleted."""
    if not view.deleting:
        return Usage()
    here = Key(kind, view.namespace, view.name)
    found = sorted(_users(context, here, view.status.id, remote_workspace))
    held = (context.store.get(key.kind, NamespacedName(key.namespace, key.name)) for key in found)
    leaving = all(obj is not None and "deletionTimestamp" in obj["metadata"] for obj in held)
    return Usage(tuple(_words(view.namespace, key) for key in found), leaving=leaving)


def is_used(context: ControllerContext, kind: str, view: ResourceView, remote_workspace: RemoteWorkspace) -> bool:
    """True if anything in the cluster uses a connector or model."""
    here = Key(kind, view.namespace, view.name)
    return next(_users(context, here, view.status.id, remote_workspace), None) is not None


async def read_usage(
    context: ControllerContext, client: ApiClient, scope: Scope, kind: str, uid: str, usage: Usage, action: ListUsers
) -> Usage:
    """The usage with what the server's lists show.

    What somebody made a moment ago would be deleted, too, for good. So the lists are requested after the deletion was
    seen, and are at most two seconds old: many deletions at once share them. Before a change they are requested now.

    Raises:
        TransientError: a list cannot be read as a whole, so what uses it is not known.
        SyncOperatorError: the server refused a request or did not respond.
    """
    found, now = list[str](), context.clock()
    since = max(context.registrations[kind].crd_deletion.observed_at(uid) or now, now - _MAX_LIST_AGE)
    for each, name in USER_FIELDS[kind]:
        lists, noun = context.registrations[each].lists, context.registrations[each].registered_kind.kind.noun
        listed = await lists.fetch_if_listed(scope, client, since=since)
        if listed is None or listed.unlisted:
            raise TransientError(f"the server does not list all of its {noun}s, so what uses it is not known")
        # What we have written to since then is ours, and in the cluster, or deleted.
        written = lists.written_since(scope)
        rows = await listed.alike((name,), {name: action.remote_id})
        using = (row for row in rows if row.id not in written and row.attributes.get(name) is not None)
        found += [f"{noun} {row.id}" for row in sorted(using, key=lambda row: int(row.id))]
    return replace(usage, remotes=tuple(dict.fromkeys(found)))


def enqueue_released(context: ControllerContext, kind: str, gone: Mapping[str, Any]) -> None:
    """Queue what a Sync or Model that is gone has used, where its deletion waited for that."""
    remote_workspace = context.store.remote_workspace(gone)
    targets = {*context.store.references.targets(kind, gone)}
    for target, remote_id in used_ids(kind, gone):
        targets |= {Key(target, *ref) for ref in context.store.claimants(target, remote_id)}
    for key in targets:
        obj = context.store.get(key.kind, NamespacedName(key.namespace, key.name))
        if obj is None or "deletionTimestamp" not in obj["metadata"] or remote_workspace is None:
            continue
        remote_id = obj.get("status", {}).get("id")
        if next(_users(context, key, remote_id, remote_workspace), None) is None:
            context.queue.add(key)


def _users(
    context: ControllerContext, target: Key, remote_id: str | None, remote_workspace: RemoteWorkspace
) -> Iterator[Key]:
    """Syncs and Models that were registered with it, or whose create with it may have been carried out."""
    store = context.store
    named = store.references.referrers(target)
    by_id = store.references.users(target.kind, remote_id) if remote_id else []
    for key in dict.fromkeys((*by_id, *named)):
        obj = store.get(key.kind, NamespacedName(key.namespace, key.name))
        if obj is None or key.kind not in context.registrations or obj["metadata"]["uid"] in context.finalizer_removed:
            continue
        if store.remote_workspace(obj) != remote_workspace:
            continue
        finalizer = context.registrations[key.kind].registered_kind.kind.finalizer
        registered = bool(obj.get("status", {}).get("id")) and (target.kind, remote_id) in used_ids(key.kind, obj)
        released = "deletionTimestamp" in obj["metadata"] and finalizer not in obj["metadata"].get("finalizers", ())
        if (registered and not released) or is_unresolved(obj, finalizer):
            yield key


def _words(namespace: str, key: Key) -> str:
    return f"{key.kind} {key.name}" if key.namespace == namespace else f"a {key.kind} of another namespace"
