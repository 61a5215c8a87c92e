"""The connector definitions of this server: what `GET /connector_definitions` returns, and what follows from it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

__all__ = ["KINDS", "DefinitionCatalogue"]

KINDS: Final = ("source", "destination")
_FILE: Final = Path(__file__).with_name("definitions.json")


class DefinitionCatalogue:
    """The definitions by kind and name, in the order in which they are listed; a test may take some away."""

    def __init__(self) -> None:
        entries: list[dict[str, Any]] = json.loads(_FILE.read_text("utf-8"))
        kind_and_name = ((entry["definition"]["connector_type"], entry["definition"]["name"]) for entry in entries)
        self._bundled = dict(zip(kind_and_name, entries, strict=True))
        self._entries = dict(self._bundled)
        self._secrets: dict[tuple[str, str], frozenset[str]] = {}

    def listed(self, kind: str) -> list[dict[str, Any]]:
        """All definitions of ``source`` or ``destination``."""
        return [entry["definition"] for (held, _), entry in self._entries.items() if held == kind]

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """The definition of that exact name; None if this server has none."""
        entry = self._entries.get((kind, name))
        return entry["definition"] if entry else None

    def schema(self, kind: str, name: str) -> dict[str, Any] | None:
        """The JSON schema of a connector's configuration; None if this server has no such definition."""
        definition = self.get(kind, name)
        return definition["connector_spec"]["connection_specification"] if definition else None

    def query_type(self, kind: str, name: str) -> str:
        """The type of queries that a source of this definition runs."""
        definition = self.get(kind, name) or {}
        query_type: str = definition.get("connector_spec", {}).get("connector_query_type", "raw_sql")
        return query_type

    def is_ai_model(self, kind: str, name: str) -> bool:
        """True for the category of models that answer instead of returning rows."""
        return (self.get(kind, name) or {}).get("category") == "AI Model"

    def stream_names(self, kind: str, name: str) -> list[str]:
        """The streams that a discover finds."""
        entry = self._entries.get((kind, name))
        return list(entry["streams"]) if entry else []

    def secret_names(self, kind: str, name: str) -> frozenset[str]:
        """Bare names of the properties that the definition marks as secret, at any depth."""
        key = (kind, name)
        if key not in self._secrets:
            self._secrets[key] = frozenset(_secret_properties(self.schema(kind, name) or {}))
        return self._secrets[key]

    def remove(self, kind: str, name: str) -> bool:
        """Take a definition away, as another release of the server does; False if there is none."""
        return self._entries.pop((kind, name), None) is not None

    def put(self, kind: str, name: str, definition: Mapping[str, Any] | None, streams: list[str]) -> bool:
        """Add or replace a definition, as another release of the server does; None puts the bundled one back.

        Returns:
            False if none is bundled under that name.
        """
        key = (kind, name)
        entry = self._bundled.get(key) if definition is None else {"definition": dict(definition), "streams": streams}
        if entry is None:
            return False
        self._entries[key] = entry
        self._secrets.pop(key, None)
        return True


def _secret_properties(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for entry in schema:
            yield from _secret_properties(entry)
    elif isinstance(schema, dict):
        properties = schema.get("properties")
        for name, inner in properties.items() if isinstance(properties, dict) else ():
            if isinstance(inner, dict) and inner.get("multiwoven_secret") is True:
                yield name
        for inner in schema.values():
            yield from _secret_properties(inner)
