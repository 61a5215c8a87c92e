"""Parse and validate a spec from the cluster or a file; each error has the field path, and says how to fix it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sync_operator.api.base import Model
from sync_operator.api.field_patterns import PATTERN_MESSAGES
from sync_operator.api.kinds.connector import ConnectorSpec
from sync_operator.api.kinds.model import ModelSpec
from sync_operator.api.kinds.run import PodDefaults
from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.api.kinds.workspace import MAX_TIMEOUT_SECONDS, WorkspaceSpec
from sync_operator.api.rules.cel import Rule, check
from sync_operator.api.rules.pipeline_rules import CONNECTOR_RULES, MODEL_RULES
from sync_operator.api.rules.sync_rules import SYNC_RULES
from sync_operator.api.rules.workspace_rules import WORKSPACE_RULES
from sync_operator.api.validation.content_faults import content_faults
from sync_operator.errors import InvalidSettingsError, InvalidSpecError
from sync_operator.util.bounds import outgrown
from sync_operator.util.packed_json import Outgrown, Text

__all__ = [
    "FieldError",
    "FieldPath",
    "field_errors",
    "field_path",
    "read_connector_spec",
    "read_model_spec",
    "read_pod_defaults",
    "read_sync_spec",
    "read_workspace_spec",
    "validate_strict",
]

type FieldPath = tuple[str | int, ...]
"""Path of a value in an object: field names and list indices."""

_FREE_FORM: Final = "configuration"
"""The field with free-form content: kept unchanged, and never shown in a message."""

_MESSAGES: Final = {"missing": "is missing; set it", "extra_forbidden": "is not known here; remove it"}
_TYPE_MESSAGES: Final = {
    "model_type": "is not an object; write its fields below it, each indented on a line of its own",
    "dict_type": "is not an object; write its keys below it, each indented on a line of its own",
    "tuple_type": "is not a list; write its entries below it, each on a line that begins with '-'",
    "bool_type": "is neither true nor false; write one of the two, without quotes",
    "int_type": "is not a whole number; write it in digits, without quotes",
}
"""Error type of pydantic → message for a value of the wrong type."""

_MAPPING_TYPE_MESSAGE: Final = "must be an object or a list; write which column goes to which field"
_CONFIGURATION_TYPE_MESSAGE: Final = "must be an object; write what the definition on the server asks for, such as host"
_SCALARS: Final = frozenset({str, int, bool, float})
_MAX_SHOWN_LENGTH: Final = 64
"""Maximum length, in characters, of a wrong value that the message repeats."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One validation error.

    Attributes:
        path: path of the value, relative to the validated object.
        message: what is wrong and how to fix it; phrased to follow the field's path in a sentence.
        unknown: True if the schema has no such field there.
    """

    path: FieldPath
    message: str
    unknown: bool = False


def read_sync_spec(spec: Mapping[str, Any]) -> SyncSpec:
    """Parse ``spec`` of a Sync, also one whose configuration the cache keeps as text. Unknown fields are ignored.

    Raises:
        InvalidSpecError: the spec is invalid; names the first wrong field and how to fix it.
    """
    return _checked(_parse(SyncSpec, _unpack_configuration(spec)), SYNC_RULES)


def read_connector_spec(spec: Mapping[str, Any]) -> ConnectorSpec:
    """Parse ``spec`` of a Connector as `read_sync_spec` does."""
    return _checked(_parse(ConnectorSpec, _unpack_configuration(spec)), CONNECTOR_RULES)


def read_model_spec(spec: Mapping[str, Any]) -> ModelSpec:
    """Parse ``spec`` of a Model as `read_sync_spec` does. A query from a ConfigMap is not checked."""
    return _checked(_parse(ModelSpec, spec), MODEL_RULES)


def _checked[S: Model](spec: S, rules: tuple[Rule[S], ...]) -> S:
    for path, message in content_faults(spec):
        raise InvalidSpecError(field_path(path, "spec"), message)
    check(spec, rules)
    return spec


def read_workspace_spec(spec: Mapping[str, Any]) -> WorkspaceSpec:
    """Parse ``spec`` of a Workspace. Unknown fields are ignored.

    A timeout above today's maximum is read as the maximum: objects stored by earlier releases may have one.

    Raises:
        InvalidSpecError: the spec is invalid; names the first wrong field and how to fix it.
    """
    if isinstance(spec, Mapping):
        seconds = spec.get("timeoutSeconds")
        if isinstance(seconds, int) and seconds > MAX_TIMEOUT_SECONDS:
            spec = {**spec, "timeoutSeconds": MAX_TIMEOUT_SECONDS}
    return _checked(_parse(WorkspaceSpec, spec), WORKSPACE_RULES)


def read_pod_defaults(text: str) -> PodDefaults:
    """Parse the defaults for run pods, a JSON object; an empty string means no defaults.

    Raises:
        InvalidSettingsError: the text is invalid; names the setting and the first wrong field.
    """
    setting = "SYNC_OPERATOR_RUNNER_POD_DEFAULTS"
    try:
        value = json.loads(text) if text else {}
    except ValueError as error:
        raise InvalidSettingsError(f"{setting}: is not JSON ({error}); write an object such as {{}}") from None
    if not isinstance(value, dict):
        raise InvalidSettingsError(f"{setting}: must be an object in JSON, such as {{}}")
    for wrong in field_errors(PodDefaults, value):
        raise InvalidSettingsError(f"{setting}: {field_path(wrong.path)} {wrong.message}")
    return PodDefaults.model_validate(_without_nulls(value))


def validate_strict[M: Model](model: type[M], spec: Any) -> tuple[M | None, tuple[FieldError, ...]]:
    """Parse a spec as strictly as the API server does for `kubectl`, and collect all errors.

    Args:
        model: the spec's model, whose rules are checked too.
        spec: the spec.

    Returns:
        The spec, or None if it cannot be parsed; and all errors, unknown fields included.
    """
    if not isinstance(spec, (dict, Mapping)):
        return None, (FieldError((), "must be an object with fields; write them indented below spec:"),)
    if size_error := outgrown(spec.get(_FREE_FORM)):
        return None, (FieldError((_FREE_FORM,), size_error),)
    read, errors = _parse_and_collect(model, spec)
    if not all(error.unknown for error in errors):
        return None, errors
    if read is None:
        read = model.model_validate(_without_nulls(spec))
    return read, (*errors, *_content_errors(read), *_rule_errors(read, spec))


def _content_errors(spec: Model) -> Iterator[FieldError]:
    return (FieldError(path, message) for path, message in content_faults(spec))


def _rule_errors(read: Model, spec: Mapping[str, Any]) -> Iterator[FieldError]:
    """An error for each rule that does not hold. Like CEL, it checks no rule of a field that is not there."""
    for path, rules in _RULES[type(read)]:
        if path and not _is_there(spec, path):
            continue
        for rule in rules:
            if not rule.predicate(read):
                yield FieldError(tuple(rule.field.split(".")[1:]), rule.message)


type _RulesByPath = tuple[tuple[tuple[str, ...], tuple[Rule[Any], ...]], ...]


def _by_path(rules: Iterable[Rule[Any]]) -> _RulesByPath:
    """Successive rules of the same field, with its path from ``spec``."""
    return tuple((tuple(at.split(".")[1:]), tuple(each)) for at, each in groupby(rules, attrgetter("at")))


_RULES: Final[Mapping[type[Model], _RulesByPath]] = {
    ConnectorSpec: _by_path(CONNECTOR_RULES),
    ModelSpec: _by_path(MODEL_RULES),
    SyncSpec: _by_path(SYNC_RULES),
    WorkspaceSpec: _by_path(WORKSPACE_RULES),
}


def _is_there(spec: Mapping[str, Any], path: Iterable[str]) -> bool:
    inner: Any = spec
    for name in path:
        inner = inner.get(name) if isinstance(inner, (dict, Mapping)) else None
        if inner is None:
            return False
    return True


def field_errors(model: type[Model], value: Mapping[str, Any]) -> tuple[FieldError, ...]:
    """All errors of an object against a model. Unknown fields are errors, and only camelCase names are known."""
    return _parse_and_collect(model, value)[1]


def _parse_and_collect[M: Model](model: type[M], value: Mapping[str, Any]) -> tuple[M | None, tuple[FieldError, ...]]:
    """The parsed model, or None and the errors of the object."""
    if not _has_nulls(value):
        return _parse_strict(model, value)
    read, errors = _parse_strict(model, _without_nulls(value))
    # An unknown field is an error even if it is null; a known field that is null counts as absent.
    unknown = tuple(error for error in _parse_strict(model, value)[1] if error.unknown)
    return None if unknown else read, (*unknown, *(error for error in errors if not error.unknown))


def _parse_strict[M: Model](model: type[M], value: Mapping[str, Any]) -> tuple[M | None, tuple[FieldError, ...]]:
    try:
        return model.model_validate(value, extra="forbid", by_alias=True, by_name=False), ()
    except ValidationError as error:
        return None, _field_errors(error, value)


def field_path(path: FieldPath, root: str = "") -> str:
    """A path in the notation of `kubectl`."""
    text = root
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.isidentifier():
            text += f".{part}" if text else part
        else:
            text += f"[{part}]"
    return text


def _unpack_configuration(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The spec with its configuration as Python objects.

    Raises:
        InvalidSpecError: the configuration is too large, or nested too deep, to be processed.
    """
    held = spec.get(_FREE_FORM) if isinstance(spec, Mapping) else None
    size_error = held.words if isinstance(held, Outgrown) else "" if isinstance(held, Text) else outgrown(held)
    if size_error:
        raise InvalidSpecError(f"spec.{_FREE_FORM}", size_error)
    return {**spec, _FREE_FORM: held.read()} if isinstance(held, Text) else spec


