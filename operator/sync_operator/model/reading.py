"""From a spec as the cluster (or a file) holds it to a model; the first thing wrong is named with its remedy."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sync_operator.errors import InvalidSpecError
from sync_operator.model.base import Model
from sync_operator.model.rules import SYNC_RULES, WORKSPACE_RULES, check
from sync_operator.model.sync import SyncSpec
from sync_operator.model.workspace import WorkspaceSpec

__all__ = ["read_sync_spec", "read_workspace_spec"]

_OPEN: Final = "configuration"
"""The field whose content is the user's own: kept to the letter, never shown in a message."""

_SHOWN: Final = 64
"""A wrong value is repeated in the message up to this many characters."""


def read_sync_spec(spec: Mapping[str, Any]) -> SyncSpec:
    """Read ``spec`` of a Sync. Unknown fields are ignored.

    Raises:
        InvalidSpecError: names the first field that is wrong, and what to do.
    """
    read = _read(SyncSpec, spec)
    check(read, SYNC_RULES)
    return read


def read_workspace_spec(spec: Mapping[str, Any]) -> WorkspaceSpec:
    """Read ``spec`` of a Workspace. Unknown fields are ignored.

    Raises:
        InvalidSpecError: names the first field that is wrong, and what to do.
    """
    read = _read(WorkspaceSpec, spec)
    check(read, WORKSPACE_RULES)
    return read


def _read[M: Model](model: type[M], spec: Mapping[str, Any]) -> M:
    if not isinstance(spec, Mapping):
        raise InvalidSpecError("spec", "must be an object with fields; write them indented below spec:")
    try:
        return model.model_validate(_without_nulls(spec))
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
    raise InvalidSpecError(_path(found), _message(found))


def _without_nulls(value: Any) -> Any:
    """Drop fields that are null, as the API server does, except in the user's own content."""
    match value:
        case Mapping():
            return {
                key: item if key == _OPEN else _without_nulls(item) for key, item in value.items() if item is not None
            }
        case list():
            return [_without_nulls(item) for item in value]
        case _:
            return value


def _path(found: ErrorDetails) -> str:
    """The place of the error as `kubectl` would write it; parts that name a branch of a union are left out."""
    path = "spec"
    for part in found["loc"]:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part == _OPEN:
            return f"{path}.{part}"
        elif part.isidentifier() and part not in {"int", "float", "str"}:
            path += f".{part}"
    return path


def _message(found: ErrorDetails) -> str:
    if found["loc"][0] == _OPEN and found["type"] != "missing":
        return "must be an object or a list; write which column goes to which field"
    context = {key: str(value) for key, value in found.get("ctx", {}).items()}
    said = _said(found["input"])
    match found["type"]:
        case "missing":
            return "is missing; set it"
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
        case _:
            return f"{said} is of the wrong type; {found['msg'].lower().replace('input', 'it')}"


def _said(value: Any) -> str:
    """A wrong value as a message may show it: short scalars only."""
    if isinstance(value, str | int | float) and len(str(value)) <= _SHOWN:
        return repr(value)
    return "this value"
