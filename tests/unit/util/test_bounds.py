import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.util.bounds import (
    MAX_NUMBER,
    MAX_VALUES,
    bounded_date,
    bounded_id,
    bounded_number,
    bounded_text,
    bounded_time,
    bounded_token,
    escaped,
    has_nul,
    is_too_deep,
    one_line,
    outgrown,
    texts_in,
)

ANY_TEXT = st.text(alphabet=st.characters(), max_size=200)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(ANY_TEXT, inner, max_size=5),
    max_leaves=20,
)


def nested(levels: int) -> Any:
    value: Any = "x"
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@given(JSON, st.integers(1, 50))
def test_every_value_is_a_text_within_its_limit(value: Any, limit: int) -> None:
    text = bounded_text(value, limit)
    assert len(text) <= max(limit, 30)
    assert isinstance(value, str) is False or text == value[:limit]


def test_texts_of_odd_values() -> None:
    assert bounded_number(10**5000) is None
    assert bounded_text(None) == ""
    assert bounded_text(10**5000) == ""
    assert bounded_text({"a": [1, "b"]}) == '{"a": [1, "b"]}'
    assert bounded_text([{}] * 10**6, 10) == "[{}, {}, {"
    assert bounded_text(nested(50_000)) == ""
    assert bounded_text(object()) == ""


@given(JSON)
def test_every_number_is_one_that_the_cluster_accepts(value: Any) -> None:
    number = bounded_number(value)
    assert number is None or 0 <= number <= MAX_NUMBER
    assert bounded_id(value) == (str(number) if number else None)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        ("7", 7),
        ("007", 7),
        (7.0, 7),
        (MAX_NUMBER, MAX_NUMBER),
        (MAX_NUMBER + 1, None),
        (str(MAX_NUMBER + 1), None),
        ("9" * 5000, None),
        (-1, None),
        (7.5, None),
        (math.nan, None),
        (math.inf, None),
        (1e300, None),
        (True, None),
        ("٣", None),
        ("", None),
        ([1], None),
    ],
)
def test_numbers(value: Any, number: int | None) -> None:
    assert bounded_number(value) == number


@given(JSON)
def test_every_time_can_be_reckoned_with(value: Any) -> None:
    for time in (bounded_time(value), bounded_date(value) if isinstance(value, str) else None):
        if time is not None:
            assert time - timedelta(days=3650) < time.astimezone(UTC) < time + timedelta(days=3650)


@pytest.mark.parametrize(
    "text",
    [
        "Mon, 01 Jan 2024 00:00:00 +99999999999999",
        "Mon, 01 Jan 99999 00:00:00 GMT",
        "Mon, 99 Jan 2024 99:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 01 Jan 1969 00:00:00 GMT",
        "x" * 2**20,
        "",
    ],
)
def test_a_date_that_nobody_means_is_none(text: str) -> None:
    assert bounded_date(text) is None


@pytest.mark.parametrize(
    "value", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01T00:00:00", 5, "2026" * 99]
)
def test_a_time_that_nobody_means_is_none(value: Any) -> None:
    assert bounded_time(value) is None


def test_dates_and_times() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert bounded_date("Sun, 01 Mar 2026 12:00:00 GMT") == noon
    assert bounded_time("2026-03-01T13:00:00+01:00") == noon


def test_a_long_token_is_its_hash() -> None:
    assert bounded_token("a" * 253) == "a" * 253
    long = bounded_token("a" * 2**18)
    assert long.startswith("sha256:")
    assert len(long) == 71
    assert bounded_token(long) == long


@given(ANY_TEXT)
def test_what_is_printed_prints(text: str) -> None:
    assert escaped(text).isprintable()
    assert one_line(text).isprintable()
    assert len(one_line(text, 20)) <= 20


@given(JSON)
def test_depth_is_found_without_reading(value: Any) -> None:
    document = json.dumps(value).encode()
    assert not is_too_deep(document)
    assert is_too_deep(b"[" * 65 + document + b"]" * 65)


@pytest.mark.parametrize(
    ("document", "deep"),
    [
        (json.dumps(nested(64)).encode(), False),
        (json.dumps(nested(65)).encode(), True),
        (b"[" * 500_000 + b"]" * 500_000, True),
        (b"[" * 500_000, True),
        (json.dumps(["[" * 100_000, '"' * 100, "\\"]).encode(), False),
        (json.dumps([{}] * 300_000).encode(), False),
        (b'"' + b'\\"' * 500_000, False),
    ],
)
def test_depth(document: bytes, deep: bool) -> None:
    assert is_too_deep(document) is deep


@given(JSON)
def test_a_small_value_has_not_outgrown_anything(value: Any) -> None:
    assert outgrown(value) == ""


def test_what_has_outgrown_its_bounds_is_told() -> None:
    assert outgrown(nested(60)) == ""
    assert "levels" in outgrown(nested(2000))
    assert "KiB" in outgrown({"a": "x" * 300_000})
    assert "KiB" in outgrown([["x" * 100] * 4_000])
    assert outgrown([0] * (MAX_VALUES - 1)) == ""
    assert "values" in outgrown([0] * MAX_VALUES)
    assert "values" in outgrown([{}] * 200_000)
    assert "KiB" in outgrown({"k" * 300_000: 1})
    assert "KiB" in outgrown([["\ud800" * 90_000]])


def keys_and_texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(text for inner in value.values() for text in keys_and_texts(inner))]
    if isinstance(value, list):
        return [text for inner in value for text in keys_and_texts(inner)]
    return [value] if isinstance(value, str) else []


ODD_JSON = st.recursive(
    st.none() | st.text(alphabet="\0\\x0u'\"a", max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet="\0\\x0u'", max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(JSON | ODD_JSON)
def test_a_nul_is_found_in_texts_and_keys_and_nowhere_else(value: Any) -> None:
    assert has_nul(value) is any("\0" in text for text in keys_and_texts(value))


@given(JSON)
def test_all_texts_are_found(value: Any) -> None:
    assert sorted(texts_in(["x", value, {"a": "y"}])) == sorted(["x", "y", *texts_in(value)])


def test_texts_are_found_at_any_depth() -> None:
    assert sum(1 for _ in texts_in(nested(50_000))) == 1
