"""The source of a Model, fixed once registered: by id, by a Connector, or by its name on the server. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Final

from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.model.model_snapshot import ModelSnapshot
from sync_operator.domain.reference_view import reference_blocker
from sync_operator.domain.status.error_classification import SLOW_RETRY
from sync_operator.domain.sync.name_resolution import ambiguous, missing
from sync_operator.syncapi.types import RefKind

__all__ = ["MAX_NAMES_AGE", "ListSources", "source_blocker", "source_lookup"]

MAX_NAMES_AGE: Final = timedelta(seconds=60)
"""Maximum age of a list by which a name is resolved to register a model."""


@dataclass(frozen=True, slots=True)
class ListSources:
    """List the server's sources, to look up a name; all that use names share the list."""

    phase: ClassVar[Phase] = Phase.REGISTRATION


def source_lookup(snapshot: ModelSnapshot) -> ListSources | None:
    """The list that is needed to find the source by its name; None if none is needed."""
    held = snapshot.sources
    if _server_name(snapshot) is None or snapshot.model.status.id is not None:
        return None
    return ListSources() if held is None or snapshot.now - held.at > MAX_NAMES_AGE else None


def source_blocker(snapshot: ModelSnapshot) -> Blocker | None:
    """Why the source keeps the model from being registered; of a registered one only that it leads elsewhere now."""
    spec, status, view = snapshot.model.spec, snapshot.model.status, snapshot.reference
    if spec is None:
        return None
    if status.id is not None and not snapshot.not_found:
        return _leads_elsewhere(snapshot)
    if view is not None:
        return reference_blocker(snapshot, view, "spec.connectorRef", RefKind.SOURCE)
    name, held = _server_name(snapshot), snapshot.sources
    if name is None or held is None or source_lookup(snapshot) is not None:
        return None
    same = held.by_name.get(name, ())
    if len(same) == 1:
        return None
    words = ambiguous(RefKind.SOURCE, name, same, "spec.connectorId") if same else missing(RefKind.SOURCE, name, held)
    return Blocker(Reason.INVALID_SPEC, f"spec.connectorRef.serverName: {words}", stalled=True, retry_after=SLOW_RETRY)


def _leads_elsewhere(snapshot: ModelSnapshot) -> Blocker | None:
    status, view, spec = snapshot.model.status, snapshot.reference, snapshot.model.spec
    given = (spec.connector_id if spec is not None else None) or (view.id if view is not None else None)
    kept = status.connector_id
    if given is None or kept is None or given == kept or snapshot.missing_from_lists:
        return None
    where = f"spec.connectorRef.name: {view.words}" if view is not None else "spec.connectorId"
    return Blocker(
        Reason.CONFLICT,
        f"{where} is source {given} on the server, but model {status.id} was registered with source {kept}, and that "
        f"is fixed; write spec.connectorId: {kept}, or make another Model for {given}",
        stalled=True,
        resolved_by_watch=True,
    )


def _server_name(snapshot: ModelSnapshot) -> str | None:
    spec = snapshot.model.spec
    return spec.connector_ref.server_name if spec is not None and spec.connector_ref is not None else None
