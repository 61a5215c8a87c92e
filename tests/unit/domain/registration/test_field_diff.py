"""Against `permitted_fields` of the sandbox: a model of what the server stores, apart from the code under test."""

import json
import random
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.configurations import CONFIGURATIONS, JSON, changed

from sync_operator.domain.registration.field_diff import same_value
from sync_operator.domain.sync.sync_fields import SYNC_FIELDS
from sync_operator.sandbox.routes.request_validation import permitted_fields
from sync_operator.syncapi.parsing import parse_sync
from sync_operator.util.field_names import camel

IDS = st.integers(1, 2**63 - 1)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
BODIES = st.fixed_dictionaries(
    {
        "source_id": IDS,
        "destination_id": IDS,
        "model_id": IDS,
        "schedule_type": st.sampled_from(["manual", "interval", "cron_expression", "automated"]),
        "configuration": CONFIGURATIONS,
        "stream_name": TEXT,
        "sync_mode": st.sampled_from(["full_refresh", "incremental"]),
    },
    optional={
        "sync_interval": st.integers(1, 5_256_000),
        "sync_interval_unit": st.sampled_from(["minutes", "hours", "days", "weeks"]),
        "cron_expression": st.sampled_from(["0 6 * * *", "@daily"]),
        "cursor_field": TEXT,
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
    sync = parse_sync({"data": {"id": "1", "type": "syncs", "attributes": told}})
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
    return meaning(
        permitted_fields({"configuration": configuration}, create=True, dialect="multiwoven")["configuration"]
    )


@given(BODIES, DIALECTS, st.randoms(use_true_random=False))
def test_what_we_wrote_and_the_server_stored_is_never_drift(
    body: dict[str, Any], dialect: str, chance: random.Random
) -> None:
    attributes = answered(permitted_fields(body, create=True, dialect=dialect), chance)

    assert SYNC_FIELDS.differing(body, attributes) == ()
    assert SYNC_FIELDS.differing(body, attributes, names=SYNC_FIELDS.fixed) == ()


@given(BODIES, BODIES, DIALECTS, st.randoms(use_true_random=False))
def test_an_update_that_was_taken_leaves_no_drift_but_the_cursor(
    before: dict[str, Any], body: dict[str, Any], dialect: str, chance: random.Random
) -> None:
    stored = permitted_fields(before, create=True, dialect=dialect) | permitted_fields(
        body, create=False, dialect=dialect
    )

    left = SYNC_FIELDS.differing(body, answered(stored, chance))

    kept = before.get("cursor_field") == body.get("cursor_field") or "cursor_field" not in body
    assert left == (() if kept else ("cursor_field",))


@given(BODIES, BODIES, st.sampled_from(PLAIN), st.randoms(use_true_random=False))
def test_every_plain_field_that_a_person_changes_is_drift_and_named(
    body: dict[str, Any], other: dict[str, Any], name: str, chance: random.Random
) -> None:
    stored = permitted_fields(body, create=True, dialect="multiwoven")
    attributes = answered(stored | permitted_fields({name: other[name]}, create=False, dialect="documented"), chance)

    found = SYNC_FIELDS.differing(body, attributes)

    changed = body[name] != other[name]
    assert (name in found) is changed
    lines = SYNC_FIELDS.drift_lines(body, attributes, found)
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

    assert SYNC_FIELDS.differing(body, body | {name: new}) == (name,)
    assert SYNC_FIELDS.drift_lines(body, body | {name: new}, [name]) == (f"{camel(name)}: {old} → {new or '(none)'}",)


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

    assert SYNC_FIELDS.differing(body, body | {name: None}) == ()


def test_a_fixed_field_that_was_not_written_differs_from_a_value() -> None:
    assert SYNC_FIELDS.differing({}, {"cursor_field": "at"}) == ()
    assert SYNC_FIELDS.differing({}, {"cursor_field": "at"}, names=SYNC_FIELDS.fixed) == ("cursor_field",)
    assert SYNC_FIELDS.differing({"cursor_field": "at"}, {}, names=SYNC_FIELDS.fixed) == ()


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
    attributes = answered(permitted_fields({"configuration": theirs}, create=True, dialect="multiwoven"), chance)

    found = SYNC_FIELDS.differing(body, attributes)
    lines = SYNC_FIELDS.drift_lines(body, attributes, found)

    assert bool(found) is (meant(ours) != meant(theirs))
    assert bool(lines) is bool(found)
    assert len(lines) <= 17
    for line in lines:
        assert not set("{}[]") & set(line), "no whole list or object is shown"


@pytest.mark.parametrize("mode", [[], {}, ["a"], {"a": 1}])
@given(st.randoms(use_true_random=False))
def test_a_nested_value_in_an_embedding_is_dropped_on_both_sides(mode: Any, chance: random.Random) -> None:
    check_configurations([{"embedding_config": {"mode": None}}], [{"embedding_config": {"mode": mode}}], chance)


@given(JSON, JSON, st.randoms(use_true_random=False))
def test_same_value_is_an_equality_by_meaning(one: Any, other: Any, chance: random.Random) -> None:
    assert same_value(one, _told(one, chance))
    assert same_value(one, other) is same_value(other, one) is (meaning(one) == meaning(other))


@pytest.mark.parametrize(
    ("sent", "stored", "same"),
    [
        (1e21, 10**21, True),
        (1e23, 10**23, True),
        (1.2345678901234568e22, 12345678901234568000000, True),
        (1e23, 10**23 + 10**8, False),
        (1e308, 10**309, False),
        (1.5, 1, False),
        (2**53 + 1, 2**53, False),
        (float(2**53), 2**53, True),
    ],
)
def test_numbers_are_the_same_as_the_database_writes_them(sent: float, stored: float, same: bool) -> None:
    assert same_value({"a": [sent]}, {"a": [stored]}) is same
    assert same_value(stored, sent) is same
