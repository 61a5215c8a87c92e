from datetime import UTC, datetime, timedelta

import pytest

from sync_operator.schedule.clock_changes import clock_changes, clock_span
from sync_operator.schedule.timezones import load_zone

HOUR = timedelta(hours=1)
YEAR = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
SPRING, AUTUMN = datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)


def test_clocks_change_twice_a_year_or_never() -> None:
    assert list(clock_changes(load_zone("Europe/Berlin"), *YEAR)) == [SPRING, AUTUMN]
    assert list(clock_changes(load_zone("Asia/Tokyo"), *YEAR)) == []


def test_a_search_that_begins_and_ends_close_to_a_change_finds_it() -> None:
    second, zone = timedelta(seconds=1), load_zone("Europe/Berlin")

    assert list(clock_changes(zone, SPRING - second, SPRING + second)) == [SPRING]
    assert list(clock_changes(zone, SPRING, SPRING + second)) == []


@pytest.mark.parametrize(
    ("moment", "start", "end", "hours"),
    [
        (SPRING - timedelta(seconds=1), datetime(2025, 10, 26, 1, tzinfo=UTC), SPRING, 1),
        (SPRING, SPRING, AUTUMN, 2),
        (AUTUMN, AUTUMN, datetime(2027, 3, 28, 1, tzinfo=UTC), 1),
    ],
)
def test_a_span_reaches_from_one_change_to_the_next(
    moment: datetime, start: datetime, end: datetime, hours: int
) -> None:
    assert clock_span(load_zone("Europe/Berlin"), moment) == (start, end, hours * HOUR, HOUR)


def test_where_clocks_never_change_a_span_takes_three_years() -> None:
    year = timedelta(days=365)

    assert clock_span(UTC, YEAR[0]) == (YEAR[0] - year, YEAR[1] + year, timedelta(), timedelta())


@pytest.mark.parametrize("year", [1, 9999])
def test_at_the_ends_of_the_calendar_there_is_no_span(year: int) -> None:
    assert clock_span(UTC, datetime(year, 6, 1, tzinfo=UTC)) is None
