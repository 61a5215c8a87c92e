"""Jobs of which no pod runs: when that is told, in which words, and what is done."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.support.messages import Messages
from tests.support.snapshots import BORN, NOW, finished_job, ours, pictured, registered, stored
from tests.unit.domain.reconciled import CRON, in_place

from sync_operator.api.constants import TEMPLATE_ANNOTATION
from sync_operator.api.statuses.run_status import LastRun, RunTrigger
from sync_operator.api.statuses.status import SyncStatus
from sync_operator.domain.actions import ReadRuns
from sync_operator.domain.runs.job_state import JobResult, JobView, StartDiagnosis
from sync_operator.domain.runs.run_health import runs_healthy, verdict_of
from sync_operator.domain.runs.runs_step import run_step
from sync_operator.domain.runs.start_actions import DiagnoseJob, FailStart, ReplaceJob
from sync_operator.domain.runs.start_failures import start_step, starts_again_at
from sync_operator.domain.runs.start_messages import has_run, newest_warning, pod_words, remedy
from sync_operator.domain.scheduling.cronjob_manifest import requested_job
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.status.event_specs import sync_events
from sync_operator.domain.status.sync_status import sync_status

MINUTE = timedelta(minutes=1)
WORDS = "Unschedulable: 0/1 nodes are available"
TEMPLATE_NOW = str(
    (in_place(**CRON).cronjob or {})["spec"]["jobTemplate"]["metadata"]["annotations"][TEMPLATE_ANNOTATION]
)


def job(at: datetime = NOW, **changes: Any) -> JobView:
    usual: dict[str, Any] = {"ended": None, "waits": True, "due": at, "uid": "uid-job", "template": TEMPLATE_NOW}
    return finished_job("orders-1", at=at, **usual | changes)


def later(snapshot: Snapshot, minutes: float, *, words: str | None = None, **changes: Any) -> Snapshot:
    """The next look at the same Job, with the status as it was written."""
    now = snapshot.now + minutes * MINUTE
    looks = {} if words is None else {"uid-job": StartDiagnosis(now, words=words)}
    sync = replace(snapshot.sync, status=sync_status(snapshot))
    return replace(replace(snapshot, sync=sync, now=now, diagnoses=looks), **changes)


def reasons(before: SyncStatus, snapshot: Snapshot) -> list[str]:
    return [notice.reason for notice in sync_events(snapshot, before, sync_status(snapshot))]


def begun(**changes: Any) -> Snapshot:
    """The status of before, and a Job that was just made."""
    quiet = in_place(**CRON)
    return replace(later(quiet, 0), jobs=(job(**changes),))


def test_a_scheduled_job_costs_no_write_before_its_pod_runs() -> None:
    snapshot = begun()

    assert sync_status(snapshot) == snapshot.sync.status
    assert starts_again_at(snapshot) == NOW + timedelta(seconds=15)
    started = replace(snapshot, jobs=(job(waits=False),))
    assert sync_status(started).last_run == LastRun(
        trigger="Schedule", status="started", verdict="running", started_at=NOW, job="orders-1"
    )
    assert reasons(snapshot.sync.status, started) == ["RunStarted"]


def test_one_that_waits_is_never_called_started() -> None:
    shown = later(begun(), 0.5)
    requested = replace(begun(), jobs=(replace(job(), trigger=RunTrigger.REQUEST),))

    for snapshot in (shown, requested):
        status = sync_status(snapshot)
        assert status.last_run == LastRun(
            trigger=snapshot.jobs[0].trigger, status="waiting", verdict="waiting", started_at=NOW, job="orders-1"
        )
        assert reasons(snapshot.sync.status, snapshot) == []
    assert starts_again_at(shown) == NOW + 2 * MINUTE


def test_after_two_minutes_it_is_looked_at_and_told_once(messages: Messages) -> None:
    early = later(begun(), 1.9)
    due = later(early, 0.1)
    assert (start_step(early), start_step(due)) == (None, DiagnoseJob(job()))

    told = replace(due, diagnoses={"uid-job": StartDiagnosis(due.now, words=WORDS)})
    assert start_step(told) is None
    healthy = runs_healthy(told)
    assert healthy is not None
    assert (healthy.status, healthy.reason) == (False, "RunNotStarted")
    assert WORDS in healthy.message
    messages.text(healthy.reason, healthy.message)
    assert reasons(due.sync.status, told) == ["RunNotStarted"]
    again = later(told, 1, words="another reason")
    assert reasons(again.sync.status, again) == []
    assert starts_again_at(again) == again.now + 3 * MINUTE, "the longer it waits the less often"
    unseen = replace(later(told, 1), diagnoses={})
    assert sync_status(unseen) == sync_status(told), "a new process writes nothing before it has looked"


def test_once_it_runs_nothing_is_said_of_its_waiting() -> None:
    told = later(begun(), 2, words=WORDS)

    runs = later(told, 1, jobs=(job(waits=False),))

    status = sync_status(runs)
    assert status.last_run is not None
    assert status.last_run.status == "started"
    assert status.health == "Unknown"
    assert reasons(runs.sync.status, runs) == ["RunStarted"]
    ran = later(told, 1, diagnoses={"uid-job": StartDiagnosis(NOW, ran=True)})
    assert sync_status(ran).last_run == status.last_run, "whether its Job or its pod tells so"


def stuck(template: str = "old", **run: Any) -> Snapshot:
    snapshot = begun(template=template)
    sync = ours(snapshot.sync.status, **CRON, run=run)
    return later(later(replace(snapshot, sync=sync), 1), 9, words=WORDS)


def test_one_whose_template_has_changed_is_deleted_and_nothing_fires_for_the_past(messages: Messages) -> None:
    snapshot = stuck()

    action = start_step(snapshot)

    assert action == ReplaceJob(snapshot.jobs[0], None, snapshot.now)
    done = replace(snapshot, jobs=(), replaced=snapshot.jobs)
    status = sync_status(done)
    assert status.last_run is not None
    assert (status.last_run.status, status.last_run.verdict) == ("canceled", "canceled")
    assert reasons(snapshot.sync.status, done) == []
    healthy = runs_healthy(later(snapshot, 0, jobs=(), replaced=snapshot.jobs, diagnoses={}))
    assert healthy is not None
    messages(healthy)


def test_one_with_the_template_of_now_stays() -> None:
    assert start_step(stuck(TEMPLATE_NOW)) is None


def test_a_request_that_never_started_is_answered_anew() -> None:
    snapshot = stuck()
    asked = replace(snapshot.jobs[0], trigger=RunTrigger.REQUEST, token="one", due=None)

    action = start_step(replace(snapshot, jobs=(asked,)))

    assert isinstance(action, ReplaceJob)
    assert action.manifest is not None
    assert snapshot.cronjob is not None
    first = requested_job(snapshot.cronjob, snapshot.sync, "one", snapshot.now)
    assert action.manifest["metadata"]["annotations"] == first["metadata"]["annotations"]
    assert action.manifest["metadata"]["name"] != first["metadata"]["name"], "both are there for a moment"
    assert action.last_schedule is None


def test_an_interval_goes_on_from_the_time_that_was_due_last() -> None:
    snapshot = stuck()
    every: dict[str, Any] = {"scheduleType": "interval", "syncInterval": 7, "syncIntervalUnit": "minutes"}
    live = {**(snapshot.cronjob or {}), "status": {"lastScheduleTime": (NOW - MINUTE).isoformat()}}

    action = start_step(replace(snapshot, sync=ours(snapshot.sync.status, **every), cronjob=live))

    assert isinstance(action, ReplaceJob)
    assert action.last_schedule == NOW + 6 * MINUTE


def test_a_start_may_be_given_a_limit() -> None:
    snapshot = stuck(TEMPLATE_NOW, startTimeout="15m")

    assert start_step(snapshot) is None
    assert starts_again_at(snapshot) == NOW + 15 * MINUTE
    late = later(snapshot, 5, words=WORDS)
    assert start_step(late) == FailStart(job(), "15m")
    assert start_step(replace(late, jobs=(job(timed_out="it did not"),))) is None


@pytest.mark.parametrize(
    ("told", "ended", "reason"),
    [
        ("waiting", {"timed_out": "it did not start"}, "RunNotStarted"),
        ("waiting", {}, "RunNotStarted"),
        ("started", {}, "RunFailed"),
    ],
    ids=["it took too long to start", "it ended before it ran", "it left no run"],
)
def test_why_a_job_ended_without_a_run(told: str, ended: dict[str, Any], reason: str, messages: Messages) -> None:
    last = LastRun(status=told, verdict=told, job="orders-1", message=WORDS if told == "waiting" else None)
    snapshot = pictured(ours(registered(last_run=last)))

    verdict = verdict_of(snapshot, JobResult(job(ended=NOW, **ended), None))

    assert (verdict.delivered, verdict.reason) == (False, reason)
    messages(verdict)


def test_one_that_others_delete_while_it_waits_is_told_of_but_for_what_we_replace() -> None:
    last = LastRun(trigger="Schedule", status="waiting", verdict="waiting", started_at=BORN, job="orders-1")
    snapshot = pictured(ours(registered(last_run=last)), last_listed=stored(pictured()))

    action = run_step(snapshot)

    assert isinstance(action, ReadRuns)
    assert action.jobs[0].name == "orders-1"
    assert run_step(replace(snapshot, replaced=(job(),))) is None


UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}


def container(**state: Any) -> dict[str, Any]:
    return {"status": {"containerStatuses": [{"name": "runner", "state": state}]}}


@pytest.mark.parametrize(
    ("pod", "words"),
    [
        (
            {"conditions": [UNSCHEDULABLE]},
            "Unschedulable: 0/3 nodes",
        ),
        (
            container(waiting={"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x"'})["status"],
            'ImagePullBackOff: Back-off pulling image "x"',
        ),
        (
            container(waiting={"reason": "CreateContainerConfigError", "message": 'secret "t" not found'})["status"],
            'CreateContainerConfigError: secret "t" not found',
        ),
        (container(waiting={"reason": "ContainerCreating"})["status"], ""),
        ({"phase": "Pending"}, ""),
    ],
)
def test_why_a_pod_does_not_run(pod: dict[str, Any], words: str) -> None:
    assert pod_words({"status": pod}) == words
    assert not has_run({"status": pod})


def test_a_pod_has_run_once_a_container_was_started() -> None:
    assert has_run(container(running={"startedAt": "x"}))
    assert has_run(container(terminated={"exitCode": 143, "startedAt": "x"}))
    assert not has_run(container(terminated={"exitCode": 137, "startedAt": None}))


def warning(message: str, last: str) -> dict[str, Any]:
    return {"metadata": {}, "reason": "FailedCreate", "message": message, "lastTimestamp": last}


def test_the_newest_warning_counts_without_what_changes_with_each_try() -> None:
    old, new = "2026-01-31T12:00:00Z", "2026-01-31T12:01:00Z"
    told = 'Error creating: pods "orders-1-abcde" is forbidden: exceeded quota: small'

    found = newest_warning([warning(told, new), warning("older", old)])

    assert found == 'FailedCreate: Error creating: pods "orders-1-…" is forbidden: exceeded quota: small'
    assert newest_warning([]) == ""
    assert "hunter2" not in newest_warning([warning("denied the request: password=hunter2", new)])
    assert len(newest_warning([warning("x" * 9000, new)])) <= 500


@pytest.mark.parametrize(
    "words",
    [
        'pods "a" is forbidden: exceeded quota: small, requested: cpu=1',
        "failed quota: small: must specify limits.memory for: runner",
        "minimum memory usage per Container is 8Mi, but limit is 1Mi",
        'serviceaccount "nope" not found',
        "no PriorityClass with name nope was found",
        'violates PodSecurity "restricted:latest"',
        'Internal error occurred: failed calling webhook "x": no endpoints',
        'admission webhook "x" denied the request: no',
        "Unschedulable: 0/1 nodes are available",
        "ErrImagePull: not found",
        'FailedMount: MountVolume.SetUp failed for volume "token" : secret "token" not found',
        "something else",
    ],
)
def test_the_cluster_s_words_lead_to_a_field(words: str, messages: Messages) -> None:
    messages.text("RunNotStarted", remedy(words))
