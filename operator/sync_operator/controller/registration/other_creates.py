"""Creates of other resources of the same kind whose outcome is unknown, and that may have made what one looks for."""

from collections.abc import Mapping
from datetime import timedelta
from heapq import nsmallest
from typing import Any, Final

from sync_operator.api.constants import CREATE_STARTED_ANNOTATION
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.informer.compact import expand
from sync_operator.controller.informer.store import NamespacedName, workspace_name
from sync_operator.domain.create_fence.candidates import sent_body, unresolved_create
from sync_operator.domain.create_fence.unresolved_creates import UnresolvedCreate
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.util.field_names import camel

__all__ = ["unresolved_creates"]

MAX_UNRESOLVED: Final = 100
"""Maximum number of unresolved creates that one resource compares with its own."""


def unresolved_creates(context: ControllerContext, snapshot: ResourceSnapshot) -> tuple[UnresolvedCreate, ...]:
    """Creates of others whose outcome is unknown, and that may have made what this resource looks for.

    Only those whose Workspace sees the same remote resources, and that differ in no identifying field: no other
    create can have made what this resource looks for.
    """
    body, fence = sent_body(snapshot), context.registrations_of(snapshot).create_fence
    if body is None:
        return ()
    wanted = [(name, camel(name), body.get(name)) for name in snapshot.kind.identifying]
    found = [
        obj
        for obj in context.store.unresolved(snapshot.kind.kind)
        if (uid := obj["metadata"]["uid"]) != snapshot.resource.uid
        and not fence.is_resolved(uid)
        and uid not in context.finalizer_removed
        and _may_have_same_body(obj, fence.sent_body(uid), wanted)
        and _sees_the_same(context, snapshot, obj)
    ]
    first = nsmallest(MAX_UNRESOLVED, found, key=_urgency)
    creates = (_unresolved(context, snapshot, expand(obj)) for obj in first)
    return tuple(create for create in creates if create is not None)


def _may_have_same_body(
    resource: Mapping[str, Any], sent: Mapping[str, Any] | None, wanted: list[tuple[str, str, Any]]
) -> bool:
    """False if a create of that resource certainly has another body.

    ``wanted`` has the API name, the manifest's name and the value of each identifying field.
    """
    spec = resource.get("spec", {})
    for name, field, value in wanted:
        held = spec.get(field) if sent is None else sent.get(name)
        if held is not None and held != value:
            return False
    return True


def _sees_the_same(context: ControllerContext, snapshot: ResourceSnapshot, other: Mapping[str, Any]) -> bool:
    """True if another's create goes to the remote workspace of this one, with an account that sees what is there.

    A create that this process has sent went there, even if the credentials do not work any more.
    """
    home = NamespacedName(snapshot.resource.namespace, snapshot.workspace.name)
    there, connections = NamespacedName(other["metadata"]["namespace"], workspace_name(other)), context.connections
    connection = connections.get(there)
    # A connection outlives its Workspace as long as a resource needs it for its deletion.
    remote_workspace = (
        connection.view.remote_workspace
        if connection and connection.view.url
        else context.store.remote_workspace(other)
    )
    if remote_workspace != snapshot.workspace.remote_workspace:
        return False
    sent = context.registrations_of(snapshot).create_fence.sent_body(other["metadata"]["uid"]) is not None
    return not (connections.in_separate_workspaces(home, there) if sent else connections.may_not_claim(home, there))


def _urgency(resource: Mapping[str, Any]) -> tuple[bool, str]:
    """Sort key of unresolved resources: those being deleted first, then by create intent."""
    metadata = resource["metadata"]
    return "deletionTimestamp" not in metadata, metadata["annotations"][CREATE_STARTED_ANNOTATION]


def _unresolved(
    context: ControllerContext, snapshot: ResourceSnapshot, obj: Mapping[str, Any]
) -> UnresolvedCreate | None:
    """The create of another resource of the same remote workspace; None if it has none, or its spec is invalid."""
    registrations = context.registrations_of(snapshot)
    resource, fence = registrations.registered_kind.view(obj), registrations.create_fence
    sent, timeout = fence.sent_body(resource.uid), timedelta(seconds=snapshot.workspace.timeout_seconds)
    if sent is None and (resource.spec is None or resource.spec.external_id):
        return None
    until = fence.indeterminate_until(resource.uid, timeout) or fence.list_not_before(resource.uid)
    other = snapshot.with_resource(resource, create_sent=sent, indeterminate_until=until, secrets=None, remote=None)
    return unresolved_create(other)
