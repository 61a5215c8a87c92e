"""The status that is written: the same for the same picture, and nothing to write when nothing changed."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.pictures import BORN, NOW, URL, connected, marked, pictured, registered, stored, synced

from sync_operator.decide.actions import ApplyCronJob
from sync_operator.decide.conditions import Said, progress_conditions, write_conditions
from sync_operator.decide.cronjob import cronjob_manifest
from sync_operator.decide.events import sync_notices
from sync_operator.decide.picture import JobResult, JobView, Obstacle, Phase, Picture
from sync_operator.decide.report import obstacles, sync_status
from sync_operator.decide.scheduling import scheduling_step
from sync_operator.model.base import rfc3339
from sync_operator.model.conditions import ConditionType, Reason
from sync_operator.model.status import Condition, LastRun, SyncStatus
from sync_operator.remote.types import Dialect, RemoteRun, Rows, RunStatus

HOUR = timedelta(hours=1)
CRON: dict[str, Any] = {"scheduleType": "cron_expression", "cronExpression": "0 6 * * *", "timeZone": "Asia/Tokyo"}
SERVER: dict[str, Any] = {"scheduler": "Server"} | CRON


def ours(status: SyncStatus | None = None, generation: int = 1, **spec: Any) -> Any:
    return synced(status=status or registered(), metadata=marked(), generation=generation, **spec)


def live(picture: Picture, **spec: Any) -> dict[str, Any]:
    action = scheduling_step(replace(picture, cronjob=None))
    assert isinstance(action, ApplyCronJob)
    made = cronjob_manifest(picture, "7", suspended=action.manifest["spec"]["suspend"])
    made["metadata"] |= {"uid": "cronjob", "creationTimestamp": rfc3339(BORN)}
    return made | {"spec": made["spec"] | spec}


def in_place(**spec: Any) -> Picture:
    """A registered Sync with its CronJob, before its first status."""
    picture = pictured(ours(**spec), registered=True)
    return picture if spec.get("scheduler") == "Server" else replace(picture, cronjob=live(picture))


def after(picture: Picture) -> Picture:
    """The same picture in the next reconcile: what was learned in this one is forgotten, but for the status."""
    status = sync_status(picture)
    entry = next(entry for entry in status.conditions if entry.type == "Registered")
    there = status.id is not None and entry.status == "True"
    return pictured(
        replace(picture.sync, status=status),
        workspace=picture.workspace,
        deployment=picture.deployment,
        cronjob=picture.cronjob,
        jobs=tuple(replace(job, reported=job.finished) for job in picture.jobs),
        registered=there,
        settled=there or entry.reason == "DriftFound",
        seen=picture.seen,
        failures=picture.failures,
        gone=picture.gone,
    )


def conditions(picture: Picture) -> dict[str, Condition]:
    return {entry.type: entry for entry in sync_status(picture).conditions}


JOB = JobView("orders-1", "Schedule", BORN, started_at=BORN, finished_at=NOW, finished=True)
RUN = RemoteRun(9, RunStatus.SUCCESS, started_at=BORN, finished_at=NOW, rows=Rows(total=3, succeeded=3))

PICTURES: dict[str, Picture] = {
    "created": replace(in_place(), remote=stored(pictured())),
    "created, and others look the same": replace(
        in_place(), remote=stored(pictured()), registered=False, others=("8",)
    ),
    "adopted": pictured(synced(metadata=marked(), externalId="5"), remote=stored(pictured(), "5")),
    "run by a cron line": in_place(**CRON),
    "run at an interval": in_place(scheduleType="interval", syncInterval=5, syncIntervalUnit="hours"),
    "run by the server": in_place(**SERVER),
    "suspended": in_place(suspend=True, suspendReason="for tests", **CRON),
    "put right": replace(in_place(), remote=stored(pictured()), corrected=("syncMode: a → b",)),
    "made anew": replace(in_place(), remote=stored(pictured()), recreated=True),
    "restored": replace(in_place(**CRON), restored="CronJob orders: spec.schedule was changed from outside"),
    "drift found": replace(
        in_place(driftPolicy="Report"), settled=True, seen=stored(pictured(), sync_mode="incremental")
    ),
    "gone": replace(in_place(driftPolicy="Report"), gone=True),
    "refused": pictured(ours()).failed(Phase.REGISTRATION, Obstacle(Reason.REJECTED, "change the spec", stalled=True)),
    "no answer": pictured(synced()).failed(Phase.REGISTRATION, Obstacle(Reason.SERVER_UNAVAILABLE, "no answer")),
    "no CronJob": pictured(ours(**CRON)).failed(Phase.SCHEDULING, Obstacle(Reason.CRON_JOB_REJECTED, "forbidden")),
    "no Workspace": replace(in_place(), workspace=connected(found=False)),
    "a zone that does not exist": replace(in_place(**CRON), sync=ours(**CRON | {"timeZone": "Nowhere/Atall"})),
    "it ran": replace(in_place(), jobs=(JOB,), results=(JobResult(JOB, RUN),)),
    "it runs": replace(in_place(), jobs=(replace(JOB, finished=False),)),
    "fresh": replace(in_place(freshness={"maxAge": "2h"}), results=(JobResult(JOB, RUN),)),
    "stale": in_place(freshness={"maxAge": "30m"}),
    "asked to run": replace(in_place(), answered_request="one"),
    "being deleted": pictured(
        synced(status=registered(), metadata=marked(deletionTimestamp=rfc3339(NOW))),
        workspace=connected(suspended=True),
    ),
    "documented": pictured(
        synced(status=registered(), metadata=marked(), **CRON | {"scheduleType": "automated"}),
        workspace=connected(dialect=Dialect.DOCUMENTED),
        registered=True,
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_status_is_not_written_twice(name: str) -> None:
    once = PICTURES[name]
    twice = after(once)

    assert sync_status(twice) == sync_status(once)
    assert sync_status(replace(twice, now=NOW + timedelta(seconds=1))) == sync_status(once)
    assert sync_notices(twice, twice.sync.status, sync_status(twice)) == ()


@pytest.mark.parametrize("name", PICTURES)
def test_conditions_follow_kstatus(name: str) -> None:
    picture = PICTURES[name]
    status, said = sync_status(picture), conditions(picture)

    assert status.observed_generation == picture.sync.generation
    assert {"Ready", "Registered", "Scheduled"} <= set(said)
    assert not {"Reconciling", "Stalled"} <= set(said)
    assert {said[kind].status for kind in said if kind in {"Reconciling", "Stalled"}} <= {"True"}
    assert (said["Ready"].status == "True") is not bool({"Reconciling", "Stalled"} & set(said))
    assert (said["Ready"].status == "True") is not bool(obstacles(picture))
    for entry in status.conditions:
        assert entry.observed_generation == picture.sync.generation
        assert entry.last_transition_time == NOW
        assert entry.reason in set(Reason)
        assert 0 < len(entry.message) <= 1024


@pytest.mark.parametrize("name", PICTURES)
def test_an_event_has_the_reason_and_the_words_of_a_condition(name: str) -> None:
    picture = PICTURES[name]
    status = sync_status(picture)

    notices = sync_notices(picture, picture.sync.status, status)

    assert len(notices) <= 1
    for notice in notices:
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
    assert status.last_run == LastRun(trigger="Schedule", status="started", started_at=BORN, job="orders-1")


def test_a_request_to_a_server_that_schedules_is_skipped_and_says_where() -> None:
    before = after(in_place(**SERVER))
    picture = replace(before, answered_request="one")

    [notice] = sync_notices(picture, before.sync.status, sync_status(picture))

    assert (notice.reason, notice.warning) == ("RunSkipped", True)
    assert notice.message.startswith("squared.ai/run-requested-at: ")
    assert "run it there" in notice.message


TROUBLE = Obstacle(Reason.SERVER_UNAVAILABLE, "no answer")


def test_a_transition_time_moves_only_with_the_status() -> None:
    first = after(in_place())
    second = after(replace(first, now=NOW + HOUR).failed(Phase.REGISTRATION, TROUBLE))
    third = after(replace(second, now=NOW + 2 * HOUR).failed(Phase.REGISTRATION, replace(TROUBLE, message="again")))
    fourth = after(replace(third, now=NOW + 3 * HOUR, failures={}, remote=stored(pictured())))

    def moved(picture: Picture) -> list[datetime]:
        held = {entry.type: entry.last_transition_time for entry in picture.sync.status.conditions}
        return [held["Ready"], held["Registered"], held["Scheduled"]]

    assert moved(first) == [NOW] * 3
    assert moved(second) == [NOW + HOUR, NOW + HOUR, NOW]
    assert moved(third) == [NOW + HOUR, NOW + HOUR, NOW]
    assert moved(fourth) == [NOW + 3 * HOUR, NOW + 3 * HOUR, NOW]


SAID = st.builds(
    Said,
    type=st.sampled_from(list(ConditionType)),
    status=st.booleans(),
    reason=st.sampled_from(list(Reason)),
    message=st.text(max_size=2000),
)
STORIES = st.lists(st.lists(SAID, max_size=7, unique_by=lambda said: said.type), min_size=1, max_size=5)


@given(STORIES)
def test_conditions_over_time(story: list[list[Said]]) -> None:
    held: tuple[Condition, ...] = ()
    moved: dict[str, tuple[str, datetime]] = {}
    for number, said in enumerate(story):
        now = NOW + number * HOUR

        held = write_conditions(said, held, generation=number, now=now)

        assert [entry.type for entry in held] == [entry.type for entry in said]
        assert write_conditions(said, held, generation=number, now=now + HOUR) == held
        words = {entry.type: "True" if entry.status else "False" for entry in said}
        moved = {
            kind: moved[kind] if moved.get(kind, ("",))[0] == word else (word, now) for kind, word in words.items()
        }
        for entry in held:
            assert (entry.status, entry.last_transition_time) == moved[entry.type]
            assert entry.observed_generation == number
            assert len(entry.message) <= 1024


def test_an_obstacle_is_one_of_stalled_and_reconciling() -> None:
    assert progress_conditions(None) == ()
    for stalled, kind in ((True, ConditionType.STALLED), (False, ConditionType.RECONCILING)):
        [said] = progress_conditions(replace(TROUBLE, stalled=stalled))
        assert (said.type, said.status, said.reason, said.message) == (kind, True, TROUBLE.reason, TROUBLE.message)


# What else the status tells.


def test_where_the_sync_lives_is_written_when_it_was_seen_there() -> None:
    status = sync_status(pictured(synced(metadata=marked()), remote=stored(pictured(), "5")))

    assert (status.id, status.url, status.workspace_id, status.origin) == ("5", URL, "1", "Created")
    moved = replace(pictured(synced(status=status)), workspace=connected(workspace_id="2"))
    assert sync_status(moved).workspace_id == "1"


def test_a_sync_that_cannot_be_adopted_leaves_no_id() -> None:
    picture = pictured(synced(metadata=marked(), externalId="5"), remote=stored(pictured(), "5", stream_name="theirs"))

    status = sync_status(picture)

    assert (status.id, status.url, status.origin) == (None, None, None)
    assert conditions(picture)["Registered"].reason == "Conflict"


def test_what_an_adopted_sync_is_called_stays() -> None:
    adopted = sync_status(PICTURES["adopted"])
    assert adopted.origin == "Adopted"

    assert sync_status(pictured(ours(adopted), registered=True)).origin == "Adopted"


@pytest.mark.parametrize(
    ("spec", "expression", "zone", "runs"),
    [
        (CRON, "0 6 * * *", "Asia/Tokyo", ["2026-01-31T21:00:00Z", "2026-02-01T21:00:00Z"]),
        (
            {"scheduleType": "interval", "syncInterval": 5, "syncIntervalUnit": "hours"},
            "@every 5h",
            "Etc/UTC",
            ["2026-01-31T16:00:00Z", "2026-01-31T21:00:00Z"],
        ),
        ({"scheduleType": "manual"}, None, None, []),
        (CRON | {"suspend": True}, "0 6 * * *", "Asia/Tokyo", []),
        (SERVER, "0 6 * * *", "Asia/Tokyo", []),
        (CRON | {"cronExpression": "0 0 31 2 *"}, "0 0 31 2 *", "Asia/Tokyo", []),
    ],
)
def test_the_schedule_and_its_next_runs(
    spec: dict[str, Any], expression: str | None, zone: str | None, runs: list[str]
) -> None:
    status = sync_status(in_place(**spec))

    assert (status.effective_schedule, status.time_zone) == (expression, zone)
    assert [rfc3339(time) for time in status.next_runs[:2]] == runs
    assert len(status.next_runs) == (5 if runs else 0)


def test_an_interval_is_counted_from_the_last_time() -> None:
    picture = in_place(scheduleType="interval", syncInterval=5, syncIntervalUnit="hours")
    assert picture.cronjob is not None
    cronjob = dict(picture.cronjob) | {"status": {"lastScheduleTime": "2026-01-31T11:30:00Z"}}

    assert rfc3339(sync_status(replace(picture, cronjob=cronjob)).next_runs[0]) == "2026-01-31T16:30:00Z"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (CRON | {"cronExpression": "0 0 31 2 *"}, "never comes: spec.cronExpression names no date"),
        ({"suspend": True, "suspendReason": "for tests"}, "suspended by spec.suspend (for tests)"),
        (
            {
                "scheduleType": "interval",
                "syncInterval": 5,
                "syncIntervalUnit": "hours",
                "run": {"startingDeadlineSeconds": 60},
            },
            "spec.run.startingDeadlineSeconds is for cron lines only",
        ),
    ],
)
def test_what_is_odd_about_a_schedule_is_said(spec: dict[str, Any], words: str) -> None:
    said = conditions(in_place(**spec))

    assert words in said["Ready"].message
    assert words in said["Scheduled"].message


def test_drift_is_told_while_it_is_left_so() -> None:
    found = PICTURES["drift found"]
    assert sync_status(found).drift == ("syncMode: full_refresh → incremental",)

    unseen = replace(after(found), seen=None)
    assert sync_status(unseen).drift == ("syncMode: full_refresh → incremental",)

    put_back = replace(after(found), seen=stored(pictured()))
    assert sync_status(put_back).drift == ()

    assert sync_status(PICTURES["gone"]).drift == ("status: registered → deleted",)
    assert sync_status(PICTURES["gone"]).server_status == "deleted"
