"""A configuration against the schema of its definition: fields are named, values never."""

from typing import Any

import pytest

from sync_operator.domain.definitions.clear_text_secrets import clear_text_errors
from sync_operator.domain.definitions.definition_schema import MAX_ERRORS, schema_errors
from sync_operator.domain.definitions.query_types import query_type_error
from sync_operator.sandbox.pipeline.bundled_definitions import KINDS, DefinitionCatalogue
from sync_operator.syncapi.pipeline.definitions import Definition, parse_definitions

SERVER = DefinitionCatalogue()
DEFINITIONS = parse_definitions({kind: SERVER.listed(kind) for kind in KINDS})
POSTGRESQL = {
    "data_type": "structured",
    "host": "db.example.com",
    "port": "5432",
    "database": "shop",
    "schema": "public",
    "credentials": {"auth_type": "username/password", "username": "reader", "password": "planted"},
}
MISSING_SECRET = (
    "spec.configuration.credentials.password: is missing, and definition Postgresql requires it; name its Secret in "
    "spec.configurationSecrets"
)


def definition(name: str, kind: str = "source") -> Definition:
    found = DEFINITIONS.get(kind, name)
    assert found is not None
    return found


def told(schema: Any, configuration: Any, *unknown: str) -> list[str]:
    """The messages about a configuration."""
    errors = schema_errors(Definition("source", "Lamp", schema=schema), configuration, unknown)
    return [str(error) for error in errors]


def test_what_the_server_accepts_is_accepted() -> None:
    assert schema_errors(definition("Postgresql"), POSTGRESQL | {"more": {"of": "this"}}) == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"port": 5432}, "spec.configuration.port: must be a string; put it in quotes"),
        ({"port": None}, "spec.configuration.port: must be a string"),
        ({"data_type": "odd"}, "spec.configuration.data_type: must be one of 'structured', 'vector'"),
        ({"credentials": "planted"}, "spec.configuration.credentials: must be an object"),
        (
            {"credentials": {"auth_type": "x", "username": "y"}},
            MISSING_SECRET,
        ),
    ],
)
def test_the_field_is_named(change: dict[str, Any], message: str) -> None:
    assert [str(error) for error in schema_errors(definition("Postgresql"), POSTGRESQL | change)] == [message]


def test_a_condition_demands_what_its_branch_demands() -> None:
    by_role = schema_errors(definition("AmazonS3"), {"auth_type": "role", "region": "r", "bucket": "b"})

    assert [error.field for error in by_role] == ["spec.configuration.arn", "spec.configuration.external_id"]


@pytest.mark.parametrize(
    ("schema", "value", "words"),
    [
        ({"const": "a"}, "planted", "must be 'a'"),
        ({"enum": list(range(14))}, "planted", "must be one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 or 2 others"),
        ({"minimum": 3}, 2, "must be at least 3"),
        ({"exclusiveMaximum": 3}, 3, "must be less than 3"),
        ({"maxLength": 3}, "planted", "must have at most 3 characters"),
        ({"minItems": 1}, [], "must have at least 1 entries"),
        ({"maxProperties": 0}, {"planted": 1}, "must have at most 0 keys"),
        ({"format": "uri"}, "planted", "must be a URL with its scheme, such as https://example.com/path"),
        ({"format": "email"}, "planted", "must be an e-mail address"),
        ({"type": ["integer", "null"]}, "planted", "must be a whole number or null"),
        ({"oneOf": [{"type": "string"}, {"const": "planted"}]}, "planted", "fits none of the forms, or more than one"),
        ({"not": {"const": "planted"}}, "planted", "fits none of the forms"),
    ],
)
def test_each_keyword_has_words_without_the_value(schema: Any, value: Any, words: str) -> None:
    [message] = told({"properties": {"a": schema}}, {"a": value})

    assert message.startswith(f"spec.configuration.a: {words}")
    assert "planted" not in message


