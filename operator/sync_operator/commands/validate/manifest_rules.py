"""Checks one manifest as the API server and the controller do, with the controller's own models and rules.

The CRDs are generated from these models, so nothing here repeats them; a test checks both with the same manifests.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Final

from sync_operator.api.constants import SYNC_ANNOTATIONS, SYNC_KIND, WORKSPACE_ANNOTATIONS
from sync_operator.api.kinds.sync import Scheduler, SyncSpec
from sync_operator.api.kinds.workspace import WorkspaceSpec
from sync_operator.api.statuses.status import SyncStatus, WorkspaceStatus
from sync_operator.api.validation.strict_validation import FieldError, FieldPath, field_errors, validate_strict
from sync_operator.api.validation.warning_rules import SpecWarning, annotation_warnings, spec_warnings
from sync_operator.commands.diagnostics import Diagnostic, Severity
from sync_operator.commands.manifests.manifest_set import Manifest
from sync_operator.commands.suggestions import fix_for, suggest_field
from sync_operator.commands.validate.dst_warnings import dst_warnings
from sync_operator.commands.validate.metadata_rules import MAX_ANNOTATION_BYTES, ObjectMeta
from sync_operator.domain.registration.json_pointer import with_secrets
from sync_operator.domain.scheduling.pod_settings import pod_refusal
from sync_operator.domain.sync.request_body import check_dialect
from sync_operator.errors import InvalidSpecError
from sync_operator.schedule.effective_schedule import Schedule, effective_schedule, next_runs
from sync_operator.schedule.freshness_warnings import freshness_warnings
from sync_operator.settings import RunPodRules
from sync_operator.syncapi.http.blocked_hosts import check_url
from sync_operator.syncapi.types import Dialect
from sync_operator.util.host_patterns import EgressPolicy

__all__ = ["MAX_RUNS", "Checked", "check_sync", "check_workspace"]

MAX_RUNS: Final = 5
"""Maximum number of next runs of a Sync in the output."""
_ROOT = ("apiVersion", "kind", "metadata", "spec", "status")
_ALL_LISTED = EgressPolicy(insecure=("*",), internal=("0.0.0.0/0", "::/0"))
"""The hosts that an operator without restrictions allows."""
_NONE_LISTED = EgressPolicy()


@dataclass(slots=True)  # not frozen, as `Manifest`
class Checked[S]:
    """A manifest and the result of its check.

    Attributes:
        manifest: the manifest.
        problems: its errors and warnings.
        spec: its spec; None if it is invalid.
        schedule: the schedule of a Sync; None if it is invalid.
        runs: the next scheduled runs.
        by_server: True for a Sync that the server itself schedules.
        suspended: reason why a Sync is suspended, empty if it gives none; None if it is not suspended.
    """

    manifest: Manifest
    problems: tuple[Diagnostic, ...]
    spec: S | None = None
    schedule: Schedule | None = None
    runs: tuple[datetime, ...] = ()
    by_server: bool = False
    suspended: str | None = None

    def without_values(self) -> "Checked[S]":
        """A copy without the manifest's value and the spec, to save memory if many are kept."""
        return Checked(
            self.manifest.without_value(),
            self.problems,
            None,
            self.schedule,
            self.runs,
            by_server=self.by_server,
            suspended=self.suspended,
        )

    @property
    def valid(self) -> bool:
        """True if there are no errors; warnings are allowed."""
        return all(problem.severity is not Severity.ERROR for problem in self.problems)


def check_workspace(manifest: Manifest, hosts: EgressPolicy = _NONE_LISTED) -> Checked[WorkspaceSpec]:
    """Check a Workspace.

    Args:
        manifest: the Workspace.
        hosts: the operator's host rules, as far as they are known here; a URL that they may refuse gets a warning.
    """
    spec, errors = validate_strict(WorkspaceSpec, manifest.value.get("spec"))
    problems = [*_outer_problems(manifest, WorkspaceStatus), *_problems(manifest, errors, "spec")]
    if spec is not None:
        problems += _url_problems(manifest, spec.url, hosts)
    return Checked(manifest, tuple(problems), spec)


def check_sync(
    manifest: Manifest,
    dialect: Dialect | None,
    now: datetime,
    pods: RunPodRules | None = None,
    *,
    max_runs: int = MAX_RUNS,
) -> Checked[SyncSpec]:
    """Check a Sync.

    Args:
        manifest: the Sync.
        dialect: dialect of its server, if its Workspace is known and names one.
        now: time from which next runs are computed (aware).
        pods: the operator's rules for run pods; if None, settings that they may refuse get a warning.
        max_runs: maximum number of next runs to compute; at least 1.
    """
    spec, errors = validate_strict(SyncSpec, manifest.value.get("spec"))
    problems = [*_outer_problems(manifest, SyncStatus), *_problems(manifest, errors, "spec")]
    if spec is None or any(not error.unknown for error in errors):
        return Checked(manifest, tuple(problems), spec)
    schedule, refused = _schedule(manifest, spec)
    problems += chain(refused, _configuration_problems(manifest, spec, dialect), _pod_problems(manifest, spec, pods))
    problems += _doubts(manifest, spec_warnings(spec))
    if schedule is None:
        return Checked(manifest, tuple(problems), spec)
    runs = _next_runs(schedule, now, max_runs)
    problems += _doubts(manifest, freshness_warnings(spec, schedule))
    problems += _warnings(manifest, schedule, now, fires=bool(runs))
    return Checked(
        manifest,
        tuple(problems),
        spec,
        schedule,
        () if spec.suspend else runs,
        by_server=spec.scheduler is Scheduler.SERVER,
        suspended=(spec.suspend_reason or "") if spec.suspend else None,
    )


