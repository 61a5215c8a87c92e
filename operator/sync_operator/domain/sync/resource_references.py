"""Connectors and Models that a Sync refers to by their resource: what it waits for, and what cannot be. Pure."""

from collections.abc import Iterator

from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.blocker import Blocker
from sync_operator.domain.reference_view import ReferenceView, cursor_blocker, reference_blocker, stream_blocker
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.sync.references import registered_id, resource_roles
from sync_operator.syncapi.types import RefKind

__all__ = ["resource_blocker"]


def resource_blocker(snapshot: Snapshot) -> Blocker | None:
    """Why a resource that the spec refers to keeps the sync from being registered; None if none does.

    What is registered goes on with the ids that it was registered with, whatever becomes of the resources: of these
    only one that leads elsewhere is told.
    """
    spec = snapshot.sync.spec
    return next(_blockers(snapshot, spec), None) if spec is not None else None


def _blockers(snapshot: Snapshot, spec: SyncSpec) -> Iterator[Blocker]:
    is_registered = snapshot.sync.status.id is not None and not snapshot.not_found
    for role in resource_roles(spec):
        view = snapshot.references.get(role)
        if view is None:
            continue
        if is_registered:
            yield from _leads_elsewhere(snapshot, role, view)
            continue
        wanted = "" if role is RefKind.MODEL else role.value
        blocker = reference_blocker(snapshot, view, f"spec.{role}Ref", wanted)
        if blocker is not None:
            yield blocker
        elif role is RefKind.DESTINATION and (missing := stream_blocker(view, spec.stream_name)) is not None:
            yield missing
        elif role is RefKind.MODEL and (breaks := cursor_blocker(view, spec.cursor_field)) is not None:
            yield breaks


def _leads_elsewhere(snapshot: Snapshot, role: RefKind, view: ReferenceView) -> Iterator[Blocker]:
    kept = registered_id(snapshot, f"{role}_id")
    if kept is None or view.id is None or view.id == kept or snapshot.missing_from_lists:
        return
    yield Blocker(
        Reason.CONFLICT,
        f"spec.{role}Ref.name: {view.words} is {role} {view.id} on the server, but sync {snapshot.sync.status.id} was "
        f"registered with {role} {kept}, and that is fixed; write spec.{role}Id: {kept}, or make another Sync for "
        f"{view.id}",
        stalled=True,
        resolved_by_watch=True,
    )
