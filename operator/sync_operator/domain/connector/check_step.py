"""When the server's connection check is run, and what the condition ``Connected`` says. Pure.

A check has effects of its own, so it is run after a write only, once, and never because of drift or a retry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sync_operator.api.enums import CheckPolicy
from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.domain.blocker import Phase
from sync_operator.domain.connector.connector_body import configuration_of
from sync_operator.domain.connector.connector_snapshot import ConnectorSnapshot
from sync_operator.domain.registration.desired_state import lacks_secrets
from sync_operator.domain.registration.preconditions import is_trial_due
from sync_operator.domain.registration.registration_actions import ReadSecrets
from sync_operator.domain.status.set_conditions import DesiredCondition, kept_condition
from sync_operator.errors import NotAdmittedError

__all__ = ["CheckConnection", "check_step", "connected_condition"]

_NO_REASON = "the server gives no reason"


@dataclass(frozen=True, slots=True)
class CheckConnection:
    """`POST /connector_definitions/check_connection` with the whole configuration."""

    connector_type: str
    connector_name: str
    configuration: Mapping[str, Any] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    phase: ClassVar[Phase] = Phase.CHECK


def check_step(snapshot: ConnectorSnapshot) -> CheckConnection | ReadSecrets | None:
    """Check the connection after a write, or if it was never checked; None if that is done, or not wanted."""
    spec = snapshot.connector.spec
    if spec is None or spec.check is not CheckPolicy.ON_CHANGE or snapshot.remote_id is None:
        return None
    if snapshot.check is not None or not is_trial_due(snapshot, Phase.CHECK, ConditionType.CONNECTED):
        return None
    if lacks_secrets(snapshot):
        return ReadSecrets(spec.configuration_secrets, Phase.CHECK)
    secrets = tuple((snapshot.secrets or {}).values())
    return CheckConnection(spec.connector_type.value, spec.connector_name, configuration_of(snapshot), secrets)


def connected_condition(snapshot: ConnectorSnapshot) -> DesiredCondition | None:
    """The condition ``Connected``; None without ``spec.check``, or before the first check."""
    spec, before = snapshot.connector.spec, snapshot.connector.condition(ConditionType.CONNECTED)
    if spec is None or spec.check is not CheckPolicy.ON_CHANGE:
        return None
    failure = snapshot.failures.get(Phase.CHECK)
    if failure is not None:
        if isinstance(failure.error, NotAdmittedError):
            return None  # nothing was sent: it is checked when the request is admitted
        words = f"not checked: {failure.message}; it is checked again after the next change"
        return DesiredCondition(ConditionType.CONNECTED, False, failure.reason, words)
    if snapshot.check is None:
        return kept_condition(before)
    if snapshot.check.succeeded:
        words = "the server has connected with this configuration"
        return DesiredCondition(ConditionType.CONNECTED, True, Reason.RECONCILED, words)
    words = f"the server cannot connect with this configuration: {snapshot.check.message or _NO_REASON}"
    return DesiredCondition(ConditionType.CONNECTED, False, Reason.REJECTED, words)
