from datetime import UTC, datetime, timedelta

import pytest

from sync_operator.schedule.plan import Schedule
from sync_operator.tools.clocks import clock_warnings

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def warnings(line: str | None, zone: str, *, by_user: bool = True) -> list[str]:
    schedule = Schedule(line, zone, deadline=timedelta(seconds=300), written_by_user=by_user)
    return list(clock_warnings(schedule, NOW))


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
