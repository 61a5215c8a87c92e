"""Connector definitions, as `GET /connector_definitions` tells them: a schema of the configuration for each.

A schema comes from a server, so it is bounded, and reduced to the keywords of JSON schema (draft-07) that can be
checked in little time: no regular expressions, and no references. What is left out, the server alone checks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from sync_operator.errors import (
    NotFoundError,
    RejectedError,
    ResponseTooLargeError,
    ServerFaultError,
    TransientError,
    UnsupportedEndpointError,
)
from sync_operator.syncapi.pipeline.schema_reduction import reduce_schema
from sync_operator.util.bounds import bounded_text, one_line, outgrown

__all__ = ["CONNECTOR_TYPES", "DEFINITIONS_NOT_TOLD", "Definition", "DefinitionSet", "parse_definitions"]

CONNECTOR_TYPES: Final = ("source", "destination")
DEFINITIONS_NOT_TOLD: Final = (
    UnsupportedEndpointError,
    NotFoundError,
    RejectedError,
    ServerFaultError,
    ResponseTooLargeError,
)
"""Errors of a server that does not tell its definitions: it has no such call, or cannot carry it out."""
MAX_DEFINITIONS: Final = 500
"""Maximum number of definitions of each type; servers have about thirty."""
_MAX_NAME: Final = 255
_MAX_SCHEMA_BYTES: Final = 128 * 1024
_MAX_SCHEMA_VALUES: Final = 4_096
"""Maximum size of one schema; the largest of today's servers has 12 KiB and 300 values."""
_DEFAULT_QUERY_TYPE: Final = "raw_sql"
_SECRET: Final = "multiwoven_secret"  # noqa: S105 (the keyword that marks a secret)


@dataclass(frozen=True, slots=True)
class Definition:
    """What connectors of one kind of system are like.

    Attributes:
        connector_type: ``source`` or ``destination``.
        name: value of ``connector_name``, exact.
        title: name for people.
        schema: JSON schema of the configuration, reduced.
        query_type: type of the queries that a source of it runs.
        secret_names: bare names of the properties that are secret, at any depth: the server masks them so.
    """

    connector_type: str
    name: str
    title: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
    query_type: str = _DEFAULT_QUERY_TYPE
    secret_names: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, Any]:
        """The definition as servers tell it, and as `parse_definitions` reads it."""
        spec = {"connection_specification": self.schema, "connector_query_type": self.query_type}
        return {
            "name": self.name,
            "title": self.title,
            "connector_type": self.connector_type,
            "connector_spec": spec,
        }


@dataclass(frozen=True, slots=True)
class DefinitionSet:
    """The definitions of one server.

    Attributes:
        definitions: by type and name.
    """

    definitions: Mapping[tuple[str, str], Definition]

    def get(self, connector_type: str, name: str) -> Definition | None:
        """The definition of that exact name; None if the server has none."""
        return self.definitions.get((connector_type, name))

    def of(self, connector_type: str) -> list[Definition]:
        """All definitions of a type, by name."""
        found = (each for each in self.definitions.values() if each.connector_type == connector_type)
        return sorted(found, key=lambda each: each.name)

    def explain_absence(self, connector_type: str, name: str) -> str:
        """What to say of a name that the server has no definition for, phrased to follow the field's path."""
        names = {each.name.lower(): each.name for each in self.of(connector_type)}
        near = get_close_matches(name.lower(), names, n=1, cutoff=0.7)
        other = next((kind for kind in CONNECTOR_TYPES if kind != connector_type and self.get(kind, name)), "")
        if near and names[near[0]] != name:
            return f"the server has no {connector_type} definition {name!r}; did you mean {names[near[0]]!r}?"
        if other:
            return f"the server knows {name!r} as a {other} only; check spec.connectorType"
        return (
            f"the server has no {connector_type} definition {name!r}; its names are written by `sync-operator "
            "definitions`"
        )

    def as_json(self) -> dict[str, list[dict[str, Any]]]:
        """The definitions as servers tell them."""
        return {kind: [each.as_json() for each in self.of(kind)] for kind in CONNECTOR_TYPES}


def parse_definitions(body: Any) -> DefinitionSet:
    """Parse the server's definitions: an object with a list for each type, or one list, bare or in ``data``.

    Raises:
        TransientError: it is neither.
    """
    inner = body.get("data", body) if isinstance(body, Mapping) else body
    found: dict[tuple[str, str], Definition] = {}
    if isinstance(inner, Mapping) and any(isinstance(inner.get(kind), list) for kind in CONNECTOR_TYPES):
        # Of a list for one type, its key decides: a definition may call itself by the other type (contract, 10).
        pairs = [(kind, item) for kind in CONNECTOR_TYPES for item in _items(inner.get(kind))]
    elif isinstance(inner, list):
        pairs = [(_text(item, "connector_type"), item) for item in _items(inner)]
    else:
        raise TransientError(
            "the definitions were asked for, and something else was answered; is this the sync server?"
        )
    for kind, item in pairs:
        definition = _definition(kind, item)
        if definition is not None:
            found.setdefault((kind, definition.name), definition)
    return DefinitionSet(found)


def _items(listed: Any) -> list[Mapping[str, Any]]:
    items = listed[:MAX_DEFINITIONS] if isinstance(listed, list) else []
    return [item for item in items if isinstance(item, Mapping)]


def _definition(kind: str, item: Mapping[str, Any]) -> Definition | None:
    name, spec = item.get("name"), item.get("connector_spec")
    if kind not in CONNECTOR_TYPES or not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME:
        return None
    spec = spec if isinstance(spec, Mapping) else {}
    schema = spec.get("connection_specification")
    if not isinstance(schema, Mapping) or outgrown(schema, _MAX_SCHEMA_BYTES, _MAX_SCHEMA_VALUES):
        schema = {}
    return Definition(
        connector_type=kind,
        name=name,
        title=_text(item, "title"),
        schema=reduce_schema(schema),
        query_type=_text(spec, "connector_query_type") or _DEFAULT_QUERY_TYPE,
        secret_names=frozenset(_secret_names(schema)),
    )


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    return one_line(bounded_text(value, _MAX_NAME), _MAX_NAME) if isinstance(value, str) else ""


def _secret_names(schema: Any) -> Iterator[str]:
    """Names of secret properties anywhere in a schema, whose depth is bounded."""
    if isinstance(schema, list):
        for entry in schema:
            yield from _secret_names(entry)
    elif isinstance(schema, Mapping):
        properties = schema.get("properties")
        for name, inner in properties.items() if isinstance(properties, Mapping) else ():
            if isinstance(inner, Mapping) and inner.get(_SECRET) is True:
                yield name
        for inner in schema.values():
            yield from _secret_names(inner)
