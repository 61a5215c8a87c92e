"""``spec`` of a Model: one query of the server over a source, and the operator's own fields."""

from typing import Annotated, Final

from pydantic import Field

from sync_operator.api.base import Description, DnsName, Model, NumericId, SecretKey, ServerId, ServerName
from sync_operator.api.enums import AdoptionPolicy, DeletionPolicy, DriftPolicy, PreviewPolicy, QueryType
from sync_operator.api.field_patterns import NOT_BLANK
from sync_operator.api.kinds.resource_ref import ResourceRef, WorkspaceRef

__all__ = ["MAX_QUERY", "ConfigMapKeyRef", "ModelSpec", "QueryFrom"]

MAX_QUERY: Final = 65_536
"""Characters of a query, also of one from a ConfigMap."""


class ConfigMapKeyRef(Model):
    """One text in a ConfigMap."""

    name: DnsName
    """Name of a ConfigMap in the same namespace."""
    key: SecretKey
    """Key in the ConfigMap's data."""


class QueryFrom(Model):
    """Where a query is, if it is not in the manifest itself."""

    config_map_key_ref: ConfigMapKeyRef
    """The ConfigMap and key that hold the query, such as one that kustomize makes of a file."""


class ModelSpec(Model):
    """The model that is wanted. Mirrored fields mean what they mean in the API's create-model call."""

    connector_id: NumericId | None = None
    """API field connector_id: the source that the query is sent to. Exactly one of this and connectorRef. Fixed once
    the model is registered."""
    connector_ref: ResourceRef | None = None
    """The source that the query is sent to: a Connector of the same namespace, or a name on the server. Exactly one of
    this and connectorId; may become the other for the same connector. The id found is in status.connectorId."""
    name: ServerName | None = None
    """API field name: what the server shows; left out, it is metadata.name."""
    description: Description | None = None
    """API field description, for people. Below it the operator writes a line of its own, by which it knows the model
    again."""
    query_type: QueryType = QueryType.RAW_SQL
    """API field query_type: `raw_sql`, `dbt`, `soql` or `table_selector`; the definition of the source says which it
    takes."""
    query: Annotated[str, Field(min_length=1, max_length=MAX_QUERY)] | None = None
    """API field query: what the source is asked for, without LIMIT and OFFSET, which each run adds for its pages: order
    it by a column with different values in all rows. Blanks around it and `;` at its end are not sent. Exactly one of
    this and queryFrom."""
    query_from: QueryFrom | None = None
    """Where the query is, if it is not here. Exactly one of this and query."""
    primary_key: Annotated[str, Field(min_length=1, max_length=1024, pattern=NOT_BLANK)]
    """API field primary_key: the one column of the result that tells its rows apart, by its exact name. Fixed while
    syncs use the model: they would send rows a second time."""
    preview: PreviewPolicy = PreviewPolicy.NEVER
    """Whether the query is tried for one row after each change (`OnChange`), told by condition QueryValid and
    status.columns; or `Never`. The server runs it with the source's stored credentials."""
    workspace_ref: WorkspaceRef = WorkspaceRef()
    """The Workspace through which the server is reached."""
    external_id: ServerId | None = None
    """Id of an existing model on the server to take over instead of creating one. Can be set until the model is
    registered (while status.id is empty), later only to status.id itself."""
    deletion_policy: DeletionPolicy | None = None
    """Whether deleting this resource deletes the server's model (`Delete`) or leaves it (`Retain`). Left out, one that
    was created here is deleted and one that was taken over is left. While something uses it, nothing is deleted: the
    server would delete that too."""
    drift_policy: DriftPolicy = DriftPolicy.CORRECT
    """What to do when somebody changed the model on the server: put it back (`Correct`), say so (`Report`), or nothing
    (`Ignore`)."""
    adoption_policy: AdoptionPolicy = AdoptionPolicy.ADOPT_OR_CREATE
    """Whether the first registration takes an equal model that is on the server already and that nobody claims
    (`AdoptOrCreate`), or always makes one (`Create`)."""
