"""Plans what applying Connectors, Models and Syncs would do, in the order of their references, server by server."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sync_operator.api.constants import CLUSTER_ANNOTATION, CONNECTOR_KIND, MODEL_KIND, SYNC_KIND
from sync_operator.api.kinds.workspace import RemoteWorkspace
from sync_operator.commands.manifests.manifest_set import CONFIG_MAP_KIND, Manifest, ManifestSet
from sync_operator.commands.plan.dry_run import PlannedChange
from sync_operator.commands.plan.output.planned import Planned
from sync_operator.commands.plan.plan_input import (
    READ_STATUS,
    Candidate,
    find_targets,
    registered_ids,
    registered_workspace,
    uses_of,
    workspace_of,
)
from sync_operator.commands.plan.planned_kinds.pipeline_kinds import connectors_of, models_of
from sync_operator.commands.plan.planned_kinds.pipeline_planner import Cluster, plan_pipeline
from sync_operator.commands.plan.planned_kinds.sync_planner import plan_syncs
from sync_operator.commands.plan.planned_references import PlannedReferences
from sync_operator.commands.server_access import WorkspaceContent, read_workspace
from sync_operator.commands.targets import Home, Secrets, Target
from sync_operator.commands.terminal import Progress
from sync_operator.commands.validate.manifest_set_rules import Judged
from sync_operator.domain.sync.references import named_roles, resource_roles
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.errors import SyncOperatorError
from sync_operator.settings import ToolSettings
from sync_operator.syncapi.types import RefKind

__all__ = ["LOGIN_NOTE", "Group", "Plan", "read_groups"]

LOGIN_NOTE: Final = (
    "logging in as {email}, which ends this user's other sessions: the operator, if it uses the same login, logs in "
    "again by itself\n"
)


@dataclass(frozen=True, slots=True)
class Group:
    """What is applied to one workspace of a server, or deleted there.

    Attributes:
        target: the workspace; None if it cannot be called.
        candidates: the resources to be applied.
        content: what it has; None if it could not be read.
        error: why.
    """

    target: Target | None
    candidates: tuple[Candidate, ...] = ()
    content: WorkspaceContent | None = None
    error: str = ""

    def of(self, kind: str) -> list[Candidate]:
        """The candidates of a kind."""
        return [each for each in self.candidates if each.kind == kind]


def read_groups(
    candidates: Sequence[Candidate],
    pruned: Sequence[Home],
    judged: Judged,
    live: ManifestSet,
    secrets: Secrets,
    settings: ToolSettings,
) -> dict[RemoteWorkspace | str, Group]:
    """Read each workspace of a server that the plan is about.

    Args:
        candidates: the resources to be applied.
        pruned: Workspaces of Connectors and Models that are to be deleted on their servers.
        judged: the input.
        live: the objects of the cluster.
        secrets: the Secrets of both.
        settings: from the environment.

    Returns:
        By workspace of a server, or by the reason why there is none.
    """
    targets = find_targets((*(each.workspace for each in candidates), *pruned), judged, live, secrets, settings)
    members: dict[RemoteWorkspace | str, list[Candidate]] = {}
    reached: dict[RemoteWorkspace | str, Target | None] = {}
    for each in candidates:
        members.setdefault(_key(targets[each.workspace]), []).append(each)
    wanted = {_key(targets[home]) for home in pruned}
    for target in targets.values():
        reached.setdefault(_key(target), target if isinstance(target, Target) else None)
    return {
        key: _read(key, target, tuple(members.get(key, ())), settings, whole=key in wanted)
        for key, target in reached.items()
    }


def _key(target: Target | str) -> RemoteWorkspace | str:
    return target if isinstance(target, str) else target.remote_workspace


def _read(
    key: RemoteWorkspace | str,
    target: Target | None,
    candidates: tuple[Candidate, ...],
    settings: ToolSettings,
    *,
    whole: bool,
) -> Group:
    if target is None:
        return Group(None, candidates, error=str(key))
    kinds = {each.kind for each in candidates}
    roles = {role for each in candidates if each.kind == SYNC_KIND for role in named_roles(each.spec)}
    if any(each.kind == MODEL_KIND and each.spec.connector_ref is not None for each in candidates):
        roles.add(RefKind.SOURCE)
    progress = Progress(sys.stderr)
    try:
        if target.login is not None:
            sys.stderr.write(LOGIN_NOTE.format(email=target.login[0]))
        content = read_workspace(
            target,
            settings,
            progress.update,
            roles=roles,
            checked=tuple(RefKind) if SYNC_KIND in kinds else (),
            whole=whole or not kinds <= {SYNC_KIND},
            definitions=not kinds <= {SYNC_KIND},
        )
        return Group(target, candidates, content)
    except SyncOperatorError as error:
        return Group(target, candidates, error=f"Workspace {target.name}: {target.describe_error(error)}")
    finally:
        progress.done()


class Plan:
    """What the plan for all groups is decided by.

    Args:
        groups: the workspaces of servers.
        found: the input.
        live: the objects of the cluster.
        secrets: the Secrets of both.
        now: the current time (aware).
    """

    def __init__(
        self, groups: Sequence[Group], found: ManifestSet, live: ManifestSet, secrets: Secrets, now: datetime
    ) -> None:
        self._groups = groups
        self._live = live
        self._secrets = secrets
        self._now = now
        self._references = PlannedReferences(live)
        texts = (*live.of(CONFIG_MAP_KIND), *found.of(CONFIG_MAP_KIND))
        self._config_maps = {(it.namespace, it.name): _data(it) for it in texts}
        self._uids = {kind: frozenset(filter(None, map(_uid, live.of(kind)))) for kind in READ_STATUS}
        self._used = {
            (place, *used) for it in live.of(SYNC_KIND) if (place := workspace_of(it)) for used in uses_of(it)
        }
        marks = {mark for kind in READ_STATUS for mark in map(_cluster_of, live.of(kind)) if mark}
        self._cluster = next(iter(marks)) if len(marks) == 1 else ""

    def planned(self) -> list[Planned]:
        """What applying all of them would do: first the Connectors, then the Models, then the Syncs."""
        plan_kind: Mapping[str, Callable[[Group, WorkspaceContent], list[PlannedChange]]] = {
            CONNECTOR_KIND: self._connectors,
            MODEL_KIND: self._models,
            SYNC_KIND: self._syncs,
        }
        result = []
        for kind, plan in plan_kind.items():
            for group in self._groups:
                candidates = group.of(kind)
                changes: Sequence[PlannedChange | None] = (
                    plan(group, group.content) if group.content is not None and candidates else [None] * len(candidates)
                )
                for each, change in zip(candidates, changes, strict=True):
                    if kind != SYNC_KIND:
                        self._references.expect(each, change, group.target, group.error)
                    shown = self._references.in_words(change) if change is not None else None
                    result.append(Planned(each, shown, group.error))
        return result

    def _connectors(self, group: Group, content: WorkspaceContent) -> list[PlannedChange]:
        kind = connectors_of(content, self._secrets)
        return plan_pipeline(
            kind,
            group.of(CONNECTOR_KIND),
            content.connectors,
            self._known(group, CONNECTOR_KIND),
            _view(group),
            self._now,
        )

    def _models(self, group: Group, content: WorkspaceContent) -> list[PlannedChange]:
        kind = models_of(content, self._references, self._config_maps, self._is_used)
        return plan_pipeline(
            kind, group.of(MODEL_KIND), content.models, self._known(group, MODEL_KIND), _view(group), self._now
        )

    def _syncs(self, group: Group, content: WorkspaceContent) -> list[PlannedChange]:
        candidates = group.of(SYNC_KIND)
        references = [
            {
                role: self._references.view(
                    MODEL_KIND if role is RefKind.MODEL else CONNECTOR_KIND,
                    each.home[0],
                    getattr(each.spec, f"{role}_ref").name,
                )
                for role in resource_roles(each.spec)
            }
            for each in candidates
        ]
        owners = self._known(group, SYNC_KIND).owners
        return plan_syncs(content, candidates, references, self._secrets, owners, _view(group), self._now)

    def _known(self, group: Group, kind: str) -> Cluster:
        assert group.target is not None  # noqa: S101 (a group with content has a target)
        homes = {each.home for each in group.of(kind)}
        return Cluster(self._cluster, self._uids[kind], registered_ids(self._live, group.target, kind, homes))

    def _is_used(self, model: Candidate) -> bool:
        """True if a Sync of the cluster was registered with the Model."""
        return (registered_workspace(model.status), MODEL_KIND, model.status.id) in self._used


def _view(group: Group) -> WorkspaceView:
    assert group.target is not None  # noqa: S101 (a group with content has a target)
    assert group.content is not None  # noqa: S101 (what is planned was read)
    target = group.target
    return WorkspaceView(
        name=target.name,
        url=target.url,
        workspace_id=target.workspace_id,
        dialect=group.content.dialect,
        suspended=target.suspended,
        timeout_seconds=target.timeout_seconds,
    )


def _data(config_map: Manifest) -> Mapping[str, Any]:
    data = config_map.value.get("data")
    return data if isinstance(data, Mapping) else {}


def _uid(manifest: Manifest) -> str | None:
    uid = manifest.metadata.get("uid")
    return uid if isinstance(uid, str) else None


def _cluster_of(manifest: Manifest) -> str | None:
    annotations = manifest.metadata.get("annotations")
    uid = annotations.get(CLUSTER_ANNOTATION) if isinstance(annotations, Mapping) else None
    return uid if isinstance(uid, str) else None
