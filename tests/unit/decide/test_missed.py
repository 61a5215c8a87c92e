"""Times that were due, and for which the CronJob controller made no Job."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.pictures import NOW, finished_job
from tests.unit.decide.reconciled import CRON, SERVER, in_place

from sync_operator.decide.events import sync_notices
from sync_operator.decide.missed import missed_from
from sync_operator.decide.picture import Picture
from sync_operator.decide.report import sync_status
from sync_operator.decide.runs import run_step
from sync_operator.decide.start_actions import LookAtCronJob
from sync_operator.model.status import LastRun

MINUTE = timedelta(minutes=1)


def due(minutes: float, **spec: Any) -> Picture:
    """That long after the first of the times that the status names."""
    picture = in_place(**CRON | spec)
    status = sync_status(picture)
    return replace(picture, sync=replace(picture.sync, status=status), now=status.next_runs[0] + minutes * MINUTE)


def test_nothing_is_said_and_written_while_the_job_may_still_come() -> None:
    picture = due(1.9)

    assert sync_status(picture) == picture.sync.status
    assert run_step(picture) is None
    assert missed_from(picture, picture.sync.status.next_runs) == picture.now + 0.1 * MINUTE


def test_a_time_without_a_job_is_told_and_asked_about() -> None:
    picture = due(2)
    assert run_step(picture) == LookAtCronJob()

    asked = replace(picture, cronjob_words="")
    status = sync_status(asked)

    words = (
        "a run was due at 2026-01-31T21:00:00Z, and CronJob orders made no Job for it, though none was active; the "
        "cluster's CronJob controller may have been away, or have other time zone data for Asia/Tokyo, which rule; "
        "with spec.timeZone: Etc/UTC none are needed. kubectl describe cronjob/orders tells when it made the last one"
    )
    assert status.last_run == LastRun(trigger="Schedule", status="missed", verdict="missed", message=words)
    told = next(entry for entry in status.conditions if entry.type == "RunsHealthy")
    assert (told.status, told.reason, told.message) == ("False", "RunMissed", words)
    assert (status.health, status.message) == ("False", words)
    assert status.next_runs[0] > picture.now, "told, and moved on from"
    [notice] = sync_notices(asked, picture.sync.status, status)
    assert (notice.reason, notice.message, notice.warning) == ("RunMissed", words, True)

    again = replace(asked, sync=replace(asked.sync, status=status), now=status.next_runs[0] + 2 * MINUTE)
    assert sync_notices(again, status, sync_status(again)) == (), "one event for times in a row"


def test_the_cronjob_s_own_words_come_first() -> None:
    words = "FailedCreate: exceeded quota: small, requested: count/jobs.batch=1"
    picture = replace(due(2), cronjob_words=words)

    last = sync_status(picture).last_run

    assert last is not None
    assert last.message is not None
    assert last.message.endswith(f"though none was active: {words}")


DUE = due(0).now


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"jobs": (finished_job("a", at=DUE, ended=None, due=DUE),)}, id="its Job is there"),
        pytest.param({"jobs": (finished_job("a", at=NOW, ended=None, due=NOW),)}, id="another Job was active"),
        pytest.param({"jobs": (finished_job("a", at=NOW, ended=DUE, due=NOW),)}, id="another Job was active then"),
        pytest.param({"cronjob": "ran"}, id="the CronJob says so"),
        pytest.param({"cronjob": None}, id="there is no CronJob"),
    ],
)
def test_a_time_is_not_missed_when(changes: dict[str, Any]) -> None:
    picture = due(3)
    if changes.get("cronjob") == "ran":
        changes = {"cronjob": {**(picture.cronjob or {}), "status": {"lastScheduleTime": DUE.isoformat()}}}

    status = sync_status(replace(picture, **changes))

    assert all(entry.reason != "RunMissed" for entry in status.conditions)
    assert all(run > picture.now for run in status.next_runs)


@pytest.mark.parametrize("spec", [{"suspend": True}, {"cronExpression": "0 7 * * *"}, {"scheduler": "Server"}])
def test_a_time_is_not_missed_when_it_is_so_no_more(spec: dict[str, Any]) -> None:
    picture, changed = due(3), in_place(**CRON | spec)

    status = sync_status(replace(changed, sync=replace(changed.sync, status=picture.sync.status), now=picture.now))

    assert all(entry.reason != "RunMissed" for entry in status.conditions)


def test_what_a_server_schedules_is_its_own_matter() -> None:
    picture = in_place(**SERVER)

    assert missed_from(picture, sync_status(picture).next_runs) is None
