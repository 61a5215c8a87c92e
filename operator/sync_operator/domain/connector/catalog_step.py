"""When a connector's catalog is read, or made anew on request, and what the condition ``Discovered`` says. Pure."""

from dataclasses import dataclass
from typing import ClassVar

from sync_operator.api.constants import DISCOVER_REQUESTED_AT_ANNOTATION
from sync_operator.api.enums import ConnectorType, DiscoverPolicy
from sync_operator.api.kinds.connector import ConnectorSpec
from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.connector.connector_snapshot import ConnectorSnapshot
from sync_operator.domain.registration.preconditions import is_in_place
from sync_operator.domain.status.set_conditions import DesiredCondition, kept_condition
from sync_operator.util.bounds import bounded_token

__all__ = ["DiscoverCatalog", "catalog_step", "discover_request", "discovered_condition", "has_catalog"]


@dataclass(frozen=True, slots=True)
class DiscoverCatalog:
    """`GET /connectors/:id/discover`.

    Attributes:
        refresh: True to have the catalog made anew; the server deletes it first.
        token: the request that this answers, if there is one.
    """

    connector_id: str
    refresh: bool
    token: str | None
    phase: ClassVar[Phase] = Phase.DISCOVERY


def catalog_step(snapshot: ConnectorSnapshot) -> DiscoverCatalog | None:
    """Read the catalog if one is wanted and none is known, or if a user asks for a new one; else None."""
    spec, remote_id = snapshot.connector.spec, snapshot.remote_id
    if spec is None or remote_id is None or snapshot.catalog is not None or Phase.DISCOVERY in snapshot.failures:
        return None
    if not is_in_place(snapshot):
        return None
    token = discover_request(snapshot)
    if token is not None:
        return DiscoverCatalog(remote_id, refresh=True, token=token)
    if _is_wanted(spec) and not has_catalog(snapshot):
        return DiscoverCatalog(remote_id, refresh=False, token=None)
    return None


def discover_request(snapshot: ConnectorSnapshot) -> str | None:
    """The token of a request for a new catalog that was not answered yet; None without one."""
    token = bounded_token(snapshot.connector.annotations.get(DISCOVER_REQUESTED_AT_ANNOTATION, ""))
    handled = snapshot.answered_request or snapshot.connector.status.last_handled_discover_request
    return token if token and token != handled else None


def has_catalog(snapshot: ConnectorSnapshot) -> bool:
    """True if the connector has a stored catalog, by this reconcile or the status; a new connector has none."""
    if snapshot.catalog is not None:
        return True
    if snapshot.answered_request is not None or snapshot.connector.status.id != snapshot.remote_id:
        return False
    found = snapshot.connector.condition(ConditionType.DISCOVERED)
    return found is not None and found.status == "True"


def discovered_condition(snapshot: ConnectorSnapshot, blocker: Blocker | None) -> DesiredCondition | None:
    """The condition ``Discovered``; None where no catalog is wanted.

    Args:
        snapshot: the snapshot after the reconcile.
        blocker: what keeps the connector from being registered, or its catalog from being read.
    """
    spec, before = snapshot.connector.spec, snapshot.connector.condition(ConditionType.DISCOVERED)
    if snapshot.catalog is not None:
        count = snapshot.catalog.count
        words = f"its catalog has {count} {'stream' if count == 1 else 'streams'}"
        return DesiredCondition(ConditionType.DISCOVERED, True, Reason.RECONCILED, words)
    if before is not None and has_catalog(snapshot):
        return kept_condition(before)
    if blocker is not None and (before is not None or (spec is not None and _is_wanted(spec))):
        return DesiredCondition(ConditionType.DISCOVERED, False, blocker.reason, blocker.message)
    return None


def _is_wanted(spec: ConnectorSpec) -> bool:
    if spec.discover is not None:
        return spec.discover is DiscoverPolicy.IF_MISSING
    return spec.connector_type is ConnectorType.DESTINATION
