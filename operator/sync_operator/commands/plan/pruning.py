"""What pruning deletes, in the order of the deletions on the server: Syncs, Models, Connectors. Pure.

A connector or model that something else uses stays until nothing does; the controller's own rules say so.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sync_operator.api import constants
from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND, WORKSPACE_KIND
from sync_operator.api.kinds.workspace import RemoteWorkspace
from sync_operator.commands.manifests.manifest_set import Manifest, ManifestSet
from sync_operator.commands.plan.plan_input import (
    READ_SPEC,
    READ_STATUS,
    Candidate,
    registered_workspace,
    uses_of,
    workspace_of,
)
from sync_operator.commands.server_access import Users, WorkspaceContent
from sync_operator.commands.targets import Home
from sync_operator.domain.connector.connector_kind import CONNECTOR
from sync_operator.domain.connector.connector_snapshot import ConnectorSnapshot, ConnectorView
from sync_operator.domain.model.model_kind import MODEL
from sync_operator.domain.model.model_snapshot import ModelSnapshot, ModelView
from sync_operator.domain.registration.deletion_step import retains
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.domain.snapshot import RunnerConfig, Snapshot, SyncView
from sync_operator.domain.sync.sync_kind import SYNC
from sync_operator.domain.usage import REFERENCE_FIELDS, USER_FIELDS, Usage, in_use
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.errors import InvalidSpecError

__all__ = ["Deletion", "Pruned", "WorkspaceDeletion", "deletions", "with_users", "workspace_deletions"]

_ORDER: Final = (SYNC_KIND, MODEL_KIND, CONNECTOR_KIND)
_NOUNS: Final = {SYNC_KIND: SYNC.noun, MODEL_KIND: MODEL.noun, CONNECTOR_KIND: CONNECTOR.noun}
_UNKNOWN: Final = "what uses it on the server is not known: {error}"


@dataclass(frozen=True, slots=True)
class Deletion:
    """A Connector, Model or Sync of the cluster that is not in the input.

    Attributes:
        remote_id: the server's id; None if it has none.
        place: server and workspace where it is registered; None if it is not.
        workspace: namespace and name of its Workspace.
        deletes_remote: True if what the server has is deleted with it.
        blocker: why the deletion waits; empty if it does not.
    """

    manifest: Manifest
    remote_id: str | None
    place: RemoteWorkspace | None
    workspace: Home
    deletes_remote: bool
    blocker: str = ""

    @property
    def noun(self) -> str:
        """What it is on the server."""
        return _NOUNS[self.manifest.kind]


@dataclass(frozen=True, slots=True)
class WorkspaceDeletion:
    """A Workspace of the cluster that is not in the input.

    Attributes:
        users: kinds and names of the resources of the input that refer to it.
    """

    manifest: Manifest
    users: tuple[Manifest, ...]


@dataclass(frozen=True, slots=True)
class Pruned:
    """Objects that pruning deletes, because the input does not contain them any more."""

    resources: Sequence[Deletion] = ()
    workspaces: Sequence[WorkspaceDeletion] = ()


def deletions(live: ManifestSet, kept: Collection[tuple[str, str, str]], now: datetime) -> list[Deletion]:
    """The registered resources that pruning deletes, in the order of their deletions.

    Args:
        live: the objects of the cluster.
        kept: kind, namespace and name of the resources of the input.
        now: the current time (aware).
    """
    found = []
    for kind in _ORDER:
        for manifest in live.of(kind):
            if (kind, manifest.namespace, manifest.name) in kept:
                continue
            snapshot = _snapshot(manifest, now)
            status = snapshot.resource.status
            deletes = status.id is not None and not retains(snapshot)
            home = manifest.namespace, snapshot.workspace.name
            found.append(Deletion(manifest, status.id, registered_workspace(status), home, deletes))
    return found


def workspace_deletions(
    live: ManifestSet, kept: Collection[Home], candidates: Sequence[Candidate]
) -> list[WorkspaceDeletion]:
    """The Workspaces that pruning deletes: those of the cluster that are not in the input.

    Args:
        live: the objects of the cluster.
        kept: namespaces and names of the input's Workspaces.
        candidates: the resources of the input.
    """
    uses: dict[Home, list[Manifest]] = {}
    for each in candidates:
        uses.setdefault(each.workspace, []).append(each.checked.manifest)
    gone = (it for it in live.of(WORKSPACE_KIND) if (it.namespace, it.name) not in kept)
    return [WorkspaceDeletion(it, tuple(uses.get((it.namespace, it.name), ()))) for it in gone]


def with_users(
    gone: Sequence[Deletion],
    live: ManifestSet,
    candidates: Sequence[Candidate],
    content_of: Callable[[Deletion], WorkspaceContent | str],
    now: datetime,
) -> list[Deletion]:
    """The deletions, each with what it waits for.

    Args:
        gone: what pruning deletes.
        live: the objects of the cluster.
        candidates: the resources of the input.
        content_of: of a deletion, what its workspace on the server has, or why that is not known.
        now: the current time (aware).
    """
    deleted = {(each.manifest.kind, each.place, each.remote_id) for each in gone if each.deletes_remote}
    pruned = {(each.manifest.kind, each.manifest.namespace, each.manifest.name) for each in gone}
    every = (it for kind in READ_STATUS for it in live.of(kind) if (kind, it.namespace, it.name) not in pruned)
    users = _Users(every, candidates)
    result = []
    for each in gone:
        kind = each.manifest.kind
        if kind in USER_FIELDS and each.deletes_remote and each.place is not None:
            content = content_of(each)
            remotes = () if isinstance(content, str) else tuple(users.on_server(each, content, deleted))
            snapshot: Any = replace(_snapshot(each.manifest, now), usage=Usage(users.in_cluster(each), remotes))  # type: ignore[call-arg]
            blocker = in_use(snapshot)
            if blocker is not None:
                each = replace(each, blocker=f"{blocker.reason}: {blocker.message}")  # noqa: PLW2901
            elif isinstance(content, str):
                each = replace(each, blocker=_UNKNOWN.format(error=content))  # noqa: PLW2901
            if each.blocker:
                deleted.discard((kind, each.place, each.remote_id))
                users.add(each.manifest)
        result.append(each)
    return result


class _Users:
    """What uses Connectors and Models, in the cluster and on the server.

    Args:
        left: Connectors, Models and Syncs of the cluster that stay.
        candidates: the resources of the input.
    """

    def __init__(self, left: Iterable[Manifest], candidates: Sequence[Candidate]) -> None:
        self._registered = defaultdict[tuple[Any, ...], set[tuple[str, str, str]]](set)
        self._named = defaultdict[tuple[str, str, str], set[tuple[str, str, str]]](set)
        self._on_servers: dict[int, Users] = {}
        for manifest in left:
            self.add(manifest)
        for each in candidates:
            for field, target in REFERENCE_FIELDS.get(each.kind, ()):
                ref = getattr(each.spec, f"{field}_ref")
                if ref is not None and ref.name is not None:
                    self._named[target, each.home[0], ref.name].add((each.home[0], each.kind, each.home[1]))

    def add(self, manifest: Manifest) -> None:
        """Count what stays in the cluster."""
        for used in uses_of(manifest):
            self._registered[(workspace_of(manifest), *used)].add((manifest.namespace, manifest.kind, manifest.name))

    def in_cluster(self, each: Deletion) -> tuple[str, ...]:
        """Resources that stay, and were registered with it or name it."""
        kind, namespace, name = each.manifest.kind, each.manifest.namespace, each.manifest.name
        users = self._registered[each.place, kind, each.remote_id] | self._named[kind, namespace, name]
        return tuple(_words(namespace, user) for user in sorted(users))

    def on_server(
        self, each: Deletion, content: WorkspaceContent, deleted: Collection[tuple[str, Any, Any]]
    ) -> Iterator[str]:
        """What uses it there and is not deleted before it."""
        if id(content) not in self._on_servers:
            self._on_servers[id(content)] = content.users()
        known = self._on_servers[id(content)]
        for kind, remote_id in known.get((each.manifest.kind, each.remote_id or ""), ()):
            if (kind, each.place, remote_id) not in deleted:
                yield f"{_NOUNS[kind]} {remote_id}"


def _words(namespace: str, user: tuple[str, str, str]) -> str:
    return f"{user[1]} {user[2]}" if user[0] == namespace else f"{user[1]} {user[0]}/{user[2]}"


def _snapshot(manifest: Manifest, now: datetime) -> ResourceSnapshot:
    """A snapshot of a resource that is deleted, as far as its deletion policy and its users need one."""
    spec: Any = manifest.value.get("spec")
    written = spec if isinstance(spec, Mapping) else {}
    try:
        read, workspace = READ_SPEC[manifest.kind](written), ""
        workspace = read.workspace_ref.name
    except InvalidSpecError:
        read, workspace = None, "default"
    view: dict[str, Any] = {
        "namespace": manifest.namespace,
        "name": manifest.name,
        "uid": "",
        "generation": 1,
        "resource_version": "",
        "created_at": now,
        "status": READ_STATUS[manifest.kind](manifest.value.get("status")),
        "spec": read,
        "deleting": True,
    }
    seen = WorkspaceView(name=workspace)
    match manifest.kind:
        case constants.CONNECTOR_KIND:
            return ConnectorSnapshot(now=now, kind=CONNECTOR, workspace=seen, connector=ConnectorView(**view))
        case constants.MODEL_KIND:
            return ModelSnapshot(now=now, kind=MODEL, workspace=seen, model=ModelView(**view))
    return Snapshot(now=now, kind=SYNC, workspace=seen, sync=SyncView(**view), runner_config=RunnerConfig(""))
