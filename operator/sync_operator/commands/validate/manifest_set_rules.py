"""Checks all manifests of an input, one by one and against each other."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Final

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND, WORKSPACE_KIND
from sync_operator.api.kinds.connector import ConnectorSpec
from sync_operator.api.kinds.model import ModelSpec
from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.api.kinds.workspace import RemoteWorkspace, WorkspaceSpec, remote_workspace_of
from sync_operator.commands.diagnostics import Diagnostic, Severity
from sync_operator.commands.input_files import Source
from sync_operator.commands.manifests.manifest_set import ManifestSet
from sync_operator.commands.validate.batches import Home, Judge, Results, home_of
from sync_operator.commands.validate.checks.object_checks import Checked
from sync_operator.commands.validate.checks.sync_checks import MAX_RUNS
from sync_operator.commands.validate.reference_rules import query_type_problems, reference_problems, same_server_names
from sync_operator.commands.validate.worker_pool import judge_batches
from sync_operator.settings import ToolSettings
from sync_operator.syncapi.pipeline.definitions import DefinitionSet

__all__ = ["Judged", "judge_all", "judge_sources"]

_ALMOST: Final = 0.8
"""Minimum similarity (0 to 1) for a name to be treated as a misspelling of another one."""
_DEFAULT_SETTINGS: Final = ToolSettings()


@dataclass(frozen=True)
class Judged:
    """The result of checking an input.

    Attributes:
        syncs: the checked Syncs.
        workspaces: the checked Workspaces.
        connectors: the checked Connectors.
        models: the checked Models.
        loose: problems of texts that could not be read as manifests.
        passed_over: number of documents of other kinds.
    """

    syncs: tuple[Checked[SyncSpec], ...]
    workspaces: tuple[Checked[WorkspaceSpec], ...]
    connectors: tuple[Checked[ConnectorSpec], ...]
    models: tuple[Checked[ModelSpec], ...]
    loose: tuple[Diagnostic, ...]
    passed_over: int

    @cached_property
    def all(self) -> tuple[Checked[Any], ...]:
        """All of them, sorted by file and line."""
        every: tuple[Checked[Any], ...] = (*self.workspaces, *self.connectors, *self.models, *self.syncs)
        return tuple(sorted(every, key=lambda checked: (checked.manifest.source.name, checked.manifest.line)))

    @cached_property
    def problems(self) -> tuple[Diagnostic, ...]:
        """All problems, sorted by file and position."""
        found = [*self.loose, *(problem for checked in self.all for problem in checked.problems)]
        return tuple(sorted(found, key=lambda problem: (problem.source.name, problem.spot.line, problem.spot.column)))

    @cached_property
    def valid(self) -> bool:
        """True if there are no errors; warnings are allowed."""
        return all(problem.severity is not Severity.ERROR for problem in self.problems)


def judge_all(
    found: ManifestSet,
    now: datetime,
    settings: ToolSettings = _DEFAULT_SETTINGS,
    definitions: DefinitionSet | None = None,
) -> Judged:
    """Check all manifests of an input.

    Args:
        found: the input.
        now: time from which next runs are computed (aware).
        settings: the operator's settings, as far as the environment holds them.
        definitions: of connectors; None if they are not known.
    """
    results = Results(found=found)
    judge = Judge(now, settings, definitions=definitions)
    judge.check(found.of(WORKSPACE_KIND), results, is_kept=True)
    others = (manifest for manifest in found.manifests if manifest.kind != WORKSPACE_KIND)
    replace(judge, dialects=results.dialects()).check(others, results, is_kept=True)
    return _judged(results, definitions)


def judge_sources(
    sources: Sequence[Source],
    namespace: str,
    now: datetime,
    settings: ToolSettings = _DEFAULT_SETTINGS,
    tell: Callable[[int], None] = lambda _: None,
    *,
    max_runs: int = MAX_RUNS,
    definitions: DefinitionSet | None = None,
) -> Judged:
    """Check texts object by object, and keep only the results: neither value nor spec.

    Args:
        sources: the texts.
        namespace: namespace of objects that name none.
        now: time from which next runs are computed (aware).
        settings: the operator's settings, as far as the environment holds them.
        tell: called with the number of objects checked so far.
        max_runs: maximum number of next runs to compute for a Sync; at least 1.
        definitions: of connectors; None if they are not known.
    """
    judge = Judge(now, settings, namespace, max_runs=max_runs, definitions=definitions)
    while True:
        results = Results()
        for source in sources:
            results.found.note_unread(source)
        for more in judge_batches(sources, judge):
            results.add(more)
            tell(len(results.registered) + len(results.workspaces))
        if results.dialects() == judge.dialects:
            return _judged(results, definitions)
        # One more pass, because a Workspace may come after its Syncs.
        judge = replace(judge, dialects=results.dialects())


def _judged(seen: Results, definitions: DefinitionSet | None) -> Judged:
    """Add the problems that only a comparison of the manifests shows."""
    workspaces = {home_of(it.manifest): it.spec for it in seen.workspaces}
    remote = {home: remote_workspace_of(it.url, it.workspace_id) for home, it in workspaces.items() if it}
    clashes: dict[int, list[Diagnostic]] = {}
    for checked, problem in (
        *_twice(seen),
        *_same_external(seen, remote),
        *_almost_named(seen),
        *same_server_names(seen, remote),
        *reference_problems(seen),
        *(query_type_problems(seen, definitions) if definitions is not None else ()),
    ):
        clashes.setdefault(id(checked), []).append(problem)
    registered = [_with(checked, clashes) for checked, _ in seen.registered]

    def of(kind: str) -> tuple[Checked[Any], ...]:
        return tuple(checked for checked in registered if checked.manifest.kind == kind)

    return Judged(
        syncs=of(SYNC_KIND),
        workspaces=tuple(_with(checked, clashes) for checked in seen.workspaces),
        connectors=of(CONNECTOR_KIND),
        models=of(MODEL_KIND),
        loose=tuple(seen.found.problems),
        passed_over=seen.found.passed_over,
    )


def _with[S](checked: Checked[S], clashes: Mapping[int, list[Diagnostic]]) -> Checked[S]:
    more = clashes.get(id(checked))
    return replace(checked, problems=(*checked.problems, *more)) if more else checked


def _twice(seen: Results) -> Iterator[tuple[Checked[Any], Diagnostic]]:
    first: dict[tuple[str, str, str], Checked[Any]] = {}
    for checked in (*seen.workspaces, *(checked for checked, _ in seen.registered)):
        manifest = checked.manifest
        known = first.setdefault((manifest.kind, manifest.namespace, manifest.name), checked)
        if known is not checked and manifest.name:
            where = f"{known.manifest.source.name}:{known.manifest.line}"
            message = f"namespace {manifest.namespace!r} has this {manifest.kind} twice, first in {where}; rename one"
            yield checked, manifest.problem(("metadata", "name"), message)


def _same_external(seen: Results, remote: Mapping[Home, RemoteWorkspace]) -> Iterator[tuple[Checked[Any], Diagnostic]]:
    first: dict[tuple[RemoteWorkspace | Home, str, str], Checked[Any]] = {}
    for checked, facts in seen.registered:
        if facts.external_id is None:
            continue
        manifest = checked.manifest
        home = (manifest.namespace, facts.workspace)
        known = first.setdefault((remote.get(home, home), manifest.kind, facts.external_id), checked)
        if known is not checked:
            noun = manifest.kind.lower()
            message = f"{noun} {facts.external_id} is asked for by {known.manifest.subject} too; delete one of the two"
            yield checked, manifest.problem(("spec", "externalId"), message)


def _almost_named(seen: Results) -> Iterator[tuple[Checked[Any], Diagnostic]]:
    """Warnings about a Workspace that is not in the input while one with a similar name is: a typo, or a rename."""
    names: dict[str, list[str]] = {}
    for workspace in seen.workspaces:
        names.setdefault(workspace.manifest.namespace, []).append(workspace.manifest.name)
    for checked, facts in seen.registered if names else ():
        manifest, name = checked.manifest, facts.workspace
        beside = sorted(names.get(manifest.namespace, ()))
        if name in beside:
            continue
        renamed = [other for other in beside if other.startswith(f"{name}-") or other.endswith(f"-{name}")]
        for similar in (*renamed, *get_close_matches(name, beside, n=1, cutoff=_ALMOST))[:1]:
            message = (
                f"{name!r} is not a Workspace of this input, which has {similar!r} in the same namespace; if that is "
                "meant, write its name (kustomize does so with the list of docs/gitops.md)"
            )
            yield checked, manifest.problem(("spec", "workspaceRef", "name"), message, severity=Severity.WARNING)
