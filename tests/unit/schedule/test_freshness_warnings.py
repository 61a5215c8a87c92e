from typing import Any

import pytest
from tests.support.manifests import sync_spec

from sync_operator.api.validation.strict_validation import read_sync_spec
from sync_operator.schedule import freshness_warnings as freshness_warnings_module
from sync_operator.schedule.effective_schedule import effective_schedule
from sync_operator.schedule.freshness_warnings import freshness_warnings

longest_gap = freshness_warnings_module._longest_gap.__wrapped__


def said(max_age: str, cron: str | None, **changes: Any) -> list[str]:
    by_cron = {} if cron is None else {"scheduleType": "cron_expression", "cronExpression": cron}
    spec = read_sync_spec(sync_spec(**by_cron, **changes, freshness={"maxAge": max_age}))
    found = freshness_warnings(spec, effective_schedule(spec, "team", "orders"))
    return [f"{'.'.join(map(str, warning.path))} {warning.message}" for warning in found]


@pytest.mark.parametrize(
    ("cron", "gap", "longer"),
    [
        ("0 6 * * *", "24h", "24h1s"),
        ("0 6 * * 1-5", "72h", "72h1m"),
        ("*/10 9-17 * * *", "15h10m", "16h"),
        ("0 0 1 * *", "744h", "745h"),
        ("* * * * *", "1m", "2m"),
        ("0 0 29 2 *", "35064h", "35065h"),
    ],
)
def test_an_age_that_the_cron_line_cannot_keep_is_warned_of(cron: str, gap: str, longer: str) -> None:
    [warning] = said(gap, cron)

    assert warning.startswith(
        f"spec.freshness.maxAge is not longer than the longest time between two runs of the cron line ({gap}), so that"
    )
    assert said(longer, cron, timeZone="Asia/Tokyo") == []


@pytest.mark.parametrize("cron", ["0 0 31 2 *", None])
def test_a_line_that_never_fires_and_a_sync_without_one_have_no_gap(cron: str | None) -> None:
    assert said("1s", cron) == []


def test_an_interval_is_left_to_the_table() -> None:
    assert said("1m", None, scheduleType="interval", syncInterval=5, syncIntervalUnit="hours") == []
    assert said("1m", None, scheduleType="interval", syncInterval=1, syncIntervalUnit="days", scheduler="Server") == []


def test_the_servers_own_cron_line_counts_too() -> None:
    assert said("1h", "0 */2 * * *", scheduler="Server") != []


def test_weeks_that_are_skipped_hold_no_longer_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [
        (f"{minute} {hour} {days} * {weekdays}", zone)
        for minute in ("30", "*/20")
        for hour in ("2", "0,23", "*/7", "*")
        for days, weekdays in (("*", "*"), ("*", "1-5"), ("*", "0"), ("1-31", "3"), ("1,15", "*"))
        for zone in ("Etc/UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca")
    ]
    found = [longest_gap(*case) for case in cases]
    monkeypatch.setattr(freshness_warnings_module, "steady_weeks", lambda *_: 0)

    assert found == [longest_gap(*case) for case in cases]
