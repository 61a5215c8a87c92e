"""Against `permitted` of the sandbox: a model of what the server stores, written apart from the code under test."""

import json
import random
from collections.abc import Mapping
from copy import deepcopy
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.decide.diff import FIXED, camel, differing_fields, drift_lines, same_value
from sync_operator.decide.pointers import with_secrets
from sync_operator.remote.read import read_sync
from sync_operator.sandbox.validate import permitted

WORDS = st.text("abyz_", max_size=6)
SCALARS = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(-1e9, 1e9) | WORDS
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6
)
ITEM_KEYS = st.sampled_from(
    ["from", "to", "mapping_type", "value", "value_type", "template", "field_type", "hide_embedding", "unknown"]
)
EMBEDDINGS = st.dictionaries(st.sampled_from(["mode", "model", "api_key", "unknown"]), SCALARS, max_size=3)
ITEMS = st.builds(
    lambda plain, embedding: plain | ({} if embedding is None else {"embedding_config": embedding}),
    st.dictionaries(ITEM_KEYS, SCALARS | st.lists(SCALARS, max_size=1), max_size=4),
    st.none() | EMBEDDINGS | WORDS,
)
CONFIGURATIONS = st.lists(ITEMS | JSON, max_size=4) | st.dictionaries(WORDS, JSON, max_size=4)
IDS = st.integers(1, 2**63 - 1)
BODIES = st.fixed_dictionaries(
    {
        "source_id": IDS,
        "destination_id": IDS,
        "model_id": IDS,
        "schedule_type": st.sampled_from(["manual", "interval", "cron_expression", "automated"]),
        "configuration": CONFIGURATIONS,
        "stream_name": st.text(min_size=1, max_size=8),
        "sync_mode": st.sampled_from(["full_refresh", "incremental"]),
    },
    optional={
        "sync_interval": st.integers(1, 5_256_000),
        "sync_interval_unit": st.sampled_from(["minutes", "hours", "days", "weeks"]),
        "cron_expression": st.sampled_from(["0 6 * * *", "@daily"]),
        "cursor_field": st.text(min_size=1, max_size=8),
    },
)
PLAIN = ["source_id", "destination_id", "model_id", "schedule_type", "stream_name", "sync_mode"]
DIALECTS = st.sampled_from(["multiwoven", "documented"])


def answered(stored: Mapping[str, Any], chance: random.Random) -> Mapping[str, Any]:
    """Attributes as the client reads them from an answer about what is stored."""
    told = _told(json.loads(json.dumps(stored)), chance)
    for name in ("source_id", "destination_id", "model_id", "sync_interval"):
        if isinstance(told.get(name), int) and chance.random() < 0.5:
            told[name] = str(told[name])
    for name in ("sync_interval", "sync_interval_unit", "cron_expression", "cursor_field"):
        told.setdefault(name, None)
    told |= {"status": "healthy", "current_cursor_field": "2026", "source": {"id": 1}, "updated_at": "now"}
    sync = read_sync({"data": {"id": "1", "type": "syncs", "attributes": told}})
    assert sync is not None
    return sync.attributes


def _told(value: Any, chance: random.Random) -> Any:
    """The same by meaning: keys in another order, whole numbers as floats, no nulls in lists (Rails drops them)."""
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: _told(value[key], chance) for key in keys if value[key] is not None or chance.random() < 0.5}
    if isinstance(value, list):
        return [_told(item, chance) for item in value if item is not None]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53 and chance.random() < 0.5:
        return float(value)
    return value