def _parse[M: Model](model: type[M], spec: Mapping[str, Any]) -> M:
    if not isinstance(spec, Mapping):
        raise InvalidSpecError("spec", "must be an object with fields; write them indented below spec:")
    try:
        return model.model_validate(_without_nulls(spec))
    except ValidationError as error:
        first = _field_errors(error, spec)[0]
    raise InvalidSpecError(field_path(first.path, "spec"), first.message)


def _without_nulls(value: Any) -> Any:
    """Drop null fields, as the API server does, except in free-form content."""
    if isinstance(value, dict | Mapping):
        return {
            key: item if key == _FREE_FORM or item.__class__ is str else _without_nulls(item)
            for key, item in value.items()
            if item is not None
        }
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _has_nulls(value: Any) -> bool:
    """True if `_without_nulls` drops anything."""
    if isinstance(value, (dict, Mapping)):
        for key, item in value.items():
            if item is None:
                return True
            if item.__class__ not in _SCALARS and key != _FREE_FORM and _has_nulls(item):
                return True
        return False
    return isinstance(value, list) and any(map(_has_nulls, value))


def _field_errors(error: ValidationError, value: Mapping[str, Any]) -> tuple[FieldError, ...]:
    """One error per path. Of the branches of a union, that of the branch with the right type, else the first."""
    found: dict[FieldPath, ErrorDetails] = {}
    for entry in error.errors(include_url=False):
        path = _path_of(entry, value)
        if path not in found or (found[path]["type"].endswith("_type") and not entry["type"].endswith("_type")):
            found[path] = entry
    return tuple(
        FieldError(path, _message(entry), unknown=entry["type"] == "extra_forbidden") for path, entry in found.items()
    )


