"""Changes in the cluster alone (schedule, time zone, suspend, policies, run settings), and pruning. Pure.

None of these fields is sent to the server, so a comparison with the server does not show them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND
from sync_operator.api.enums import DeletionPolicy
from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.api.statuses.status import read_sync_status
from sync_operator.api.validation.strict_validation import read_sync_spec
from sync_operator.commands.manifests.manifest_set import Manifest, ManifestSet
from sync_operator.domain.registration.field_diff import Change, FieldRules

__all__ = ["Deletion", "WorkspaceDeletion", "cluster_changes", "deletions", "workspace_deletions"]

_ON_SERVER: Final = {
    *("source_id", "source_ref", "destination_id", "destination_ref", "model_id", "model_ref"),
    *("stream_name", "configuration", "sync_mode", "cursor_field"),
}
"""Fields of the spec that the comparison with the server covers."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """A Sync of the cluster that is not in the input.

    Attributes:
        sync_id: id of the server's sync; None if it has none.
        deletes_server_sync: True if the server's sync is deleted with it.
    """

    manifest: Manifest
    sync_id: str | None
    deletes_server_sync: bool


@dataclass(frozen=True, slots=True)
class WorkspaceDeletion:
    """A Workspace of the cluster that is not in the input.

    Attributes:
        users: names of the Syncs of the input that refer to it.
    """

    manifest: Manifest
    users: tuple[str, ...]


def cluster_changes(spec: SyncSpec, live: Mapping[str, Any], reported: Collection[str]) -> tuple[Change, ...]:
    """The fields that applying changes and that the comparison with the server does not cover.

    Args:
        spec: the spec of the manifest.
        live: the spec of the object in the cluster.
        reported: paths of fields that are reported already.

    Raises:
        InvalidSpecError: the spec in the cluster is invalid.
    """
    held = read_sync_spec(live)
    old, new = (
        dict(_leaves(each.model_dump(mode="json", by_alias=True, exclude=set(_ON_SERVER)))) for each in (held, spec)
    )
    paths = [path for path in {**old, **new} if old.get(path) != new.get(path) and path not in reported]
    return FieldRules().changes(old, new, paths)


def deletions(live: ManifestSet, kept: Collection[tuple[str, str]]) -> list[Deletion]:
    """The Syncs that pruning deletes: those of the cluster that are not in ``kept``, the Syncs of the input."""
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


def workspace_deletions(
    live: ManifestSet, kept: Collection[tuple[str, str]], uses: Mapping[tuple[str, str], Sequence[str]]
) -> list[WorkspaceDeletion]:
    """The Workspaces that pruning deletes: those of the cluster that are not in the input.

    Args:
        live: the objects of the cluster.
        kept: namespaces and names of the input's Workspaces.
        uses: by namespace and name of a Workspace, the Syncs of the input that refer to it.
    """
    gone = (it for it in live.of(WORKSPACE_KIND) if (it.namespace, it.name) not in kept)
    return [WorkspaceDeletion(it, tuple(uses.get((it.namespace, it.name), ()))) for it in gone]


def _leaves(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _leaves(inner, f"{path}{name}/")
        elif inner not in (None, []):
            yield f"{path}{name}", inner
