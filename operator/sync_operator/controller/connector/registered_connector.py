"""How the controller reaches Connectors, as a kind that is registered: in the cluster and on the sync server."""

from typing import Final

from sync_operator.controller.registration.registered_kind import RegisteredKind
from sync_operator.domain.connector.connector_kind import CONNECTOR
from sync_operator.kubernetes.converters import connector_view
from sync_operator.kubernetes.resources import CONNECTORS
from sync_operator.syncapi.types import RemoteConnector

__all__ = ["REGISTERED_CONNECTOR"]

REGISTERED_CONNECTOR: Final = RegisteredKind[RemoteConnector](
    kind=CONNECTOR, resource=CONNECTORS, collection=lambda client: client.connectors, view=connector_view
)
