"""The status and the events of a Model, from the last snapshot of a reconcile. Pure."""

from typing import Any, Final

from sync_operator.api.constants import MODEL_ANNOTATIONS
from sync_operator.api.enums import PreviewPolicy
from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.api.statuses.status import ModelStatus
from sync_operator.domain.blocker import Blocker
from sync_operator.domain.model.model_snapshot import ModelSnapshot
from sync_operator.domain.model.preview_step import query_condition
from sync_operator.domain.registration.deletion_step import deletion_blocker
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

__all__ = ["model_blockers", "model_events", "model_status"]

_QUERY_CHANGED: Final = (
    "spec.query: changed on the server, in force from the next run of each Sync that uses it; an incremental sync "
    "sends each row whose content differs now, one of full_refresh no row whose primaryKey it has sent before; a "
    "mapped column that the query no longer returns is sent empty"
)


def model_blockers(snapshot: ModelSnapshot) -> tuple[Blocker, ...]:
    """What keeps the Model from its end; empty if nothing does."""
    found = deletion_blocker(snapshot) if snapshot.model.deleting else registration_blocker(snapshot)
    return (found,) if found is not None else ()


def model_status(snapshot: ModelSnapshot) -> ModelStatus:
    """The whole status after a reconcile; equal to the one before if nothing changed."""
    model, registered = snapshot.model, registered_fields(snapshot)
    before = model.status
    conditions = set_conditions(_said(snapshot), before.conditions, generation=model.generation, now=snapshot.now)
    registered_with = (before.connector_id if before.id else None) or snapshot.connector_id
    return before.model_copy(
        update={
            **registered,
            "connector_id": registered_with if registered["id"] else None,
            **_columns(snapshot),
            "used_by": snapshot.used_by if registered["id"] else None,
            "message": worst(conditions),
            "conditions": conditions,
        }
    )


def model_events(snapshot: ModelSnapshot, before: ModelStatus, after: ModelStatus) -> tuple[EventSpec, ...]:
    """The events for the step from the last status to the new one: one for each change."""
    found = [registration_event(snapshot, before, after) or ready_event(before, after)]
    if snapshot.query_changed and not snapshot.corrected:
        found.append(EventSpec(Reason.RECONCILED, _QUERY_CHANGED))
    valid = changed(ConditionType.QUERY_VALID, before.conditions, after.conditions)
    if valid is not None and valid.status == "False":
        found.append(EventSpec(Reason(valid.reason), valid.message, warning=True))
    return tuple(event for event in found if event is not None)


def _said(snapshot: ModelSnapshot) -> tuple[DesiredCondition, ...]:
    blocker = next(iter(model_blockers(snapshot)), None)
    said = (
        ready_condition(snapshot, blocker, MODEL_ANNOTATIONS),
        registered_condition(snapshot, blocker),
        query_condition(snapshot),
        *progress_conditions(blocker),
    )
    return tuple(entry for entry in said if entry is not None)


def _columns(snapshot: ModelSnapshot) -> dict[str, Any]:
    spec, found = snapshot.model.spec, snapshot.columns
    if found is not None:
        return {"columns": found.names, "column_count": found.count or None}
    wanted = spec is None or spec.preview is PreviewPolicy.ON_CHANGE
    return {} if wanted else {"columns": (), "column_count": None}
