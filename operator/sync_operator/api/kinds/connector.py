"""``spec`` of a Connector: one source or destination of the server, and the operator's own fields."""

from typing import Annotated, Any

from pydantic import Field

from sync_operator.api.base import MAX_ENTRIES, Description, Model, ServerId, ServerName
from sync_operator.api.enums import (
    AdoptionPolicy,
    CheckPolicy,
    ConnectorType,
    DeletionPolicy,
    DiscoverPolicy,
    DriftPolicy,
)
from sync_operator.api.kinds.resource_ref import ConfigurationSecrets, WorkspaceRef

__all__ = ["ConnectorSpec"]


class ConnectorSpec(Model):
    """The connector that is wanted. Mirrored fields mean what they mean in the API's create-connector call."""

    connector_type: ConnectorType
    """API field connector_type: `source` (rows are read from it) or `destination` (rows are sent to it). Fixed once the
    connector is registered."""
    connector_name: Annotated[str, Field(min_length=1, max_length=255)]
    """API field connector_name: the definition on the server, to the letter, such as `Postgresql` or `Hubspot`. Fixed
    once the connector is registered: the server would take every model and sync that uses it along."""
    name: ServerName | None = None
    """API field name: what the server shows; left out, it is metadata.name. On the server it is the only one of its
    connectorType in the workspace."""
    description: Description | None = None
    """API field description, for people. Below it the operator writes a line of its own, by which it knows the
    connector again."""
    configuration: Annotated[dict[str, Any], Field(max_length=MAX_ENTRIES)] = Field(default_factory=dict)
    """API field configuration: host, port and the like, as the definition on the server asks for them, sent as written
    and as a whole. Values that are secret belong into configurationSecrets."""
    configuration_secrets: ConfigurationSecrets = ()
    """Values from Secrets that are put into `configuration` when it is sent, and never shown."""
    workspace_ref: WorkspaceRef = WorkspaceRef()
    """The Workspace through which the server is reached."""
    external_id: ServerId | None = None
    """Id of an existing connector on the server to take over instead of creating one. Can be set until the connector
    is registered (while status.id is empty), later only to status.id itself."""
    discover: DiscoverPolicy | None = None
    """When the server is asked for the connector's streams: `IfMissing` (it has no catalog yet) or `Never`. Left out,
    it is `IfMissing` for a destination, which needs one before a sync can use it, and `Never` for a source. Annotation
    squared.ai/discover-requested-at asks for a new catalog."""
    check: CheckPolicy = CheckPolicy.NEVER
    """Whether the server's own connection check is run after each write (`OnChange`), told by condition Connected; or
    `Never`. A check has effects of its own: it may send a request, which may cost money, or write a file."""
    deletion_policy: DeletionPolicy | None = None
    """Whether deleting this resource deletes the server's connector (`Delete`) or leaves it (`Retain`). Left out, one
    that was created here is deleted and one that was taken over is left. While something uses it, nothing is deleted:
    the server would delete that too."""
    drift_policy: DriftPolicy = DriftPolicy.CORRECT
    """What to do when somebody changed the connector on the server: put it back (`Correct`), say so (`Report`), or
    nothing (`Ignore`)."""
    adoption_policy: AdoptionPolicy = AdoptionPolicy.ADOPT_OR_CREATE
    """Whether the first registration takes an equal connector that is on the server already and that nobody claims
    (`AdoptOrCreate`), or always makes one (`Create`)."""
