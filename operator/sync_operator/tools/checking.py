"""All manifests of an input, judged one by one and against each other. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from sync_operator.tools.manifests import Gathered, Manifest, read_manifests
from sync_operator.tools.problems import Problem, Severity
from sync_operator.tools.sources import Source

__all__ = ["Judged", "judge_all", "judge_sources"]

type Home = tuple[str, str]
"""Namespace and name."""

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


@dataclass(slots=True)
class _Pass:
    """What one look at all manifests found; ``homes`` are Syncs, each with its Workspace's name and its externalId."""

    workspaces: list[Checked[WorkspaceSpec]] = field(default_factory=list)
    syncs: list[Checked[SyncSpec]] = field(default_factory=list)
    homes: list[tuple[Checked[SyncSpec], str, str | None]] = field(default_factory=list)

    def dialects(self) -> dict[Home, Dialect]:
        """Those that Workspaces name."""
        known = ((_home(it.manifest), it.spec) for it in self.workspaces)
        return {
            home: Dialect(spec.dialect.value)
            for home, spec in known
            if spec is not None and spec.dialect is not DialectChoice.AUTO
        }


def judge_all(found: Gathered, now: datetime, pods: RunPodRules | None = None) -> Judged:
    """Judge everything that was gathered.

    Args:
        found: the input.
        now: aware; from when on runs are counted.
        pods: the operator's rules for run pods, where they are known.
    """
    first = _judged_once(found.of(WORKSPACE_KIND), {}, now, pods, is_kept=True)
    syncs = _judged_once(found.of(SYNC_KIND), first.dialects(), now, pods, is_kept=True)
    return _judged(found, replace(syncs, workspaces=first.workspaces))


def judge_sources(
    sources: Sequence[Source],
    namespace: str,
    now: datetime,
    pods: RunPodRules | None = None,
    tell: Callable[[int], None] = lambda _: None,
) -> Judged:
    """Judge what texts hold, object by object, and keep no more than what is told of each: neither value nor spec.

    Args:
        sources: the texts.
        namespace: of objects that name none.
        now: aware; from when on runs are counted.
        pods: the operator's rules for run pods, where they are known.
        tell: is called with the number of objects that were judged.
    """
    dialects: dict[Home, Dialect] = {}
    while True:
        found = Gathered()
        manifests = read_manifests(sources, namespace, found)
        seen = _judged_once(manifests, dialects, now, pods, tell=tell)
        if seen.dialects() == dialects:
            return _judged(found, seen)
        dialects = seen.dialects()  # a Workspace may stand below its Syncs


def _judged_once(
    manifests: Iterable[Manifest],
    dialects: Mapping[Home, Dialect],
    now: datetime,
    pods: RunPodRules | None,
    *,
    is_kept: bool = False,
    tell: Callable[[int], None] = lambda _: None,
) -> _Pass:
    seen = _Pass()
    for number, manifest in enumerate(manifests, 1):
        tell(number)
        if manifest.kind == WORKSPACE_KIND:
            seen.workspaces.append(check_workspace(manifest))
        elif manifest.kind == SYNC_KIND:
            workspace = _workspace_name(manifest)
            checked = check_sync(manifest, dialects.get((manifest.namespace, workspace)), now, pods)
            external = checked.spec.external_id if checked.spec else None
            if not is_kept:
                checked = replace(checked, manifest=manifest.without_value(), spec=None)
            seen.syncs.append(checked)
            seen.homes.append((checked, workspace, external))
    return seen


def _judged(found: Gathered, seen: _Pass) -> Judged:
    """What was judged one by one, judged against each other."""
    clashes: dict[int, list[Problem]] = {}
    for checked, problem in (*_twice((*seen.workspaces, *seen.syncs)), *_same_external(seen), *_almost_named(seen)):
        clashes.setdefault(id(checked), []).append(problem)
    return Judged(
        syncs=tuple(_with(checked, clashes) for checked in seen.syncs),
        workspaces=tuple(_with(checked, clashes) for checked in seen.workspaces),
        loose=tuple(found.problems),
        passed_over=found.passed_over,
    )


def _with[S](checked: Checked[S], clashes: Mapping[int, list[Problem]]) -> Checked[S]:
    more = clashes.get(id(checked))
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


def _same_external(seen: _Pass) -> Iterator[tuple[Checked[Any], Problem]]:
    specs = {_home(it.manifest): it.spec for it in seen.workspaces}
    first: dict[tuple[Place | Home, str], Checked[SyncSpec]] = {}
    for checked, workspace, external in seen.homes:
        if external is None:
            continue
        manifest = checked.manifest
        home = (manifest.namespace, workspace)
        spec = specs.get(home)
        known = first.setdefault((place_of(spec.url, spec.workspace_id) if spec else home, external), checked)
        if known is not checked:
            message = f"sync {external} is asked for by {known.manifest.subject} too; delete one of the two"
            yield checked, manifest.problem(("spec", "externalId"), message)


def _almost_named(seen: _Pass) -> Iterator[tuple[Checked[Any], Problem]]:
    """Syncs whose Workspace is not in the input, where one of almost its name is: a typo, or one renamed."""
    names: dict[str, list[str]] = {}
    for workspace in seen.workspaces:
        names.setdefault(workspace.manifest.namespace, []).append(workspace.manifest.name)
    for checked, name, _ in seen.homes if names else ():
        manifest = checked.manifest
        beside = sorted(names.get(manifest.namespace, ()))
        if name in beside:
            continue
        renamed = [other for other in beside if other.startswith(f"{name}-") or other.endswith(f"-{name}")]
        for meant in (*renamed, *get_close_matches(name, beside, n=1, cutoff=_ALMOST))[:1]:
            message = (
                f"{name!r} is no Workspace of this input, which has {meant!r} in the same namespace; if that is meant, "
                "write its name (kustomize does so with the list of docs/gitops.md)"
            )
            yield checked, manifest.problem(("spec", "workspaceRef", "name"), message, severity=Severity.WARNING)


def _home(manifest: Manifest) -> Home:
    return manifest.namespace, manifest.name


def _workspace_name(manifest: Manifest) -> str:
    """Name of a Sync's Workspace, as far as it can be told before the spec is read."""
    try:
        return str(manifest.value["spec"]["workspaceRef"]["name"])
    except (KeyError, TypeError):
        return WorkspaceRef().name
