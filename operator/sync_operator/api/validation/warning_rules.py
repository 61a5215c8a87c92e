"""Warnings about specs that are valid but probably not what was meant: each rule as CEL and as a predicate.

The chart's admission policies evaluate the CEL at ``kubectl apply``; ``validate`` and the condition Ready use the
predicate.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sync_operator.api.base import Model
from sync_operator.api.constants import (
    CONFIRM_SERVER_ANNOTATION,
    CONNECTOR_ANNOTATIONS,
    CONNECTOR_PLURAL,
    DISCOVER_REQUESTED_AT_ANNOTATION,
    GROUP,
    MODEL_ANNOTATIONS,
    MODEL_PLURAL,
    RUN_REQUESTED_AT_ANNOTATION,
    SYNC_ANNOTATIONS,
    SYNC_PLURAL,
    TAKE_OVER_ANNOTATION,
    WORKSPACE_ANNOTATIONS,
    WORKSPACE_PLURAL,
)
from sync_operator.api.enums import IntervalUnit, Scheduler, ScheduleType, SyncMode
from sync_operator.api.kinds.model import ModelSpec
from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.api.rules.query_text import ORDERED, is_ordered
from sync_operator.api.validation.strict_validation import FieldPath
from sync_operator.util.durations import parse_duration

__all__ = [
    "ADMISSION_WARNINGS",
    "MAX_AGE_FIELD",
    "MODEL_WARNINGS",
    "SYNC_WARNINGS",
    "SpecWarning",
    "annotation_warnings",
    "max_age_warning",
    "spec_warnings",
]

MAX_AGE_FIELD: Final = "spec.freshness.maxAge"

MAPPING_TYPES: Final = ("standard", "static", "template", "vector")
"""Mapping types that the server knows; an entry of any other type leaves the row as it is."""
_TYPES_AND_NONE: Final = (None, "", *MAPPING_TYPES)
_UNKNOWN_ANNOTATION: Final = (
    "is not an annotation that the operator reads here, so it has no effect; correct or remove it: "
    f"{RUN_REQUESTED_AT_ANNOTATION} is for Syncs, {DISCOVER_REQUESTED_AT_ANNOTATION} for Connectors, "
    f"{CONFIRM_SERVER_ANNOTATION} for Workspaces, and {TAKE_OVER_ANNOTATION} for all but Workspaces"
)
_UTC: Final = "Etc/UTC"
_CEL_SECONDS: Final = str({unit.value: unit.seconds for unit in IntervalUnit})
_BY_CRON: Final = "(object.spec.scheduleType in ['automated', 'cron_expression'] && has(object.spec.cronExpression))"
_BY_INTERVAL: Final = "(object.spec.scheduleType in ['automated', 'interval'] && has(object.spec.syncInterval))"


@dataclass(frozen=True, slots=True)
class SpecWarning:
    """One warning about a manifest.

    Attributes:
        path: path of the value, from the object's root.
        message: the effect and how to fix it; phrased to follow the field's path in a sentence.
    """

    path: FieldPath
    message: str


@dataclass(frozen=True, slots=True)
class WarningRule[S]:
    """A rule whose violation does no harm to the operator, but perhaps to the data.

    Attributes:
        field: path of the field that is checked.
        cel: true if there is nothing to warn about; reads ``object``.
        message: phrased to follow the path of the violation in a sentence.
        violations: the same check on a parsed spec: the path of each violation, relative to ``field``.
        of_entries: True if these paths are entries of a list.
    """

    field: str
    cel: str
    message: str
    violations: Callable[[S], Iterable[FieldPath]]
    of_entries: bool = False


def spec_warnings(spec: Model) -> Iterator[SpecWarning]:
    """All warnings about a valid spec of any kind, rule by rule."""
    rules: Iterable[WarningRule[Any]] = _WARNINGS.get(type(spec), ())
    for rule in rules:
        for path in rule.violations(spec):
            yield SpecWarning((*rule.field.split("."), *path), rule.message)


def annotation_warnings(annotations: object, known: tuple[str, ...] = SYNC_ANNOTATIONS) -> Iterator[SpecWarning]:
    """Warnings about annotation keys in the operator's own domain that it does not know.

    Args:
        annotations: the object's annotations; anything but a mapping gives no warnings.
        known: keys that an object of its kind may have.
    """
    for key in annotations if isinstance(annotations, Mapping) else ():
        if str(key).startswith(f"{GROUP}/") and key not in known:
            yield SpecWarning(("metadata", "annotations", key), _UNKNOWN_ANNOTATION)


def max_age_warning(gap: str) -> str:
    """The message about a ``maxAge`` that no schedule with such a gap can keep.

    Args:
        gap: what it is not longer than.
    """
    return (
        f"is not longer than {gap}, so that Fresh is False before a run even if all runs succeed; make it longer than "
        "that and the time that a run takes"
    )


def _when[S](broken: Callable[[S], bool]) -> Callable[[S], Iterable[FieldPath]]:
    return lambda spec: ((),) if broken(spec) else ()


def _entries(broken: Callable[[Any], bool]) -> Callable[[SyncSpec], Iterable[FieldPath]]:
    """The indices of the broken entries of a configuration that is a list."""

    def found(spec: SyncSpec) -> list[FieldPath]:
        entries = spec.configuration if isinstance(spec.configuration, list) else ()
        return [(index,) for index, entry in enumerate(entries) if broken(entry)]

    return found


def _mapping(cel_condition: str, broken: Callable[[Any], bool], message: str) -> WarningRule[SyncSpec]:
    cel = f"type(object.spec.configuration) != list || object.spec.configuration.all(entry, {cel_condition})"
    return WarningRule("spec.configuration", cel, message, _entries(broken), of_entries=True)


def _given(name: str) -> str:
    return f"(has(entry.{name}) && entry.{name} != null && entry.{name} != '')"


def _lacks(name: str) -> Callable[[Any], bool]:
    return lambda entry: isinstance(entry, (dict, Mapping)) and entry.get(name) in (None, "")


def _by_cron(spec: SyncSpec) -> bool:
    kinds = {ScheduleType.AUTOMATED, ScheduleType.CRON_EXPRESSION}
    return spec.schedule_type in kinds and spec.cron_expression is not None


def _by_interval(spec: SyncSpec) -> bool:
    kinds = {ScheduleType.AUTOMATED, ScheduleType.INTERVAL}
    return spec.schedule_type in kinds and spec.sync_interval is not None


def _outlasts_max_age(spec: SyncSpec) -> bool:
    """True if the interval that the Sync runs by is at least as long as its ``maxAge``."""
    if spec.freshness is None or spec.sync_interval is None or spec.sync_interval_unit is None:
        return False
    interval = spec.sync_interval * spec.sync_interval_unit.seconds
    by_interval = _by_interval(spec) and not _by_cron(spec)
    return by_interval and parse_duration(spec.freshness.max_age).total_seconds() <= interval


def _run_field(name: str, cel: str, broken: Callable[[SyncSpec], bool]) -> WarningRule[SyncSpec]:
    return WarningRule(
        f"spec.run.{name}",
        f"object.spec.scheduler != 'Server' || !has(object.spec.run) || !({cel})",
        "is not used with scheduler 'Server', because no pod of ours runs this Sync; remove it, or use 'CronJob'",
        _when(lambda spec: spec.scheduler is Scheduler.SERVER and broken(spec)),
    )


def _memory(kind: Literal["limits", "requests"]) -> WarningRule[SyncSpec]:
    def broken(spec: SyncSpec) -> bool:
        resources = spec.run.pod.resources
        amounts = (resources.limits if kind == "limits" else resources.requests) if resources is not None else None
        return str((amounts or {}).get("memory", "")).endswith("m")

    return WarningRule(
        f"spec.run.pod.resources.{kind}.memory",
        f"!string(object.spec.?run.?pod.?resources.?{kind}[?'memory'].orValue('')).endsWith('m')",
        "is in thousandths of a byte, which is what m stands for; write Mi for mebibytes, such as 128Mi",
        _when(broken),
    )


SYNC_WARNINGS: Final[tuple[WarningRule[SyncSpec], ...]] = (
    _mapping(
        "type(entry) == map",
        lambda entry: not isinstance(entry, (dict, Mapping)),
        "is not a mapping, and the server drops it; write it as {from: COLUMN, to: FIELD, mapping_type: standard}",
    ),
    _mapping(
        f"type(entry) != map || {_given('mapping_type')}",
        _lacks("mapping_type"),
        "has no mapping_type, so that the server maps nothing by it and rows go out empty; add mapping_type: "
        "standard (or static, template, vector)",
    ),
    _mapping(
        f"type(entry) != map || !{_given('mapping_type')} || entry.mapping_type in {list(MAPPING_TYPES)}",
        lambda entry: (
            isinstance(entry, (dict, Mapping)) and entry.get("mapping_type") not in (None, "", *MAPPING_TYPES)
        ),
        "has a mapping_type that the server does not know, so that it maps nothing by it and rows go out empty; write "
        "standard, static, template or vector",
    ),
    _mapping(
        f"type(entry) != map || {_given('to')}",
        _lacks("to"),
        "has no 'to', so that its value goes into no field; add to: with the name of the destination's field",
    ),
    WarningRule(
        "spec.cronExpression",
        f"!has(object.spec.cronExpression) || {_BY_CRON}",
        "is not used, because scheduleType does not run by it; remove it, or set scheduleType to 'cron_expression' or "
        "'automated'",
        _when(lambda spec: spec.cron_expression is not None and not _by_cron(spec)),
    ),
    WarningRule(
        "spec.syncInterval",
        f"!has(object.spec.syncInterval) || ({_BY_INTERVAL} && !{_BY_CRON})",
        "is not used, because this Sync does not run by an interval; remove it and its unit, or set scheduleType to "
        "'interval'",
        _when(lambda spec: spec.sync_interval is not None and (not _by_interval(spec) or _by_cron(spec))),
    ),
    WarningRule(
        "spec.timeZone",
        f"object.spec.timeZone == '{_UTC}' || {_BY_CRON}",
        "is not used, because this Sync does not run by a cron line; remove it, or set cronExpression",
        _when(lambda spec: spec.time_zone != _UTC and not _by_cron(spec)),
    ),
    WarningRule(
        "spec.cursorField",
        "object.spec.syncMode != 'incremental' || has(object.spec.cursorField)",
        "is missing, so that each incremental run reads all rows of the model to find the changed ones; name a column "
        "that grows with each change, if the model has one, before the sync is registered: then it is fixed",
        _when(lambda spec: spec.sync_mode is SyncMode.INCREMENTAL and spec.cursor_field is None),
    ),
    WarningRule(
        MAX_AGE_FIELD,
        f"!has(object.spec.freshness) || !has(object.spec.syncIntervalUnit) || !{_BY_INTERVAL} || {_BY_CRON} || "
        f"duration(object.spec.freshness.maxAge).getSeconds() > object.spec.syncInterval * {_CEL_SECONDS}"
        "[object.spec.syncIntervalUnit]",
        max_age_warning("the interval"),
        _when(_outlasts_max_age),
    ),
    _memory("limits"),
    _memory("requests"),
    _run_field("timeout", "has(object.spec.run.timeout)", lambda spec: spec.run.timeout is not None),
    _run_field("startTimeout", "has(object.spec.run.startTimeout)", lambda spec: spec.run.start_timeout is not None),
    _run_field("retries", "object.spec.run.retries > 0", lambda spec: spec.run.retries > 0),
)
"""Warning rules for a Sync's spec."""

