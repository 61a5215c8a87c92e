"""One manifest, judged as the API server and the controller judge it, by the controller's own models and rules.

The CRDs are made from these models, so nothing here repeats them; a test holds both against the same manifests.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import chain

from sync_operator.decide.body import check_dialect
from sync_operator.decide.pointers import with_secrets
from sync_operator.decide.run_pods import pod_refusal
from sync_operator.errors import InvalidSpecError
from sync_operator.host_patterns import HostRules
from sync_operator.model.names import SYNC_ANNOTATIONS, SYNC_KIND, WORKSPACE_ANNOTATIONS
from sync_operator.model.reading import Flaw, Place, flaws_of, inspect_spec
from sync_operator.model.rules import SYNC_RULES, WORKSPACE_RULES
from sync_operator.model.status import SyncStatus, WorkspaceStatus
from sync_operator.model.sync import Scheduler, SyncSpec
from sync_operator.model.warning_rules import Doubt, annotation_doubts, spec_doubts
from sync_operator.model.workspace import WorkspaceSpec
from sync_operator.remote.hosts import check_url
from sync_operator.remote.types import Dialect
from sync_operator.schedule.plan import Schedule, effective_schedule, next_runs
from sync_operator.settings import RunPodRules
from sync_operator.tools.clocks import clock_warnings
from sync_operator.tools.hints import meant_field, remedy
from sync_operator.tools.manifests import Manifest
from sync_operator.tools.metadata import MAX_ANNOTATION_BYTES, ObjectMeta
from sync_operator.tools.problems import Problem, Severity

__all__ = ["Checked", "check_sync", "check_workspace"]

_ROOT = ("apiVersion", "kind", "metadata", "spec", "status")
_ALL_LISTED = HostRules(insecure=("*",), internal=("0.0.0.0/0", "::/0"))
"""What the most generous operator allows."""


@dataclass(frozen=True, slots=True)
class Checked[S]:
    """A manifest and what became of it.

    Attributes:
        spec: None where it cannot be read.
        schedule: of a Sync that names one that can be.
        runs: its next ones.
        by_server: True for a Sync that the server itself runs.
        suspended: why a Sync is suspended, empty where nobody says; None where it is not.
    """

    manifest: Manifest
    problems: tuple[Problem, ...]
    spec: S | None = None
    schedule: Schedule | None = None
    runs: tuple[datetime, ...] = ()
    by_server: bool = False
    suspended: str | None = None

    @property
    def valid(self) -> bool:
        """True without errors; warnings do no harm."""
        return all(problem.severity is not Severity.ERROR for problem in self.problems)


def check_workspace(manifest: Manifest) -> Checked[WorkspaceSpec]:
    """Judge a Workspace."""
    spec, flaws = inspect_spec(WorkspaceSpec, WORKSPACE_RULES, manifest.value.get("spec"))
    problems = [*_outer_problems(manifest, WorkspaceStatus), *_problems(manifest, flaws, "spec")]
    if spec is not None:
        problems += _url_problems(manifest, spec.url)
    return Checked(manifest, tuple(problems), spec)


def check_sync(
    manifest: Manifest, dialect: Dialect | None, now: datetime, pods: RunPodRules | None = None
) -> Checked[SyncSpec]:
    """Judge a Sync.

    Args:
        manifest: the Sync.
        dialect: of its server, where its Workspace is known and names one.
        now: aware; from when on runs are counted.
        pods: the operator's rules for run pods; where None, what they may refuse is a warning.
    """
    spec, flaws = inspect_spec(SyncSpec, SYNC_RULES, manifest.value.get("spec"))
    problems = [*_outer_problems(manifest, SyncStatus), *_problems(manifest, flaws, "spec")]
    if spec is None or any(not flaw.unknown for flaw in flaws):
        return Checked(manifest, tuple(problems), spec)
    schedule, refused = _schedule(manifest, spec)
    problems += chain(refused, _configuration_problems(manifest, spec, dialect), _pod_problems(manifest, spec, pods))
    problems += _doubts(manifest, spec_doubts(spec))
    if schedule is None:
        return Checked(manifest, tuple(problems), spec)
    runs = () if spec.suspend else _next_runs(schedule, now)
    problems += _warnings(manifest, schedule, now)
    return Checked(
        manifest,
        tuple(problems),
        spec,
        schedule,
        runs,
        by_server=spec.scheduler is Scheduler.SERVER,
        suspended=(spec.suspend_reason or "") if spec.suspend else None,
    )


@lru_cache(maxsize=4096)
def _next_runs(schedule: Schedule, now: datetime) -> tuple[datetime, ...]:
    return next_runs(schedule, now, anchor=None)


def _url_problems(manifest: Manifest, url: str) -> Iterator[Problem]:
    """What the controller refuses whatever its settings are, and what it refuses unless they allow it."""
    for rules, severity in ((_ALL_LISTED, Severity.ERROR), (HostRules(), Severity.WARNING)):
        try:
            check_url(url, rules)
        except InvalidSpecError as error:
            yield _invalid(manifest, error, severity)
            return


def _pod_problems(manifest: Manifest, spec: SyncSpec, pods: RunPodRules | None) -> Iterator[Problem]:
    refused = pod_refusal(spec.run.pod, pods or RunPodRules())
    if refused is not None:
        yield _invalid(manifest, refused, Severity.WARNING if pods is None else Severity.ERROR)


def _outer_problems(manifest: Manifest, status: type[SyncStatus | WorkspaceStatus]) -> Iterator[Problem]:
    """Problems outside the spec. A status is not taken from a manifest, but its fields must be known all the same."""
    value = manifest.value
    yield from manifest.misprints()
    yield from _problems(manifest, (Flaw((name,), "", unknown=True) for name in value if name not in _ROOT))
    metadata = value.get("metadata")
    if isinstance(metadata, Mapping):
        yield from _problems(manifest, flaws_of(ObjectMeta, metadata), "metadata")
        known = SYNC_ANNOTATIONS if manifest.kind == SYNC_KIND else WORKSPACE_ANNOTATIONS
        yield from _doubts(manifest, annotation_doubts(metadata.get("annotations"), known))
    else:
        yield manifest.problem(("metadata",), "must be an object with a name; write name: indented below metadata:")
    yield from _size_problems(manifest)
    written = value.get("status")
    if isinstance(written, Mapping):
        yield from _problems(manifest, (flaw for flaw in flaws_of(status, written) if flaw.unknown), "status")


def _size_problems(manifest: Manifest) -> Iterator[Problem]:
    """What `kubectl apply` cannot keep beside the object: it writes it once more into an annotation."""
    cut = manifest.document.cut
    if cut.end - cut.start < MAX_ANNOTATION_BYTES // 2:
        return  # JSON is not twice as long as what it was written as
    size = len(json.dumps(manifest.value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
    if size > MAX_ANNOTATION_BYTES:
        words = (
            f"the object has {size} bytes, and kubectl apply keeps it once more in an annotation, where Kubernetes "
            f"takes {MAX_ANNOTATION_BYTES}; use kubectl apply --server-side"
        )
        yield manifest.problem(("metadata",), words, severity=Severity.WARNING)


def _problems(manifest: Manifest, flaws: Iterable[Flaw], root: str = "") -> Iterator[Problem]:
    """A problem for each flaw, but none for a missing field that is there under a wrong name."""
    found = [replace(flaw, place=(root, *flaw.place)) if root else flaw for flaw in flaws]
    meant = {flaw.place: meant_field(manifest.kind, flaw.place) for flaw in found if flaw.unknown}
    for flaw in found:
        if flaw.unknown:
            yield manifest.problem(flaw.place, f"is not known; {remedy(flaw.place, meant[flaw.place])}", key=True)
        elif flaw.place not in meant.values():
            yield manifest.problem(flaw.place, flaw.message)


def _schedule(manifest: Manifest, spec: SyncSpec) -> tuple[Schedule | None, list[Problem]]:
    try:
        return effective_schedule(spec, manifest.namespace, manifest.name), []
    except InvalidSpecError as error:
        return None, [_invalid(manifest, error)]


def _configuration_problems(manifest: Manifest, spec: SyncSpec, dialect: Dialect | None) -> Iterator[Problem]:
    """What stalls a Sync that the API server takes: by its server's dialect, and by pointers that lead nowhere."""
    try:
        with_secrets(spec.configuration, {entry.pointer: "" for entry in spec.configuration_secrets})
    except InvalidSpecError as error:
        yield _invalid(manifest, error)
    try:
        check_dialect(spec, dialect or Dialect.MULTIWOVEN)
    except InvalidSpecError as error:
        yield _invalid(manifest, error, Severity.ERROR if dialect else Severity.WARNING)


def _warnings(manifest: Manifest, schedule: Schedule, now: datetime) -> Iterator[Problem]:
    place = ("spec", "cronExpression")
    if schedule.warning:
        field = "timeZone" if schedule.written_by_user else "syncInterval"
        yield manifest.problem(("spec", field), schedule.warning, severity=Severity.WARNING)
    if schedule.written_by_user:
        if not _next_runs(schedule, now):
            yield manifest.problem(place, "never fires; check day and month", severity=Severity.WARNING)
        for words in clock_warnings(schedule, now):
            yield manifest.problem(place, words, severity=Severity.WARNING)


def _doubts(manifest: Manifest, found: Iterable[Doubt]) -> Iterator[Problem]:
    for doubt in found:
        yield manifest.problem(doubt.place, doubt.message, severity=Severity.WARNING)


def _invalid(manifest: Manifest, error: InvalidSpecError, severity: Severity = Severity.ERROR) -> Problem:
    """An error of the controller, at its place in the text."""
    parts = error.field.replace("[", ".[").split(".")
    place: Place = tuple(int(part.strip("[]")) if part.startswith("[") else part for part in parts)
    return manifest.problem(place, str(error).removeprefix(f"{error.field}: "), severity=severity)
