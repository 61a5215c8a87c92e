"""Jobs of which no pod runs: when that is told, in which words, and what is done."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.support.pictures import BORN, NOW, finished_job, ours, pictured, registered, stored
from tests.unit.decide.reconciled import CRON, in_place

from sync_operator.decide.actions import ReadRuns
from sync_operator.decide.cronjob import requested_job
from sync_operator.decide.events import sync_notices
from sync_operator.decide.health import runs_healthy, verdict_of
from sync_operator.decide.jobs import JobResult, JobView, StartLook
from sync_operator.decide.picture import Picture
from sync_operator.decide.report import sync_status
from sync_operator.decide.runs import run_step
from sync_operator.decide.start_actions import FailStart, LookAtStart, ReplaceJob
from sync_operator.decide.start_words import has_run, newest_warning, pod_words, remedy
from sync_operator.decide.starts import start_step, starts_again_at
from sync_operator.model.names import TEMPLATE
from sync_operator.model.status import LastRun, SyncStatus

MINUTE = timedelta(minutes=1)
WORDS = "Unschedulable: 0/1 nodes are available"
TEMPLATE_NOW = str((in_place(**CRON).cronjob or {})["spec"]["jobTemplate"]["metadata"]["annotations"][TEMPLATE])


def job(at: datetime = NOW, **changes: Any) -> JobView:
    usual: dict[str, Any] = {"ended": None, "waits": True, "due": at, "uid": "uid-job", "template": TEMPLATE_NOW}
    return finished_job("orders-1", at=at, **usual | changes)


def later(picture: Picture, minutes: float, *, words: str | None = None, **changes: Any) -> Picture:
    """The next look at the same Job, with the status as it was written."""
    now = picture.now + minutes * MINUTE
    looks = {} if words is None else {"uid-job": StartLook(now, words=words)}
    sync = replace(picture.sync, status=sync_status(picture))
    return replace(replace(picture, sync=sync, now=now, looks=looks), **changes)


def reasons(before: SyncStatus, picture: Picture) -> list[str]:
    return [notice.reason for notice in sync_notices(picture, before, sync_status(picture))]


def begun(**changes: Any) -> Picture:
    """The status of before, and a Job that was just made."""
    quiet = in_place(**CRON)
    return replace(later(quiet, 0), jobs=(job(**changes),))


def test_a_scheduled_job_costs_no_write_before_its_pod_runs() -> None:
    picture = begun()

    assert sync_status(picture) == picture.sync.status
    assert starts_again_at(picture) == NOW + timedelta(seconds=15)
    started = replace(picture, jobs=(job(waits=False),))
    assert sync_status(started).last_run == LastRun(
        trigger="Schedule", status="started", verdict="running", started_at=NOW, job="orders-1"
    )
    assert reasons(picture.sync.status, started) == ["RunStarted"]


def test_one_that_waits_is_never_called_started() -> None:
    shown = later(begun(), 0.5)
    requested = replace(begun(), jobs=(replace(job(), trigger="Request"),))

    for picture in (shown, requested):
        status = sync_status(picture)
        assert status.last_run == LastRun(
            trigger=picture.jobs[0].trigger, status="waiting", verdict="waiting", started_at=NOW, job="orders-1"
        )
        assert reasons(picture.sync.status, picture) == []
    assert starts_again_at(shown) == NOW + 2 * MINUTE


def test_after_two_minutes_it_is_looked_at_and_told_once() -> None:
    early = later(begun(), 1.9)
    due = later(early, 0.1)
    assert (start_step(early), start_step(due)) == (None, LookAtStart(job()))

    told = replace(due, looks={"uid-job": StartLook(due.now, words=WORDS)})
    assert start_step(told) is None
    healthy = runs_healthy(told)
    assert healthy is not None
    assert (healthy.status, healthy.reason) == (False, "RunNotStarted")
    assert healthy.message == (
        f"Job orders-1 waits since 2026-01-31T12:00:00Z, and no pod of it has run: {WORDS}. Change "
        "spec.run.pod.nodeSelector, tolerations or resources to what a node has, or add such a node"
    )
    assert reasons(due.sync.status, told) == ["RunNotStarted"]
    again = later(told, 1, words="another reason")
    assert reasons(again.sync.status, again) == []
    assert starts_again_at(again) == again.now + 3 * MINUTE, "the longer it waits the less often"
    unseen = replace(later(told, 1), looks={})
    assert sync_status(unseen) == sync_status(told), "a new process writes nothing before it has looked"


def test_once_it_runs_nothing_is_said_of_its_waiting() -> None:
    told = later(begun(), 2, words=WORDS)

    runs = later(told, 1, jobs=(job(waits=False),))

    status = sync_status(runs)
    assert status.last_run is not None
    assert status.last_run.status == "started"
    assert status.health == "Unknown"
    assert reasons(runs.sync.status, runs) == ["RunStarted"]
    ran = later(told, 1, looks={"uid-job": StartLook(NOW, ran=True)})
    assert sync_status(ran).last_run == status.last_run, "whether its Job or its pod tells so"


def stuck(template: str = "old", **run: Any) -> Picture:
    picture = begun(template=template)
    sync = ours(picture.sync.status, **CRON, run=run)
    return later(later(replace(picture, sync=sync), 1), 9, words=WORDS)


def test_one_whose_template_has_changed_is_deleted_and_nothing_fires_for_the_past() -> None:
    picture = stuck()

    action = start_step(picture)

    assert action == ReplaceJob(picture.jobs[0], None, picture.now)
    done = replace(picture, jobs=(), replaced=picture.jobs)
    status = sync_status(done)
    assert status.last_run is not None
    assert (status.last_run.status, status.last_run.verdict) == ("canceled", "canceled")
    assert reasons(picture.sync.status, done) == []
    healthy = runs_healthy(later(picture, 0, jobs=(), replaced=picture.jobs, looks={}))
    assert healthy is not None
    assert "it was deleted when the spec had changed" in healthy.message


def test_one_with_the_template_of_now_stays() -> None:
    assert start_step(stuck(TEMPLATE_NOW)) is None


def test_a_request_that_never_started_is_answered_anew() -> None:
    picture = stuck()
    asked = replace(picture.jobs[0], trigger="Request", token="one", due=None)

    action = start_step(replace(picture, jobs=(asked,)))

    assert isinstance(action, ReplaceJob)
    assert action.manifest is not None
    assert picture.cronjob is not None
    first = requested_job(picture.cronjob, picture.sync, "one", picture.now)
    assert action.manifest["metadata"]["annotations"] == first["metadata"]["annotations"]
    assert action.manifest["metadata"]["name"] != first["metadata"]["name"], "both are there for a moment"
    assert action.last_schedule is None


def test_an_interval_goes_on_from_the_time_that_was_due_last() -> None:
    picture = stuck()
    every: dict[str, Any] = {"scheduleType": "interval", "syncInterval": 7, "syncIntervalUnit": "minutes"}
    live = {**(picture.cronjob or {}), "status": {"lastScheduleTime": (NOW - MINUTE).isoformat()}}

    action = start_step(replace(picture, sync=ours(picture.sync.status, **every), cronjob=live))

    assert isinstance(action, ReplaceJob)
    assert action.last_schedule == NOW + 6 * MINUTE


def test_a_start_may_be_given_a_limit() -> None:
    picture = stuck(TEMPLATE_NOW, startTimeout="15m")

    assert start_step(picture) is None
    assert starts_again_at(picture) == NOW + 15 * MINUTE
    late = later(picture, 5, words=WORDS)
    assert start_step(late) == FailStart(job(), "15m")
    assert start_step(replace(late, jobs=(job(timed_out="it did not"),))) is None


@pytest.mark.parametrize(
    ("told", "ended", "reason", "words"),
    [
        ("waiting", {"timed_out": "it did not start"}, "RunNotStarted", "it did not start"),
        ("waiting", {}, "RunNotStarted", f"Job orders-1 ended before a pod of it ran: {WORDS}"),
        ("started", {}, "RunFailed", "the Job ended without a run on the server"),
    ],
)
def test_why_a_job_ended_without_a_run(told: str, ended: dict[str, Any], reason: str, words: str) -> None:
    last = LastRun(status=told, verdict=told, job="orders-1", message=WORDS if told == "waiting" else None)
    picture = pictured(ours(registered(last_run=last)))

    verdict = verdict_of(picture, JobResult(job(ended=NOW, **ended), None))

    assert (verdict.delivered, verdict.reason, verdict.message) == (False, reason, words)


def test_one_that_others_delete_while_it_waits_is_told_of_but_for_what_we_replace() -> None:
    last = LastRun(trigger="Schedule", status="waiting", verdict="waiting", started_at=BORN, job="orders-1")
    picture = pictured(ours(registered(last_run=last)), seen=stored(pictured()))

    action = run_step(picture)

    assert isinstance(action, ReadRuns)
    assert action.jobs[0].name == "orders-1"
    assert run_step(replace(picture, replaced=(job(),))) is None


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
    ("words", "what"),
    [
        ('pods "a" is forbidden: exceeded quota: small, requested: cpu=1', "ResourceQuota"),
        ("failed quota: small: must specify limits.memory for: runner", "ResourceQuota"),
        ("minimum memory usage per Container is 8Mi, but limit is 1Mi", "LimitRange"),
        ('serviceaccount "nope" not found', "serviceAccountName"),
        ("no PriorityClass with name nope was found", "priorityClassName"),
        ('violates PodSecurity "restricted:latest"', "policy"),
        ('admission webhook "x" denied the request: no', "policy"),
        ("Unschedulable: 0/1 nodes are available", "nodeSelector"),
        ("ErrImagePull: not found", "imagePullSecrets"),
        ('FailedMount: MountVolume.SetUp failed for volume "token" : secret "token" not found', "Workspace"),
        ("something else", "a change of spec.run replaces the Job"),
    ],
)
def test_the_cluster_s_words_lead_to_a_field(words: str, what: str) -> None:
    assert what in remedy(words)