def test_unknown_keys_are_named_where_a_definition_allows_none() -> None:
    schema = {"properties": {"a": True}, "additionalProperties": False}

    assert told(schema, {"a": 1, "b": 2}) == ["spec.configuration.b: is not known to definition Lamp; remove it"]
    typed = {"additionalProperties": {"type": "string"}}
    assert told(typed, {"b": 2}) == ["spec.configuration.b: must be a string; put it in quotes"]


def test_nulls_inside_lists_are_not_there_for_the_server() -> None:
    assert told({"properties": {"a": {"items": {"type": "string"}, "maxItems": 1}}}, {"a": ["x", None]}) == []


def test_of_a_value_that_is_not_known_only_its_type_is() -> None:
    schema = {
        "properties": {
            "a": {"type": "string", "format": "uri", "enum": ["x"]},
            "b": {"items": [], "properties": {"c/d": {"type": "integer"}}},
        }
    }

    assert told(schema, {"a": "?", "b": {"c/d": "?"}}, "/a", "/b/c~1d") == [
        "spec.configuration.b[c/d]: must be a whole number"
    ]


def test_so_many_errors_and_no_more_are_told() -> None:
    schema = {"required": [f"field_{number}" for number in range(50)]}

    assert len(told(schema, {})) == MAX_ERRORS


def test_a_check_that_takes_too_much_work_ends_without_a_word() -> None:
    schema = {"properties": {"a": {"items": {"allOf": [{"type": "string"}] * 50}}}}

    assert told(schema, {"a": ["x"] * 8000 + [1]}) == []
    assert len(told(schema, {"a": ["x"] * 20 + [1]})) == 1


def test_texts_of_a_server_stay_short_and_on_one_line() -> None:
    message = str(*told({"required": ["a\nb" * 1000], "properties": {}}, {}))

    assert "\n" not in message
    assert len(message) < 600
    assert len(str(*told({"properties": {"a": {"const": "x\n" * 1000}}}, {"a": 1}))) < 300


def test_secrets_in_clear_text_are_named_by_the_bare_name_of_their_key() -> None:
    extra = POSTGRESQL | {"list": [{"password": {"deep": "planted"}}], "password": ""}

    errors = list(clear_text_errors(definition("Postgresql"), extra, ()))

    assert [error.field for error in errors] == [
        "spec.configuration.credentials.password",
        "spec.configuration.list[0].password",
    ]
    assert "with pointer /credentials/password" in str(errors[0])
    assert "planted" not in "".join(map(str, errors))


@pytest.mark.parametrize("value", ["ENV['DB_PASSWORD']", 'ENV["DB_PASSWORD"]', "", None])
def test_what_holds_no_secret_may_stand_there(value: Any) -> None:
    credentials = POSTGRESQL["credentials"] | {"password": value}  # type: ignore[operator]

    assert list(clear_text_errors(definition("Postgresql"), {"credentials": credentials}, ())) == []


def test_what_a_secret_replaces_is_not_in_clear_text() -> None:
    assert list(clear_text_errors(definition("Postgresql"), POSTGRESQL, ["/credentials/password"])) == []
    odd = Definition("source", "Lamp", secret_names=frozenset({"a/b~c"}))
    assert list(clear_text_errors(odd, {"a/b~c": "x"}, ["/a~1b~0c"])) == []


@pytest.mark.parametrize(
    ("query_type", "wanted", "words"),
    [
        ("raw_sql", "dbt", None),
        ("raw_sql", "table_selector", None),
        ("raw_sql", "soql", "spec.queryType: must be raw_sql or dbt or table_selector for a source of definition Lamp"),
        ("soql", "raw_sql", "spec.queryType: must be soql for a source of definition Lamp"),
        ("ai_ml", "raw_sql", "spec.connectorRef: sources of definition Lamp have no rows that a sync can send"),
        ("new_type", "raw_sql", None),
    ],
)
def test_query_types_have_to_fit(query_type: str, wanted: str, words: str | None) -> None:
    error = query_type_error(Definition("source", "Lamp", query_type=query_type), wanted)

    assert error is None if words is None else str(error).startswith(words)
