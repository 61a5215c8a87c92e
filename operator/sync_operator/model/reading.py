"""From a spec as the cluster (or a file) holds it to a model; what is wrong is named with its remedy."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sync_operator.bounds import outgrown
from sync_operator.errors import InvalidSettingsError, InvalidSpecError
from sync_operator.model.base import Model
from sync_operator.model.cel import Rule, check
from sync_operator.model.rules import SYNC_RULES, WORKSPACE_RULES
from sync_operator.model.run import PodDefaults
from sync_operator.model.sync import SyncSpec
from sync_operator.model.workspace import MAX_TIMEOUT_SECONDS, WorkspaceSpec
from sync_operator.packed import Outgrown, Text

__all__ = [
    "Flaw",
    "Place",
    "field_path",
    "flaws_of",
    "inspect_spec",
    "read_pod_defaults",
    "read_sync_spec",
    "read_workspace_spec",
]

type Place = tuple[str | int, ...]
"""Where in an object something is: names of fields and indices of items."""

_OPEN: Final = "configuration"
"""The field whose content is the user's own: kept to the letter, never shown in a message."""

_WORDS: Final = {"missing": "is missing; set it", "extra_forbidden": "is not known here; remove it"}

_SHOWN: Final = 64
"""A wrong value is repeated in the message up to this many characters."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong with what somebody wrote.

    Attributes:
        place: where it is, from what was looked at downwards.
        message: what is wrong, and what to do; continues the field's path to a sentence.
        unknown: True for a field that is not known at that place.
    """

    place: Place
    message: str
    unknown: bool = False


def read_sync_spec(spec: Mapping[str, Any]) -> SyncSpec:
    """Read ``spec`` of a Sync, also one that the cache keeps as text. Unknown fields are ignored.

    Raises:
        InvalidSpecError: names the first field that is wrong, and what to do.
    """
    read = _read(SyncSpec, _unpacked(spec))
    check(read, SYNC_RULES)
    return read


def read_workspace_spec(spec: Mapping[str, Any]) -> WorkspaceSpec:
    """Read ``spec`` of a Workspace. Unknown fields are ignored.

    One that was stored when a longer time-out was allowed is read as if it asked for the longest of today.

    Raises:
        InvalidSpecError: names the first field that is wrong, and what to do.
    """
    if isinstance(spec, Mapping):
        seconds = spec.get("timeoutSeconds")
        if isinstance(seconds, int) and seconds > MAX_TIMEOUT_SECONDS:
            spec = {**spec, "timeoutSeconds": MAX_TIMEOUT_SECONDS}
    read = _read(WorkspaceSpec, spec)
    check(read, WORKSPACE_RULES)
    return read


def read_pod_defaults(text: str) -> PodDefaults:
    """Read the defaults of run pods, an object in JSON; empty text holds none.

    Raises:
        InvalidSettingsError: names the setting, and the first field that is wrong.
    """
    setting = "SYNC_OPERATOR_RUNNER_POD_DEFAULTS"
    try:
        value = json.loads(text) if text else {}
    except ValueError as error:
        raise InvalidSettingsError(f"{setting}: is no JSON ({error}); write an object such as {{}}") from None
    if not isinstance(value, dict):
        raise InvalidSettingsError(f"{setting}: must be an object in JSON, such as {{}}")
    for flaw in flaws_of(PodDefaults, value):
        raise InvalidSettingsError(f"{setting}: {field_path(flaw.place)} {flaw.message}")
    return PodDefaults.model_validate(_without_nulls(value))


def inspect_spec[M: Model](model: type[M], rules: tuple[Rule[M], ...], spec: Any) -> tuple[M | None, tuple[Flaw, ...]]:
    """Read a spec as strictly as the API server takes it from `kubectl`, and name everything that is wrong.

    Returns:
        The spec, or None where it cannot be read, and its flaws; unknown fields are among them.
    """
    if not isinstance(spec, Mapping):
        return None, (Flaw((), "must be an object with fields; write them indented below spec:"),)
    if words := outgrown(spec.get(_OPEN)):
        return None, (Flaw((_OPEN,), words),)
    read, flaws = _inspected(model, spec)
    if not all(flaw.unknown for flaw in flaws):
        return None, flaws
    if read is None:
        read = model.model_validate(_without_nulls(spec))
    broken = (Flaw(tuple(rule.field.split(".")[1:]), rule.message) for rule in rules if not rule.holds(read))
    return read, (*flaws, *broken)


def flaws_of(model: type[Model], value: Mapping[str, Any]) -> tuple[Flaw, ...]:
    """All that keeps an object from being of a model; unknown fields are flaws, and only camelCase names are known."""
    return _inspected(model, value)[1]


