"""Observe: the part of a snapshot that is the same for every registered kind, from the caches, without any request."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from sync_operator.api.constants import WORKSPACE_KIND
from sync_operator.api.scope import Scope
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.informer.store import NamespacedName, wanted_id, workspace_name
from sync_operator.controller.workspace.workspace_connection import WorkspaceConnection
from sync_operator.domain.create_fence.matching import Claim
from sync_operator.domain.registration.resource_kind import ResourceKind
from sync_operator.domain.registration.resource_snapshot import ResourceView
from sync_operator.domain.workspace_view import WorkspaceView

__all__ = ["list_scope", "observe_registration", "workspace_of"]


def workspace_of(
    context: ControllerContext, obj: Mapping[str, Any]
) -> tuple[WorkspaceConnection | None, WorkspaceView] | None:
    """A resource's Workspace and its connection; None if it exists and this process has not reconciled it yet."""
    home = NamespacedName(obj["metadata"]["namespace"], workspace_name(obj))
    connection = context.connections.get(home)
    if connection is None and context.store.has(WORKSPACE_KIND, home):
        return None
    return connection, connection.view if connection else WorkspaceView(name=home.name, found=False)


def list_scope(
    connection: WorkspaceConnection | None, workspace: WorkspaceView, resource: ResourceView
) -> Scope | None:
    """The scope whose lists show the resource: of its own account, and of the remote workspace where it is registered.

    None if its Workspace has no usable credentials, or names another remote workspace now.
    """
    scope, registered = connection.scope if connection else None, resource.remote_workspace
    remote_workspace = workspace.current_workspace(registered) if registered else workspace.remote_workspace
    return scope if scope and scope.remote_workspace == remote_workspace else None


def observe_registration(
    context: ControllerContext,
    kind: ResourceKind[Any],
    resource: ResourceView,
    workspace: WorkspaceView,
    obj: Mapping[str, Any],
    scope: Scope | None,
) -> dict[str, Any]:
    """The fields of a `ResourceSnapshot` that say what this process knows of the registration, and when it is.

    Args:
        context: the controller's context.
        kind: of the resource.
        resource: the resource.
        workspace: its Workspace.
        obj: the resource as returned by the API server.
        scope: the scope of `list_scope`.
    """
    registrations, now = context.registrations[kind.kind], context.clock()
    fence, absences, uid, status = registrations.create_fence, registrations.absences, resource.uid, resource.status
    home, registered_in = NamespacedName(resource.namespace, workspace.name), resource.remote_workspace
    seen, absent = registrations.lists.last_seen(scope, status.id) if scope and status.id else (None, False)
    in_sync, registered = resource.registration_state()
    wanted = wanted_id(obj)
    claims: tuple[Claim, ...] = ()
    if wanted:
        claims = context.store.competing_claims(
            kind.kind,
            workspace.current_workspace(registered_in) if registered_in else workspace.remote_workspace,
            wanted,
            exclude=NamespacedName(resource.namespace, resource.name),
            may_not_claim=partial(context.connections.may_not_claim, home),
        )
    return {
        "now": now,
        "kind": kind,
        "workspace": workspace,
        "cluster": context.cluster,
        "process": context.uid,
        "create_fresh": fence.fresh(uid),
        "intent_verified": fence.verified(uid, now),
        "create_sent": fence.sent_body(uid),
        "indeterminate_until": fence.indeterminate_until(uid, timedelta(seconds=workspace.timeout_seconds)),
        "competing_claims": claims,
        "registered": registered and uid not in context.recheck,
        "was_in_sync": in_sync,
        "remote": fence.unpersisted(uid, workspace.remote_workspace) if wanted is None else None,
        "last_listed": seen,
        "missing_from_lists": absent and absences.is_missing(home, status.id or ""),
        "mass_absence": absences.mass_absence(home) if absent else None,
        "duplicates": registrations.duplicates.get(uid),
        "adopted": fence.adopted(uid),
        "recreated": fence.recreating(uid),
        "secrets_may_have_changed": uid in context.recheck,
    }
