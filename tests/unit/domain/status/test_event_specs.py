"""The events that a change deserves: one each, with the reason and the words of a condition."""

from dataclasses import replace

import pytest
from tests.support.messages import Messages
from tests.support.snapshots import BORN
from tests.unit.domain.reconciled import JOB, PICTURES, RUN, SERVER, after, in_place

from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.api.statuses.run_status import LastRun
from sync_operator.api.statuses.status import SyncStatus
from sync_operator.domain.runs.job_state import JobResult
from sync_operator.domain.status.event_specs import ready_event, sync_events
from sync_operator.domain.status.set_conditions import DesiredCondition, set_conditions
from sync_operator.domain.status.sync_status import sync_status
from sync_operator.syncapi.types import Rows


@pytest.mark.parametrize("name", PICTURES)
def test_an_event_has_the_reason_and_the_words_of_a_condition(name: str) -> None:
    snapshot = PICTURES[name]
    status = sync_status(snapshot)

    notices = sync_events(snapshot, snapshot.sync.status, status)

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
    snapshot = PICTURES[name]

    [notice] = sync_events(snapshot, snapshot.sync.status, sync_status(snapshot))

    assert (notice.reason, notice.warning) == EVENTS[name]


@pytest.mark.parametrize(
    ("reason", "registered", "warns"),
    [
        (Reason.WORKSPACE_NOT_FOUND, False, False),
        (Reason.WORKSPACE_NOT_FOUND, True, True),
        (Reason.REFERENCE_NOT_READY, False, False),
        (Reason.IN_USE, True, False),
        (Reason.INVALID_SPEC, False, True),
    ],
)
def test_what_waits_for_others_of_the_cluster_warns_of_nothing(reason: Reason, registered: bool, warns: bool) -> None:
    before = SyncStatus(id="7" if registered else None)
    entry = DesiredCondition(ConditionType.READY, False, reason, "words")
    after = before.model_copy(update={"conditions": set_conditions([entry], (), generation=1, now=BORN)})

    notice = ready_event(before, after)

    assert notice is not None
    assert (notice.reason, notice.warning) == (reason, warns)


def test_each_run_that_ended_has_its_event_with_the_reasons_of_refused_rows(messages: Messages) -> None:
    refused = replace(RUN, id=8, rows=Rows(total=2, succeeded=1, failed=1))
    results = (JobResult(JOB, refused, reasons=("too long (1 row)",)), JobResult(replace(JOB, name="orders-2"), RUN))
    snapshot = replace(in_place(), results=results)

    notices = sync_events(snapshot, snapshot.sync.status, sync_status(snapshot))

    assert [(notice.reason, notice.warning) for notice in notices] == [("RowsRejected", True), ("RunSucceeded", False)]
    assert "too long" in notices[0].message
    messages(*notices)


def test_a_run_that_starts_has_an_event_when_nothing_else_changed(messages: Messages) -> None:
    before = after(in_place())
    snapshot = replace(before, jobs=(replace(JOB, finished=False),))
    status = sync_status(snapshot)

    [notice] = sync_events(snapshot, before.sync.status, status)

    assert notice.reason == "RunStarted"
    messages(notice)
    assert status.last_run == LastRun(
        trigger="Schedule", status="started", verdict="running", started_at=BORN, job="orders-1"
    )


def test_a_request_to_a_server_that_schedules_is_skipped_and_says_where(messages: Messages) -> None:
    before = after(in_place(**SERVER))
    snapshot = replace(before, answered_request="one")

    [notice] = sync_events(snapshot, before.sync.status, sync_status(snapshot))

    assert (notice.reason, notice.warning) == ("RunSkipped", True)
    messages(notice)
