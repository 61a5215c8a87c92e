"""What is checked of a manifest of any kind, as the API server and the controller do.

The CRDs are generated from these models, so nothing here repeats them; a test checks both with the same manifests.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sync_operator.api.base import Model
from sync_operator.api.constants import (
    CONNECTOR_ANNOTATIONS,
    CONNECTOR_KIND,
    MODEL_ANNOTATIONS,
    MODEL_KIND,
    SYNC_ANNOTATIONS,
    SYNC_KIND,
    WORKSPACE_ANNOTATIONS,
    WORKSPACE_KIND,
)
from sync_operator.api.statuses.status import ConnectorStatus, ModelStatus, SyncStatus, WorkspaceStatus
from sync_operator.api.validation.strict_validation import FieldError, FieldPath, field_errors, validate_strict
from sync_operator.api.validation.warning_rules import SpecWarning, annotation_warnings
from sync_operator.commands.diagnostics import Diagnostic, Severity
from sync_operator.commands.manifests.manifest_set import Manifest
from sync_operator.commands.suggestions import fix_for, suggest_field
from sync_operator.commands.validate.checks.metadata_rules import MAX_ANNOTATION_BYTES, ObjectMeta
from sync_operator.domain.registration.json_pointer import with_secrets
from sync_operator.errors import InvalidSpecError
from sync_operator.schedule.effective_schedule import Schedule

__all__ = ["Checked", "invalid", "pointer_problems", "read_object", "warnings_about"]

_PART: Final = re.compile(r"\[([^\[\]]*)\]|([^.\[]+)")
"""A part of a field path: in brackets (a position, or a key that is no plain word), or a field."""
_ROOT = ("apiVersion", "kind", "metadata", "spec", "status")
_KINDS: Final[Mapping[str, tuple[type[Model], tuple[str, ...]]]] = {
    CONNECTOR_KIND: (ConnectorStatus, CONNECTOR_ANNOTATIONS),
    MODEL_KIND: (ModelStatus, MODEL_ANNOTATIONS),
    SYNC_KIND: (SyncStatus, SYNC_ANNOTATIONS),
    WORKSPACE_KIND: (WorkspaceStatus, WORKSPACE_ANNOTATIONS),
}
"""Kind → the model of its status, and the annotations that it may have."""


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


def read_object[S: Model](manifest: Manifest, model: type[S]) -> tuple[S | None, list[Diagnostic], bool]:
    """Read and check what every object has.

    Args:
        manifest: the object.
        model: of its spec.

    Returns:
        The spec, or None if it cannot be read; the problems; and whether it is worth a closer look: True unless
        something else than an unknown field is wrong with the spec.
    """
    spec, errors = validate_strict(model, manifest.value.get("spec"))
    problems = [*_outer_problems(manifest), *_problems(manifest, errors, "spec")]
    return spec, problems, all(error.unknown for error in errors)


def warnings_about(manifest: Manifest, found: Iterable[SpecWarning]) -> Iterator[Diagnostic]:
    """The warnings as problems at their positions."""
    for doubt in found:
        yield manifest.problem(doubt.path, doubt.message, severity=Severity.WARNING)


def pointer_problems(manifest: Manifest, configuration: object, pointers: Iterable[str]) -> Iterator[Diagnostic]:
    """An error for a pointer of ``configurationSecrets`` that leads nowhere."""
    try:
        with_secrets(configuration, dict.fromkeys(pointers, ""))
    except InvalidSpecError as error:
        yield invalid(manifest, error)


def invalid(manifest: Manifest, error: InvalidSpecError, severity: Severity = Severity.ERROR) -> Diagnostic:
    """An error of the controller as a problem at the position of its field."""
    path: FieldPath = tuple(
        int(within) if within.isdigit() else within or name for within, name in _PART.findall(error.field)
    )
    return manifest.problem(path, str(error).removeprefix(f"{error.field}: "), severity=severity)


def _outer_problems(manifest: Manifest) -> Iterator[Diagnostic]:
    """Problems outside the spec. A manifest's status is ignored, but unknown fields in it are errors."""
    value = manifest.value
    status, annotations = _KINDS[manifest.kind]
    yield from manifest.syntax_errors()
    yield from _problems(manifest, (FieldError((name,), "", unknown=True) for name in value if name not in _ROOT))
    metadata = value.get("metadata")
    if isinstance(metadata, (dict, Mapping)):
        yield from _problems(manifest, field_errors(ObjectMeta, metadata), "metadata")
        yield from warnings_about(manifest, annotation_warnings(metadata.get("annotations"), annotations))
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
