"""What is told of drift: the place and both values, bounded, and nothing that is secret."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.configurations import ITEMS, WORDS, changed

from sync_operator.domain.registration.json_pointer import with_secrets
from sync_operator.domain.sync.sync_fields import SYNC_FIELDS
from sync_operator.sandbox.routes.request_validation import permitted_fields

PLANTED = st.integers(10**6, 10**7).map(lambda number: f"planted{number}")
SECRET_KEYS = st.sampled_from(
    ["api_key", "apiKey", "client_secret", "SecretName", "authToken", "PASSWORD", "credentials", "primary-key"]
)
PLACES = ["/0/from", "/0/value", "/1/to", "/2/embedding_config/api_key", "/0/embedding_config/model", "/3/template"]


@given(
    st.lists(ITEMS | WORDS, min_size=4, max_size=5),
    st.lists(st.sampled_from(PLACES), min_size=1, max_size=3, unique=True),
    st.data(),
)
def test_values_of_secrets_are_never_shown_wherever_people_move_them(
    items: list[Any], pointers: list[str], data: st.DataObject
) -> None:
    for index in (0, 1, 2, 3):
        items[index] = {"from": "a"} if isinstance(items[index], str) else items[index]
        items[index]["embedding_config"] = {"mode": "b"}
    items.insert(data.draw(st.integers(4, len(items))), "dropped by the server")
    secrets = {pointer: data.draw(PLANTED) for pointer in pointers}
    body = {"configuration": with_secrets(items, secrets)}
    theirs = body["configuration"]
    for _ in range(data.draw(st.integers(1, 3))):
        theirs = changed(theirs, data)
    attributes = permitted_fields({"configuration": theirs}, create=True, dialect="multiwoven")

    lines = SYNC_FIELDS.drift_lines(body, attributes, SYNC_FIELDS.differing(body, attributes), secrets=secrets)

    assert "planted" not in "".join(lines)


def test_a_secret_is_known_behind_items_that_the_server_drops() -> None:
    body = {"configuration": ["dropped", {"to": "a", "value": "planted"}]}
    attributes = {"configuration": [{"to": "a", "value": "theirs"}]}

    lines = SYNC_FIELDS.drift_lines(body, attributes, ["configuration"], secrets={"/1/value": "planted"})

    assert lines == ("configuration/0/value: (hidden) → (hidden)",)


def test_a_secret_is_known_when_an_item_before_it_is_new() -> None:
    body = {"configuration": [{"value": "planted"}, {"to": "b"}]}
    attributes = {"configuration": [{"to": "new"}, {"value": "planted"}, {"to": "b"}]}

    lines = SYNC_FIELDS.drift_lines(body, attributes, ["configuration"], secrets={"/0/value": "planted"})

    assert "configuration/1/value: (none) → (hidden)" in lines
    assert "planted" not in "".join(lines)


def test_a_secret_is_known_under_another_key_and_inside_a_text() -> None:
    body = {"configuration": {"a": "planted"}}
    attributes = {"configuration": {"b": "planted", "c": "Basic planted"}}

    lines = SYNC_FIELDS.drift_lines(body, attributes, ["configuration"], secrets={"/a": "planted"})

    assert "planted" not in "".join(lines)


@given(st.lists(WORDS | st.just("0"), max_size=2), SECRET_KEYS, st.lists(WORDS, max_size=1), PLANTED, PLANTED)
def test_values_under_secret_like_keys_are_never_shown(
    before: list[str], key: str, after: list[str], old: str, new: str
) -> None:
    def nested(value: str) -> Any:
        inner: Any = value
        for part in reversed([*before, key, *after]):
            inner = {part: inner}
        return inner

    for ours, theirs in ((old, None), (None, new), (old, new)):
        body, attributes = ({"configuration": nested(value) if value else {}} for value in (ours, theirs))
        lines = SYNC_FIELDS.drift_lines(body, attributes, ["configuration"])
        assert "planted" not in "".join(lines)
    assert [key in line for line in lines] == ([True] if old != new else [])


def test_lines_are_bounded_whatever_people_write() -> None:
    body = {"configuration": {f"column{number}": "a" for number in range(40)}, "stream_name": "s" * 5000}
    attributes = {"configuration": {"k" * 5000: "v" * 5000, "new\nline": "a\tb"}, "stream_name": "t" * 5000}

    lines = SYNC_FIELDS.drift_lines(body, attributes, ["configuration", "stream_name"])

    assert len(lines) == 17
    assert lines[-1] == "and 27 more"
    for line in SYNC_FIELDS.drift_lines({"configuration": {}}, attributes, ["configuration", "stream_name"]):
        assert len(line) < 512
        assert line.isprintable()


@pytest.mark.parametrize(
    ("ours", "theirs", "line"),
    [
        ({"a": 1}, {"a": 2}, "configuration/a: 1 → 2"),
        ({"a": True}, {"a": 1}, "configuration/a: true → 1"),
        ({"a": "x"}, {}, "configuration/a: x → (none)"),
        ({"a": ""}, {"a": [1, 2]}, "configuration/a: '' → (2 entries)"),
        ({"a/b": {"c~d": 1}}, {"a/b": {"c~d": 2}}, "configuration/a~1b/c~0d: 1 → 2"),
        ([{"to": "a"}], [{"to": "a"}, {"to": "b"}], "configuration/1: (none) → (1 entries)"),
        ([{"to": "a"}], {"to": "a"}, "configuration: (1 entries) → (1 entries)"),
        ([{"to": "a"}], [{"to": "token=abc"}], "configuration/0/to: a → [redacted]"),
    ],
)
def test_a_line_names_the_place_and_both_values(ours: Any, theirs: Any, line: str) -> None:
    assert SYNC_FIELDS.drift_lines({"configuration": ours}, {"configuration": theirs}, ["configuration"]) == (line,)
