from datetime import UTC, datetime, timedelta

import pytest
from tests.support.firing_tables import FIRINGS, Firing

from sync_operator.schedule.cronjob_controller import upcoming_runs
from sync_operator.schedule.effective_schedule import Schedule, next_runs

NOON = datetime(2026, 1, 10, 12, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("case", FIRINGS, ids=lambda case: case.name)
def test_days_that_are_no_ordinary_ones(case: Firing) -> None:
    moment = case.moment
    schedule = Schedule(moment.schedule, moment.time_zone, deadline=moment.deadline)

    runs = next_runs(schedule, moment.now, anchor=moment.anchor, count=max(1, len(case.expected)))

    assert runs == case.runs
    assert {run.tzinfo for run in runs} <= {UTC}


@pytest.mark.parametrize("deadline", [None, timedelta(seconds=300), timedelta(days=400)], ids=str)
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
def test_what_was_missed_is_leapt_over(line: str, anchor: str, expected: str, deadline: timedelta | None) -> None:
    last = datetime.fromisoformat(anchor).replace(tzinfo=UTC)

    runs = next_runs(Schedule(line, deadline=deadline), NOON, anchor=last, count=1)

    assert runs == (datetime.fromisoformat(expected).replace(tzinfo=UTC),)


def steps(*hours: int) -> dict[datetime, datetime | None]:
    """A schedule that goes from one of these hours to the next, and then has none."""
    times = [NOON.replace(hour=hour, second=0) for hour in hours]
    return dict(zip(times, [*times[1:], None], strict=True))


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ((11, 13, 14, 15), [13, 14]),
        ((11, 13, 14), [13]),
        ((11, 13), []),
        ((11,), []),
        ((11, 13, 12), []),
    ],
)
def test_a_time_fires_only_if_a_later_one_follows(hours: tuple[int, ...], expected: list[int]) -> None:
    schedule = steps(*hours)

    runs = upcoming_runs(lambda moment: schedule[moment], NOON, NOON.replace(hour=11, second=0), None)

    assert [run.hour for run in runs] == expected


@pytest.mark.parametrize("schedule", [Schedule("0 * * * *"), Schedule("@every 45m", every=timedelta(minutes=45))])
def test_after_the_last_day_of_the_calendar_nothing_runs(schedule: Schedule) -> None:
    assert next_runs(schedule, NOON, anchor=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)) == ()
