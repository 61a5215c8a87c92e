"""The events that a change deserves: one each, with the reason and the words of a condition."""

from dataclasses import replace

import pytest
from tests.support.pictures import BORN
from tests.unit.decide.reconciled import JOB, PICTURES, RUN, SERVER, after, in_place

from sync_operator.decide.events import sync_notices
from sync_operator.decide.jobs import JobResult
from sync_operator.decide.report import sync_status
from sync_operator.model.status import LastRun
from sync_operator.remote.types import Rows


@pytest.mark.parametrize("name", PICTURES)
def test_an_event_has_the_reason_and_the_words_of_a_condition(name: str) -> None:
    picture = PICTURES[name]
    status = sync_status(picture)

    notices = sync_notices(picture, picture.sync.status, status)

    assert len([notice for notice in notices if notice.reason != "RunStarted"]) <= 1
    for notice in notices:
        if notice.reason == "RunStarted":
            assert status.last_run is not None
            assert notice.message == f"Job {status.last_run.job} started (Schedule)"
            continue
        assert notice.reason in {entry.reason for entry in status.conditions}
        words = " ".join(entry.message for entry in status.conditions)
        assert notice.message in words


EVENTS = {
    "created": ("Manual", False),
    "run by a cron line": ("Scheduled", False),
    "run by the server": ("ServerScheduled", False),
    "suspended": ("Suspended", False),
    "put right": ("DriftCorrected", True),
    "made anew": ("Recreated", True),
    "restored": ("DriftCorrected", True),
    "drift found": ("DriftFound", True),
    "refused": ("Rejected", True),
    "no CronJob": ("CronJobRejected", True),
    "it ran": ("RunSucceeded", False),
    "being deleted": ("DeleteFailed", True),
}


@pytest.mark.parametrize("name", EVENTS)
def test_the_event_of_a_change(name: str) -> None:
    picture = PICTURES[name]

    [notice] = sync_notices(picture, picture.sync.status, sync_status(picture))

    assert (notice.reason, notice.warning) == EVENTS[name]


def test_each_run_that_ended_has_its_event_with_the_reasons_of_refused_rows() -> None:
    refused = replace(RUN, id=8, rows=Rows(total=2, succeeded=1, failed=1))
    results = (JobResult(JOB, refused, reasons=("too long (1 row)",)), JobResult(replace(JOB, name="orders-2"), RUN))
    picture = replace(in_place(), results=results)

    notices = sync_notices(picture, picture.sync.status, sync_status(picture))

    assert [(notice.reason, notice.warning) for notice in notices] == [("RowsRejected", True), ("RunSucceeded", False)]
    assert notices[0].message.endswith("; too long (1 row)")


def test_a_run_that_starts_has_an_event_when_nothing_else_changed() -> None:
    before = after(in_place())
    picture = replace(before, jobs=(replace(JOB, finished=False),))
    status = sync_status(picture)

    [notice] = sync_notices(picture, before.sync.status, status)

    assert notice.reason == "RunStarted"
    assert notice.message == "Job orders-1 started (Schedule)"
    assert status.last_run == LastRun(
        trigger="Schedule", status="started", verdict="running", started_at=BORN, job="orders-1"
    )


def test_a_request_to_a_server_that_schedules_is_skipped_and_says_where() -> None:
    before = after(in_place(**SERVER))
    picture = replace(before, answered_request="one")

    [notice] = sync_notices(picture, before.sync.status, sync_status(picture))

    assert (notice.reason, notice.warning) == ("RunSkipped", True)
    assert notice.message.startswith("squared.ai/run-requested-at: ")
    assert "run it there" in notice.message
