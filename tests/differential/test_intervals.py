"""Every interval fires at that interval for ever, as the CronJob controller's own code counts."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import pytest
from tests.support.cronlib import CronLib, Moment

from sync_operator.api.enums import IntervalUnit
from sync_operator.schedule.interval import interval_expression, interval_length

_UNTIL: Final = {
    IntervalUnit.MINUTES: 5 * 7 * 24 * 60,
    IntervalUnit.HOURS: 5 * 7 * 24,
    IntervalUnit.DAYS: 5 * 7,
    IntervalUnit.WEEKS: 5,
}
_STARTS: Final = (
    datetime(2026, 12, 30, 22, 57, 31, tzinfo=UTC),  # days end, and a year
    datetime(2028, 2, 27, 23, 1, tzinfo=UTC),  # a leap day comes
)
"""Creations of a CronJob."""


def runs_of(every: timedelta) -> int:
    """So many that the last ones lie beyond the end of the second day at least."""
    return max(4, timedelta(days=3) // every)


@pytest.mark.parametrize("start", _STARTS, ids=str)
def test_every_interval_up_to_five_weeks_has_equal_gaps(cronlib: CronLib, start: datetime) -> None:
    lengths = {interval_length(count, unit) for unit, most in _UNTIL.items() for count in range(1, most + 1)}
    assert len(lengths) == 50_400
    by_count: dict[int, list[timedelta]] = {}
    for every in lengths:
        by_count.setdefault(min(runs_of(every), 100), []).append(every)

    for count, equal in by_count.items():
        asked = [cronjob(interval_expression(every, "team", "orders"), start) for every in equal]
        for every, runs in zip(equal, cronlib.runs(asked, count), strict=True):
            check(runs, every, start, count)


def test_every_phase_of_an_interval_that_is_a_cron_line_has_equal_gaps(cronlib: CronLib) -> None:
    minutes = [length for length in range(1, 7 * 24 * 60 + 1) if not line(length, "orders").startswith("@every")]
    assert minutes == [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440, 10080]

    for length in minutes:
        # Some hundred names have all phases of a short interval, and a good part of those of a long one.
        lines = {line(length, f"sync-{number}") for number in range(400)}
        assert len(lines) > min(length, 400) // 2
        every = timedelta(minutes=length)
        for start in _STARTS:
            for runs in cronlib.runs([cronjob(text, start) for text in lines], runs_of(every)):
                check(runs, every, start, runs_of(every))


def line(minutes: int, name: str) -> str:
    return interval_expression(timedelta(minutes=minutes), "team", name)


def cronjob(schedule: str, start: datetime) -> Moment:
    deadline = None if schedule.startswith("@every") else timedelta(seconds=300)
    return Moment(schedule, "Etc/UTC", now=start, created=start, deadline=deadline)


def check(runs: tuple[datetime, ...], every: timedelta, start: datetime, count: int) -> None:
    assert len(runs) == count
    assert start < runs[0] <= start + every
    assert {later - earlier for earlier, later in pairwise(runs)} == {every}, (every, runs)
