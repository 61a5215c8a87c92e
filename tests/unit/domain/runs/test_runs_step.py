"""Which run is reported next, and which request is answered."""

from dataclasses import replace
from typing import Any

import pytest
from tests.support.snapshots import (
    BORN,
    ENDED,
    HOUR,
    NOW,
    connected,
    finished_job,
    finished_run,
    ours,
    pictured,
    registered,
    stored,
    synced,
)

from sync_operator.api.constants import ANSWERED_RUN_REQUEST_ANNOTATION, HANDLED_RUN_REQUEST_ANNOTATION
from sync_operator.api.statuses.conditions import Reason
from sync_operator.api.statuses.run_status import LastRun
from sync_operator.domain.actions import (
    AcknowledgeRunRequest,
    AdoptRun,
    ListRuns,
    PruneJobs,
    ReadRuns,
    RecordHandledRequest,
)
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.create_fence.matching import Claim
from sync_operator.domain.runs.job_state import JobResult, JobView
from sync_operator.domain.runs.runs_step import attributed_runs, probable_run, run_step
from sync_operator.domain.scheduling.cronjob_manifest import cronjob_manifest
from sync_operator.domain.snapshot import Snapshot, SyncView
from sync_operator.domain.status.sync_status import sync_status
from sync_operator.syncapi.types import RemoteRun, RunStatus


def cronjob() -> dict[str, Any]:
    made = cronjob_manifest(pictured(ours()), "7", suspended=True)
    made["metadata"] |= {"uid": "cronjob", "creationTimestamp": BORN.isoformat(), "resourceVersion": "5"}
    return made


def test_jobs_are_reported_together_in_the_order_of_their_ends() -> None:
    jobs = (
        finished_job("b", at=BORN, ended=NOW),
        finished_job("a", at=BORN + HOUR / 2),
        finished_job("c", reported=True),
        finished_job("d", ended=None),
    )
    snapshot = pictured(ours(), jobs=jobs, was_read=True, remote=stored(pictured()))

    first = run_step(snapshot)
    second = run_step(replace(snapshot, results=(JobResult(jobs[1], finished_run()),)))
    third = run_step(replace(snapshot, results=(JobResult(jobs[1], finished_run()), JobResult(jobs[0], None))))

    assert (first, second, third) == (ReadRuns((jobs[1], jobs[0]), "7"), ReadRuns((jobs[0],), "7"), None)


MINUTE = HOUR / 60


def made(run_id: int, minutes: float) -> RemoteRun:
    """A run made that many minutes after the Job `a`."""
    return RemoteRun(run_id, RunStatus.SUCCESS, created_at=BORN + minutes * MINUTE)


@pytest.mark.parametrize(
    ("runs", "but", "run_id"),
    [
        pytest.param([made(3, 0.2), made(2, 0.1)], (), 2, id="the first one after it, not the newest"),
        pytest.param([made(3, 0.2), made(2, 0.1)], {2}, 3, id="not one that is another Job's"),
        pytest.param([made(3, 1.1)], (), None, id="not one made after the next Job"),
        pytest.param([made(2, -1), made(1, -2)], (), 2, id="the last one before it, by a server that is behind"),
        pytest.param([made(3, 0.1), made(2, -1)], (), 3, id="one after it rather than one before it"),
        pytest.param([made(2, -6)], (), None, id="none that is older than clocks differ"),
        pytest.param([RemoteRun(2, RunStatus.SUCCESS)], (), None, id="none of which the server tells no time"),
    ],
)
def test_the_run_of_a_job_without_words_is_the_one_that_fits(
    runs: list[RemoteRun], but: set[int], run_id: int | None
) -> None:
    job, later = finished_job("a", at=BORN, ended=BORN + MINUTE / 2), finished_job("b", at=BORN + MINUTE)

    found = probable_run(job, runs, but=but, others=(job, later))

    assert (found.id if found else None) == run_id


def test_runs_that_were_told_of_are_known() -> None:
    told = replace(finished_job("a", reported=True), run_id=4)
    before = LastRun(trigger="Schedule", status="success", id="5")
    snapshot = pictured(ours(registered(last_run=before)), jobs=(told,))

    assert attributed_runs(replace(snapshot, results=(JobResult(None, made(6, 0)),))) == {4, 5, 6}


def test_a_job_that_was_deleted_while_it_ran_is_still_told() -> None:
    before = LastRun(trigger="Schedule", status="started", started_at=ENDED - HOUR, job="gone")

    action = run_step(pictured(ours(registered(last_run=before)), last_listed=stored(pictured())))

    assert isinstance(action, ReadRuns)
    [job] = action.jobs
    assert (job.name, job.created_at, job.finished_at) == ("gone", ENDED - HOUR, NOW)
    assert run_step(pictured(ours(registered(last_run=before)), jobs=(finished_job("gone", ended=None),))) is None


def noted(sync: SyncView, token: str = "one") -> SyncView:
    """A Sync that tells by itself which request was answered last, as one from a backup does."""
    return replace(sync, annotations={**sync.annotations, HANDLED_RUN_REQUEST_ANNOTATION: token})


