from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.cron_cases import moments
from tests.support.cronlib import Moment
from tests.support.manifests import sync_spec
from tests.support.messages import Messages

from sync_operator.api.enums import IntervalUnit, ScheduleType
from sync_operator.api.validation.strict_validation import read_sync_spec
from sync_operator.errors import InvalidSpecError
from sync_operator.schedule.cron import parse_cron
from sync_operator.schedule.cron_next import next_by_steps
from sync_operator.schedule.cronjob_controller import upcoming_runs
from sync_operator.schedule.effective_schedule import Schedule, effective_schedule, next_runs
from sync_operator.schedule.interval import interval_length, stable_offset
from sync_operator.schedule.timezones import load_zone

NOW = datetime(2026, 3, 28, 23, 59, 30, 500_000, tzinfo=UTC)
INTERVALS = st.one_of(
    st.tuples(st.integers(1, 4000), st.just("minutes")),
    st.tuples(st.integers(1, 400), st.just("hours")),
    st.tuples(st.integers(1, 40), st.just("days")),
    st.tuples(st.integers(1, 6), st.just("weeks")),
)
NAMES = st.text("abcdefghij-", min_size=1, max_size=12)


def plan(name: str = "orders", **changes: Any) -> Schedule:
    return effective_schedule(read_sync_spec(sync_spec(**changes)), "team", name)


def interval(count: int, unit: str, name: str = "orders") -> Schedule:
    return plan(name, scheduleType="interval", syncInterval=count, syncIntervalUnit=unit)


@pytest.mark.parametrize(
    ("fields", "expression"),
    [
        ({"scheduleType": "manual"}, None),
        ({"scheduleType": "manual", "cronExpression": "0 6 * * *"}, None),
        ({"scheduleType": "cron_expression", "cronExpression": " 0 6 * * * "}, " 0 6 * * * "),
        ({"scheduleType": "automated", "cronExpression": "@daily"}, "@daily"),
        (
            {"scheduleType": "automated", "cronExpression": "@daily", "syncInterval": 7, "syncIntervalUnit": "days"},
            "@daily",
        ),
        ({"scheduleType": "automated", "syncInterval": 45, "syncIntervalUnit": "minutes"}, "@every 45m"),
        (
            {"scheduleType": "interval", "cronExpression": "@daily", "syncInterval": 5, "syncIntervalUnit": "hours"},
            "@every 5h",
        ),
    ],
)
def test_the_schedule_type_says_which_field_is_the_schedule(fields: dict[str, Any], expression: str | None) -> None:
    schedule = plan(timeZone="Europe/Berlin", **fields)

    assert schedule.expression == expression
    by_user = expression is not None and expression == fields.get("cronExpression")
    assert schedule.written_by_user is by_user
    assert schedule.time_zone == ("Europe/Berlin" if by_user else "Etc/UTC")


@pytest.mark.parametrize(
    ("count", "unit", "expression"),
    [
        (1, "minutes", "* * * * *"),
        (20, "minutes", "{m20}-59/20 * * * *"),
        (60, "minutes", "{m60} * * * *"),
        (1, "hours", "{m60} * * * *"),
        (6, "hours", "{m} {h6}-23/6 * * *"),
        (360, "minutes", "{m} {h6}-23/6 * * *"),
        (24, "hours", "{m} {h} * * *"),
        (1, "days", "{m} {h} * * *"),
        (7, "days", "{m} {h} * * {d}"),
        (168, "hours", "{m} {h} * * {d}"),
        (1, "weeks", "{m} {h} * * {d}"),
        (7, "minutes", "@every 7m"),
        (45, "minutes", "@every 45m"),
        (90, "minutes", "@every 1h30m"),
        (5, "hours", "@every 5h"),
        (36, "hours", "@every 36h"),
        (10, "days", "@every 240h"),
        (2, "weeks", "@every 336h"),
        (5, "weeks", "@every 840h"),
    ],
)
def test_intervals_that_cron_can_say_become_cron_lines_with_a_phase(count: int, unit: str, expression: str) -> None:
    week = stable_offset("team", "orders", 7 * 24 * 60)
    found = interval(count, unit).expression

    words = {
        "m20": stable_offset("team", "orders", 20),
        "m60": stable_offset("team", "orders", 60),
        "m": stable_offset("team", "orders", 60),
        "h6": stable_offset("team", "orders", 360) // 60,
        "h": stable_offset("team", "orders", 1440) // 60,
        "d": week // 1440,
    }
    # 60, 360, 1440 and 10080 divide one another, so that the smaller phases are those of the larger ones, cut.
    assert found == expression.format(**words)


