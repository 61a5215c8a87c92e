"""Checks a Connector against its definition before it is written, as the server's own refusal names no field. Pure."""

from dataclasses import dataclass
from typing import ClassVar

from sync_operator.domain.blocker import Phase
from sync_operator.domain.connector.connector_body import configuration_of
from sync_operator.domain.connector.connector_snapshot import ConnectorSnapshot
from sync_operator.domain.definitions.clear_text_secrets import clear_text_errors
from sync_operator.domain.definitions.definition_schema import schema_errors
from sync_operator.domain.registration.desired_state import lacks_secrets
from sync_operator.errors import InvalidSpecError

__all__ = ["ReadDefinitions", "definition_error", "definition_lookup"]

_UNREAD = "x"
"""Stands for the value of a Secret that was not read yet."""


@dataclass(frozen=True, slots=True)
class ReadDefinitions:
    """`GET /connector_definitions`, unless they were read lately."""

    phase: ClassVar[Phase] = Phase.REGISTRATION


def definition_lookup(snapshot: ConnectorSnapshot) -> ReadDefinitions | None:
    """Read the definitions before the first write of a reconcile; None if they were, or the server has no such call.

    Whether there is anything to write shows only once the Secrets were read.
    """
    done = snapshot.definitions is not None or snapshot.definitions_read or snapshot.updated or snapshot.created
    return None if done or lacks_secrets(snapshot) else ReadDefinitions()


def definition_error(snapshot: ConnectorSnapshot) -> InvalidSpecError | None:
    """What the server would refuse of a Connector that is not registered as it is now; None if nothing is known."""
    spec, known = snapshot.connector.spec, snapshot.definitions
    if spec is None or known is None or snapshot.registered or snapshot.connector.deleting:
        return None
    kind = spec.connector_type.value
    definition = known.get(kind, spec.connector_name)
    if definition is None:
        return InvalidSpecError("spec.connectorName", known.explain_absence(kind, spec.connector_name))
    pointers = [entry.pointer for entry in spec.configuration_secrets]
    in_clear = next(clear_text_errors(definition, spec.configuration, pointers), None)
    if in_clear is not None:
        return in_clear
    values = dict.fromkeys(pointers, _UNREAD) | dict(snapshot.secrets or {})
    unread = pointers if snapshot.secrets is None else snapshot.assumed_secrets
    return next(iter(schema_errors(definition, configuration_of(snapshot, values), unread)), None)
