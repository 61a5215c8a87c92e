"""Which field somebody meant who wrote one that there is not."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

from sync_operator.model.crd import sync_crd, workspace_crd
from sync_operator.model.names import SYNC_KIND
from sync_operator.model.reading import Place, field_path
from sync_operator.model.schema import Schema
from sync_operator.tools.metadata import ObjectMeta

__all__ = ["meant_field", "remedy"]

_SHORTEST_BEGINNING: Final = 4


def meant_field(kind: str, place: Place) -> Place | None:
    """The field that was meant by an unknown one: a sibling of a like name, or one of the same name elsewhere.

    Args:
        kind: Sync or Workspace.
        place: of the unknown field, from the object's root.
    """
    schema = _schema(kind)
    written = _folded(str(place[-1]))
    siblings = {_folded(name): name for name in _properties(_at(schema, place[:-1]))}
    near = get_close_matches(written, siblings, n=1, cutoff=0.75)
    begun = [name for name in siblings if len(written) >= _SHORTEST_BEGINNING and name.startswith(written)]
    for match in (*near, *begun):
        return (*place[:-1], siblings[match])
    elsewhere = (path for path in _paths(schema) if path[0] != "status" and _folded(str(path[-1])) == written)
    return next(elsewhere, None)


def remedy(place: Place, meant: Place | None) -> str:
    """What to do about an unknown field."""
    if meant is None:
        return "remove it"
    beside = meant[:-1] == place[:-1]
    return f"did you mean {meant[-1]!r}?" if beside else f"it belongs to {field_path(meant)}"


@cache
def _schema(kind: str) -> Schema:
    crd = sync_crd() if kind == SYNC_KIND else workspace_crd()
    root: Schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    names: dict[str, Schema] = {alias: {} for alias in ObjectMeta.model_json_schema()["properties"]}
    return root | {"properties": root["properties"] | {"metadata": {"properties": names}}}


def _at(schema: Schema, place: Place) -> Schema:
    for part in place:
        schema = schema.get("items", {}) if isinstance(part, int) else _properties(schema).get(part, {})
    return schema


def _properties(schema: Schema) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schema.get("properties", {})
    return found


def _paths(schema: Schema, before: Place = ()) -> Iterator[Place]:
    for name, inner in _properties(schema).items():
        yield (*before, name)
        yield from _paths(inner, (*before, name))


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
