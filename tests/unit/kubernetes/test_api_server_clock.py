"""The time of day, put right by what the API server's answers tell."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from sync_operator.kubernetes.api_server_clock import ClusterClock

NOW = datetime(2026, 2, 1, 12, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def corrected(seconds: float, *, took: float = 0.1) -> float:
    """Seconds by which the clock is put right after an answer of a server whose clock is that far ahead."""
    clock = ClusterClock(lambda: NOW)
    told = (NOW + (took / 2 + seconds) * SECOND).replace(microsecond=0)
    clock.observe(format_datetime(told, usegmt=True), NOW, NOW + took * SECOND)
    return (clock() - NOW).total_seconds()


@pytest.mark.parametrize("seconds", [0, 5, -5, 9])
def test_what_clocks_usually_differ_by_is_left(seconds: float) -> None:
    assert corrected(seconds) == 0


@pytest.mark.parametrize("seconds", [30, -30, 300, -86_400])
def test_a_clock_that_is_wrong_is_put_right(seconds: float) -> None:
    assert corrected(seconds) == pytest.approx(seconds, abs=1)


def test_a_slow_answer_may_explain_the_difference() -> None:
    assert corrected(20, took=40) == 0
    assert corrected(120, took=40) == pytest.approx(120, abs=1)


def test_it_is_told_once_and_goes_back_when_the_clock_is_set(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    wall = NOW + 300 * SECOND
    clock = ClusterClock(lambda: wall)

    for second in range(5):
        true = NOW + second * SECOND
        wall = true + 300 * SECOND
        clock.observe(format_datetime(true, usegmt=True), wall, wall)
        assert abs(clock() - true) <= SECOND
    wall = NOW
    clock.observe(format_datetime(NOW, usegmt=True), wall, wall)

    assert abs(clock() - NOW) <= SECOND
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "is 300 s ahead of that of the cluster's API server" in caplog.text


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 01 Jan 1970 00:00:00 GMT" * 9])
def test_what_is_no_date_tells_nothing(date: str) -> None:
    clock = ClusterClock(lambda: NOW)

    clock.observe(date, NOW, NOW)

    assert clock() == NOW
