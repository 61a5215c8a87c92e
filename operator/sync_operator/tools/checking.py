"""All manifests of an input, judged one by one and against each other. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final

from sync_operator.model.enums import DialectChoice
from sync_operator.model.names import SYNC_KIND, WORKSPACE_KIND
from sync_operator.model.sync import SyncSpec, WorkspaceRef
from sync_operator.model.workspace import Place, WorkspaceSpec, place_of
from sync_operator.remote.types import Dialect
from sync_operator.settings import RunPodRules
from sync_operator.tools.check import Checked, check_sync, check_workspace
from sync_operator.tools.manifests import Gathered, Manifest
from sync_operator.tools.problems import Problem, Severity

__all__ = ["Judged", "judge_all"]

_ALMOST: Final = 0.8
"""How like two names are, of 1, to be taken for one that was misspelt."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of an input.

    Attributes:
        loose: problems of texts that hold no manifest.
        passed_over: how many documents are of other kinds.
    """

    syncs: tuple[Checked[SyncSpec], ...]
    workspaces: tuple[Checked[WorkspaceSpec], ...]
    loose: tuple[Problem, ...]
    passed_over: int

    @property
    def all(self) -> tuple[Checked[Any], ...]:
        """Workspaces and Syncs, in the order in which they are written."""
        both = (*self.workspaces, *self.syncs)
        return tuple(sorted(both, key=lambda checked: (checked.manifest.source.name, checked.manifest.line)))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems, in the order in which they are written."""
        found = [*self.loose, *(problem for checked in self.all for problem in checked.problems)]
        return tuple(sorted(found, key=lambda problem: (problem.source.name, problem.spot.line, problem.spot.column)))

    @property
    def valid(self) -> bool:
        """True when nothing is wrong but for warnings."""
        return all(problem.severity is not Severity.ERROR for problem in self.problems)


def judge_all(found: Gathered, now: datetime, pods: RunPodRules | None = None) -> Judged:
    """Judge everything that was gathered.

    Args:
        found: the input.
        now: aware; from when on runs are counted.
        pods: the operator's rules for run pods, where they are known.
    """
    workspaces = [check_workspace(manifest) for manifest in found.of(WORKSPACE_KIND)]
    homes = {(checked.manifest.namespace, checked.manifest.name): checked for checked in workspaces}
    syncs = [
        check_sync(manifest, _dialect(homes.get((manifest.namespace, _home(manifest)))), now, pods)
        for manifest in found.of(SYNC_KIND)
    ]
    clashes = [*_twice((*workspaces, *syncs)), *_same_external(syncs, homes), *_almost_named(syncs, homes)]
    return Judged(
        syncs=tuple(_with(checked, clashes) for checked in syncs),
        workspaces=tuple(_with(checked, clashes) for checked in workspaces),
        loose=tuple(found.problems),
        passed_over=found.passed_over,
    )


def _with[S](checked: Checked[S], clashes: Sequence[tuple[Checked[Any], Problem]]) -> Checked[S]:
    more = tuple(problem for other, problem in clashes if other.manifest == checked.manifest)
    return replace(checked, problems=(*checked.problems, *more)) if more else checked


def _twice(every: Sequence[Checked[Any]]) -> Iterator[tuple[Checked[Any], Problem]]:
    first: dict[tuple[str, str, str], Checked[Any]] = {}
    for checked in every:
        manifest = checked.manifest
        known = first.setdefault((manifest.kind, manifest.namespace, manifest.name), checked)
        if known is not checked and manifest.name:
            where = f"{known.manifest.source.name}:{known.manifest.line}"
            message = f"namespace {manifest.namespace!r} has this {manifest.kind} twice, first in {where}; rename one"
            yield checked, manifest.problem(("metadata", "name"), message)


def _same_external(
    syncs: Sequence[Checked[SyncSpec]], workspaces: dict[tuple[str, str], Checked[WorkspaceSpec]]
) -> Iterator[tuple[Checked[Any], Problem]]:
    first: dict[tuple[Place | tuple[str, str], str], Checked[SyncSpec]] = {}
    for checked in syncs:
        manifest, spec = checked.manifest, checked.spec
        if spec is None or spec.external_id is None:
            continue
        home = (manifest.namespace, spec.workspace_ref.name)
        workspace = workspaces[home].spec if home in workspaces else None
        place = place_of(workspace.url, workspace.workspace_id) if workspace else home
        known = first.setdefault((place, spec.external_id), checked)
        if known is not checked:
            message = f"sync {spec.external_id} is asked for by {known.manifest.subject} too; delete one of the two"
            yield checked, manifest.problem(("spec", "externalId"), message)


def _almost_named(
    syncs: Sequence[Checked[SyncSpec]], workspaces: dict[tuple[str, str], Checked[WorkspaceSpec]]
) -> Iterator[tuple[Checked[Any], Problem]]:
    """Syncs whose Workspace is not in the input, where one of almost its name is: a typo, or one renamed."""
    for checked in syncs:
        manifest, name = checked.manifest, _home(checked.manifest)
        beside = sorted(other for namespace, other in workspaces if namespace == manifest.namespace)
        if name in beside:
            continue
        renamed = [other for other in beside if other.startswith(f"{name}-") or other.endswith(f"-{name}")]
        for meant in (*renamed, *get_close_matches(name, beside, n=1, cutoff=_ALMOST))[:1]:
            message = (
                f"{name!r} is no Workspace of this input, which has {meant!r} in the same namespace; if that is meant, "
                "write its name (kustomize does so with the list of docs/gitops.md)"
            )
            yield checked, manifest.problem(("spec", "workspaceRef", "name"), message, severity=Severity.WARNING)


def _home(manifest: Manifest) -> str:
    """Name of a Sync's Workspace, as far as it can be told before the spec is read."""
    try:
        return str(manifest.value["spec"]["workspaceRef"]["name"])
    except (KeyError, TypeError):
        return WorkspaceRef().name


def _dialect(workspace: Checked[WorkspaceSpec] | None) -> Dialect | None:
    chosen = workspace.spec.dialect if workspace and workspace.spec else DialectChoice.AUTO
    return None if chosen is DialectChoice.AUTO else Dialect(chosen.value)
