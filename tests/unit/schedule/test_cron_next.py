from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.cron_cases import moments
from tests.support.cronlib import Moment

from sync_operator.schedule.cron import CronLine, parse_cron
from sync_operator.schedule.cron_next import fire_times, next_after, next_by_steps
from sync_operator.schedule.timezones import load_zone

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


@pytest.mark.parametrize(
    ("line", "zone", "start"),
    [
        ("0 0 31 12 *", "Pacific/Apia", "2011-12-28"),
        ("0 0 30 12 *", "Pacific/Apia", "2011-12-28"),
        ("0 0 31 12 *", "Pacific/Kanton", "1994-12-29"),
        ("0 0 22 8 *", "Kwajalein", "1993-08-19"),
    ],
)
def test_the_library_never_steps_over_a_day_that_a_zone_left_out(line: str, zone: str, start: str) -> None:
    # Kubernetes cannot be asked about it: its answer never comes.
    assert next_after(parse_cron(line), load_zone(zone), datetime.fromisoformat(start).replace(tzinfo=UTC)) is None


def test_a_day_left_out_does_no_harm_when_days_are_not_counted() -> None:
    before = datetime(2011, 12, 29, 23, tzinfo=UTC)

    assert next_after(parse_cron("0 12 * * *"), load_zone("Pacific/Apia"), before) == before.replace(day=30, hour=22)


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


@given(LINES, MOMENTS, st.sampled_from(["Europe/Berlin", "Africa/Cairo", "America/Havana"]))
def test_next_times_fit_the_line_and_only_move_forward(line: str, moment: datetime, zone: str) -> None:
    parsed, place = parse_cron(line), load_zone(zone)
    before = moment

    for _ in range(4):
        run = next_after(parsed, place, before)
        if run is None:
            break
        local = run.astimezone(place)
        assert run > before
        assert local.minute in parsed.minutes
        assert local.hour in parsed.hours
        assert local.month in parsed.months
        before = run


@settings(max_examples=40)
@given(moments())
def test_the_direct_search_finds_what_the_steps_find_also_near_a_change_of_clocks(batch: list[Moment]) -> None:
    for case in batch:
        line, zone, moment = parse_cron(case.schedule), load_zone(case.time_zone), case.now
        for _ in range(4):
            expected = next_by_steps(line, zone, moment)

            assert next_after(line, zone, moment) == expected, (case, moment)

            if expected is None:
                break
            moment = expected


@settings(max_examples=20)
@given(moments())
def test_successive_times_are_those_of_the_steps(batch: list[Moment]) -> None:
    for case in batch:
        line, zone, moment = parse_cron(case.schedule), load_zone(case.time_zone), case.now
        found = fire_times(line, zone, moment)
        for _ in range(4):
            expected = next_by_steps(line, zone, moment)

            assert next(found, None) == expected, (case, moment)

            if expected is None:
                break
            moment = expected
