"""What the API server takes and the operator does, and is hardly meant: each rule once, as CEL and as a predicate.

The chart's admission policies warn by the CEL at ``kubectl apply``, ``validate`` and condition Ready by the predicate.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sync_operator.model.enums import Scheduler, ScheduleType, SyncMode
from sync_operator.model.names import (
    CONFIRM_SERVER,
    GROUP,
    RUN_REQUESTED_AT,
    SYNC_ANNOTATIONS,
    SYNC_PLURAL,
    TAKE_OVER,
    WORKSPACE_ANNOTATIONS,
    WORKSPACE_PLURAL,
)
from sync_operator.model.reading import Place
from sync_operator.model.sync import SyncSpec

__all__ = ["ADMISSION_WARNINGS", "SYNC_WARNINGS", "Doubt", "annotation_doubts", "spec_doubts"]

MAPPING_TYPES: Final = ("standard", "static", "template", "vector")
"""What the server maps by; an entry of any other type leaves the row as it is."""
_UNKNOWN_ANNOTATION: Final = (
    f"is none that the operator knows here, so nothing comes of it; correct or remove it: {RUN_REQUESTED_AT} and "
    f"{TAKE_OVER} are for Syncs, {CONFIRM_SERVER} is for Workspaces"
)
_UTC: Final = "Etc/UTC"
_BY_CRON: Final = "(object.spec.scheduleType in ['automated', 'cron_expression'] && has(object.spec.cronExpression))"
_BY_INTERVAL: Final = "(object.spec.scheduleType in ['automated', 'interval'] && has(object.spec.syncInterval))"


@dataclass(frozen=True, slots=True)
class Doubt:
    """One thing that somebody wrote and hardly meant.

    Attributes:
        place: where it is, from the object's root.
        message: what comes of it, and what to do; continues the field's path to a sentence.
    """

    place: Place
    message: str


@dataclass(frozen=True, slots=True)
class WarningRule:
    """A rule whose breach does no harm to the operator, and perhaps to the data.

    Attributes:
        field: path of the field that it is about.
        cel: true where there is nothing to warn of; reads ``object``.
        message: continues the path of what was found to a sentence.
        found: the same for a spec that has been read: each place below ``field`` that is at fault.
        of_entries: True where the places are entries of a list.
    """

    field: str
    cel: str
    message: str
    found: Callable[[SyncSpec], Iterable[Place]]
    of_entries: bool = False


def spec_doubts(spec: SyncSpec) -> Iterator[Doubt]:
    """Everything in a valid spec that is to be warned of, rule by rule."""
    for rule in SYNC_WARNINGS:
        for place in rule.found(spec):
            yield Doubt((*rule.field.split("."), *place), rule.message)


def annotation_doubts(annotations: object, known: tuple[str, ...] = SYNC_ANNOTATIONS) -> Iterator[Doubt]:
    """Keys of annotations that look like ours and are not.

    Args:
        annotations: what an object carries; nothing is said of what is no mapping.
        known: those that an object of its kind may.
    """
    for key in annotations if isinstance(annotations, Mapping) else ():
        if str(key).startswith(f"{GROUP}/") and key not in known:
            yield Doubt(("metadata", "annotations", key), _UNKNOWN_ANNOTATION)


def _when(broken: Callable[[SyncSpec], bool]) -> Callable[[SyncSpec], Iterable[Place]]:
    return lambda spec: ((),) if broken(spec) else ()


def _entries(broken: Callable[[Any], bool]) -> Callable[[SyncSpec], Iterable[Place]]:
    """Entries of a configuration in the form of a list."""

    def found(spec: SyncSpec) -> Iterator[Place]:
        entries = spec.configuration if isinstance(spec.configuration, list) else ()
        return ((index,) for index, entry in enumerate(entries) if broken(entry))

    return found


def _mapping(fine: str, broken: Callable[[Any], bool], message: str) -> WarningRule:
    cel = f"type(object.spec.configuration) != list || object.spec.configuration.all(entry, {fine})"
    return WarningRule("spec.configuration", cel, message, _entries(broken), of_entries=True)


def _given(name: str) -> str:
    return f"(has(entry.{name}) && entry.{name} != null && entry.{name} != '')"


def _lacks(name: str) -> Callable[[Any], bool]:
    return lambda entry: isinstance(entry, Mapping) and entry.get(name) in (None, "")


def _by_cron(spec: SyncSpec) -> bool:
    kinds = {ScheduleType.AUTOMATED, ScheduleType.CRON_EXPRESSION}
    return spec.schedule_type in kinds and spec.cron_expression is not None


def _by_interval(spec: SyncSpec) -> bool:
    kinds = {ScheduleType.AUTOMATED, ScheduleType.INTERVAL}
    return spec.schedule_type in kinds and spec.sync_interval is not None


def _run_field(name: str, cel: str, broken: Callable[[SyncSpec], bool]) -> WarningRule:
    return WarningRule(
        f"spec.run.{name}",
        f"object.spec.scheduler != 'Server' || !has(object.spec.run) || !({cel})",
        "is not used with scheduler 'Server', because no pod of ours runs this Sync; remove it, or use 'CronJob'",
        _when(lambda spec: spec.scheduler is Scheduler.SERVER and broken(spec)),
    )


def _memory(kind: Literal["limits", "requests"]) -> WarningRule:
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


SYNC_WARNINGS: Final = (
    _mapping(
        "type(entry) == map",
        lambda entry: not isinstance(entry, Mapping),
        "is no mapping, and the server drops it; write it as {from: COLUMN, to: FIELD, mapping_type: standard}",
    ),
    _mapping(
        f"type(entry) != map || {_given('mapping_type')}",
        _lacks("mapping_type"),
        "has no mapping_type, so that the server maps nothing by it and rows go out empty; add mapping_type: "
        "standard (or static, template, vector)",
    ),
    _mapping(
        f"type(entry) != map || !{_given('mapping_type')} || entry.mapping_type in {list(MAPPING_TYPES)}",
        lambda entry: isinstance(entry, Mapping) and entry.get("mapping_type") not in (None, "", *MAPPING_TYPES),
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
    _memory("limits"),
    _memory("requests"),
    _run_field("timeout", "has(object.spec.run.timeout)", lambda spec: spec.run.timeout is not None),
    _run_field("startTimeout", "has(object.spec.run.startTimeout)", lambda spec: spec.run.start_timeout is not None),
    _run_field("retries", "object.spec.run.retries > 0", lambda spec: spec.run.retries > 0),
)
"""What is to be warned of in a Sync's spec."""


def _validation(rule: WarningRule) -> dict[str, str]:
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
}
"""By kind: ``validations`` of the chart's ValidatingAdmissionPolicies whose action is to warn."""
