"""The frozen snapshot from which a Model is decided: its registration, its connector, the preview of its query."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

from sync_operator.api.kinds.model import ModelSpec
from sync_operator.api.statuses.status import ModelStatus, ModelUse
from sync_operator.domain.reference_view import ReferenceView
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot, ResourceView
from sync_operator.domain.sync.name_resolution import NameList
from sync_operator.domain.usage import Usage
from sync_operator.syncapi.pipeline.definitions import DefinitionSet
from sync_operator.syncapi.types import Columns, RemoteModel

__all__ = ["ModelSnapshot", "ModelView", "connector_id_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView(ResourceView):
    """A Model as stored in the cluster, parsed."""

    status: ModelStatus
    spec: ModelSpec | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSnapshot(ResourceSnapshot):
    """Everything one decision about a Model needs.

    Attributes:
        usage: what uses it, looked up for its deletion.
        used_by: how many Syncs of the cluster use it.
        connector_id: the source that the query is sent to; None while it is not known.
        reference: the Connector that the spec names by its resource; None without such a reference.
        sources: the server's list of its sources, if it is cached.
        definitions: those of the server, if they were read lately; else None.
        definitions_read: True once they were asked for in this reconcile; the server may not tell them.
        is_used: True if Syncs of the cluster use it; only looked up while it is not registered as it is now.
        query_changed: True once this reconcile has written another query.
        columns: of the query's result, by a preview of this reconcile; None if there was none.
    """

    model: ModelView
    remote: RemoteModel | None = None
    last_listed: RemoteModel | None = None
    usage: Usage = field(default_factory=Usage)
    used_by: ModelUse = field(default_factory=ModelUse)
    connector_id: int | None = None
    reference: ReferenceView | None = None
    sources: NameList | None = None
    definitions: DefinitionSet | None = None
    definitions_read: bool = False
    is_used: bool = False
    query_changed: bool = False
    columns: Columns | None = None

    @property
    def resource(self) -> ModelView:
        """The Model."""
        return self.model

    def with_resource(self, resource: ModelView, **changes: Any) -> Self:
        """The snapshot with the Model as it is now, or with another one, and changes of other fields."""
        if resource.uid != self.model.uid:
            changes = {"connector_id": connector_id_of(resource)} | changes
        elif resource.status.id is None and self.model.status.id is not None:
            # It was deleted on the server, perhaps with its source: what it refers to may have another id by now.
            return replace(self, model=resource, connector_id=connector_id_of(resource), **changes).with_source()
        return replace(self, model=resource, **changes)

    def with_source(self) -> Self:
        """The snapshot with the id of the source, as far as spec, status, Connector or list tell it."""
        if self.connector_id is not None:
            return self
        if self.reference is not None and self.reference.id is not None:
            return replace(self, connector_id=self.reference.id)
        ref = self.model.spec.connector_ref if self.model.spec is not None else None
        name = ref.server_name if ref is not None else None
        same = self.sources.by_name.get(name, ()) if self.sources is not None and name is not None else ()
        return replace(self, connector_id=same[0].id) if len(same) == 1 else self


def connector_id_of(model: ModelView) -> int | None:
    """A Model's source, by its id in the spec or as it was registered; None while neither is known."""
    given = model.spec.connector_id if model.spec is not None else None
    return given or (model.status.connector_id if model.status.id is not None else None)
