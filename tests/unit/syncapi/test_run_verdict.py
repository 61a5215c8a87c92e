"""What a run delivered, by its rows, and by the runs before it."""

import pytest
from tests.support.messages import Messages

from sync_operator.api.statuses.conditions import Reason
from sync_operator.syncapi.run_verdict import evaluate_run
from sync_operator.syncapi.types import RemoteRun, Rows, RunStatus

DONE, BAD, GONE, BUSY = RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.CANCELED, RunStatus.IN_PROGRESS


def run(number: int, status: RunStatus = DONE, **rows: int) -> RemoteRun:
    return RemoteRun(number, status, rows=Rows(**rows))


@pytest.mark.parametrize(
    ("rows", "limit"),
    [
        pytest.param({"total": 100, "succeeded": 0, "failed": 0}, 0, id="all are missing"),
        pytest.param({"total": 100, "succeeded": 89, "failed": 0}, 0, id="some are missing"),
        pytest.param({"total": 100, "succeeded": 89, "failed": 10}, 10, id="beside refused ones that are allowed"),
        pytest.param({"total": 100, "succeeded": 99, "failed": 0}, 100, id="no share of them is allowed"),
    ],
)
def test_rows_neither_delivered_nor_refused_are_missing(rows: dict[str, int], limit: float, messages: Messages) -> None:
    verdict = evaluate_run(run(35, DONE, **rows), limit)

    assert (verdict.delivered, verdict.reason) == (False, Reason.RUN_FAILED)
    messages(verdict)


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
def test_rows_read_that_went_nowhere_after_a_failed_run_are_lost(before: list[RemoteRun], messages: Messages) -> None:
    verdict = evaluate_run(run(42, DONE, **READ), 100, before=before)

    assert (verdict.delivered, verdict.reason) == (False, Reason.RUN_FAILED)
    messages(verdict)


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
    assert evaluate_run(run(42, DONE, **rows), 0, before=before).delivered


def test_the_limits_of_what_the_server_tells_stand_in_the_message(messages: Messages) -> None:
    unkeyed = evaluate_run(run(1, queried=4, total=1, succeeded=1, skipped=0), 0)
    batched = evaluate_run(run(1, queried=100, total=100, succeeded=100), 0, in_batches=True)
    whole = evaluate_run(run(1, queried=100, total=60, succeeded=60, skipped=40), 0)

    assert unkeyed.delivered
    assert batched.delivered
    messages(unkeyed, batched, whole)
