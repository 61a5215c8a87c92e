"""Configurations that are generated for each definition: the operator accepts what the server accepts, and no more.

The server's side is the sandbox's own check of schemas, which shares no code with the operator's.
"""

import copy
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, cast

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.support.definition_values import PLANTED, TEXTS, WORDS, fitting
from tests.support.plane import ROOT
from tests.support.served import Served

from sync_operator.domain.connector.connector_kind import CONNECTOR
from sync_operator.domain.definitions.clear_text_secrets import clear_text_errors
from sync_operator.domain.definitions.definition_schema import schema_errors
from sync_operator.errors import ResponseTooLargeError, SyncOperatorError
from sync_operator.sandbox.pipeline.bundled_definitions import KINDS, DefinitionCatalogue
from sync_operator.sandbox.pipeline.configuration_check import is_valid
from sync_operator.sandbox.pipeline.secret_mask import MASK, holds_mask, mask_secrets
from sync_operator.sandbox.routes.stored_json import as_jsonb, without_list_nulls
from sync_operator.syncapi.pipeline.definitions import parse_definitions

PLACE: Final = Path(os.environ.get("CONNECTOR_DEFINITIONS") or ROOT.parent / "shared" / "connector-definitions.json")
"""Definitions of a real server, which are not part of this project."""


HELD: Final = DefinitionCatalogue()
BUNDLED: Final = {kind: HELD.listed(kind) for kind in KINDS}
SERVERS: Final[Mapping[str, Any]] = json.loads(PLACE.read_text("utf-8")) if PLACE.is_file() else BUNDLED
DEFINITIONS: Final = parse_definitions(SERVERS)
SCHEMAS: Final = {
    (kind, item["name"]): item["connector_spec"]["connection_specification"] for kind in KINDS for item in SERVERS[kind]
}
ANYTHING: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS | st.sampled_from(["22", 22.0, 1.5, MASK, *WORDS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any) -> list[Any]:
    """The object and the objects in it."""
    inner = [place for each in value.values() for place in places(each)] if isinstance(value, dict) else []
    return [value, *inner] if isinstance(value, dict) else inner


@st.composite
def configurations(draw: st.DrawFn, schema: Any) -> dict[str, Any]:
    """Configurations that fit a schema, or did before something in them was changed, added or removed."""
    found: dict[str, Any] = copy.deepcopy(draw(fitting(schema)))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.sampled_from(places(found)))
        named = sorted({*place, *schema.get("properties", {})})
        if not named:
            continue
        name = draw(st.sampled_from(named))
        if draw(st.booleans()):
            place.pop(name, None)
        else:
            value: Any = draw(ANYTHING)
            place[name] = value
    return found


def test_the_definitions_are_those_of_a_real_server() -> None:
    if not PLACE.is_file():
        pytest.skip("CONNECTOR_DEFINITIONS names no file, and none is beside this folder: the sandbox's are tested")
    assert len(DEFINITIONS.definitions) == len(SCHEMAS) == 56


@pytest.mark.parametrize(("kind", "name"), sorted(SCHEMAS))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_accepted_is_what_the_server_accepts(kind: str, name: str, data: st.DataObject) -> None:
    schema, definition = SCHEMAS[(kind, name)], DEFINITIONS.get(kind, name)
    assert definition is not None
    configuration = data.draw(configurations(schema))

    errors = schema_errors(definition, configuration)

    assert (not errors) == is_valid(schema, without_list_nulls(configuration)), [str(error) for error in errors]
    assert all(error.field.startswith("spec.configuration") for error in errors)
    told = (*errors, *clear_text_errors(definition, configuration, ()))
    assert PLANTED not in "".join(map(str, told)), "no value is shown"


@pytest.mark.parametrize(("kind", "name"), sorted(SCHEMAS))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_secret_that_is_masked_is_told_if_it_is_in_clear_text(kind: str, name: str, data: st.DataObject) -> None:
    definition = DEFINITIONS.get(kind, name)
    assert definition is not None
    configuration = data.draw(configurations(SCHEMAS[(kind, name)]))
    shown = mask_secrets(configuration, definition.secret_names)

    told = {error.field for error in clear_text_errors(definition, configuration, ())}

    assert (configuration == shown) or told or harmless(configuration, definition.secret_names)


@pytest.mark.parametrize(("kind", "name"), sorted(SCHEMAS))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_the_server_shows_of_what_it_took_is_no_drift(kind: str, name: str, data: st.DataObject) -> None:
    schema, definition = SCHEMAS[(kind, name)], DEFINITIONS.get(kind, name)
    assert definition is not None
    written = data.draw(configurations(schema))
    stored = as_jsonb(without_list_nulls(written))
    assume(is_valid(schema, stored) and not holds_mask(written))
    assume(not holds_null(stored, definition.secret_names))  # the schemas mostly refuse it
    shown = {"configuration": mask_secrets(stored, definition.secret_names)}

    assert CONNECTOR.rules(cast("Any", None)).differing({"configuration": written}, shown) == ()


def holds_null(value: Any, names: Collection[str]) -> bool:
    """True if a value of a secret name is null: masked, it looks as if something was there."""
    if isinstance(value, dict):
        return any(inner is None if name in names else holds_null(inner, names) for name, inner in value.items())
    return isinstance(value, list) and any(holds_null(entry, names) for entry in value)


def harmless(value: Any, names: Collection[str]) -> bool:
    """True if no value of a secret name could be a secret."""
    if isinstance(value, dict):
        return all(
            inner in (None, "", False) if name in names else harmless(inner, names) for name, inner in value.items()
        )
    return all(harmless(entry, names) for entry in value) if isinstance(value, list) else True


async def test_the_client_reads_the_definitions_in_both_dialects(either: Served) -> None:
    found = await either.client.pipeline.definitions()

    assert found == parse_definitions(BUNDLED)


async def test_an_answer_that_is_none_is_an_error(api: Served) -> None:
    for body in ({"data": "x"}, "hello"):
        api.fault(path="/connector_definitions", status=200, body=body)
        with pytest.raises(SyncOperatorError):
            await api.client.pipeline.definitions()
    api.fault(path="/connector_definitions", status=200, body={"source": [], "more": "x" * 3_000_000})
    with pytest.raises(ResponseTooLargeError):
        await api.client.pipeline.definitions()