def meaning(value: Any) -> Any:
    """What a value says, in one form of its own kind."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return (type(value).__name__, value)
    if isinstance(value, int | float):
        return ("number", Fraction(value))
    if isinstance(value, list):
        return ("list", tuple(meaning(item) for item in value if item is not None))
    return ("object", frozenset((key, meaning(item)) for key, item in value.items() if item is not None))


def meant(configuration: Any) -> Any:
    return meaning(permitted({"configuration": configuration}, create=True, dialect="multiwoven")["configuration"])


@given(BODIES, DIALECTS, st.randoms(use_true_random=False))
def test_what_we_wrote_and_the_server_stored_is_never_drift(
    body: dict[str, Any], dialect: str, chance: random.Random
) -> None:
    attributes = answered(permitted(body, create=True, dialect=dialect), chance)

    assert differing_fields(body, attributes) == ()
    assert differing_fields(body, attributes, names=FIXED) == ()


@given(BODIES, BODIES, DIALECTS, st.randoms(use_true_random=False))
def test_an_update_that_was_taken_leaves_no_drift_but_the_cursor(
    before: dict[str, Any], body: dict[str, Any], dialect: str, chance: random.Random
) -> None:
    stored = permitted(before, create=True, dialect=dialect) | permitted(body, create=False, dialect=dialect)

    left = differing_fields(body, answered(stored, chance))

    kept = before.get("cursor_field") == body.get("cursor_field") or "cursor_field" not in body
    assert left == (() if kept else ("cursor_field",))


@given(BODIES, BODIES, st.sampled_from(PLAIN), st.randoms(use_true_random=False))
def test_every_plain_field_that_a_person_changes_is_drift_and_named(
    body: dict[str, Any], other: dict[str, Any], name: str, chance: random.Random
) -> None:
    stored = permitted(body, create=True, dialect="multiwoven")
    attributes = answered(stored | permitted({name: other[name]}, create=False, dialect="documented"), chance)

    found = differing_fields(body, attributes)

    changed = body[name] != other[name]
    assert (name in found) is changed
    lines = drift_lines(body, attributes, found)
    assert any(line.startswith(f"{camel(name)}: ") for line in lines) is changed


@pytest.mark.parametrize(
    ("kind", "name", "old", "new"),
    [
        ("interval", "sync_interval", 30, 31),
        ("interval", "sync_interval", 30, "300"),
        ("interval", "sync_interval", 30, None),
        ("interval", "sync_interval_unit", "hours", "days"),
        ("interval", "sync_interval_unit", "hours", None),
        ("cron_expression", "cron_expression", "0 1 * * *", "0 2 * * *"),
        ("cron_expression", "cron_expression", "0 1 * * *", None),
        ("automated", "sync_interval", 30, None),
        ("automated", "cron_expression", "0 1 * * *", None),
        ("manual", "sync_interval", 30, -5),
        ("manual", "sync_interval_unit", "hours", "days"),
        ("manual", "cron_expression", "0 1 * * *", "zzz"),
        ("interval", "cron_expression", "0 1 * * *", "0 2 * * *"),
        ("cron_expression", "sync_interval", 30, 5),
    ],
)
def test_every_schedule_field_that_was_written_and_changed_is_drift(kind: str, name: str, old: Any, new: Any) -> None:
    body = {"schedule_type": kind, name: old}

    assert differing_fields(body, body | {name: new}) == (name,)
    assert drift_lines(body, body | {name: new}, [name]) == (f"{camel(name)}: {old} → {new or '(none)'}",)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("manual", "sync_interval"),
        ("manual", "sync_interval_unit"),
        ("manual", "cron_expression"),
        ("interval", "cron_expression"),
        ("cron_expression", "sync_interval"),
        ("cron_expression", "sync_interval_unit"),
    ],
)
def test_what_the_schedule_type_empties_is_no_drift(kind: str, name: str) -> None:
    body = {"schedule_type": kind, name: "as written"}

    assert differing_fields(body, body | {name: None}) == ()


def test_a_fixed_field_that_was_not_written_differs_from_a_value() -> None:
    assert differing_fields({}, {"cursor_field": "at"}) == ()
    assert differing_fields({}, {"cursor_field": "at"}, names=FIXED) == ("cursor_field",)
    assert differing_fields({"cursor_field": "at"}, {}, names=FIXED) == ()


@given(CONFIGURATIONS, CONFIGURATIONS, st.randoms(use_true_random=False))
def test_configurations_differ_exactly_when_they_mean_something_else(
    ours: Any, theirs: Any, chance: random.Random
) -> None:
    check_configurations(ours, theirs, chance)


@given(CONFIGURATIONS.filter(bool), st.data(), st.randoms(use_true_random=False))
def test_a_person_changes_a_configuration_in_one_place(ours: Any, data: st.DataObject, chance: random.Random) -> None:
    check_configurations(ours, changed(ours, data), chance)


def check_configurations(ours: Any, theirs: Any, chance: random.Random) -> None:
    body = {"configuration": ours}
    attributes = answered(permitted({"configuration": theirs}, create=True, dialect="multiwoven"), chance)

    found = differing_fields(body, attributes)
    lines = drift_lines(body, attributes, found)

    assert bool(found) is (meant(ours) != meant(theirs))
    assert bool(lines) is bool(found)
    check_lines(lines)


def check_lines(lines: tuple[str, ...]) -> None:
    assert len(lines) <= 17
    for line in lines:
        assert len(line) < 512
        assert line.isprintable()
        assert not set("{}[]") & set(line), "no whole list or object is shown"


def changed(value: Any, data: st.DataObject) -> Any:
    """The value with something in it replaced, added or taken out."""
    value = deepcopy(value)
    if isinstance(value, dict):
        key = data.draw(st.sampled_from(sorted(value)) if value else WORDS)
        deed = data.draw(st.sampled_from(["replace", "remove", "add", "within"]))
        if deed == "within" and key in value:
            value[key] = changed(value[key], data)
        elif deed == "remove":
            value.pop(key, None)
        else:
            value[key if deed == "replace" else data.draw(WORDS)] = data.draw(JSON)
        return value
    if isinstance(value, list):
        place = data.draw(st.integers(0, len(value)))
        deed = data.draw(st.sampled_from(["within", "remove", "insert", "reverse"]))
        if deed == "reverse":
            value.reverse()
        elif deed == "insert" or place == len(value):
            value.insert(place, data.draw(ITEMS))
        elif deed == "remove":
            del value[place]
        else:
            value[place] = changed(value[place], data)
        return value
    return data.draw(JSON)


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
    attributes = permitted({"configuration": theirs}, create=True, dialect="multiwoven")

    lines = drift_lines(body, attributes, differing_fields(body, attributes), secrets=secrets)

    assert "planted" not in "".join(lines)


def test_a_secret_is_known_behind_items_that_the_server_drops() -> None:
    body = {"configuration": ["dropped", {"to": "a", "value": "planted"}]}
    attributes = {"configuration": [{"to": "a", "value": "theirs"}]}

    lines = drift_lines(body, attributes, ["configuration"], secrets={"/1/value": "planted"})

    assert lines == ("configuration/0/value: (hidden) → (hidden)",)


def test_a_secret_is_known_when_an_item_before_it_is_new() -> None:
    body = {"configuration": [{"value": "planted"}, {"to": "b"}]}
    attributes = {"configuration": [{"to": "new"}, {"value": "planted"}, {"to": "b"}]}

    lines = drift_lines(body, attributes, ["configuration"], secrets={"/0/value": "planted"})

    assert "configuration/1/value: (none) → (hidden)" in lines
    assert "planted" not in "".join(lines)


def test_a_secret_is_known_under_another_key_and_inside_a_text() -> None:
    body = {"configuration": {"a": "planted"}}
    attributes = {"configuration": {"b": "planted", "c": "Basic planted"}}

    lines = drift_lines(body, attributes, ["configuration"], secrets={"/a": "planted"})

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
        lines = drift_lines(body, attributes, ["configuration"])
        assert "planted" not in "".join(lines)
    assert [key in line for line in lines] == ([True] if old != new else [])


def test_lines_are_bounded_whatever_people_write() -> None:
    body = {"configuration": {f"column{number}": "a" for number in range(40)}, "stream_name": "s" * 5000}
    attributes = {"configuration": {"k" * 5000: "v" * 5000, "new\nline": "a\tb"}, "stream_name": "t" * 5000}

    lines = drift_lines(body, attributes, ["configuration", "stream_name"])

    assert len(lines) == 17
    assert lines[-1] == "and 27 more"
    check_lines(drift_lines({"configuration": {}}, attributes, ["configuration", "stream_name"]))


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
    assert drift_lines({"configuration": ours}, {"configuration": theirs}, ["configuration"]) == (line,)


@given(JSON, JSON, st.randoms(use_true_random=False))
def test_same_value_is_an_equality_by_meaning(one: Any, other: Any, chance: random.Random) -> None:
    assert same_value(one, _told(one, chance))
    assert same_value(one, other) is same_value(other, one) is (meaning(one) == meaning(other))