@lru_cache(maxsize=4096)
def _next_runs(schedule: Schedule, now: datetime, count: int) -> tuple[datetime, ...]:
    return next_runs(schedule, now, anchor=None, count=count)


def _url_problems(manifest: Manifest, url: str, hosts: EgressPolicy) -> Iterator[Diagnostic]:
    """An error for a URL that the controller always refuses, a warning for one that its settings must allow."""
    for rules, severity in ((_ALL_LISTED, Severity.ERROR), (hosts, Severity.WARNING)):
        try:
            check_url(url, rules)
        except InvalidSpecError as error:
            yield _invalid(manifest, error, severity)
            return


def _pod_problems(manifest: Manifest, spec: SyncSpec, pods: RunPodRules | None) -> Iterator[Diagnostic]:
    if "run" not in spec.model_fields_set:
        return
    refused = pod_refusal(spec.run.pod, pods or RunPodRules())
    if refused is not None:
        yield _invalid(manifest, refused, Severity.WARNING if pods is None else Severity.ERROR)


def _outer_problems(manifest: Manifest, status: type[SyncStatus | WorkspaceStatus]) -> Iterator[Diagnostic]:
    """Problems outside the spec. A manifest's status is ignored, but unknown fields in it are errors."""
    value = manifest.value
    yield from manifest.syntax_errors()
    yield from _problems(manifest, (FieldError((name,), "", unknown=True) for name in value if name not in _ROOT))
    metadata = value.get("metadata")
    if isinstance(metadata, (dict, Mapping)):
        yield from _problems(manifest, field_errors(ObjectMeta, metadata), "metadata")
        known = SYNC_ANNOTATIONS if manifest.kind == SYNC_KIND else WORKSPACE_ANNOTATIONS
        yield from _doubts(manifest, annotation_warnings(metadata.get("annotations"), known))
    else:
        yield manifest.problem(("metadata",), "must be an object with a name; write name: indented below metadata:")
    yield from _size_problems(manifest)
    written = value.get("status")
    if isinstance(written, Mapping):
        yield from _problems(manifest, (error for error in field_errors(status, written) if error.unknown), "status")


def _size_problems(manifest: Manifest) -> Iterator[Diagnostic]:
    """A warning for an object too large for `kubectl apply`, which stores a copy of it in an annotation."""
    cut = manifest.document.cut
    if cut.end - cut.start < MAX_ANNOTATION_BYTES // 2:
        return  # its JSON is less than twice as long as its text
    size = len(json.dumps(manifest.value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
    if size > MAX_ANNOTATION_BYTES:
        words = (
            f"the object has {size} bytes, and kubectl apply keeps it once more in an annotation, where Kubernetes "
            f"takes {MAX_ANNOTATION_BYTES}; use kubectl apply --server-side"
        )
        yield manifest.problem(("metadata",), words, severity=Severity.WARNING)


def _problems(manifest: Manifest, errors: Iterable[FieldError], root: str = "") -> Iterator[Diagnostic]:
    """A problem for each error, except for a missing field that is there under a misspelt name."""
    found = [replace(error, path=(root, *error.path)) if root else error for error in errors]
    suggestions = {error.path: suggest_field(manifest.kind, error.path) for error in found if error.unknown}
    for error in found:
        if error.unknown:
            yield manifest.problem(
                error.path, f"is not known; {fix_for(error.path, suggestions[error.path])}", key=True
            )
        elif error.path not in suggestions.values():
            yield manifest.problem(error.path, error.message)


def _schedule(manifest: Manifest, spec: SyncSpec) -> tuple[Schedule | None, list[Diagnostic]]:
    try:
        return effective_schedule(spec, manifest.namespace, manifest.name), []
    except InvalidSpecError as error:
        return None, [_invalid(manifest, error)]


def _configuration_problems(manifest: Manifest, spec: SyncSpec, dialect: Dialect | None) -> Iterator[Diagnostic]:
    """Problems that would stall a Sync which the API server accepts: limits of the dialect, invalid JSON pointers."""
    try:
        with_secrets(spec.configuration, {entry.pointer: "" for entry in spec.configuration_secrets})
    except InvalidSpecError as error:
        yield _invalid(manifest, error)
    try:
        check_dialect(spec, dialect or Dialect.MULTIWOVEN)
    except InvalidSpecError as error:
        yield _invalid(manifest, error, Severity.ERROR if dialect else Severity.WARNING)


def _warnings(manifest: Manifest, schedule: Schedule, now: datetime, *, fires: bool) -> Iterator[Diagnostic]:
    path = ("spec", "cronExpression")
    if schedule.warning:
        field = "timeZone" if schedule.written_by_user else "syncInterval"
        words = schedule.warning.removeprefix(f"spec.{field} ")
        yield manifest.problem(("spec", field), words, severity=Severity.WARNING)
    if schedule.written_by_user:
        if not fires:
            yield manifest.problem(path, "never fires; check day and month", severity=Severity.WARNING)
        for words in dst_warnings(schedule, now):
            yield manifest.problem(path, words, severity=Severity.WARNING)


def _doubts(manifest: Manifest, found: Iterable[SpecWarning]) -> Iterator[Diagnostic]:
    for doubt in found:
        yield manifest.problem(doubt.path, doubt.message, severity=Severity.WARNING)


def _invalid(manifest: Manifest, error: InvalidSpecError, severity: Severity = Severity.ERROR) -> Diagnostic:
    """An error of the controller as a problem at the position of its field."""
    parts = error.field.replace("[", ".[").split(".")
    path: FieldPath = tuple(int(part.strip("[]")) if part.startswith("[") else part for part in parts)
    return manifest.problem(path, str(error).removeprefix(f"{error.field}: "), severity=severity)
