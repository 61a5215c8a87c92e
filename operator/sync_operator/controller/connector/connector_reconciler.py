"""The reconcile of a Connector: what the reconcile loop does for it, beyond what it does for every registered kind."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from sync_operator.api.constants import CONNECTOR_KIND
from sync_operator.api.statuses.status import ConnectorUse
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.references.use_counts import report_use, use_counts
from sync_operator.controller.references.users import read_usage, usage_of
from sync_operator.controller.registration.act_on_remote import connected_client
from sync_operator.controller.registration.observe_registration import list_scope, observe_registration, workspace_of
from sync_operator.controller.registration.reconcile_loop import ReconcileSteps, reconcile_registered
from sync_operator.domain.connector.catalog_step import DiscoverCatalog
from sync_operator.domain.connector.check_step import CheckConnection
from sync_operator.domain.connector.connector_kind import CONNECTOR, ConnectorAction, next_connector_action
from sync_operator.domain.connector.connector_snapshot import ConnectorSnapshot
from sync_operator.domain.connector.connector_status import connector_blockers, connector_events, connector_status
from sync_operator.domain.connector.definition_check import ReadDefinitions
from sync_operator.domain.status.error_classification import classify_error
from sync_operator.domain.usage import ListUsers
from sync_operator.errors import RejectedError
from sync_operator.kubernetes.converters import connector_view

__all__ = ["CONNECTOR_STEPS", "reconcile_connector"]


def _observe(context: ControllerContext, obj: Mapping[str, Any]) -> ConnectorSnapshot | None:
    """The snapshot of a Connector; None if its Workspace exists but has not been reconciled by this process yet."""
    found = workspace_of(context, obj)
    if found is None:
        return None
    connection, workspace = found
    connector = connector_view(obj)
    scope = list_scope(connection, workspace, connector)
    registration = observe_registration(context, CONNECTOR, connector, workspace, obj, scope)
    definitions = context.definitions.cached(scope) if scope else None
    usage = usage_of(context, CONNECTOR_KIND, connector, workspace.remote_workspace)
    return ConnectorSnapshot(
        **registration,
        connector=connector,
        usage=usage,
        used_by=ConnectorUse(**use_counts(context.store, CONNECTOR_KIND, obj)),
        definitions=definitions,
    )


async def _act(context: ControllerContext, snapshot: ConnectorSnapshot, action: ConnectorAction) -> ConnectorSnapshot:
    """Carry out one action of a Connector alone.

    Raises:
        SyncOperatorError: it failed.
    """
    client, scope = connected_client(context, snapshot)
    match action:
        case ReadDefinitions():
            definitions = await context.definitions.fetch(scope, client)
            return replace(snapshot, definitions=definitions, definitions_read=True)
        case DiscoverCatalog():
            try:
                catalog = await client.pipeline.discover(action.connector_id, refresh=action.refresh)
            except RejectedError as error:
                # The request is answered all the same: the server has deleted the catalog, and a refresh in vain again
                # would only delete the one that the next attempt makes.
                answered = snapshot.answered_request or action.token
                return replace(snapshot, answered_request=answered).failed(action.phase, classify_error(error))
            return replace(snapshot, catalog=catalog, answered_request=action.token)
        case CheckConnection():
            check = await client.pipeline.check(
                action.connector_type, action.connector_name, action.configuration, secrets=action.secrets
            )
            return replace(snapshot, check=check)
        case ListUsers():
            usage = await read_usage(
                context, client, scope, CONNECTOR_KIND, snapshot.resource.uid, snapshot.usage, action
            )
            return replace(snapshot, usage=usage)


CONNECTOR_STEPS: Final = ReconcileSteps[ConnectorSnapshot](
    kind=CONNECTOR,
    observe=_observe,
    next_action=next_connector_action,
    act=_act,
    status=connector_status,
    blockers=connector_blockers,
    events=connector_events,
    reported=report_use,
    server_actions=(ReadDefinitions, DiscoverCatalog, CheckConnection, ListUsers),
)

reconcile_connector: Final = partial(reconcile_registered, CONNECTOR_STEPS)
"""Reconcile one Connector: bring it closer to its spec, and write its status."""
