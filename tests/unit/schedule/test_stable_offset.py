from collections import Counter
from collections.abc import Iterator

import pytest

from sync_operator.api.enums import IntervalUnit
from sync_operator.schedule.interval import interval_expression, interval_length, stable_offset

MANY = 10_000
FLEETS = {
    "numbered in one namespace": [("team", f"sync-{number}") for number in range(MANY)],
    "of one name in many namespaces": [(f"tenant-{number:05}", "orders") for number in range(MANY)],
    "by table and target": [("team", f"table-{number // 100}-to-{number % 100}") for number in range(MANY)],
}


@pytest.fixture(params=FLEETS.values(), ids=list(FLEETS))
def fleet(request: pytest.FixtureRequest) -> list[tuple[str, str]]:
    """Ten thousand Syncs, as (namespace, name)."""
    return list(request.param)


def fields(fleet: list[tuple[str, str]], count: int, unit: IntervalUnit) -> Iterator[list[str]]:
    every = interval_length(count, unit)
    return (interval_expression(every, namespace, name).split() for namespace, name in fleet)


def test_hourly_syncs_are_spread_over_the_hour(fleet: list[tuple[str, str]]) -> None:
    minutes = Counter(minute for minute, *_ in fields(fleet, 1, IntervalUnit.HOURS))

    assert len(minutes) == 60
    assert max(minutes.values()) <= 2 * MANY / 60


def test_daily_syncs_are_spread_over_the_day_and_each_hour(fleet: list[tuple[str, str]]) -> None:
    times = [(minute, hour) for minute, hour, *_ in fields(fleet, 1, IntervalUnit.DAYS)]
    hours = Counter(hour for _, hour in times)
    minutes = Counter(minute for minute, _ in times)

    assert len(hours) == 24
    assert max(hours.values()) <= 2 * MANY / 24
    assert len(minutes) == 60
    assert max(minutes.values()) <= 2 * MANY / 60


def test_weekly_syncs_are_spread_over_the_week(fleet: list[tuple[str, str]]) -> None:
    days = Counter(day for *_, day in fields(fleet, 1, IntervalUnit.WEEKS))

    assert len(days) == 7
    assert max(days.values()) <= 2 * MANY / 7


@pytest.mark.parametrize(
    ("namespace", "name", "minute_of_week"), [("team", "orders", 1534), ("default", "contacts", 43), ("a", "b", 5501)]
)
def test_a_phase_is_for_ever(namespace: str, name: str, minute_of_week: int) -> None:
    # It depends on nothing else: a Sync deleted and made again, or a new release, keeps it.
    assert stable_offset(namespace, name, 7 * 24 * 60) == minute_of_week


def test_a_namespace_and_a_name_do_not_run_together() -> None:
    assert stable_offset("team-a", "b", 10_080) != stable_offset("team", "a-b", 10_080)