QUIET: dict[str, Snapshot] = {
    "nothing ran": pictured(ours()),
    "nothing is registered": pictured(synced(), jobs=(finished_job("a"),)),
    "the Workspace is suspended": pictured(ours(), jobs=(finished_job("a"),), workspace=connected(suspended=True)),
    "the Workspace is in trouble": pictured(
        ours(), jobs=(finished_job("a"),), workspace=connected(blocker=Blocker(Reason.UNAUTHORIZED, "x"))
    ),
    "the Workspace is gone": pictured(ours(), jobs=(finished_job("a"),), workspace=connected(found=False)),
    "the Workspace is another one": pictured(ours(), jobs=(finished_job("a"),), workspace=connected(workspace_id="2")),
    "the sync belongs to an older Sync": pictured(
        ours(), jobs=(finished_job("a"),), competing_claims=(Claim("team/first", True, BORN - HOUR, "uid-first"),)
    ),
    "it has just failed": pictured(ours(), jobs=(finished_job("a"),)).failed(
        Phase.RUNS, Blocker(Reason.THROTTLED, "x")
    ),
    "the spec cannot be read": pictured(ours(scheduleType="sometimes"), jobs=(finished_job("a"),)),
    "the request was answered": pictured(
        noted(ours(registered(last_handled_run_request="one"), token="one")), cronjob=cronjob(), registered=True
    ),
    "the request was answered before the status was lost": pictured(
        noted(ours(token="one")), cronjob=cronjob(), registered=True
    ),
    "the request comes before the sync": pictured(ours(token="one"), cronjob=cronjob()),
    "the request comes before the CronJob": pictured(ours(token="one"), registered=True),
}


@pytest.mark.parametrize("name", QUIET)
def test_nothing_is_done_when(name: str) -> None:
    assert run_step(QUIET[name]) is None


def test_a_request_is_answered_once_also_while_suspended() -> None:
    snapshot = pictured(
        ours(token="one", suspend=True), cronjob=cronjob(), registered=True, workspace=connected(suspended=True)
    )

    action = run_step(snapshot)

    assert isinstance(action, AcknowledgeRunRequest)
    assert action.manifest is not None
    assert action.manifest["metadata"]["annotations"][ANSWERED_RUN_REQUEST_ANNOTATION] == "one"
    answered = replace(snapshot, answered_request="one")
    assert run_step(answered) == RecordHandledRequest("one")
    assert run_step(replace(answered, sync=noted(answered.sync))) is None
    assert sync_status(answered).last_handled_run_request == "one"


def test_a_request_that_comes_back_with_a_backup_is_not_repeated_but_a_new_one_is_answered() -> None:
    restored = pictured(noted(ours(token="one")), cronjob=cronjob(), registered=True)

    assert run_step(restored) is None
    assert sync_status(restored).last_handled_run_request == "one"
    assert isinstance(run_step(replace(restored, sync=noted(ours(token="two")))), AcknowledgeRunRequest)


def test_an_answered_request_is_shown_as_the_last_run_in_the_same_status() -> None:
    before = registered(last_run=LastRun(id="8", status="success", job="older", finished_at=ENDED))
    answered = pictured(
        noted(ours(before, token="one")), answered_request="one", jobs=(finished_job("new", at=NOW, ended=None),)
    )

    status = sync_status(answered)

    assert (status.last_handled_run_request, status.last_run) == (
        "one",
        LastRun(trigger="Schedule", status="started", verdict="running", started_at=NOW, job="new"),
    )


def test_jobs_of_requests_are_kept_as_long_as_the_spec_says() -> None:
    def job(name: str, minutes: int, *, good: bool, **changes: Any) -> JobView:
        ended = ENDED + minutes * MINUTE
        return finished_job(name, ended=ended, succeeded=good, **{"of_sync": True, "reported": True} | changes)

    jobs = (
        job("good-1", 1, good=True),
        job("good-2", 2, good=True),
        job("good-3", 3, good=True),
        job("bad-1", 1, good=False),
        job("bad-2", 2, good=False),
        job("cronjob's own", 0, good=True, of_sync=False),
        job("not told yet", 0, good=True, reported=False),
    )
    snapshot = pictured(ours(run={"successfulHistory": 2, "failedHistory": 1}), jobs=jobs)

    assert run_step(snapshot) == PruneJobs(("good-1", "bad-1"))


def test_a_request_waits_for_what_the_spec_says_to_be_on_the_server() -> None:
    drifted = stored(pictured(), sync_mode="incremental")

    assert run_step(pictured(ours(token="one"), cronjob=cronjob(), registered=True, last_listed=drifted)) is None


def test_a_request_to_a_server_that_schedules_is_only_noted() -> None:
    server: dict[str, Any] = {
        "scheduler": "Server",
        "scheduleType": "interval",
        "syncInterval": 5,
        "syncIntervalUnit": "hours",
    }

    assert run_step(pictured(ours(token="one", **server), registered=True)) == AcknowledgeRunRequest("one", None)


def test_runs_of_others_are_looked_for_where_the_server_schedules() -> None:
    snapshot = pictured(ours(registered(last_run=LastRun(id="8"))), watch_runs=True, last_listed=stored(pictured()))

    assert run_step(snapshot) == ListRuns("7")
    assert run_step(replace(snapshot, runs=(finished_run(9),))) == AdoptRun(finished_run(9), "7")
    active = finished_run(10, RunStatus.QUERYING)
    assert run_step(replace(snapshot, runs=(active, finished_run(9)))) == AdoptRun(finished_run(9), "7")
    assert run_step(replace(snapshot, runs=(finished_run(8), finished_run(7)))) is None
    assert run_step(replace(snapshot, runs=(active,))) is None
    assert run_step(replace(snapshot, runs=(finished_run(9),), jobs=(finished_job("a", ended=None),))) is None
    assert run_step(replace(snapshot, runs=(finished_run(9),), results=(JobResult(None, finished_run(9)),))) is None
