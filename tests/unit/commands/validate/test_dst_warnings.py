from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest

from sync_operator.commands.validate.checks.dst_warnings import dst_warnings
from sync_operator.schedule.clock_changes import clock_changes
from sync_operator.schedule.cron import parse_cron
from sync_operator.schedule.cron_next import fire_times, next_by_steps
from sync_operator.schedule.effective_schedule import Schedule
from sync_operator.schedule.timezones import load_zone

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def warnings(line: str | None, zone: str, *, by_user: bool = True) -> list[str]:
    schedule = Schedule(line, zone, deadline=timedelta(seconds=300), written_by_user=by_user)
    return list(dst_warnings(schedule, NOW))


@pytest.mark.parametrize(
    ("line", "zone", "expected"),
    [
        (
            "15,45 2 * * *",
            "Europe/Berlin",
            [
                "clocks in Europe/Berlin go forward on 2027-03-28: 2 runs (02:15, 02:45) are left out",
                "clocks in Europe/Berlin go back on 2027-10-31: 2 runs (02:15, 02:45) come twice",
            ],
        ),
        (
            "*/5 2 * * *",
            "Europe/Berlin",
            [
                "clocks in Europe/Berlin go forward on 2027-03-28: 12 runs (02:00, 02:05, 02:10, …) are",
                "clocks in Europe/Berlin go back on 2027-10-31: 12 runs (02:00, 02:05, 02:10, …) come",
            ],
        ),
        (
            "15 1 * * *",
            "America/New_York",
            ["clocks in America/New_York go back on 2027-11-07: the run of 01:15 comes twice"],
        ),
        ("30 2 * * SAT", "Europe/Berlin", []),
        ("0 6 * * *", "Europe/Berlin", []),
        ("30 2 1 * *", "Europe/Berlin", []),
        ("*/10 * * * *", "Europe/Berlin", []),
        ("30 2 * * *", "Etc/UTC", []),
        ("0 0 * * *", "America/Sao_Paulo", []),
        (None, "Europe/Berlin", []),
    ],
)
def test_runs_that_the_next_clock_changes_skip_or_double(line: str | None, zone: str, expected: list[str]) -> None:
    found = warnings(line, zone)

    assert [words[: len(want)] for words, want in zip(found, expected, strict=True)] == expected
    assert all("because the clock" in words for words in found)


def test_intervals_know_no_summer_time() -> None:
    assert warnings("30 2 * * *", "Europe/Berlin", by_user=False) == []


def local_times(line: str, zone: str, change: datetime) -> list[datetime]:
    """The local times at which a line fires around a change of clocks, by the steps of the library alone."""
    parsed, place = parse_cron(line), load_zone(zone)
    moment = change - timedelta(hours=12)
    found = []
    while (run := next_by_steps(parsed, place, moment)) is not None and run < change + timedelta(hours=12):
        found.append(run.astimezone(place).replace(tzinfo=None))
        moment = run
    return found


def named(line: str, begin: datetime, end: datetime) -> list[datetime]:
    """The local times between two that a line names."""
    times = fire_times(parse_cron(line), UTC, begin.replace(tzinfo=UTC))
    return [time.replace(tzinfo=None) for time in takewhile(lambda time: time < end.replace(tzinfo=UTC), times)]


@pytest.mark.parametrize(
    "zone",
    [
        "Europe/Berlin",
        "America/New_York",
        "America/St_Johns",
        "America/Santiago",  # midnight is skipped, and 23 o'clock comes twice
        "America/Havana",  # midnight comes twice
        "Antarctica/Troll",  # moves by two hours
        "Asia/Beirut",
        "Australia/Lord_Howe",  # moves by half an hour
        "Pacific/Chatham",
    ],
)
@pytest.mark.parametrize("rest", ["* * *", "* * 1-5", "25-31 * *"])
def test_there_is_a_warning_if_and_only_if_a_change_affects_the_line(zone: str, rest: str) -> None:
    changes = list(clock_changes(load_zone(zone), NOW, NOW + timedelta(days=400)))[:2]
    for hour in range(24):
        line = f"17 {hour} {rest}"
        affected = False
        for change in changes:
            place = load_zone(zone)
            begin, end = ((change + timedelta(hours=hours)).astimezone(place) for hours in (-12, 12))
            affected |= sorted(local_times(line, zone, change)) != named(line, begin, end)

        assert bool(warnings(line, zone)) == affected, line
