"""What a run delivered, by its rows, and by the runs before it."""

import pytest

from sync_operator.model.conditions import Reason
from sync_operator.remote.judge import judge
from sync_operator.remote.types import RemoteRun, Rows, RunStatus

DONE, BAD, GONE, BUSY = RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.CANCELED, RunStatus.IN_PROGRESS


def run(number: int, status: RunStatus = DONE, **rows: int) -> RemoteRun:
    return RemoteRun(number, status, rows=Rows(**rows))


@pytest.mark.parametrize(
    ("rows", "limit", "missing"),
    [
        pytest.param({"total": 100, "succeeded": 0, "failed": 0}, 0, 100, id="all are missing"),
        pytest.param({"total": 100, "succeeded": 89, "failed": 0}, 0, 11, id="some are missing"),
        pytest.param({"total": 100, "succeeded": 89, "failed": 10}, 10, 1, id="beside refused ones that are allowed"),
        pytest.param({"total": 100, "succeeded": 99, "failed": 0}, 100, 1, id="no share of them is allowed"),
    ],
)
def test_rows_neither_delivered_nor_refused_are_missing(rows: dict[str, int], limit: float, missing: int) -> None:
    verdict = judge(run(35, DONE, **rows), limit)

    assert (verdict.delivered, verdict.reason) == (False, Reason.RUN_FAILED)
    assert f"of 100 rows delivered, {rows['failed']} refused, {missing} neither" in verdict.message
    assert "delete this Sync with deletionPolicy Delete and apply it again" in verdict.message


READ = {"queried": 100, "total": 0, "skipped": 0}


@pytest.mark.parametrize(
    "before",
    [
        pytest.param([run(36, BAD, queried=100)], id="after a failed run"),
        pytest.param([run(40, DONE, **READ), run(36, BAD, queried=100)], id="and after one more that sent nothing"),
        pytest.param([run(36, BAD, queried=100), run(40, GONE), run(41, BUSY)], id="in any order"),
        pytest.param([run(36, queried=100, total=100, succeeded=90)], id="after one that left rows aside"),
        pytest.param([run(41, BAD), run(36, BAD, queried=100)], id="a failure without a row says nothing"),
    ],
)
def test_rows_read_that_went_nowhere_after_a_failed_run_are_lost(before: list[RemoteRun]) -> None:
    verdict = judge(run(42, DONE, **READ), 100, before=before)

    assert (verdict.delivered, verdict.reason) == (False, Reason.RUN_FAILED)
    assert verdict.message.startswith("run 42: 100 rows read and none sent: run 36 had read them")
    assert "apply it again" in verdict.message


@pytest.mark.parametrize(
    ("rows", "before"),
    [
        pytest.param(READ, [], id="nothing is known of earlier runs"),
        pytest.param(READ, [run(36, queried=100, total=100, succeeded=100)], id="all were delivered before"),
        pytest.param(
            READ, [run(41, total=5, succeeded=5), run(36, BAD, queried=100)], id="delivered since the failure"
        ),
        pytest.param(READ, [run(36, BAD)], id="the failed run had read nothing"),
        pytest.param(READ, [run(43, BAD, queried=100)], id="the failed run came later"),
        pytest.param(READ | {"skipped": 100}, [run(36, BAD, queried=100)], id="skipped as unchanged"),
        pytest.param({"queried": 100}, [run(36, BAD, queried=100)], id="the server does not count what it skips"),
        pytest.param({"queried": 0, "skipped": 0}, [run(36, BAD, queried=100)], id="nothing read"),
        pytest.param({"queried": 9, "total": 1, "succeeded": 1}, [run(36, BAD, queried=9)], id="something sent"),
    ],
)
def test_what_nobody_can_tell_is_no_failure(rows: dict[str, int], before: list[RemoteRun]) -> None:
    assert judge(run(42, DONE, **rows), 0, before=before).delivered


def test_the_limits_of_what_the_server_tells_stand_in_the_message() -> None:
    unkeyed = judge(run(1, queried=4, total=1, succeeded=1, skipped=0), 0)
    batched = judge(run(1, queried=100, total=100, succeeded=100), 0, in_batches=True)
    whole = judge(run(1, queried=100, total=60, succeeded=60, skipped=40), 0)

    assert unkeyed.delivered
    assert "1 of 1 rows delivered, 0 refused; 3 of 4 rows read were not to be sent" in unkeyed.message
    assert "without a primary key or with one that comes twice" in unkeyed.message
    assert batched.delivered
    assert "written in batches, of which the server counts every row as delivered if one was" in batched.message
    assert whole.message == "run 1: 60 of 60 rows delivered, 0 refused, 40 skipped"
