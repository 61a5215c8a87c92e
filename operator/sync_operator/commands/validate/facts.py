"""What the rules across manifests need to know of an object whose value and spec are dropped. Pure."""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from sync_operator.api.enums import QueryType
from sync_operator.api.kinds.connector import ConnectorSpec
from sync_operator.api.kinds.model import ModelSpec
from sync_operator.api.kinds.resource_ref import ResourceRef, WorkspaceRef
from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.api.rules.query_text import takes_cursor
from sync_operator.commands.manifests.manifest_set import Manifest

__all__ = ["Facts", "Form", "Reference", "facts_of", "workspace_name"]

type Form = Literal["name", "serverName", "id"]
"""How a reference says what it means."""
type Reference = tuple[str, Form, str | int]
"""Role (``source``, ``destination``, ``model`` or ``connector``), form and value."""

_DEFAULT_WORKSPACE: Final = WorkspaceRef().name


class Facts(NamedTuple):
    """Of one object.

    Attributes:
        workspace: name of its Workspace.
        external_id: ``spec.externalId``.
        references: what it refers to.
        connector_type: of a Connector.
        server_name: of a Connector: its name on the server.
        definition: of a Connector: its definition.
        query_type: of a Model.
        cursor: of a Sync, that it has a cursor field; of a Model, that its query goes with one.
    """

    workspace: str
    external_id: str | None = None
    references: tuple[Reference, ...] = ()
    connector_type: str = ""
    server_name: str = ""
    definition: str = ""
    query_type: str = ""
    cursor: bool = False

    def reference(self, role: str) -> tuple[Form, str | int] | None:
        """Form and value of the reference of a role."""
        return next(((form, value) for name, form, value in self.references if name == role), None)


def facts_of(manifest: Manifest, spec: ConnectorSpec | ModelSpec | SyncSpec | None) -> Facts:
    """The facts of an object; of one that cannot be read only its Workspace."""
    match spec:
        case None:
            return Facts(workspace_name(manifest))
        case ConnectorSpec():
            name = spec.name or manifest.name
            kind, definition = spec.connector_type.value, spec.connector_name
            return Facts(spec.workspace_ref.name, spec.external_id, (), kind, name, definition)
        case ModelSpec():
            found = _reference("connector", spec.connector_ref, spec.connector_id)
            query_type = spec.query_type.value
            takes = spec.query_type is QueryType.SOQL or takes_cursor(spec.query or "")
            return Facts(spec.workspace_ref.name, spec.external_id, (*found,), query_type=query_type, cursor=takes)
        case SyncSpec():
            source = _reference("source", spec.source_ref, spec.source_id)
            destination = _reference("destination", spec.destination_ref, spec.destination_id)
            model = _reference("model", spec.model_ref, spec.model_id)
            every = (*source, *destination, *model)
            return Facts(spec.workspace_ref.name, spec.external_id, every, cursor=spec.cursor_field is not None)


def _reference(role: str, ref: ResourceRef | None, number: int | None) -> Iterator[Reference]:
    if number is not None:
        yield role, "id", number
    if ref is not None and ref.name is not None:
        yield role, "name", ref.name
    elif ref is not None and ref.server_name is not None:
        yield role, "serverName", ref.server_name


def workspace_name(manifest: Manifest) -> str:
    """Name of its Workspace from the unchecked manifest; the default if it is not there."""
    try:
        return str(manifest.value["spec"]["workspaceRef"]["name"])
    except (KeyError, TypeError):
        return _DEFAULT_WORKSPACE
