"""Connector definitions as servers tell them, and as hostile ones might."""

from typing import Any

import pytest

from sync_operator.errors import TransientError
from sync_operator.sandbox.pipeline.bundled_definitions import KINDS, DefinitionCatalogue
from sync_operator.syncapi.pipeline.definitions import MAX_DEFINITIONS, DefinitionSet, parse_definitions

SERVER = DefinitionCatalogue()
BODY = {kind: SERVER.listed(kind) for kind in KINDS}


def one(**changes: Any) -> DefinitionSet:
    """A set with one definition of the server, changed."""
    return parse_definitions({"source": [BODY["source"][0] | changes]})


def test_the_answer_is_read_bare_in_data_and_as_one_list() -> None:
    whole = parse_definitions(BODY)

    assert len(whole.definitions) == sum(len(listed) for listed in BODY.values())
    assert parse_definitions({"data": BODY}) == whole
    assert parse_definitions(BODY["source"] + BODY["destination"]) == whole
    assert parse_definitions({"data": []}).definitions == {}


def test_what_is_written_is_read_again() -> None:
    whole = parse_definitions(BODY)

    assert parse_definitions(whole.as_json()) == whole


def test_secrets_and_query_types_are_those_of_the_server() -> None:
    for (kind, name), definition in parse_definitions(BODY).definitions.items():
        assert definition.secret_names == SERVER.secret_names(kind, name)
        assert definition.query_type == SERVER.query_type(kind, name)


def test_in_an_object_the_key_decides_about_the_type() -> None:
    odd = BODY["destination"][0] | {"connector_type": "source"}  # as AmazonS3 is

    assert list(parse_definitions({"destination": [odd]}).definitions) == [("destination", odd["name"])]


@pytest.mark.parametrize("body", [None, "text", 5, {}, {"message": "hello"}, {"source": "text"}, {"data": {"a": []}}])
def test_something_else_is_never_taken_for_no_definitions(body: Any) -> None:
    with pytest.raises(TransientError, match="is this the sync server"):
        parse_definitions(body)


@pytest.mark.parametrize("item", [None, "x", [], {}, {"name": 5}, {"name": ""}, {"name": "x" * 256}])
def test_what_has_no_usable_name_is_left_out(item: Any) -> None:
    assert len(parse_definitions({"source": [item, BODY["source"][0]]}).definitions) == 1


@pytest.mark.parametrize(
    "spec",
    [
        None,
        [],
        {"connection_specification": []},
        {"connection_specification": {"properties": {str(number): {} for number in range(5000)}}},
        {"connection_specification": {"title": "x" * 200_000}},
    ],
)
def test_a_schema_that_is_none_or_too_large_asks_for_nothing(spec: Any) -> None:
    [definition] = one(connector_spec=spec).definitions.values()

    assert definition.schema == {}
    assert definition.query_type == "raw_sql"


def test_a_schema_that_is_too_deep_asks_for_nothing() -> None:
    schema: Any = {"type": "string"}
    for _ in range(200):
        schema = {"properties": {"a": schema}}

    [definition] = one(connector_spec={"connection_specification": schema}).definitions.values()

    assert definition.schema == {}


def test_so_many_definitions_and_no_more_are_kept() -> None:
    many = [{"name": f"number {number}"} for number in range(MAX_DEFINITIONS + 1)]

    assert len(parse_definitions({"source": many}).definitions) == MAX_DEFINITIONS


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("source", "postgresql", "did you mean 'Postgresql'?"),
        ("source", "Snowflak", "did you mean 'Snowflake'?"),
        ("source", "Hubspot", "the server knows 'Hubspot' as a destination only; check spec.connectorType"),
        (
            "destination",
            "Lamp",
            "no destination definition 'Lamp'; its names are written by `sync-operator definitions`",
        ),
    ],
)
def test_an_unknown_name_is_explained(kind: str, name: str, words: str) -> None:
    assert words in parse_definitions(BODY).explain_absence(kind, name)
