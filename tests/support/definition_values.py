"""Values that fit the schemas of connector definitions, for property tests; and Connectors made of them."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.support import planted

from sync_operator.domain.definitions.clear_text_secrets import clear_text_errors
from sync_operator.domain.definitions.definition_schema import schema_errors
from sync_operator.sandbox.pipeline.bundled_definitions import KINDS, DefinitionCatalogue
from sync_operator.sandbox.pipeline.secret_mask import holds_mask
from sync_operator.syncapi.pipeline.definitions import Definition, parse_definitions

__all__ = ["PLANTED", "TEXTS", "WORDS", "MadeConnector", "connectors_of_all_definitions", "fitting"]

WORDS: Final = ("user", "role", "structured", "Page", "csv", "https://a.example.com/b?c d", "mailto:a", "a@b.example")
PLANTED: Final = "pl4nted"
TEXTS: Final = st.text(max_size=8).map(lambda text: PLANTED + text)
_SEED: Final = 20261130
type _Path = tuple[str, ...]
_TRIES: Final = 10
"""Configurations that are drawn for each that is needed."""


def fitting(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a schema of a definition mostly accepts."""
    offered = schema.get("enum") or [entry["const"] for entry in schema.get("oneOf", ())]
    if offered:
        return st.sampled_from(offered)
    match schema.get("type"):
        case "string" if "format" in schema:
            right = "https://a.example.com/b" if schema["format"] == "uri" else "a@b.example"
            return st.just(right) | st.just(right) | st.sampled_from(WORDS)
        case "string":
            return st.sampled_from(WORDS) | TEXTS
        case "integer":
            return st.integers(schema.get("minimum"), schema.get("maximum")) | st.sampled_from([22.0, 0, 65536])
        case "boolean":
            return st.booleans()
        case "object" | None if "properties" in schema:
            parts = {name: fitting(inner) for name, inner in schema["properties"].items()}
            required = {name: parts[name] for name in schema.get("required", ())}
            return st.fixed_dictionaries(
                required, optional={name: parts[name] for name in parts if name not in required}
            )
    return st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2)


@dataclass(frozen=True)
class MadeConnector:
    """A Connector with its Secret, which has the Connector's name.

    Attributes:
        secrets: what the Secret holds: `planted.CONFIGURATION` and a number for what the server masks, and
            `planted.AUTHORITY` and a number for what it shows.
    """

    name: str
    spec: Mapping[str, Any]
    secrets: Mapping[str, str]


def connectors_of_all_definitions(count: int) -> list[MadeConnector]:
    """So many valid Connectors, about as many of each definition of the sandbox; always the same.

    Every value that the server masks is in the Secret. Where a text that it shows may be any text, one is there, too.
    """
    catalogue = DefinitionCatalogue()
    definitions = parse_definitions({kind: catalogue.listed(kind) for kind in KINDS})
    each = -(-count // len(definitions.definitions))
    made = list[MadeConnector]()
    for definition in definitions.definitions.values():
        schema = catalogue.schema(definition.connector_type, definition.name)
        assert schema is not None
        drawn = _drawn(schema, _TRIES * each)
        tried = (_made(definition, configuration, turn) for turn, configuration in enumerate(drawn))
        fitting_ones = (found for found in tried if found is not None)
        made += islice(fitting_ones, each)
    assert len(made) >= count, f"of {count}, {len(made)} are valid"
    return [_named(entry, f"c-{number:03}") for number, entry in enumerate(made[:count])]


def _named(made: MadeConnector, name: str) -> MadeConnector:
    refs = [
        {"pointer": entry["pointer"], "secretKeyRef": {"name": name, "key": entry["key"]}}
        for entry in made.spec["configurationSecrets"]
    ]
    return replace(made, name=name, spec={**made.spec, "configurationSecrets": refs})


def _drawn(schema: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    found = list[dict[str, Any]]()

    @seed(_SEED)
    @settings(max_examples=count, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(configuration=fitting(schema))
    def draw(configuration: dict[str, Any]) -> None:
        found.append(copy.deepcopy(configuration))

    draw()
    return found


def _made(definition: Definition, configuration: dict[str, Any], turn: int) -> MadeConnector | None:
    """A Connector with that configuration, its secrets in a Secret; None if the server would refuse it.

    Args:
        definition: the connector's definition.
        configuration: what is sent, but for the secrets.
        turn: chooses which text that the server shows is in the Secret, too.
    """
    texts = list(_texts(configuration, ()))
    masked = [path for path in texts if path[-1] in definition.secret_names]
    choices: list[list[_Path]] = [[path] for path in texts if path not in masked]
    first = turn % max(1, len(choices))
    ordered = (*choices[first:], *choices[:first], [])
    tried = (_moved(definition, configuration, [*masked, *more]) for more in ordered)
    return next((made for made in tried if made is not None), None)


def _texts(value: Any, path: _Path) -> Iterator[_Path]:
    """Where texts are that are not empty; keys are plain words, as those of a schema are."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        if key.isidentifier():
            yield from [(*path, key)] if isinstance(inner, str) and inner else _texts(inner, (*path, key))


def _moved(definition: Definition, configuration: dict[str, Any], paths: Sequence[_Path]) -> MadeConnector | None:
    """The same with what is at these places in a Secret."""
    public, whole = copy.deepcopy(configuration), copy.deepcopy(configuration)
    secrets, entries = dict[str, str](), list[dict[str, str]]()
    for number, path in enumerate(paths):
        key = f"key-{number}"
        masked = path[-1] in definition.secret_names
        secrets[key] = f"{planted.CONFIGURATION if masked else planted.AUTHORITY}-{number}"
        _object_at(public, path[:-1]).pop(path[-1])
        _object_at(whole, path[:-1])[path[-1]] = secrets[key]
        entries.append({"pointer": "/" + "/".join(path), "key": key})
    if schema_errors(definition, whole) or holds_mask(public) or any(clear_text_errors(definition, public, ())):
        return None
    spec = {
        "connectorType": definition.connector_type,
        "connectorName": definition.name,
        "configuration": public,
        "configurationSecrets": entries,
    }
    return MadeConnector("", spec, secrets)


def _object_at(value: dict[str, Any], path: _Path) -> dict[str, Any]:
    for key in path:
        value = value[key]
    return value
