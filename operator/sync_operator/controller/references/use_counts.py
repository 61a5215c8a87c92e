"""How many Syncs and Models use a connector or model: what ``status.usedBy`` says, and when it is counted again."""

from collections.abc import Mapping
from typing import Any, Final

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND, WORKSPACE_KIND
from sync_operator.api.kinds.workspace import RemoteWorkspace, remote_workspace_of
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.informer.store import NamespacedName, Store, workspace_name
from sync_operator.controller.references.reference_views import tell_referrers
from sync_operator.controller.workqueue.workqueue import Key
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.domain.usage import used_ids

__all__ = ["enqueue_used", "report_use", "use_counts"]

_FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    CONNECTOR_KIND: {"models": MODEL_KIND, "syncs": SYNC_KIND},
    MODEL_KIND: {"syncs": SYNC_KIND},
}
"""Of a kind, the fields of ``status.usedBy``, and the kind that each counts."""
_DELAY: Final = 2.0
"""Seconds for which changes are collected before they are counted …"""
_DELAY_OF_EACH: Final = 0.05
"""… longer by this for each that uses it, so that thousands that come or go cause few writes, and for each resource
that waits to be reconciled, for which a count can wait …"""
_MAX_DELAY: Final = 60.0
"""… and at most this long."""


def use_counts(store: Store, kind: str, obj: Mapping[str, Any]) -> dict[str, int]:
    """Of a Connector or Model, how many resources of the cluster are registered with it; all 0 without an id."""
    remote_id, fields = obj.get("status", {}).get("id"), _FIELDS[kind]
    places = _remote_workspaces(store, obj) if remote_id else ()
    count = store.references.count_registered
    return {name: sum(count(user, kind, remote_id, place) for place in places) for name, user in fields.items()}


def enqueue_used(context: ControllerContext, kind: str, *states: Mapping[str, Any] | None) -> None:
    """Queue what a Sync or Model uses by any of its states, where the number of its users has changed.

    Args:
        context: the controller's context.
        kind: of what uses it.
        states: the object as it was and as it is; None for one that was not there.
    """
    for state in states:
        if state is None or not state.get("status", {}).get("id"):
            continue
        for target in _targets(context.store, kind, state):
            _enqueue_if_outdated(context, target)


async def report_use(
    context: ControllerContext, snapshot: ResourceSnapshot, status: Any, written: Mapping[str, Any] | None
) -> None:
    """After a status of a Connector or Model was written: queue whatever that concerns. No watch event tells it."""
    await tell_referrers(context, snapshot, status, written)
    if written is None:
        return
    resource, kind = snapshot.resource, snapshot.kind.kind
    if resource.status.id != status.id:
        enqueue_used(context, kind, written)
    _enqueue_if_outdated(context, Key(kind, resource.namespace, resource.name))


def _targets(store: Store, kind: str, obj: Mapping[str, Any]) -> set[Key]:
    """What a Sync or Model is registered with: the resources that it names, else all that have such an id there."""
    found, named = set[Key](), store.references.targets(kind, obj)
    workspace_id = obj["status"].get("workspaceId")
    for target, remote_id in used_ids(kind, obj):
        own = [key for key in named if key.kind == target and _status(store, key).get("id") == remote_id]
        others = (Key(target, *ref) for ref in store.claimants(target, remote_id)) if not own else ()
        found.update(own, (key for key in others if _status(store, key).get("workspaceId") == workspace_id))
    return found


def _enqueue_if_outdated(context: ControllerContext, key: Key) -> None:
    obj = context.store.get(key.kind, NamespacedName(key.namespace, key.name))
    if obj is None or not obj.get("status", {}).get("id"):
        return
    counts = use_counts(context.store, key.kind, obj)
    reported = obj["status"].get("usedBy", {})
    if any(reported.get(name, 0) != count for name, count in counts.items()):
        others = sum(counts.values()) + context.queue.depth
        context.queue.add_after(key, min(_MAX_DELAY, _DELAY + _DELAY_OF_EACH * others))


def _remote_workspaces(store: Store, obj: Mapping[str, Any]) -> set[RemoteWorkspace]:
    """Where it is registered: by the present URL of its server, and by the earlier ones that users may still have."""
    here = store.remote_workspace(obj)
    if here is None:
        return set()
    home = NamespacedName(obj["metadata"]["namespace"], workspace_name(obj))
    spec = (store.get(WORKSPACE_KIND, home) or {}).get("spec", {})
    is_there = "url" in spec and remote_workspace_of(spec["url"], None).url == here.url
    earlier = spec.get("previousUrls", ()) if is_there else ()
    return {here, *(remote_workspace_of(url, here.workspace_id) for url in earlier)}


def _status(store: Store, key: Key) -> Mapping[str, Any]:
    obj = store.get(key.kind, NamespacedName(key.namespace, key.name)) or {}
    found: Mapping[str, Any] = obj.get("status", {})
    return found
