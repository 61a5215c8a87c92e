"""The frozen snapshot from which a Connector is decided: its registration, its catalog, its connection check."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

from sync_operator.api.kinds.connector import ConnectorSpec
from sync_operator.api.statuses.status import ConnectorStatus, ConnectorUse
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot, ResourceView
from sync_operator.domain.usage import Usage
from sync_operator.syncapi.pipeline.definitions import DefinitionSet
from sync_operator.syncapi.types import Catalog, ConnectionCheck, RemoteConnector

__all__ = ["ConnectorSnapshot", "ConnectorView"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorView(ResourceView):
    """A Connector as stored in the cluster, parsed."""

    status: ConnectorStatus
    spec: ConnectorSpec | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorSnapshot(ResourceSnapshot):
    """Everything one decision about a Connector needs.

    Attributes:
        usage: what uses it, looked up for its deletion.
        used_by: how much of the cluster uses it.
        catalog: as read in this reconcile; None if it was not.
        answered_request: token of the request for a new catalog that this reconcile has answered.
        check: the result of the connection check of this reconcile; None if there was none.
        definitions: those of the server, if they were read lately; else None.
        definitions_read: True once they were asked for in this reconcile; the server may not tell them.
        assumed_secrets: pointers of ``secrets`` at which something stands for a value that is not known (a dry run).
        digest_known: False if it is not known whether ``secrets`` are those that were sent last (a dry run).
    """

    connector: ConnectorView
    remote: RemoteConnector | None = None
    last_listed: RemoteConnector | None = None
    usage: Usage = field(default_factory=Usage)
    used_by: ConnectorUse = field(default_factory=ConnectorUse)
    catalog: Catalog | None = None
    answered_request: str | None = None
    check: ConnectionCheck | None = None
    definitions: DefinitionSet | None = None
    definitions_read: bool = False
    assumed_secrets: frozenset[str] = frozenset()
    digest_known: bool = True

    @property
    def resource(self) -> ConnectorView:
        """The Connector."""
        return self.connector

    def with_resource(self, resource: ConnectorView, **changes: Any) -> Self:
        """The snapshot with the Connector as it is now, and changes of other fields."""
        return replace(self, connector=resource, **changes)
