from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.schedule.cron import CronLine, parse_cron
from sync_operator.schedule.next import next_after, runs_after

MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2032, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - zone: UTC


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    item = (
        st.just("*")
        | number.map(str)
        | st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
        | st.integers(2, 20).map(lambda step: f"*/{step}")
    )
    return st.lists(item, min_size=1, max_size=3).map(",".join)


LINES = st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)).map(" ".join)

# What the controller's own library (robfig/cron 3.0.1) answered: line, zone, local time to start from, next times.
CLOCK_CHANGES = [
    ("30 2 * * *", "Europe/Berlin", "2026-03-28T23:30", ["30T02:30+02:00", "31T02:30+02:00"]),
    ("30 2 * * *", "Europe/Berlin", "2026-10-24T23:30", ["25T02:30+02:00", "25T02:30+01:00", "26T02:30+01:00"]),
    ("0 */2 * * *", "Europe/Berlin", "2026-03-28T23:30", ["29T00:00+01:00", "29T04:00+02:00", "29T06:00+02:00"]),
    ("30 2 * * *", "America/New_York", "2026-03-07T23:30", ["09T02:30-04:00", "10T02:30-04:00"]),
    ("30 1 * * *", "America/New_York", "2026-10-30T23:30", ["31T01:30-04:00"]),
    ("0 0 * * *", "Africa/Cairo", "2026-04-22T23:30", ["23T00:00+02:00", "25T00:00+03:00", "26T00:00+03:00"]),
    ("30 0 24 4 *", "Africa/Cairo", "2026-04-20T17:46", ["2027-04-24T00:30+02:00"]),
    ("30 0 25 4 *", "Africa/Cairo", "2026-04-20T17:46", ["25T00:30+03:00"]),
    ("15 0 30 10 *", "Africa/Cairo", "2026-10-17T23:30", ["30T00:15+02:00"]),
    ("0 0 7 9 *", "America/Santiago", "2026-08-31T14:13", ["2026-09-07T00:00-03:00"]),
    ("0 3 * * *", "Australia/Lord_Howe", "2026-10-03T23:30", ["05T03:00+11:00", "06T03:00+11:00"]),
    ("0 0 * * *", "Australia/Lord_Howe", "2026-04-04T23:30", ["05T00:00+11:00", "07T00:00+10:30"]),
    ("30 1 * * *", "Australia/Lord_Howe", "2026-10-03T23:30", ["04T01:30+10:30", "04T02:30+11:00", "05T01:30+11:00"]),
]


@pytest.mark.parametrize(("line", "zone", "start", "expected"), CLOCK_CHANGES)
def test_days_on_which_clocks_change(line: str, zone: str, start: str, expected: list[str]) -> None:
    place = ZoneInfo(zone)
    begin = datetime.fromisoformat(start).replace(tzinfo=place)

    runs = runs_after(parse_cron(line), place, begin, begin, len(expected))

    assert runs == tuple(datetime.fromisoformat(start[: 8 if text[2] == "T" else 0] + text) for text in expected)
    assert {run.tzinfo for run in runs} == {UTC}


@pytest.mark.parametrize(
    ("line", "start", "expected"),
    [
        ("0 0 */1 * 1", "2026-01-01T00:00", "2026-01-05T00:00"),
        ("0 0 13 * FRI", "2026-01-01T00:00", "2026-01-02T00:00"),
        ("0 0 29 2 *", "2026-01-01T00:00", "2028-02-29T00:00"),
        ("59 23 31 12 *", "2026-12-31T23:59", "2027-12-31T23:59"),
        ("*/90 * * * *", "2026-01-01T00:00", "2026-01-01T01:00"),
        ("@monthly", "2026-01-31T12:34", "2026-02-01T00:00"),
    ],
)
def test_lines_that_are_often_read_wrongly(line: str, start: str, expected: str) -> None:
    begin = datetime.fromisoformat(start).replace(tzinfo=UTC)

    assert next_after(parse_cron(line), UTC, begin) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize("line", ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", ", * * * *"])
def test_a_line_that_never_fires_has_no_next_time(line: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    assert next_after(parse_cron(line), UTC, now) is None
    assert runs_after(parse_cron(line), UTC, now, now, 5) == ()


def by_trying_every_day(line: CronLine, moment: datetime) -> datetime | None:
    times = [timedelta(hours=hour, minutes=minute) for hour in sorted(line.hours) for minute in sorted(line.minutes)]
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(5 * 366):
        day = midnight + timedelta(days=number)
        fits = [day.day in line.days, (day.weekday() + 1) % 7 in line.weekdays]
        if day.month in line.months and (all(fits) if line.both_days else any(fits)):
            for time in times:
                if day + time > moment:
                    return day + time
    return None


@given(LINES, MOMENTS)
def test_where_clocks_never_change_it_is_the_first_time_that_fits(line: str, moment: datetime) -> None:
    parsed = parse_cron(line)

    assert next_after(parsed, UTC, moment) == by_trying_every_day(parsed, moment)


@given(LINES, MOMENTS, st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo", "America/Havana"]))
def test_next_times_fit_the_line_and_only_move_forward(line: str, moment: datetime, zone: str) -> None:
    parsed, place = parse_cron(line), ZoneInfo(zone)

    runs = runs_after(parsed, place, moment, moment, 4)

    assert list(runs) == sorted(set(runs))
    for run in runs:
        local = run.astimezone(place)
        assert run > moment
        assert local.minute in parsed.minutes
        assert local.hour in parsed.hours
        assert local.month in parsed.months


@pytest.mark.parametrize(
    ("line", "anchor", "expected"),
    [
        ("0 * * * *", "2026-01-10T11:00", "2026-01-10T13:00"),
        ("0 * * * *", "2026-01-10T12:00", "2026-01-10T13:00"),
        ("0 * * * *", "2025-12-01T11:00", "2026-01-10T13:00"),
        ("0 9 * * *", "2026-01-10T09:00", "2026-01-11T09:00"),
        ("0 9,10 * * *", "2026-01-08T10:00", "2026-01-11T09:00"),
        ("30 6-16/4 * * 1-5", "2026-01-01T00:00", "2026-01-12T06:30"),
        ("0 0 1 1 *", "2024-01-01T00:00", "2027-01-01T00:00"),
        ("0 0 29 2 *", "2020-02-28T00:00", "2028-02-29T00:00"),
        ("0 12 * * *", "2026-01-10T12:00", "2026-01-11T12:00"),
        ("0 12 * * *", "2026-01-12T00:00", "2026-01-12T12:00"),
    ],
)
def test_counting_on_from_the_last_time_leaps_over_what_was_missed(line: str, anchor: str, expected: str) -> None:
    now = datetime(2026, 1, 10, 12, 0, 30, tzinfo=UTC)
    last = datetime.fromisoformat(anchor).replace(tzinfo=UTC)

    assert runs_after(parse_cron(line), UTC, now, last, 1) == (datetime.fromisoformat(expected).replace(tzinfo=UTC),)


@given(LINES, MOMENTS, st.timedeltas(timedelta(), timedelta(days=40)))
def test_without_clock_changes_the_anchor_makes_no_difference(line: str, now: datetime, age: timedelta) -> None:
    parsed = parse_cron(line)

    assert runs_after(parsed, UTC, now, now - age, 2) == runs_after(parsed, UTC, now, now, 2)
