"""What a server makes of a schedule that it keeps itself."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.manifests import sync_manifest

from sync_operator.api.validation.strict_validation import read_sync_spec
from sync_operator.sandbox.server_scheduler import cron_from_interval
from sync_operator.schedule.effective_schedule import Schedule, effective_schedule, next_runs

NOW = datetime(2026, 1, 31, 12, 10, tzinfo=UTC)


def scheduled(**spec: Any) -> Schedule:
    manifest = sync_manifest("orders", scheduler="Server", **spec)
    return effective_schedule(read_sync_spec(manifest["spec"]), "team", "orders")


def every(count: int, unit: str, kind: str = "interval") -> Schedule:
    return scheduled(scheduleType=kind, syncInterval=count, syncIntervalUnit=unit)


@pytest.mark.parametrize(
    ("count", "unit", "line", "even", "first"),
    [
        (30, "minutes", "*/30 * * * *", True, ["12:30", "13:00"]),
        (60, "minutes", "*/60 * * * *", True, ["13:00", "14:00"]),
        (45, "minutes", "*/45 * * * *", False, ["12:45", "13:00"]),
        (90, "minutes", "*/90 * * * *", False, ["13:00", "14:00"]),
        (6, "hours", "0 */6 * * *", True, ["18:00", "00:00"]),
        (5, "hours", "0 */5 * * *", False, ["15:00", "20:00"]),
        (1, "days", "0 0 */1 * *", True, ["00:00", "00:00"]),
        (2, "days", "0 0 */2 * *", False, ["00:00", "00:00"]),
        (2, "weeks", "0 0 */14 * *", False, ["00:00", "00:00"]),
    ],
)
def test_an_interval_is_the_line_that_the_server_makes_of_it(
    count: int, unit: str, line: str, even: bool, first: list[str]
) -> None:
    schedule = every(count, unit)

    assert (schedule.expression, schedule.time_zone) == (line, "Etc/UTC")
    assert cron_from_interval(count, unit) == line
    assert [f"{run:%H:%M}" for run in next_runs(schedule, NOW, anchor=None, count=2)] == first
    assert (schedule.warning == "") is even
    assert even or f"asks for every {count} {unit}, of which the server makes '{line}'" in schedule.warning
    assert even or schedule.warning.endswith("scheduler 'CronJob' runs it as asked")
    assert every(count, unit, "automated") == schedule


@pytest.mark.parametrize(
    ("zone", "same"),
    [("Etc/UTC", True), ("UTC", True), ("Europe/Berlin", False), ("Europe/London", False), ("Asia/Tokyo", False)],
)
def test_a_cron_line_is_read_in_utc(zone: str, same: bool) -> None:
    schedule = scheduled(scheduleType="cron_expression", cronExpression="30 6 * * *", timeZone=zone)

    assert (schedule.expression, schedule.time_zone) == ("30 6 * * *", "Etc/UTC")
    assert [run.hour for run in next_runs(schedule, NOW, anchor=None)] == [6] * 5
    assert (schedule.warning == "") is same
    assert same or schedule.warning.startswith(f"spec.timeZone is {zone}, but the server reads spec.cronExpression in")


def test_a_manual_sync_has_none() -> None:
    assert scheduled(scheduleType="manual") == Schedule(None)
