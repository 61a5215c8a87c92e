"""Act on the resource in the cluster: carries out an action of a registration that needs no sync server."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sync_operator.controller.context import ControllerContext
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.workspace.secret_values import read_values
from sync_operator.domain.create_fence.create_intent import intent_annotations
from sync_operator.domain.identity.cluster_mark import cluster_marks
from sync_operator.domain.registration.registration_actions import (
    CheckCrd,
    DropFinalizer,
    ReadSecrets,
    RecordClusterUid,
    RecordCreateIntent,
    ResourceAction,
)
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.errors import KubernetesError

__all__ = ["act_on_resource", "forget_remote", "patch_metadata"]


async def act_on_resource[S: ResourceSnapshot](context: ControllerContext, snapshot: S, action: ResourceAction) -> S:
    """Carry out one action.

    Returns:
        The snapshot after the action.

    Raises:
        SyncOperatorError: it failed.
    """
    resource = snapshot.resource
    match action:
        case ReadSecrets():
            values = await read_values(
                context.kube, resource.namespace, action.wanted, require_label=context.require_secret_label
            )
            return replace(snapshot, secrets=values)
        case CheckCrd():
            crd_deletion = context.registrations_of(snapshot).crd_deletion
            return replace(snapshot, crd_deleted=await crd_deletion.is_being_deleted(resource.uid))
        case RecordCreateIntent():
            return await _record_intent(context, snapshot, action)
        case RecordClusterUid():
            return await patch_metadata(context, snapshot, {"annotations": cluster_marks(snapshot.cluster)})
        case DropFinalizer() if resource.uid in context.vanished:
            return snapshot
        case DropFinalizer():
            return await patch_metadata(context, snapshot, {"finalizers": _other_finalizers(snapshot)})


async def patch_metadata[S: ResourceSnapshot](
    context: ControllerContext, snapshot: S, metadata: dict[str, Any], *, intent: RecordCreateIntent | None = None
) -> S:
    """Patch metadata at once; the resource version makes it fail with a conflict if others wrote.

    Args:
        context: the controller's context.
        snapshot: the snapshot before.
        metadata: what to write.
        intent: the create intent that it holds.
    """
    registrations, resource, started = context.registrations_of(snapshot), snapshot.resource, context.clock()
    fence, kind, collection = registrations.create_fence, snapshot.kind.kind, registrations.registered_kind.resource
    patch = {"metadata": {"resourceVersion": resource.resource_version, **metadata}}
    answer = await context.kube.merge_patch(collection, resource.namespace, resource.name, patch)
    if answer is None:
        raise KubernetesError(404, "NotFound", f"{kind} {resource.name!r} is gone")
    if intent is not None:
        fence.intent_recorded(resource.uid, started, fresh=intent.fresh)
    context.store.put(kind, answer)
    # The patch succeeded for this resource version, so nothing else has changed: only the metadata is taken over.
    written = replace(
        resource,
        resource_version=answer["metadata"]["resourceVersion"],
        finalizers=tuple(answer["metadata"].get("finalizers", ())),
        annotations=answer["metadata"].get("annotations", {}),
    )
    return snapshot.with_resource(
        written,
        create_fresh=fence.fresh(resource.uid),
        intent_verified=intent is not None,
        indeterminate_until=fence.indeterminate_until(
            resource.uid, timedelta(seconds=snapshot.workspace.timeout_seconds)
        ),
    )


async def _record_intent[S: ResourceSnapshot](context: ControllerContext, snapshot: S, action: RecordCreateIntent) -> S:
    """Patch finalizer and annotations."""
    repeated = context.clock() if action.repeats else None
    intent = intent_annotations(action.at, context.uid, fresh=action.fresh, repeated=repeated)
    metadata = {
        "annotations": cluster_marks(snapshot.cluster) | intent,
        "finalizers": [*_other_finalizers(snapshot), snapshot.kind.finalizer],
    }
    return await patch_metadata(context, snapshot, metadata, intent=action)


def _other_finalizers(snapshot: ResourceSnapshot) -> list[str]:
    return [name for name in snapshot.resource.finalizers if name != snapshot.kind.finalizer]


async def forget_remote[S: ResourceSnapshot](
    context: ControllerContext, snapshot: S, suspend: Callable[[ControllerContext, S], Awaitable[S]] | None
) -> S:
    """Remove the id from the status, and suspend what uses it until there is a new one.

    Write a new create annotation first, in place of the old one, whose create is complete. Then a crash between these
    steps cannot cause an older remote resource to be taken for the result of the next create.

    Args:
        context: the controller's context.
        snapshot: the snapshot before.
        suspend: suspends what the kind has in the cluster; None if it has nothing.
    """
    registrations, resource, kind = context.registrations_of(snapshot), snapshot.resource, snapshot.kind.kind
    home = NamespacedName(resource.namespace, snapshot.workspace.name)
    listed_at = registrations.absences.compared_at(home) or context.clock()
    await _record_intent(context, snapshot, RecordCreateIntent(context.clock(), fresh=True))
    verified = context.clock()
    if suspend is not None:
        snapshot = await suspend(context, snapshot)
    nothing = {"status": {"id": None, "registeredAt": None, "account": None}}
    answer = await context.kube.merge_patch(
        registrations.registered_kind.resource, resource.namespace, resource.name, nothing, subresource="status"
    )
    if answer is None:
        raise KubernetesError(404, "NotFound", f"{kind} {resource.name!r} is gone")
    context.store.put(kind, answer)
    registrations.create_fence.deleted_by_others(resource.uid, listed_at)
    registrations.create_fence.intent_recorded(resource.uid, verified, fresh=True)
    registrations.duplicates.pop(resource.uid, None)
    return snapshot.with_resource(registrations.registered_kind.view(answer)).forgotten()