def _path_of(found: ErrorDetails, value: Any) -> FieldPath:
    """Path of the error, without parts that name a branch of a union: those are not in the input."""
    path: list[str | int] = []
    for part in found["loc"]:
        if part in (value if isinstance(value, Mapping) else range(len(value)) if isinstance(value, list) else ()):
            value = value[part]
        elif found["type"] != "missing" or part != found["loc"][-1]:
            continue
        path.append(part)
        if part == _FREE_FORM:
            break
    return tuple(path)


def _message(found: ErrorDetails) -> str:
    if found["loc"][0] == _FREE_FORM and found["type"] not in {"missing", "too_long"}:
        return _MAPPING_TYPE_MESSAGE if len(found["loc"]) > 1 else _CONFIGURATION_TYPE_MESSAGE
    context = {key: str(value).removesuffix(".0") for key, value in found.get("ctx", {}).items()}
    given = _short_value(found["input"])
    match found["type"]:
        case kind if kind in _MESSAGES:
            return _MESSAGES[kind]
        case "enum" | "literal_error":
            return f"{given} is not known; use one of {context['expected'].replace(' or ', ', ')}"
        case "value_error":
            return context["error"]
        case "greater_than_equal":
            return f"{given} is too small; use at least {context['ge']}"
        case "less_than_equal":
            return f"{given} is too large; use at most {context['le']}"
        case "string_too_short":
            least = context["min_length"]
            characters = "character" if least == "1" else "characters"
            return f"{given} is too short; write at least {least} {characters}, or leave the field out"
        case "string_too_long":
            return f"is too long; write at most {context['max_length']} characters"
        case "too_long":
            return f"has too many entries; write at most {context['max_length']}"
        case "string_pattern_mismatch":
            return f"{given} {PATTERN_MESSAGES[context['pattern']]}"
        case "string_type" if isinstance(found["input"], int | float):
            return f"{given} is not a text; put it in quotes"
        case kind:
            other = f"is of the wrong type; {found['msg'].lower().replace('input', 'it')}"
            return f"{given} {_TYPE_MESSAGES.get(kind, other)}"


def _short_value(value: Any) -> str:
    """A wrong value as a message shows it; only short scalars are repeated."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float) and len(str(value)) <= _MAX_SHOWN_LENGTH:
        return repr(value)
    return "this value"
