from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.domain.registration.json_pointer import with_secrets
from sync_operator.errors import InvalidSpecError

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
KEYS = st.sampled_from(["", "/", "~", "~1", "0", "01", "-", "a/b", "m~n", " "]) | st.text(max_size=4)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
CONFIGURATIONS = st.lists(JSON, max_size=4) | st.dictionaries(KEYS, JSON, max_size=4)


def pointer(path: tuple[str | int, ...]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of everything in a value, the value itself apart."""
    entries: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        entries = list(value.items())
    elif isinstance(value, list):
        entries = list(enumerate(value))
    return [place for key, inner in entries for place in [(*path, key), *places(inner, (*path, key))]]


def put(value: Any, path: tuple[str | int, ...], new: str) -> Any:
    """The value with another one at a path, made the slow way."""
    if not path:
        return new
    result = deepcopy(value)
    result[path[0]] = put(result[path[0]], path[1:], new) if len(path) > 1 else new
    return result


@given(st.data(), CONFIGURATIONS.filter(places))
def test_a_value_goes_exactly_where_the_pointer_says(data: st.DataObject, configuration: Any) -> None:
    path = data.draw(st.sampled_from(places(configuration)))
    before = deepcopy(configuration)

    sent = with_secrets(configuration, {pointer(path): "planted"})

    assert sent == put(before, path, "planted")
    assert configuration == before


@given(CONFIGURATIONS, st.text(max_size=4))
def test_the_last_part_may_be_new_in_an_object(configuration: Any, key: str) -> None:
    sent = with_secrets({"held": configuration}, {pointer((key,)): "planted"})

    assert sent == {"held": configuration} | {key: "planted"}


@pytest.mark.parametrize(
    ("wrong", "configuration"),
    [
        ("/1", [{"a": 1}]),
        ("/-", [{"a": 1}]),
        ("/-1", [{"a": 1}]),
        ("/00", [{"a": 1}]),
        ("/+0", [{"a": 1}]),
        ("/\u0660", [{"a": 1}]),
        ("/00/a", [{"a": 1}]),
        ("/a", [{"a": 1}]),
        ("/0/a/b", [{"a": 1}]),
        ("/b/c", {"a": {}}),
        ("/a/b", {"a": "text"}),
        ("/a/b", {"a": None}),
    ],
)
def test_a_pointer_that_leads_nowhere_names_its_entry(wrong: str, configuration: Any) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        with_secrets({"x": 0, "in": configuration}, {"/x": "planted", f"/in{wrong}": "another"})

    assert refused.value.field == "spec.configurationSecrets[1].pointer"
    assert repr(f"/in{wrong}") in str(refused.value)
    assert "planted" not in str(refused.value)
    assert "another" not in str(refused.value)


def test_the_examples_of_the_standard() -> None:
    document = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7}
    document["m~n"] = 8
    wanted = ["/foo", "/", "/a~1b", "/c%d", "/e^f", "/g|h", "/i\\j", '/k"l', "/ ", "/m~0n"]

    assert with_secrets(document, dict.fromkeys(wanted, "x")) == dict.fromkeys(document, "x")
    assert with_secrets(document, {"/foo/0": "x"})["foo"] == ["x", "baz"]
