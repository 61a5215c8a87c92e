"""The status and the events of a Connector, from the last snapshot of a reconcile. Pure."""

from typing import Any

from sync_operator.api.constants import CONNECTOR_ANNOTATIONS
from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.api.statuses.status import ConnectorStatus
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.connector.catalog_step import discovered_condition, has_catalog
from sync_operator.domain.connector.check_step import connected_condition
from sync_operator.domain.connector.connector_kind import sent_digest
from sync_operator.domain.connector.connector_snapshot import ConnectorSnapshot
from sync_operator.domain.registration.deletion_step import deletion_blocker
from sync_operator.domain.registration.desired_state import is_registered
from sync_operator.domain.registration.preconditions import registration_blocker
from sync_operator.domain.status.event_specs import EventSpec, changed, ready_event, registration_event
from sync_operator.domain.status.registered_condition import (
    ready_condition,
    registered_condition,
    registered_fields,
)
from sync_operator.domain.status.set_conditions import (
    DesiredCondition,
    progress_conditions,
    set_conditions,
    worst,
)
from sync_operator.errors import (
    NotAdmittedError,
    OutcomeUnknownError,
    ThrottledError,
    TransientError,
    UnreachableError,
)

__all__ = ["connector_blockers", "connector_events", "connector_status"]

_NOT_SENT = (NotAdmittedError, UnreachableError, ThrottledError)


def connector_blockers(snapshot: ConnectorSnapshot) -> tuple[Blocker, ...]:
    """What keeps the Connector from its end, the most important first."""
    if snapshot.connector.deleting:
        found = deletion_blocker(snapshot)
        return (found,) if found is not None else ()
    blockers = (registration_blocker(snapshot), snapshot.failures.get(Phase.DISCOVERY))
    return tuple(blocker for blocker in blockers if blocker is not None)


def connector_status(snapshot: ConnectorSnapshot) -> ConnectorStatus:
    """The whole status after a reconcile; equal to the one before if nothing changed."""
    connector, registered = snapshot.connector, registered_fields(snapshot)
    before = connector.status
    conditions = set_conditions(_said(snapshot), before.conditions, generation=connector.generation, now=snapshot.now)
    return before.model_copy(
        update={
            **registered,
            **_sent(snapshot, registered["id"]),
            **_catalog(snapshot),
            "used_by": snapshot.used_by if registered["id"] else None,
            "last_handled_discover_request": snapshot.answered_request or before.last_handled_discover_request,
            "message": worst(conditions),
            "conditions": conditions,
        }
    )


def connector_events(
    snapshot: ConnectorSnapshot, before: ConnectorStatus, after: ConnectorStatus
) -> tuple[EventSpec, ...]:
    """The events for the step from the last status to the new one: one for each change."""
    found = [registration_event(snapshot, before, after) or ready_event(before, after)]
    connected = changed(ConditionType.CONNECTED, before.conditions, after.conditions)
    if connected is not None and (connected.status == "False" or before.message is not None):
        found.append(EventSpec(Reason(connected.reason), connected.message, warning=connected.status == "False"))
    if snapshot.answered_request is not None and snapshot.catalog is not None:
        words = f"squared.ai/discover-requested-at: the catalog was made anew, with {snapshot.catalog.count} streams"
        found.append(EventSpec(Reason.RECONCILED, words))
    return tuple(event for event in found if event is not None)


def _said(snapshot: ConnectorSnapshot) -> tuple[DesiredCondition, ...]:
    blockers = connector_blockers(snapshot)
    first = blockers[0] if blockers else None
    registration = deletion_blocker(snapshot) if snapshot.connector.deleting else registration_blocker(snapshot)
    said = (
        ready_condition(snapshot, first, CONNECTOR_ANNOTATIONS),
        registered_condition(snapshot, registration),
        discovered_condition(snapshot, first),
        connected_condition(snapshot),
        *progress_conditions(first),
    )
    return tuple(entry for entry in said if entry is not None)


def _sent(snapshot: ConnectorSnapshot, remote_id: str | None) -> dict[str, Any]:
    """What of the last write the status holds, to recognise a changed Secret and another's write."""
    before, spec, remote = snapshot.connector.status, snapshot.connector.spec, snapshot.remote
    if remote_id is None:
        return {"definition": None, "secrets_digest": None, "server_updated_at": None}
    digest, updated_at = before.secrets_digest, before.server_updated_at
    if registration_blocker(snapshot) is None and is_registered(snapshot):
        if remote is not None:
            updated_at = remote.updated_at
        if snapshot.secrets is not None or (spec is not None and not spec.configuration_secrets):
            digest = sent_digest(snapshot)
    elif _may_have_been_sent(snapshot):
        digest = None
    definition = spec.connector_name if spec is not None else before.definition
    return {"definition": definition, "secrets_digest": digest, "server_updated_at": updated_at}


def _may_have_been_sent(snapshot: ConnectorSnapshot) -> bool:
    """True after an update without an answer: which Secret values the server has is not known."""
    failure = snapshot.failures.get(Phase.REGISTRATION)
    error = failure.error if failure is not None else None
    lost = isinstance(error, TransientError | OutcomeUnknownError) and not isinstance(error, _NOT_SENT)
    return lost and snapshot.was_read and snapshot.secrets is not None


def _catalog(snapshot: ConnectorSnapshot) -> dict[str, Any]:
    if snapshot.catalog is not None:
        return {"streams": snapshot.catalog.streams, "stream_count": snapshot.catalog.count}
    return {} if has_catalog(snapshot) else {"streams": (), "stream_count": None}
