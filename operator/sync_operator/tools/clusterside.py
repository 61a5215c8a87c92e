"""What applying changes in the cluster alone: schedule, zone, suspend, policies, runs; and what it prunes. Pure.

None of these fields is sent to the server, so a comparison with the server says nothing about them.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sync_operator.decide.diff import Change, field_changes
from sync_operator.errors import InvalidSpecError
from sync_operator.model.enums import DeletionPolicy
from sync_operator.model.names import SYNC_KIND
from sync_operator.model.reading import read_sync_spec
from sync_operator.model.status import read_sync_status
from sync_operator.model.sync import SyncSpec
from sync_operator.tools.manifests import Gathered, Manifest

__all__ = ["Deletion", "cluster_changes", "deletions"]

_ON_SERVER: Final = {
    *("source_id", "source_ref", "destination_id", "destination_ref", "model_id", "model_ref"),
    *("stream_name", "configuration", "sync_mode", "cursor_field"),
}
"""Fields of the spec that the comparison with the server tells about."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """A Sync that the cluster holds and the input does not.

    Attributes:
        sync_id: of the server's sync; None where it has none.
        is_deleted_there: whether the server's sync is deleted with it.
    """

    manifest: Manifest
    sync_id: str | None
    is_deleted_there: bool


def cluster_changes(spec: SyncSpec, live: Mapping[str, Any], told: Collection[str]) -> tuple[Change, ...]:
    """Fields that no comparison with the server tells about, as far as applying changes them.

    Args:
        spec: as written.
        live: ``spec`` of the object in the cluster.
        told: places that are told about already.
    """
    try:
        held = read_sync_spec(live)
    except InvalidSpecError:
        return ()
    old, new = (
        dict(_leaves(each.model_dump(mode="json", by_alias=True, exclude=set(_ON_SERVER)))) for each in (held, spec)
    )
    places = [place for place in {**old, **new} if old.get(place) != new.get(place) and place not in told]
    return field_changes(old, new, places)


def deletions(live: Gathered, kept: Collection[tuple[str, str]]) -> list[Deletion]:
    """What pruning deletes: the Syncs of the cluster that are not among those of the input."""
    found = []
    for manifest in live.of(SYNC_KIND):
        if (manifest.namespace, manifest.name) in kept:
            continue
        status = read_sync_status(manifest.value.get("status"))
        spec = manifest.value.get("spec")
        written = spec if isinstance(spec, Mapping) else {}
        policy = written.get("deletionPolicy") or (
            DeletionPolicy.RETAIN if status.origin == "Adopted" else DeletionPolicy.DELETE
        )
        is_deleted = status.id is not None and policy == DeletionPolicy.DELETE
        found.append(Deletion(manifest, status.id, is_deleted))
    return found


def _values(spec: SyncSpec) -> dict[str, Any]:
    return dict(_leaves(spec.model_dump(mode="json", by_alias=True, exclude=set(_ON_SERVER))))


def _leaves(value: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _leaves(inner, f"{place}{name}/")
        elif inner not in (None, []):
            yield f"{place}{name}", inner
