"""Reads a Connector or Model of the cache as what refers to it sees it, and queues what refers to one that changed."""

from collections.abc import Mapping
from typing import Any, Final, cast

from sync_operator.api.base import Model
from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND
from sync_operator.api.statuses.status_fields import to_dict
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.informer.store import NamespacedName, Store, workspace_name
from sync_operator.controller.workqueue.workqueue import Key, WorkQueue
from sync_operator.domain.reference_view import ReferenceView, view_of
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
    return view_of(kind, obj, workspace_name(obj), store.remote_workspace(obj))


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
    if obj is None or (before and after and _seen(kind, before) == _seen(kind, after)):
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


def _seen(kind: str, obj: Mapping[str, Any]) -> ReferenceView:
    """What others see of it, apart from the server that its Workspace names."""
    return view_of(kind, obj, workspace_name(obj), None)
