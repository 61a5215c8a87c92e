"""The sandbox's check of configurations: keywords of JSON schema, and formats as in the gem json_schemer 0.2."""

from typing import Any

import pytest

from sync_operator.sandbox.pipeline.configuration_check import is_valid


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"type": "integer"}, [1, 1.0, -3], [True, 1.5, "1", None]),
        ({"type": "number"}, [1, 1.5], [False, "1"]),
        ({"type": ["string", "null"]}, ["", None], [1, []]),
        ({"type": "array", "items": {"type": "string"}}, [[], ["a"]], [[1], {}]),
        ({"enum": [1, "a"]}, [1, 1.0, "a"], [True, "A", None]),
        ({"const": {"a": [1]}}, [{"a": [1.0]}], [{"a": [True]}, {"a": [1], "b": 2}]),
        ({"required": ["a"]}, [{"a": None}, "text"], [{}]),
        ({"properties": {"a": {"type": "string"}}}, [{}, {"a": ""}, {"b": 1}, 3], [{"a": 1}]),
        ({"properties": {"a": True}, "additionalProperties": {"type": "string"}}, [{"a": 1, "b": ""}, 3], [{"b": 1}]),
        ({"oneOf": [{"const": "a"}, {"type": "string", "enum": ["a", "b"]}]}, ["b"], ["a", "c"]),
        ({"anyOf": [{"type": "string"}, {"minimum": 3}]}, ["a", 3], [2]),
        ({"allOf": [{"minimum": 3}, {"maximum": 4}]}, [3, 4, "text"], [2, 5]),
        ({"if": {"required": ["a"]}, "then": {"required": ["b"]}}, [{}, {"a": 1, "b": 1}], [{"a": 1}]),
        ({"if": {"required": ["a"]}, "else": {"required": ["b"]}}, [{"a": 1}, {"b": 1}], [{}]),
        ({"title": "anything", "format": "odd"}, [1, None, "x"], []),
    ],
)
def test_words_of_a_schema(schema: Any, right: list[Any], wrong: list[Any]) -> None:
    assert [value for value in right if not is_valid(schema, value)] == []
    assert [value for value in wrong if is_valid(schema, value)] == []


def test_a_schema_may_be_a_boolean() -> None:
    assert (is_valid(True, 1), is_valid(False, 1)) == (True, False)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("https://example.com/a?b=c d", False),
        ("https://example.com/a?b={c}|d", True),
        ("https://example.com/a#b", True),
        ("https://example.com/a#b#c", False),
        ("https://example.com/a b", False),
        ("https://", True),
        ("mailto:a@example.com", True),
        ("urn:a:b?c d", False),
        ("https://user:pass@example.com:80/", True),
        ("https://[::1]:80/", True),
        ("https://[v1.a]/", True),
        ("https://[::1%25eth0]/", False),
        ("https://[nothing]/", False),
        ("https://exämple.com/", False),
        ("https://example.com:port/", False),
        ("example.com", False),
        ("/only/a/path", False),
        ("1http://example.com", False),
        ("https://example.com/%zz", False),
        ("https://example.com/\n", False),
        ("", False),
    ],
)
def test_a_uri(text: str, right: bool) -> None:
    assert is_valid({"format": "uri"}, text) is right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("a@example.com", True),
        ("a.b+c@sub.example.com", True),
        ("a@example", False),
        ("a@example.c", False),
        ("a b@example.com", False),
        ("a@b@example.com", False),
        ("ä@example.com", False),
        ("a@exa_mple.com", False),
        ("a@example.com\n", False),
        ("@example.com", False),
    ],
)
def test_an_email_address(text: str, right: bool) -> None:
    assert is_valid({"format": "email"}, text) is right
