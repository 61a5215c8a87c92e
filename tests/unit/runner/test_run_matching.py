from datetime import UTC, datetime, timedelta

import pytest

from sync_operator.runner.run_matching import find_existing_run, is_own, scheduled_time_from_job_name, to_server_clock
from sync_operator.syncapi.types import RemoteRun, Rows, RunStatus

NOW = datetime(2026, 11, 24, 5, 50, tzinfo=UTC)
SINCE = NOW - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("name", "slot"),
    [
        ("orders-29924987", datetime(2026, 11, 24, 5, 47, tzinfo=UTC)),
        ("orders-20260301", None),
        ("orders-29999999", None),
        ("orders-628b49d96d", None),
        ("orders-6284919645", None),
        ("29924987", None),
        ("by-hand", None),
        ("", None),
    ],
)
def test_the_slot_is_in_the_name_of_a_scheduled_job(name: str, slot: datetime | None) -> None:
    assert scheduled_time_from_job_name(name, NOW) == slot


def run(run_id: int, status: RunStatus, seconds: float | None = 10, *, refused: int = 0) -> RemoteRun:
    """A run made that many seconds after the Job's time."""
    made = SINCE + timedelta(seconds=seconds) if seconds is not None else None
    return RemoteRun(run_id, status, created_at=made, rows=Rows(total=10, succeeded=10 - refused, failed=refused))


EARLIER = -600.0
DONE, BAD, GONE, BUSY, IDLE, ODD = (
    RunStatus.SUCCESS,
    RunStatus.FAILED,
    RunStatus.CANCELED,
    RunStatus.QUERYING,
    RunStatus.PAUSED,
    RunStatus.UNKNOWN,
)


@pytest.mark.parametrize(
    ("runs", "retries", "answer"),
    [
        pytest.param([], 0, None, id="nothing there"),
        pytest.param([run(1, DONE, EARLIER)], 0, None, id="of an earlier time"),
        pytest.param([run(2, DONE)], 0, 2, id="delivered"),
        pytest.param([run(2, DONE, -1)], 0, 2, id="on the dot, by a clock of whole seconds"),
        pytest.param([run(2, DONE, None)], 0, None, id="of a time that the server does not show"),
        pytest.param([run(2, BUSY)], 0, 2, id="under way"),
        pytest.param([run(1, BUSY, EARLIER)], 0, 1, id="under way for long"),
        pytest.param([run(3, DONE), run(2, BUSY, EARLIER)], 0, 2, id="an older one under way"),
        pytest.param([run(2, IDLE)], 0, 2, id="own and paused"),
        pytest.param([run(2, ODD)], 0, 2, id="own and in a state of a later release"),
        pytest.param([run(1, IDLE, EARLIER)], 0, None, id="another's and paused: no trigger is refused because of it"),
        pytest.param([run(2, BAD)], 0, 2, id="failed"),
        pytest.param([run(2, BAD)], 1, None, id="failed, one more try"),
        pytest.param([run(3, BAD), run(2, BAD)], 1, 3, id="failed twice"),
        pytest.param([run(3, DONE), run(2, BAD)], 1, 3, id="failed, then delivered"),
        pytest.param([run(2, DONE, refused=10)], 1, None, id="refused rows are a failure too"),
        pytest.param([run(2, BAD), run(1, BAD, EARLIER)], 1, None, id="earlier failures do not count"),
        pytest.param([run(2, GONE)], 5, 2, id="canceled on purpose: not tried again"),
    ],
)
def test_which_run_answers_a_job(runs: list[RemoteRun], retries: int, answer: int | None) -> None:
    found = find_existing_run(runs, SINCE, retries=retries, max_failed_rows_percent=0)
    assert (found.id if found else None) == answer


def test_without_a_time_only_an_active_run_answers() -> None:
    assert find_existing_run([run(2, DONE)], None, retries=0, max_failed_rows_percent=0) is None
    assert find_existing_run([run(2, BUSY)], None, retries=0, max_failed_rows_percent=0) == run(2, BUSY)


def test_a_run_is_dated_by_whatever_time_the_server_shows() -> None:
    later, earlier = SINCE + timedelta(seconds=9), SINCE - timedelta(seconds=9)
    assert is_own(RemoteRun(1, DONE, started_at=later), SINCE)
    assert is_own(RemoteRun(1, DONE, finished_at=later), SINCE)
    assert not is_own(RemoteRun(1, DONE, started_at=earlier, finished_at=later), SINCE)
    assert not is_own(RemoteRun(1, DONE), SINCE)


LATE, SOON, MINUTES = timedelta(minutes=10), timedelta(seconds=5), timedelta(minutes=6)
NO_TIME = timedelta()


@pytest.mark.parametrize(
    ("passed", "node", "server", "off"),
    [
        pytest.param(SOON, NO_TIME, NO_TIME, NO_TIME, id="all clocks agree"),
        pytest.param(SOON, NO_TIME, timedelta(seconds=40), timedelta(seconds=40), id="less than a minute is trusted"),
        pytest.param(SOON, MINUTES, NO_TIME, NO_TIME, id="the node is ahead"),
        pytest.param(LATE, MINUTES, NO_TIME, NO_TIME, id="the node is ahead, and the pod late"),
        pytest.param(SOON, -MINUTES, NO_TIME, NO_TIME, id="the node is behind"),
        pytest.param(SOON, NO_TIME, MINUTES, MINUTES, id="the server is ahead"),
        pytest.param(LATE, NO_TIME, MINUTES, MINUTES, id="the server is ahead, and the pod late"),
        pytest.param(SOON, NO_TIME, -MINUTES, -MINUTES, id="the server is behind"),
    ],
)
def test_a_wrong_clock_is_told_from_the_right_ones(
    passed: timedelta, node: timedelta, server: timedelta, off: timedelta
) -> None:
    now = SINCE + passed

    assert to_server_clock(SINCE, now + node, now + server) == SINCE + off
