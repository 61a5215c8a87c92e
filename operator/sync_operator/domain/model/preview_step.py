"""When a model's query is tried for one row, and what the condition ``QueryValid`` says. Pure."""

from dataclasses import dataclass, field
from typing import ClassVar

from sync_operator.api.enums import PreviewPolicy
from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.domain.blocker import Phase
from sync_operator.domain.model.model_body import query_of, texts_of
from sync_operator.domain.model.model_snapshot import ModelSnapshot
from sync_operator.domain.registration.desired_state import lacks_secrets
from sync_operator.domain.registration.preconditions import is_trial_due
from sync_operator.domain.registration.registration_actions import ReadSecrets
from sync_operator.domain.status.set_conditions import DesiredCondition, kept_condition
from sync_operator.errors import NotAdmittedError
from sync_operator.util.redact import redact

__all__ = ["TryQuery", "preview_step", "query_condition"]

_MAX_NAMES = 10
"""Columns that a message names."""


@dataclass(frozen=True, slots=True)
class TryQuery:
    """`POST /connectors/:id/query_source` for one row."""

    connector_id: str
    query: str = field(repr=False)
    phase: ClassVar[Phase] = Phase.PREVIEW


def preview_step(snapshot: ModelSnapshot) -> TryQuery | ReadSecrets | None:
    """Try the query after a write, or if it was never tried; None if that is done, or not wanted."""
    spec, connector_id = snapshot.model.spec, snapshot.connector_id
    if spec is None or spec.preview is not PreviewPolicy.ON_CHANGE or snapshot.remote_id is None:
        return None
    if snapshot.columns is not None or not is_trial_due(snapshot, Phase.PREVIEW, ConditionType.QUERY_VALID):
        return None
    if lacks_secrets(snapshot):
        return ReadSecrets(texts_of(spec), Phase.PREVIEW)
    return TryQuery(str(connector_id), query_of(snapshot)) if connector_id is not None else None


def query_condition(snapshot: ModelSnapshot) -> DesiredCondition | None:
    """The condition ``QueryValid``; None without ``spec.preview``, or before the first try."""
    spec, before = snapshot.model.spec, snapshot.model.condition(ConditionType.QUERY_VALID)
    if spec is None or spec.preview is not PreviewPolicy.ON_CHANGE:
        return None
    failure = snapshot.failures.get(Phase.PREVIEW)
    if failure is not None:
        if isinstance(failure.error, NotAdmittedError):
            return None  # nothing was sent: it is tried when the request is admitted
        words = f"the query was not answered: {failure.message}; it is tried again after the next change"
        return DesiredCondition(ConditionType.QUERY_VALID, False, failure.reason, words)
    if snapshot.columns is None:
        return kept_condition(before)
    names, count = snapshot.columns.names, snapshot.columns.count
    if not count:
        words = "the query is valid, and returns no row now, so its columns are not known"
        return DesiredCondition(ConditionType.QUERY_VALID, True, Reason.RECONCILED, words)
    if spec.primary_key not in names and count == len(names):
        there = ", ".join(redact(name, limit=60) for name in names[:_MAX_NAMES])
        words = f"spec.primaryKey: the query returns no column {spec.primary_key!r}; write one of its columns: {there}"
        return DesiredCondition(ConditionType.QUERY_VALID, False, Reason.INVALID_SPEC, words)
    words = f"the query is valid, and returns {count} {'column' if count == 1 else 'columns'}"
    return DesiredCondition(ConditionType.QUERY_VALID, True, Reason.RECONCILED, words)
