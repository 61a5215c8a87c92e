"""The reconcile of a Model: what the reconcile loop does for it, beyond what it does for every registered kind."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from sync_operator.controller.context import ControllerContext
from sync_operator.controller.registration.act_on_remote import connected_client
from sync_operator.controller.registration.observe_registration import list_scope, observe_registration, workspace_of
from sync_operator.controller.registration.reconcile_loop import ReconcileSteps, reconcile_registered
from sync_operator.domain.model.model_kind import MODEL, next_model_action
from sync_operator.domain.model.model_snapshot import ModelSnapshot, connector_id_of
from sync_operator.domain.model.model_status import model_blockers, model_events, model_status
from sync_operator.domain.model.preview_step import TryQuery
from sync_operator.kubernetes.converters import model_view

__all__ = ["MODEL_STEPS", "reconcile_model"]


def _observe(context: ControllerContext, obj: Mapping[str, Any]) -> ModelSnapshot | None:
    """The snapshot of a Model; None if its Workspace exists but has not been reconciled by this process yet."""
    found = workspace_of(context, obj)
    if found is None:
        return None
    connection, workspace = found
    model = model_view(obj)
    registration = observe_registration(context, MODEL, model, workspace, obj, list_scope(connection, workspace, model))
    return ModelSnapshot(**registration, model=model, connector_id=connector_id_of(model))


async def _act(context: ControllerContext, snapshot: ModelSnapshot, action: TryQuery) -> ModelSnapshot:
    """Carry out the one action of a Model alone.

    Raises:
        SyncOperatorError: the query was refused, or there was no answer.
    """
    client, _ = connected_client(context, snapshot)
    return replace(snapshot, columns=await client.pipeline.query_columns(action.connector_id, action.query))


MODEL_STEPS: Final = ReconcileSteps[ModelSnapshot](
    kind=MODEL,
    observe=_observe,
    next_action=next_model_action,
    act=_act,
    status=model_status,
    blockers=model_blockers,
    events=model_events,
    server_actions=(TryQuery,),
)

reconcile_model: Final = partial(reconcile_registered, MODEL_STEPS)
"""Reconcile one Model: bring it closer to its spec, and write its status."""
