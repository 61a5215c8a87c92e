"""Observe: the part of a snapshot that is the same for every registered kind, from the caches, without any request."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from sync_operator.api.conditions import ConditionType, Reason
from sync_operator.api.scope import Scope
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.informer.store import NamespacedName, wanted_id
from sync_operator.controller.workspace.workspace_connection import WorkspaceConnection
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot, ResourceView
from sync_operator.domain.workspace_view import WorkspaceView

__all__ = ["list_scope", "observe_registration"]


def list_scope(
    connection: WorkspaceConnection | None, workspace: WorkspaceView, resource: ResourceView
) -> Scope | None:
    """The scope whose lists show the resource: of its own account, and of the remote workspace where it is registered.

    None if its Workspace has no usable credentials, or names another remote workspace now.
    """
    scope, registered = connection.scope if connection else None, resource.remote_workspace
    remote_workspace = workspace.current_workspace(registered) if registered else workspace.remote_workspace
    return scope if scope and scope.remote_workspace == remote_workspace else None


def observe_registration[S: ResourceSnapshot](
    context: ControllerContext, snapshot: S, obj: Mapping[str, Any], scope: Scope | None
) -> S:
    """The snapshot with what this process knows of the registration.

    Args:
        context: the controller's context.
        snapshot: holds the kind, the resource, its Workspace and the time.
        obj: the resource as returned by the API server.
        scope: the scope of `list_scope`.
    """
    registrations, resource, workspace = context.registrations_of(snapshot), snapshot.resource, snapshot.workspace
    fence, absences, uid, status = registrations.create_fence, registrations.absences, resource.uid, resource.status
    home = NamespacedName(resource.namespace, workspace.name)
    seen, absent = registrations.lists.last_seen(scope, status.id) if scope and status.id else (None, False)
    in_sync, registered = _registration_state(resource)
    wanted = wanted_id(obj)
    return replace(
        snapshot,
        cluster=context.cluster,
        process=context.uid,
        create_fresh=fence.fresh(uid),
        intent_verified=fence.verified(uid, snapshot.now),
        create_sent=fence.sent_body(uid),
        indeterminate_until=fence.indeterminate_until(uid, timedelta(seconds=workspace.timeout_seconds)),
        competing_claims=context.store.competing_claims(
            snapshot.kind.kind,
            snapshot.remote_workspace or workspace.remote_workspace,
            wanted,
            exclude=NamespacedName(resource.namespace, resource.name),
            may_not_claim=partial(context.connections.may_not_claim, home),
        )
        if wanted
        else (),
        registered=registered and uid not in context.recheck,
        was_in_sync=in_sync,
        remote=fence.unpersisted(uid, workspace.remote_workspace) if wanted is None else None,
        last_listed=seen,
        missing_from_lists=absent and absences.is_missing(home, status.id or ""),
        mass_absence=absences.mass_absence(home) if absent else None,
        duplicates=registrations.duplicates.get(uid),
        adopted=fence.adopted(uid),
        recreated=fence.recreating(uid),
        secrets_may_have_changed=uid in context.recheck,
    )


def _registration_state(resource: ResourceView) -> tuple[bool, bool]:
    """Whether, by the status, this generation has been registered on the server, and whether it still is unchanged."""
    entry = resource.condition(ConditionType.REGISTERED)
    if resource.status.id is None or entry is None or entry.observed_generation != resource.generation:
        return False, False
    return entry.status == "True" or entry.reason == Reason.DRIFT_FOUND, entry.status == "True"
