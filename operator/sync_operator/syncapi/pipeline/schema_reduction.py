"""Reduces a JSON schema (draft-07) of a server to keywords whose check takes little time.

The result accepts everything that the whole schema accepts, and mostly nothing else: a keyword is left out where it
needs regular expressions, references or much time, and so is every keyword whose meaning depends on one that is.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["FORMATS", "reduce_schema"]

FORMATS: Final = ("uri", "email")
"""Formats that are checked; servers check others too."""
_TYPES: Final = frozenset({"object", "array", "string", "boolean", "null", "integer", "number"})
_NOT_CHECKED: Final = frozenset(
    {
        *("$ref", "pattern", "patternProperties", "propertyNames", "dependencies", "contains", "uniqueItems"),
        *("multipleOf", "additionalItems"),
    }
)
"""Keywords that servers check and this release does not."""
_FOR_PEOPLE: Final = ("title", "description", "default", "examples", "order", "multiwoven_secret")
_MAX_ALTERNATIVES: Final = 50

type _Schema = bool | dict[str, Any]
type _Reduced = tuple[_Schema, bool]
"""A schema, and whether it accepts exactly what the whole one accepts."""


def reduce_schema(schema: Any) -> Mapping[str, Any]:
    """The schema with the keywords that are checked, and those that are for people; its depth is bounded."""
    reduced, _ = _reduce(schema)
    return reduced if isinstance(reduced, dict) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_type(value: Any) -> bool:
    names = value if isinstance(value, list) else [value]
    return bool(names) and all(isinstance(name, str) and name in _TYPES for name in names)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


_PLAIN: Final[Mapping[str, Callable[[Any], bool]]] = {
    "type": _is_type,
    "enum": lambda value: isinstance(value, list) and bool(value),
    "const": lambda _: True,
    "required": _is_names,
    "minimum": _is_number,
    "maximum": _is_number,
    "exclusiveMinimum": _is_number,
    "exclusiveMaximum": _is_number,
    "minLength": _is_count,
    "maxLength": _is_count,
    "minItems": _is_count,
    "maxItems": _is_count,
    "minProperties": _is_count,
    "maxProperties": _is_count,
    "format": lambda value: value in FORMATS,
}
"""Keyword without a schema in it → whether its value has the right form."""


def _reduce(schema: Any) -> _Reduced:
    if isinstance(schema, bool):
        return schema, True
    if not isinstance(schema, Mapping):
        return {}, False
    if "$ref" in schema:  # everything beside it is ignored
        return {}, False
    kept: dict[str, Any] = {name: schema[name] for name in _FOR_PEOPLE if name in schema}
    exact = _NOT_CHECKED.isdisjoint(schema)
    for name in _PLAIN:
        if name in schema:
            if _PLAIN[name](schema[name]):
                kept[name] = schema[name]
            else:
                exact = False
    for add in (_add_properties, _add_items, _add_alternatives, _add_condition, _add_negation):
        exact = add(schema, kept) and exact
    return kept, exact


def _add_properties(schema: Mapping[str, Any], kept: dict[str, Any]) -> bool:
    properties, exact = schema.get("properties"), True
    if isinstance(properties, Mapping):
        reduced = {name: _reduce(inner) for name, inner in properties.items() if isinstance(name, str)}
        kept["properties"] = {name: inner for name, (inner, _) in reduced.items()}
        exact = all(same for _, same in reduced.values())
    if "additionalProperties" in schema and "patternProperties" not in schema:
        kept["additionalProperties"], same = _reduce(schema["additionalProperties"])
        exact = exact and same
    return exact


def _add_items(schema: Mapping[str, Any], kept: dict[str, Any]) -> bool:
    items = schema.get("items")
    if items is None:
        return True
    if isinstance(items, list):  # one schema for each position
        return False
    kept["items"], exact = _reduce(items)
    return exact


def _add_alternatives(schema: Mapping[str, Any], kept: dict[str, Any]) -> bool:
    exact = True
    for name in ("allOf", "anyOf", "oneOf"):
        listed = schema.get(name)
        if listed is None:
            continue
        if not isinstance(listed, list) or not 0 < len(listed) <= _MAX_ALTERNATIVES:
            exact = False
            continue
        reduced = [_reduce(entry) for entry in listed]
        same = all(each for _, each in reduced)
        exact = exact and same
        if same or name != "oneOf":  # reduced alternatives accept more, so that several may fit where one should
            kept[name] = [entry for entry, _ in reduced]
    return exact


def _add_condition(schema: Mapping[str, Any], kept: dict[str, Any]) -> bool:
    if "if" not in schema:
        return True
    condition, exact = _reduce(schema["if"])
    if not exact:  # it would be met more often, and then demand what the server does not
        return False
    kept["if"] = condition
    for name in ("then", "else"):
        if name in schema:
            kept[name], same = _reduce(schema[name])
            exact = exact and same
    return exact


def _add_negation(schema: Mapping[str, Any], kept: dict[str, Any]) -> bool:
    if "not" not in schema:
        return True
    negated, exact = _reduce(schema["not"])
    if exact:
        kept["not"] = negated
    return exact
