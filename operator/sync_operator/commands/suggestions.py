"""Suggests the field that was meant by an unknown one."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

from sync_operator.api.crd.crd_manifests import crd_of
from sync_operator.api.crd.openapi_schema import Schema
from sync_operator.api.validation.strict_validation import FieldPath, field_path
from sync_operator.commands.validate.checks.metadata_rules import ObjectMeta

__all__ = ["fix_for", "suggest_field"]

_MIN_PREFIX: Final = 4


def suggest_field(kind: str, path: FieldPath) -> FieldPath | None:
    """The field that was probably meant: a sibling with a similar name, or a field elsewhere with the same name.

    Args:
        kind: of the object.
        path: path of the unknown field from the object's root.

    Returns:
        Its path; None if there is none.
    """
    schema = _schema(kind)
    written = _normalized(str(path[-1]))
    siblings = {_normalized(name): name for name in _properties(_at(schema, path[:-1]))}
    near = get_close_matches(written, siblings, n=1, cutoff=0.75)
    with_prefix = [name for name in siblings if len(written) >= _MIN_PREFIX and name.startswith(written)]
    for match in (*near, *with_prefix):
        return (*path[:-1], siblings[match])
    elsewhere = (path for path in _paths(schema) if path[0] != "status" and _normalized(str(path[-1])) == written)
    return next(elsewhere, None)


def fix_for(path: FieldPath, suggestion: FieldPath | None) -> str:
    """How to fix an unknown field."""
    if suggestion is None:
        return "remove it"
    beside = suggestion[:-1] == path[:-1]
    return f"did you mean {suggestion[-1]!r}?" if beside else f"it belongs to {field_path(suggestion)}"


@cache
def _schema(kind: str) -> Schema:
    root: Schema = crd_of(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    names: dict[str, Schema] = {alias: {} for alias in ObjectMeta.model_json_schema()["properties"]}
    return root | {"properties": root["properties"] | {"metadata": {"properties": names}}}


def _at(schema: Schema, path: FieldPath) -> Schema:
    for part in path:
        schema = schema.get("items", {}) if isinstance(part, int) else _properties(schema).get(part, {})
    return schema


def _properties(schema: Schema) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schema.get("properties", {})
    return found


def _paths(schema: Schema, before: FieldPath = ()) -> Iterator[FieldPath]:
    for name, inner in _properties(schema).items():
        yield (*before, name)
        yield from _paths(inner, (*before, name))


def _normalized(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
