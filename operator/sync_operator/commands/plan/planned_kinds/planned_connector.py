"""Dry runs of Connectors: their secrets, which no server shows. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from sync_operator.api.validation.content_faults import MASK
from sync_operator.commands.plan.dry_run import HIDDEN, Effect, PlannedKind
from sync_operator.domain.connector.connector_kind import CONNECTOR
from sync_operator.domain.connector.connector_snapshot import ConnectorSnapshot
from sync_operator.domain.registration.field_diff import CONFIGURATION, Change
from sync_operator.domain.registration.json_pointer import value_at
from sync_operator.domain.registration.registration_actions import UpdateRemote
from sync_operator.syncapi.types import RemoteResource

__all__ = ["PLANNED_CONNECTOR"]

_WHOLE: Final = "its whole configuration is sent: {why}"


def _with_values(
    snapshot: ConnectorSnapshot, known: Mapping[str, str], remote: RemoteResource | None
) -> ConnectorSnapshot:
    spec = snapshot.connector.spec
    held = remote.attributes.get(CONFIGURATION) if remote else None
    values = {}
    for entry in spec.configuration_secrets if spec is not None else ():
        there = value_at(held, entry.pointer)
        shown = there if isinstance(there, str) and there != MASK else HIDDEN
        values[entry.pointer] = known.get(entry.pointer) or shown
    assumed = frozenset(values) - frozenset(known)
    return replace(
        snapshot, secrets=values, assumed_secrets=assumed, digest_known=snapshot.digest_known and not assumed
    )


def _updated(snapshot: ConnectorSnapshot, action: UpdateRemote) -> Effect[ConnectorSnapshot]:
    spec, remote = snapshot.connector.spec, snapshot.remote
    hidden = CONNECTOR.hidden_drift(snapshot, remote) if remote is not None else None
    if spec is None or hidden is None or CONFIGURATION not in action.body:
        return Effect(snapshot)
    sent = tuple(Change(f"{CONFIGURATION}{entry.pointer}", *(HIDDEN,) * 4) for entry in spec.configuration_secrets)
    return Effect(snapshot, sent, (_WHOLE.format(why=hidden.line.removeprefix(f"{CONFIGURATION}: ")),))


def _hides_secrets(snapshot: ConnectorSnapshot) -> bool:
    """Of what is registered, unless all values are known, and a digest of those that were sent last."""
    return bool(snapshot.secrets) and not (snapshot.updated or snapshot.digest_known)


PLANNED_CONNECTOR: Final = PlannedKind[ConnectorSnapshot](
    with_values=_with_values, updated=_updated, hides_secrets=_hides_secrets
)
