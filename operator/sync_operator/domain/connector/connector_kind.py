"""Connectors: what the registration engine needs to know about them, and the next action of their reconcile. Pure."""

from collections.abc import Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from sync_operator.api.constants import CONNECTOR_FINALIZER, CONNECTOR_KIND
from sync_operator.api.validation.content_faults import MASK
from sync_operator.domain.connector.catalog_step import DiscoverCatalog, catalog_step
from sync_operator.domain.connector.check_step import CheckConnection, check_step
from sync_operator.domain.connector.connector_body import configuration_of, connector_body
from sync_operator.domain.connector.connector_snapshot import ConnectorSnapshot
from sync_operator.domain.connector.definition_check import ReadDefinitions, definition_error, definition_lookup
from sync_operator.domain.connector.secrets_digest import secrets_digest
from sync_operator.domain.create_fence.late_creates import duplicate_step
from sync_operator.domain.identity.ownership_mark import mark_owner, ownership_proof, unmarked
from sync_operator.domain.registration.deletion_step import deletion_step
from sync_operator.domain.registration.desired_state import drifted_fields, update_body
from sync_operator.domain.registration.field_diff import CONFIGURATION, FieldRules
from sync_operator.domain.registration.registration_actions import RegistrationAction, UpdateRemote
from sync_operator.domain.registration.registration_step import registration_step
from sync_operator.domain.registration.resource_kind import HiddenDrift, ResourceKind
from sync_operator.domain.usage import ListUsers, delete_unused, in_use
from sync_operator.errors import InvalidSpecError, NameTakenError
from sync_operator.syncapi.types import Dialect, RemoteConnector
from sync_operator.util.field_names import camel

__all__ = ["CONNECTOR", "ConnectorAction", "next_connector_action", "sent_digest"]

_FIXED: Final = ("connector_type", "connector_name")
_ROTATED_BY_SERVER: Final = frozenset({"IntuitQuickBooks"})
"""Definitions whose secret the server replaces by itself: a secret that was sent before would end the connection."""
_RULES: Final = FieldRules(fixed=_FIXED, mask=MASK)


def _refusal(snapshot: ConnectorSnapshot) -> InvalidSpecError | None:
    if snapshot.connector.spec is None:
        return None
    try:
        configuration_of(snapshot)
        return definition_error(snapshot)
    except InvalidSpecError as refused:
        return refused


def _known_fields(snapshot: ConnectorSnapshot, _: datetime) -> tuple[Mapping[str, Any], bool]:
    spec = snapshot.connector.spec
    return ({name: getattr(spec, name) for name in _FIXED}, True) if spec is not None else ({}, False)


def sent_digest(snapshot: ConnectorSnapshot) -> str | None:
    """The digest of the Secret values that were read in this reconcile; None if the spec names none."""
    values = snapshot.secrets
    return secrets_digest(values, snapshot.connector.uid) if values else None


def _hidden_drift(snapshot: ConnectorSnapshot, remote: RemoteConnector) -> HiddenDrift | None:
    """Drift of the secrets, which no answer shows."""
    status, spec = snapshot.connector.status, snapshot.connector.spec
    if spec is None or not spec.configuration_secrets or snapshot.created or snapshot.updated:
        return None
    if status.id is None:
        return HiddenDrift("configuration: its secrets are not known", "spec.configuration, with its secrets")
    if snapshot.secrets is not None and snapshot.digest_known and sent_digest(snapshot) != status.secrets_digest:
        return HiddenDrift("configuration: a Secret in it has changed", "spec.configuration, with a changed Secret")
    if _is_rotated_by_server(snapshot) or status.server_updated_at is None or remote.updated_at is None:
        return None
    if remote.was_updated_at(status.server_updated_at):
        return None
    return HiddenDrift(
        "configuration: written by somebody else, perhaps without its secrets",
        "spec.configuration, with its secrets, because somebody else has written it",
    )


def _is_rotated_by_server(snapshot: ConnectorSnapshot) -> bool:
    spec = snapshot.connector.spec
    return spec is not None and spec.connector_name in _ROTATED_BY_SERVER


def _update(snapshot: ConnectorSnapshot, remote: RemoteConnector, changes: tuple[str, ...]) -> UpdateRemote:
    body = update_body(snapshot)
    if snapshot.workspace.dialect is Dialect.DOCUMENTED:
        body |= {name: remote.attributes[name] for name in _FIXED if name in remote.attributes}  # it asks for all
    elif _is_rotated_by_server(snapshot) and CONFIGURATION not in drifted_fields(snapshot, remote):
        known = sent_digest(snapshot) == snapshot.connector.status.secrets_digest
        body = {name: value for name, value in body.items() if name != CONFIGURATION or not known}
    return UpdateRemote(remote.id, body, changes)


CONNECTOR: Final = ResourceKind[ConnectorSnapshot](
    kind=CONNECTOR_KIND,
    noun="connector",
    finalizer=CONNECTOR_FINALIZER,
    rules=lambda _: _RULES,
    refusal=_refusal,
    body=connector_body,
    known_fields=_known_fields,
    identifying=_FIXED,
    partition="connector_name",
    field_path=lambda _, name: f"spec.{camel(name)}",
    secrets=attrgetter("configuration_secrets"),
    lookup=definition_lookup,
    hidden_drift=_hidden_drift,
    unique=("name", "connector_type"),
    is_name_taken=lambda error: isinstance(error, NameTakenError),
    proof=ownership_proof,
    mark_owner=mark_owner,
    unmarked=unmarked,
    update=_update,
    in_use=in_use,
    delete=delete_unused,
)


type ConnectorAction = ReadDefinitions | DiscoverCatalog | CheckConnection | ListUsers
"""The actions of Connectors alone."""


def next_connector_action(snapshot: ConnectorSnapshot) -> RegistrationAction | ConnectorAction | None:
    """The next action for a Connector, or None if everything is in place or blocked."""
    action: RegistrationAction | ConnectorAction | None
    if snapshot.connector.deleting:
        action = deletion_step(snapshot)
    else:
        action = (
            registration_step(snapshot) or duplicate_step(snapshot) or catalog_step(snapshot) or check_step(snapshot)
        )
    return action
