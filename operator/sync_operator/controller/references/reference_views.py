"""Reads a Connector or Model of the cache as what refers to it sees it, and queues what refers to one that changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast

from sync_operator.api.base import Model
from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND
from sync_operator.api.enums import DiscoverPolicy
from sync_operator.api.kinds.workspace import RemoteWorkspace
from sync_operator.api.statuses.conditions import ConditionType
from sync_operator.api.statuses.status_fields import to_dict
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.informer.store import NamespacedName, Store, workspace_name
from sync_operator.controller.workqueue.workqueue import Key, WorkQueue
from sync_operator.domain.reference_view import ReferenceView
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.syncapi.types import RefKind

__all__ = ["KIND_OF", "enqueue_referrers", "reference_view", "tell_referrers"]

KIND_OF: Final[Mapping[RefKind, str]] = {
    RefKind.SOURCE: CONNECTOR_KIND,
    RefKind.DESTINATION: CONNECTOR_KIND,
    RefKind.MODEL: MODEL_KIND,
}
"""The kind of resource that a reference of a Sync names."""


def reference_view(store: Store, kind: str, ref: NamespacedName) -> ReferenceView:
    """A Connector or Model as it is cached."""
    obj = store.get(kind, ref)
    if obj is None:
        return ReferenceView(kind=kind, name=ref.name, found=False)
    return _view(kind, obj, store.remote_workspace(obj))


def enqueue_referrers(
    store: Store, queue: WorkQueue, kind: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> None:
    """Queue what refers to a Connector or Model, if that has changed in what concerns others.

    Args:
        store: the caches.
        queue: the work queue.
        kind: of what has changed.
        before: as it was; None if it was not there.
        after: as it is; None if it is gone.
    """
    obj = after or before
    if obj is None or (before and after and _view(kind, before, None) == _view(kind, after, None)):
        return
    ref = NamespacedName(obj["metadata"]["namespace"], obj["metadata"]["name"])
    for key in store.references.referrers(Key(kind, *ref)):
        queue.add(key)


async def tell_referrers(
    context: ControllerContext, snapshot: ResourceSnapshot, _status: Any, written: Mapping[str, Any] | None
) -> None:
    """After a status was written: queue what refers to the resource, if that concerns it. No watch event tells it."""
    if written is not None:
        before = {**written, "status": to_dict(cast("Model", snapshot.resource.status))}
        enqueue_referrers(context.store, context.queue, snapshot.kind.kind, before, written)


def _view(kind: str, obj: Mapping[str, Any], remote_workspace: RemoteWorkspace | None) -> ReferenceView:
    metadata, spec, status = obj["metadata"], obj.get("spec", {}), obj.get("status", {})
    conditions = {entry["type"]: entry for entry in status.get("conditions", ())}
    ready, remote_id = conditions.get(ConditionType.READY, {}), status.get("id")
    current = ready.get("observedGeneration") == metadata.get("generation")
    discovered = conditions.get(ConditionType.DISCOVERED)
    trouble = "" if ready.get("status") == "True" else _said(ready)
    is_ready = current and ready.get("status") == "True"
    if is_ready and _lacks_catalog(kind, spec, discovered):
        is_ready, trouble = False, _said(discovered) if discovered else "its catalog was not read yet"
    registered_at = status.get("registeredAt")
    return ReferenceView(
        kind=kind,
        name=metadata["name"],
        deleting="deletionTimestamp" in metadata,
        id=int(remote_id) if remote_id else None,
        registered_at=datetime.fromisoformat(registered_at) if registered_at else None,
        ready=is_ready,
        trouble=trouble,
        workspace=workspace_name(obj),
        remote_workspace=remote_workspace if remote_id else None,
        connector_type=spec.get("connectorType", "") if kind == CONNECTOR_KIND else "",
        definition=spec.get("connectorName", "") if kind == CONNECTOR_KIND else "",
        connector_id=status.get("connectorId"),
        streams=tuple(status.get("streams", ())),
        stream_count=status.get("streamCount"),
    )


def _lacks_catalog(kind: str, spec: Mapping[str, Any], discovered: Mapping[str, Any] | None) -> bool:
    """True for a destination whose catalog is to be read, and was not."""
    if kind != CONNECTOR_KIND or spec.get("connectorType") != RefKind.DESTINATION:
        return False
    if discovered is not None:
        return discovered.get("status") != "True"
    return spec.get("discover") != DiscoverPolicy.NEVER


def _said(condition: Mapping[str, Any]) -> str:
    return f"{condition.get('reason')}: {condition.get('message')}" if condition else ""