@given(INTERVALS, NAMES, st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_interval_fires_at_equal_gaps_for_ever(length: tuple[int, str], name: str, now: datetime) -> None:
    schedule = interval(*length, name=name)

    runs = next_runs(schedule, now, anchor=now - timedelta(seconds=10), count=60)

    every = interval_length(length[0], IntervalUnit(length[1]))
    assert schedule.every == every
    assert {later - earlier for earlier, later in pairwise(runs)} == {every}
    assert now < runs[0] <= now + every
    assert interval(*length, name=name) == schedule


@pytest.mark.parametrize(
    ("anchor", "first"),
    [
        (timedelta(), timedelta(minutes=45)),
        (timedelta(minutes=-10), timedelta(minutes=35)),
        (timedelta(minutes=-45), timedelta(minutes=45)),
        (timedelta(minutes=-100), timedelta(minutes=35)),
        (timedelta(hours=3), timedelta(hours=3, minutes=45)),
    ],
)
def test_every_counts_from_the_last_time(anchor: timedelta, first: timedelta) -> None:
    now = NOW.replace(microsecond=0)

    runs = next_runs(interval(45, "minutes"), now, anchor=now + anchor, count=2)

    assert runs == (now + first, now + first + timedelta(minutes=45))


@pytest.mark.parametrize(
    ("fields", "deadline"),
    [
        ({"scheduleType": "manual"}, None),
        ({"scheduleType": "interval", "syncInterval": 45, "syncIntervalUnit": "minutes"}, None),
        ({"scheduleType": "interval", "syncInterval": 1, "syncIntervalUnit": "hours"}, timedelta(seconds=600)),
        ({"scheduleType": "automated", "cronExpression": "@daily"}, timedelta(seconds=600)),
    ],
)
def test_only_cron_lines_have_a_deadline(fields: dict[str, Any], deadline: timedelta | None) -> None:
    assert plan(run={"startingDeadlineSeconds": 600}, **fields).deadline == deadline


def test_without_an_anchor_every_counts_from_now() -> None:
    assert next_runs(interval(45, "minutes"), NOW, anchor=None)[0] == datetime(2026, 3, 29, 0, 44, 30, tzinfo=UTC)


def test_a_users_line_is_read_in_its_zone() -> None:
    schedule = plan(scheduleType="cron_expression", cronExpression="0 6 * * *", timeZone="Europe/Berlin")

    assert next_runs(schedule, NOW, anchor=None, count=2) == (
        datetime(2026, 3, 29, 4, tzinfo=UTC),
        datetime(2026, 3, 30, 4, tzinfo=UTC),
    )
    assert len(next_runs(schedule, NOW, anchor=None)) == 5


def test_manual_syncs_and_lines_without_a_date_have_no_next_runs() -> None:
    never = plan(scheduleType="cron_expression", cronExpression="0 0 31 2 *")

    assert next_runs(plan(scheduleType="manual"), NOW, anchor=None) == ()
    assert next_runs(never, NOW, anchor=NOW - timedelta(days=1)) == ()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"scheduleType": "cron_expression", "cronExpression": "0 24 * * *"}, "spec.cronExpression"),
        ({"cronExpression": "nonsense"}, "spec.cronExpression"),
        ({"timeZone": "Mars/Base"}, "spec.timeZone"),
        ({"timeZone": "europe/berlin"}, "spec.timeZone"),
        ({"timeZone": "Local"}, "spec.timeZone"),
        ({"timeZone": "UTC+2"}, "spec.timeZone"),
        ({"timeZone": "gmt-05:00"}, "spec.timeZone"),
        ({"timeZone": "UTC+99"}, "spec.timeZone"),
        ({"timeZone": "../etc/passwd"}, "spec.timeZone"),
        ({"syncInterval": 600, "syncIntervalUnit": "weeks"}, "spec.syncInterval"),
    ],
)
def test_what_the_schema_cannot_judge_is_refused_here(fields: dict[str, Any], field: str, messages: Messages) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        plan(**fields)

    assert caught.value.field == field
    messages.text("InvalidSpec", str(caught.value))


def test_a_spec_that_passed_no_reading_is_refused_too() -> None:
    spec = read_sync_spec(sync_spec()).model_copy(update={"schedule_type": ScheduleType.INTERVAL})

    with pytest.raises(InvalidSpecError, match="lacks the field that it runs by"):
        effective_schedule(spec, "team", "orders")


@settings(max_examples=20)
@given(moments())
def test_runs_counted_from_now_are_those_of_the_controller(batch: list[Moment]) -> None:
    for case in batch:
        schedule = Schedule(case.schedule, case.time_zone, deadline=case.deadline, written_by_user=True)
        steps = partial(next_by_steps, parse_cron(case.schedule), load_zone(case.time_zone))
        expected = islice(upcoming_runs(steps, case.now, case.now, case.deadline), 4)

        assert next_runs(schedule, case.now, anchor=None, count=4) == tuple(expected), case
