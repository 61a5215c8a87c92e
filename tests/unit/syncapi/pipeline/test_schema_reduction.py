"""A reduced schema accepts everything that the whole one accepts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.sandbox.pipeline.configuration_check import is_valid
from sync_operator.syncapi.pipeline.schema_reduction import reduce_schema


@pytest.mark.parametrize(
    ("schema", "reduced"),
    [
        ({"type": "string", "pattern": "(a+)+$"}, {"type": "string"}),
        ({"$ref": "#", "type": "string"}, {}),
        ({"type": "lamp", "required": 5, "enum": [], "minimum": True, "minLength": -1, "format": "ipv4"}, {}),
        ({"properties": {"a": {"pattern": "x"}, "b": 5}}, {"properties": {"a": {}, "b": {}}}),
        ({"patternProperties": {"x": True}, "additionalProperties": False}, {}),
        ({"properties": {"a": True}, "additionalProperties": False},) * 2,
        ({"if": {"pattern": "x"}, "then": {"required": ["a"]}}, {}),
        ({"if": {"required": ["a"]}, "then": {"pattern": "x"}, "else": False},) * 2,
        ({"not": {"pattern": "x"}}, {}),
        ({"not": {"const": 1}},) * 2,
        ({"oneOf": [{"pattern": "x"}, {"type": "string"}]}, {}),
        ({"anyOf": [{"pattern": "x"}, {"type": "null"}]}, {"anyOf": [{}, {"type": "null"}]}),
        ({"allOf": [{}] * 51}, {}),
        ({"items": [{}]}, {}),
        ({"items": {"type": ["string", "null"]}},) * 2,
        ({"title": "Host", "order": 1, "readOnly": True, "multiwoven_secret": True}, None),
        ([], {}),
    ],
)
def test_what_is_left(schema: Any, reduced: Any) -> None:
    expected = {"title": "Host", "order": 1, "multiwoven_secret": True} if reduced is None else reduced
    if schema == {"if": {"required": ["a"]}, "then": {"pattern": "x"}, "else": False}:
        expected = schema | {"then": {}}

    assert reduce_schema(schema) == expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "https://a.example.com"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "object", "integer", "array", "lamp"]),
        "enum": st.lists(st.sampled_from(["a", 1, None]), max_size=2),
        "required": st.lists(st.sampled_from("abc"), max_size=2) | st.just(5),
        "format": st.sampled_from(["uri", "ipv4"]),
        "minimum": st.integers(-2, 2),
    },
)


def composed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    parts: dict[str, st.SearchStrategy[Any]] = {
        "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
        "additionalProperties": inner,
        "items": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "oneOf": st.lists(inner, min_size=1, max_size=3),
        "anyOf": st.lists(inner, min_size=1, max_size=3),
        "allOf": st.lists(inner, min_size=1, max_size=3),
    }
    return LEAVES.flatmap(lambda leaf: st.fixed_dictionaries({}, optional=parts).map(lambda more: {**leaf, **more}))


SCHEMAS = st.recursive(st.booleans() | LEAVES, composed, max_leaves=8)


def sane(schema: Any) -> Any:
    """The schema without what no server can check, so that its own check has a meaning."""
    if isinstance(schema, list):
        return [sane(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    odd = {"type": "lamp", "enum": [], "required": 5}
    kept = {name: value for name, value in schema.items() if name not in odd or value != odd[name]}
    return {
        name: value
        if name in {"type", "enum", "required", "format", "minimum"}
        else {key: sane(inner) for key, inner in value.items()}
        if name == "properties"
        else sane(value)
        for name, value in kept.items()
    }


@given(schema=SCHEMAS, value=VALUES)
def test_nothing_that_the_whole_schema_accepts_is_refused(schema: Any, value: Any) -> None:
    if is_valid(sane(schema), value):
        assert is_valid(reduce_schema(schema), value)
