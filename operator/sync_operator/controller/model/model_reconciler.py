"""The reconcile of a Model: what the reconcile loop does for it, beyond what it does for every registered kind."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND
from sync_operator.api.statuses.status import ModelUse
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.references.reference_views import reference_view
from sync_operator.controller.references.use_counts import report_use, use_counts
from sync_operator.controller.references.users import is_used, read_usage, usage_of
from sync_operator.controller.registration.act_on_remote import connected_client, write_remote
from sync_operator.controller.registration.observe_registration import list_scope, observe_registration, workspace_of
from sync_operator.controller.registration.reconcile_loop import ReconcileSteps, reconcile_registered
from sync_operator.domain.connector.definition_check import ReadDefinitions
from sync_operator.domain.model.model_body import ChangeQuery
from sync_operator.domain.model.model_kind import MODEL, ModelAction, next_model_action
from sync_operator.domain.model.model_snapshot import ModelSnapshot, connector_id_of
from sync_operator.domain.model.model_source import MAX_NAMES_AGE, ListSources
from sync_operator.domain.model.model_status import model_blockers, model_events, model_status
from sync_operator.domain.model.preview_step import TryQuery
from sync_operator.domain.usage import ListUsers
from sync_operator.kubernetes.converters import model_view
from sync_operator.syncapi.types import RefKind

__all__ = ["MODEL_STEPS", "reconcile_model"]


def _observe(context: ControllerContext, obj: Mapping[str, Any]) -> ModelSnapshot | None:
    """The snapshot of a Model; None if its Workspace exists but has not been reconciled by this process yet."""
    found = workspace_of(context, obj)
    if found is None:
        return None
    connection, workspace = found
    model = model_view(obj)
    scope = list_scope(connection, workspace, model)
    ref = model.spec.connector_ref if model.spec is not None else None
    resource = NamespacedName(model.namespace, ref.name) if ref is not None and ref.name is not None else None
    registration = observe_registration(context, MODEL, model, workspace, obj, scope)
    changed = not registration["registered"] and model.status.id is not None
    snapshot = ModelSnapshot(
        **registration,
        model=model,
        usage=usage_of(context, MODEL_KIND, model, workspace.remote_workspace),
        used_by=ModelUse(**use_counts(context.store, MODEL_KIND, obj)),
        is_used=changed and is_used(context, MODEL_KIND, model, workspace.remote_workspace),
        connector_id=connector_id_of(model),
        reference=reference_view(context.store, CONNECTOR_KIND, resource) if resource is not None else None,
        definitions=context.definitions.cached(scope) if scope is not None else None,
        sources=context.name_lists.cached(scope).get(RefKind.SOURCE) if scope is not None else None,
    )
    return snapshot.with_source()


async def _act(context: ControllerContext, snapshot: ModelSnapshot, action: ModelAction) -> ModelSnapshot:
    """Carry out one action of a Model alone.

    Raises:
        SyncOperatorError: a request was refused, or there was no answer.
    """
    client, scope = connected_client(context, snapshot)
    match action:
        case ChangeQuery():
            send = partial(client.models.update, action.remote_id, action.body)
            snapshot = await write_remote(context, snapshot, action.remote_id, action.changes, send, updated=True)
            return replace(snapshot, query_changed=True)
        case TryQuery():
            return replace(snapshot, columns=await client.pipeline.query_columns(action.connector_id, action.query))
        case ListSources():
            since = snapshot.now - MAX_NAMES_AGE
            names = await context.name_lists.fetch(scope, client, [RefKind.SOURCE], since=since)
            return replace(snapshot, sources=names[RefKind.SOURCE]).with_source()
        case ReadDefinitions():
            definitions = await context.definitions.fetch(scope, client)
            return replace(snapshot, definitions=definitions, definitions_read=True)
        case ListUsers():
            usage = await read_usage(context, client, scope, MODEL_KIND, snapshot.resource.uid, snapshot.usage, action)
            return replace(snapshot, usage=usage)


MODEL_STEPS: Final = ReconcileSteps[ModelSnapshot](
    kind=MODEL,
    observe=_observe,
    next_action=next_model_action,
    act=_act,
    status=model_status,
    blockers=model_blockers,
    events=model_events,
    reported=report_use,
    server_actions=(ChangeQuery, TryQuery, ListSources, ListUsers, ReadDefinitions),
)

reconcile_model: Final = partial(reconcile_registered, MODEL_STEPS)
"""Reconcile one Model: bring it closer to its spec, and write its status."""
