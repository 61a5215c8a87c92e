"""Last pictures of reconciles, and the first ones after them."""

from dataclasses import replace
from typing import Any

from tests.support.pictures import BORN, NOW, connected, marked, ours, pictured, registered, stored, synced

from sync_operator.decide.actions import ApplyCronJob
from sync_operator.decide.cronjob import cronjob_manifest
from sync_operator.decide.jobs import JobResult, JobView
from sync_operator.decide.picture import Obstacle, Phase, Picture
from sync_operator.decide.report import sync_status
from sync_operator.decide.scheduling import scheduling_step
from sync_operator.model.base import rfc3339
from sync_operator.model.conditions import Reason
from sync_operator.model.status import Condition
from sync_operator.remote.types import Dialect, RemoteRun, Rows, RunStatus

__all__ = ["CRON", "JOB", "PICTURES", "RUN", "SERVER", "after", "conditions", "in_place"]

CRON: dict[str, Any] = {"scheduleType": "cron_expression", "cronExpression": "0 6 * * *", "timeZone": "Asia/Tokyo"}
SERVER: dict[str, Any] = {"scheduler": "Server"} | CRON


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
