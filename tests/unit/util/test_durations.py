from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.util.durations import format_duration, parse_duration


@given(st.integers(1, 10**7))
def test_what_is_written_can_be_read(seconds: int) -> None:
    assert parse_duration(format_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "0s", "0h0m", "5", "1d", "-1m", "1.5h", "1m1h", " 1m", "1M", "\u0661m"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"1h30m|longer"):
        parse_duration(text)


def test_zero_is_written_as_seconds() -> None:
    assert format_duration(timedelta()) == "0s"
