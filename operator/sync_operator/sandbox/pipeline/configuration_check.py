"""The server's check of a configuration: what of JSON schema, draft-07, the gem json_schemer 0.2 does with definitions.

Written apart from the operator's own check, so that tests can compare the two.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["is_valid"]

_EMAIL: Final = re.compile(r"[^@\s]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]{2,}", re.ASCII)
_USER: Final = r"(?:%[0-9A-Fa-f]{2}|[!$&-.0-;=A-Z_a-z~])*"
_SEGMENT: Final = r"(?:%[0-9A-Fa-f]{2}|[!$&-.0-;=@-Z_a-z~])"
_HOST: Final = r"(?:\[(?P<literal>[^\]\s]*)\]|(?:%[0-9A-Fa-f]{2}|[!$&-.0-9;=A-Z_a-z~])*)"
_URI: Final = re.compile(
    rf"[A-Za-z][+\-.0-9A-Za-z]*:"
    rf"(?://(?:{_USER}@)?{_HOST}(?::[0-9]*)?(?:/{_SEGMENT}*)*|/(?:{_SEGMENT}+(?:/{_SEGMENT}*)*)?"
    rf"|{_SEGMENT}+(?:/{_SEGMENT}*)*|)"
    rf"(?:\?[^#\s]*)?(?:#(?:%[0-9A-Fa-f]{{2}}|[!$&-.0-;=@-Z_a-z~/?])*)?",
    re.ASCII,
)
_FUTURE_ADDRESS: Final = re.compile(r"v[0-9A-Fa-f]+\.[!$&-.0-;=A-Z_a-z~]+", re.ASCII)


def is_valid(schema: Any, value: Any) -> bool:
    """True if the server accepts the value."""
    if isinstance(schema, bool):
        return schema
    return all(check(schema[keyword], value, schema) for keyword, check in _CHECKS.items() if keyword in schema)


def _is_type(name: str, value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match name:
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "integer":
            return number and value == value // 1
    return name == "number" and number


def _same(left: Any, right: Any) -> bool:
    """JSON equality: true is not 1, but 1 is 1.0."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[name], right[name]) for name in left)
    return bool(left == right)


def _type(wanted: Any, value: Any, _: Any) -> bool:
    return any(_is_type(name, value) for name in ([wanted] if isinstance(wanted, str) else wanted))


def _required(names: list[str], value: Any, _: Any) -> bool:
    return not isinstance(value, dict) or all(name in value for name in names)


def _properties(properties: Mapping[str, Any], value: Any, _: Any) -> bool:
    if not isinstance(value, dict):
        return True
    return all(is_valid(inner, value[name]) for name, inner in properties.items() if name in value)


def _additional_properties(inner: Any, value: Any, schema: Mapping[str, Any]) -> bool:
    if not isinstance(value, dict):
        return True
    known = schema.get("properties", {})
    return all(is_valid(inner, entry) for name, entry in value.items() if name not in known)


def _items(inner: Any, value: Any, _: Any) -> bool:
    return not isinstance(value, list) or all(is_valid(inner, entry) for entry in value)


def _condition(condition: Any, value: Any, schema: Mapping[str, Any]) -> bool:
    return is_valid(schema.get("then" if is_valid(condition, value) else "else", True), value)


def _minimum(limit: float, value: Any, _: Any) -> bool:
    return not _is_type("number", value) or value >= limit


def _maximum(limit: float, value: Any, _: Any) -> bool:
    return not _is_type("number", value) or value <= limit


def _format(name: str, value: Any, _: Any) -> bool:
    if not isinstance(value, str):
        return True
    if name == "email":
        return value.isascii() and _EMAIL.fullmatch(value) is not None
    return name != "uri" or _is_uri(value)


def _is_uri(text: str) -> bool:
    found = _URI.fullmatch(text) if text.isascii() else None
    literal = found["literal"] if found else None
    if found is None or literal is None:
        return found is not None
    try:
        ipaddress.IPv6Address(literal)
    except ValueError:
        return _FUTURE_ADDRESS.fullmatch(literal) is not None
    return "%" not in literal


_CHECKS: Final[Mapping[str, Callable[[Any, Any, Mapping[str, Any]], bool]]] = {
    "type": _type,
    "enum": lambda values, value, _: any(_same(entry, value) for entry in values),
    "const": lambda wanted, value, _: _same(wanted, value),
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional_properties,
    "items": _items,
    "oneOf": lambda schemas, value, _: sum(is_valid(inner, value) for inner in schemas) == 1,
    "anyOf": lambda schemas, value, _: any(is_valid(inner, value) for inner in schemas),
    "allOf": lambda schemas, value, _: all(is_valid(inner, value) for inner in schemas),
    "if": _condition,
    "minimum": _minimum,
    "maximum": _maximum,
    "format": _format,
}