def _inspected[M: Model](model: type[M], value: Mapping[str, Any]) -> tuple[M | None, tuple[Flaw, ...]]:
    """The model, where an object has no flaw, or else its flaws."""
    whole = _without_nulls(value)
    read, meant = _strictly(model, whole)
    if whole == value:
        return read, meant
    # An unknown field is refused also when it is null; a known one that is null is as good as not written.
    unknown = tuple(flaw for flaw in _strictly(model, value)[1] if flaw.unknown)
    return None if unknown else read, (*unknown, *(flaw for flaw in meant if not flaw.unknown))


def _strictly[M: Model](model: type[M], value: Mapping[str, Any]) -> tuple[M | None, tuple[Flaw, ...]]:
    try:
        return model.model_validate(value, extra="forbid", by_alias=True, by_name=False), ()
    except ValidationError as error:
        return None, _flaws(error, value)


def field_path(place: Place, root: str = "") -> str:
    """A place as `kubectl` would write it."""
    path = root
    for part in place:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part.isidentifier():
            path += f".{part}" if path else part
        else:
            path += f"[{part}]"
    return path


def _unpacked(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The spec with the configuration as it was written.

    Raises:
        InvalidSpecError: that is too large, or nested too deep, to be worked with.
    """
    held = spec.get(_OPEN) if isinstance(spec, Mapping) else None
    words = held.words if isinstance(held, Outgrown) else "" if isinstance(held, Text) else outgrown(held)
    if words:
        raise InvalidSpecError(f"spec.{_OPEN}", words)
    return {**spec, _OPEN: held.read()} if isinstance(held, Text) else spec


def _read[M: Model](model: type[M], spec: Mapping[str, Any]) -> M:
    if not isinstance(spec, Mapping):
        raise InvalidSpecError("spec", "must be an object with fields; write them indented below spec:")
    try:
        return model.model_validate(_without_nulls(spec))
    except ValidationError as error:
        flaw = _flaws(error, spec)[0]
    raise InvalidSpecError(field_path(flaw.place, "spec"), flaw.message)


def _without_nulls(value: Any) -> Any:
    """Drop fields that are null, as the API server does, except in the user's own content."""
    if isinstance(value, dict | Mapping):
        return {
            key: item if key == _OPEN or item.__class__ is str else _without_nulls(item)
            for key, item in value.items()
            if item is not None
        }
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _flaws(error: ValidationError, value: Mapping[str, Any]) -> tuple[Flaw, ...]:
    """One flaw a place: of what the branches of a union say, that of the one whose type was right, else the first."""
    found: dict[Place, ErrorDetails] = {}
    for entry in error.errors(include_url=False):
        place = _place(entry, value)
        if place not in found or (found[place]["type"].endswith("_type") and not entry["type"].endswith("_type")):
            found[place] = entry
    return tuple(
        Flaw(place, _message(entry), unknown=entry["type"] == "extra_forbidden") for place, entry in found.items()
    )


def _place(found: ErrorDetails, value: Any) -> Place:
    """Where the error is; parts that name a branch of a union are not in what was written, and left out."""
    place: list[str | int] = []
    for part in found["loc"]:
        if part in (value if isinstance(value, Mapping) else range(len(value)) if isinstance(value, list) else ()):
            value = value[part]
        elif found["type"] != "missing" or part != found["loc"][-1]:
            continue
        place.append(part)
        if part == _OPEN:
            break
    return tuple(place)


def _message(found: ErrorDetails) -> str:
    if found["loc"][0] == _OPEN and found["type"] not in {"missing", "too_long"}:
        return "must be an object or a list; write which column goes to which field"
    context = {key: str(value) for key, value in found.get("ctx", {}).items()}
    said = _said(found["input"])
    match found["type"]:
        case kind if kind in _WORDS:
            return _WORDS[kind]
        case "enum":
            return f"{said} is not known; use one of {context['expected'].replace(' or ', ', ')}"
        case "value_error":
            return context["error"]
        case "greater_than_equal":
            return f"{said} is too small; use at least {context['ge']}"
        case "less_than_equal":
            return f"{said} is too large; use at most {context['le']}"
        case "string_too_short":
            return f"{said} is too short; write at least {context['min_length']} characters, or leave the field out"
        case "string_too_long":
            return f"is too long; write at most {context['max_length']} characters"
        case "too_long":
            return f"has too many entries; write at most {context['max_length']}"
        case "string_pattern_mismatch":
            return f"{said} has a form that cannot be used; it must match {context['pattern']}"
        case "string_type" if isinstance(found["input"], int | float):
            return f"{said} is no text; put it in quotes"
        case _:
            return f"{said} is of the wrong type; {found['msg'].lower().replace('input', 'it')}"


def _said(value: Any) -> str:
    """A wrong value as a message may show it: short scalars only."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float) and len(str(value)) <= _SHOWN:
        return repr(value)
    return "this value"
