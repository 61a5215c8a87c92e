"""From a pydantic model to a structural schema as a CRD wants it: no references, no nulls, bounds everywhere."""

from collections.abc import Mapping
from typing import Any, Final

from sync_operator.api.base import MAX_ENTRIES, Model
from sync_operator.api.field_patterns import PATTERN_MESSAGES, QUANTITY
from sync_operator.api.rules.cel import CelReason, CelRule

__all__ = ["Schema", "attach_rules", "structural_schema"]

type Schema = dict[str, Any]

_KEPT: Final = (
    "type",
    "description",
    "format",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "maxItems",
    "maxProperties",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
)
_EXACT: Final = 2**53
"""Larger bounds do not survive JSON: such integers are described by their format instead."""

_QUANTITY: Final[Schema] = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
    "pattern": QUANTITY,
    "maxLength": 32,
}

_OPEN_VALUE: Final[Schema] = {
    # No type, because an object and a list are both right; the bounds are such that no scalar meets them.
    "x-kubernetes-preserve-unknown-fields": True,
    "minLength": 1,
    "maxLength": 0,
    "minimum": 1,
    "maximum": 0,
    "not": {"enum": [True, False, None]},
    "maxItems": MAX_ENTRIES,
    "maxProperties": MAX_ENTRIES,
}


def structural_schema(model: type[Model], *, defaults: bool) -> Schema:
    """The structural schema of a model.

    Args:
        model: the model of ``spec`` or ``status``.
        defaults: whether the API server fills in default values.
    """
    found = model.model_json_schema(by_alias=True)
    return _structural(found, found.get("$defs", {}), defaults=defaults)


def attach_rules(schema: Schema, rules: tuple[CelRule, ...]) -> None:
    """Add CEL rules to the places of a root schema that they belong to."""
    for rule in rules:
        node = schema
        for part in filter(None, rule.at.split(".")):
            node = node["properties"][part]
        path = rule.field.removeprefix(rule.at).removeprefix(".")
        entry: Schema = {"rule": rule.cel, "message": f"{rule.field.removeprefix('spec.')} {rule.message}"}
        if path:
            entry["fieldPath"] = f".{path}"
        if rule.reason is not CelReason.INVALID:
            entry["reason"] = rule.reason.value
        node.setdefault("x-kubernetes-validations", []).append(entry)


def _structural(found: Mapping[str, Any], defs: Mapping[str, Any], *, defaults: bool) -> Schema:
    found = _resolved(found, defs)
    choices = [choice for choice in found.get("anyOf", ()) if choice.get("type") != "null"]
    said = {"description": " ".join(found["description"].split())} if "description" in found else {}
    match sorted(_resolved(choice, defs).get("type", "") for choice in choices):
        case []:
            schema = _plain(found, defs, defaults=defaults)
        case [_]:
            schema = _structural(choices[0], defs, defaults=defaults)
        case ["array", "object"]:
            schema = dict(_OPEN_VALUE)
        case ["integer", "string"]:
            schema = dict(_QUANTITY)
        case unknown:
            raise AssertionError(f"no structural schema for a choice of {unknown}")
    default = found.get("default")
    if defaults and default not in (None, [], {}) and _defaulted(schema):
        schema["default"] = default
    return said | {key: value for key, value in schema.items() if key not in said}


def _form_rule(name: str, schema: Mapping[str, Any]) -> Schema | None:
    """Says of a text without its form what to write: of a pattern the API server tells no more than the pattern."""
    entries = schema.get("additionalProperties", {})
    pattern = schema.get("pattern", entries.get("pattern"))
    if pattern not in PATTERN_MESSAGES or pattern == QUANTITY:  # amounts have rules of their own, in `pod_rules`
        return None
    if not entries:
        return {"rule": f"self.matches(r'{pattern}')", "message": f"{name} {PATTERN_MESSAGES[pattern]}"}
    rule = f"self.all(key, self[key].matches(r'{pattern}'))"
    return {"rule": rule, "message": f"{name} has an entry that {PATTERN_MESSAGES[pattern]}"}


def _defaulted(schema: Schema) -> bool:
    """True where a default is worth filling in: not in objects that are only there to hold optional things."""
    return schema.get("type") != "object" or set(schema["properties"]) == {"name"}


def _plain(found: Mapping[str, Any], defs: Mapping[str, Any], *, defaults: bool) -> Schema:
    schema = {key: found[key] for key in _KEPT if key in found}
    if schema.get("type") == "integer":
        schema["format"] = "int64"
        for bound in ("minimum", "maximum"):
            if abs(schema.get(bound, 0)) > _EXACT:
                del schema[bound]
    if "properties" in found:
        schema["properties"] = {
            name: _structural(value, defs, defaults=defaults) for name, value in found["properties"].items()
        }
        for name, inner in schema["properties"].items() if defaults else ():
            if form := _form_rule(name, inner):
                inner["x-kubernetes-validations"] = [form]
        if "required" in found:
            schema["required"] = found["required"]
    elif found.get("additionalProperties") is True:
        schema["x-kubernetes-preserve-unknown-fields"] = True
    elif "additionalProperties" in found:
        schema["additionalProperties"] = _structural(found["additionalProperties"], defs, defaults=defaults)
    if "items" in found:
        schema["items"] = _structural(found["items"], defs, defaults=defaults)
        schema.setdefault("x-kubernetes-list-type", "atomic")
    return schema


def _resolved(found: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references; what stands beside a reference weighs more than what it points to."""
    while "$ref" in found:
        name = found["$ref"].removeprefix("#/$defs/")
        found = {**defs[name], **{key: value for key, value in found.items() if key != "$ref"}}
    return found