MODEL_WARNINGS: Final[tuple[WarningRule[ModelSpec], ...]] = (
    WarningRule(
        "spec.query",
        f"!has(object.spec.query) || object.spec.query.matches(r'{ORDERED}')",
        "has no ORDER BY, so that between two pages of a run rows may come twice or not at all; order it by a column "
        "with different values in all rows, such as that of primaryKey",
        _when(lambda spec: spec.query is not None and not is_ordered(spec.query)),
    ),
)
"""Warning rules for a Model's spec."""

_WARNINGS: Final[Mapping[type[Model], tuple[WarningRule[Any], ...]]] = {
    SyncSpec: SYNC_WARNINGS,
    ModelSpec: MODEL_WARNINGS,
}


def _validation(rule: WarningRule[Any]) -> dict[str, str]:
    subject = f"{rule.field}: an entry" if rule.of_entries else rule.field
    return {"expression": rule.cel, "message": f"{subject} {rule.message}"}


def _annotation_validation(known: tuple[str, ...]) -> dict[str, str]:
    strange = f"key.startsWith('{GROUP}/') && !(key in {list(known)})"
    keys = f"object.metadata.?annotations.orValue({{}}).filter(key, {strange})"
    return {
        "expression": f"{keys}.size() == 0",
        "message": f"metadata.annotations: one under {GROUP}/ {_UNKNOWN_ANNOTATION}",
        "messageExpression": f"'metadata.annotations[' + {keys}[0] + '] {_UNKNOWN_ANNOTATION}'",
    }


ADMISSION_WARNINGS: Final = {
    SYNC_PLURAL: [*map(_validation, SYNC_WARNINGS), _annotation_validation(SYNC_ANNOTATIONS)],
    WORKSPACE_PLURAL: [_annotation_validation(WORKSPACE_ANNOTATIONS)],
    CONNECTOR_PLURAL: [_annotation_validation(CONNECTOR_ANNOTATIONS)],
    MODEL_PLURAL: [*map(_validation, MODEL_WARNINGS), _annotation_validation(MODEL_ANNOTATIONS)],
}
"""Plural of the kind → ``validations`` of the chart's ValidatingAdmissionPolicies with action Warn."""
