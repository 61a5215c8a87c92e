"""What a field of a CRD's schema allows, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

__all__ = ["Schema", "facts", "fields", "in_code"]

type Schema = Mapping[str, Any]


def fields(schema: Schema, path: str) -> Iterator[tuple[str, Schema, bool]]:
    """The fields of an object, each before its own: path, schema, and whether it must be given."""
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        yield here, field, name in schema.get("required", ())
        yield from fields(field, here)
        yield from fields(field.get("items", {}), f"{here}[]")


def facts(schema: Schema, *, required: bool) -> Iterator[str]:
    """Type, default and bounds in words."""
    yield _type(schema)
    if required:
        yield "required"
    if "default" in schema:
        yield f"default {in_code(schema['default'])}"
    if "enum" in schema:
        yield f"one of {', '.join(map(in_code, schema['enum']))}"
    if "type" in schema:
        yield from _range(schema.get("minimum"), schema.get("maximum"), "")
        yield from _range(schema.get("minLength"), schema.get("maxLength"), " characters")
    yield from _range(schema.get("minItems"), schema.get("maxItems"), " entries")
    if "maxItems" not in schema:
        yield from _range(None, schema.get("maxProperties"), " entries")
    if "pattern" in schema:
        yield f"matches `{schema['pattern']}`"


def _type(schema: Schema) -> str:
    match schema:
        case {"type": "array", "items": items}:
            return f"list of {_plural(_type(items))}"
        case {"additionalProperties": values}:
            return f"map of {_plural(_type(values))}"
        case {"x-kubernetes-int-or-string": True}:
            return "quantity"
        case {"type": "string", "format": "date-time"}:
            return "time (RFC 3339)"
        case {"type": str(kind)}:
            return kind
        case _:
            return "object or list"


def _plural(kind: str) -> str:
    word, _, rest = kind.partition(" ")
    word = "quantities" if word == "quantity" else f"{word}s"
    return f"{word} {rest}".strip()


def _range(least: float | None, most: float | None, unit: str) -> Iterator[str]:
    match least, most:
        case None, None:
            return
        case None, _:
            yield f"at most {most}{unit}"
        case _, None:
            yield f"at least {least}{unit}"
        case _:
            yield f"{least} to {most}{unit}"


def in_code(value: object) -> str:
    """A value as YAML."""
    return f"`{yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix('...\n').strip()}`"
