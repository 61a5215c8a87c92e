"""Last snapshots of reconciles, and the first ones after them."""

from dataclasses import replace
from typing import Any

from tests.support.snapshots import BORN, NOW, connected, marked, ours, pictured, registered, stored, synced

from sync_operator.api.base import rfc3339
from sync_operator.api.statuses.conditions import Reason
from sync_operator.api.statuses.run_status import RunTrigger
from sync_operator.api.statuses.status_fields import Condition
from sync_operator.domain.actions import ApplyCronJob
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.runs.job_state import JobResult, JobView
from sync_operator.domain.scheduling.cronjob_manifest import cronjob_manifest
from sync_operator.domain.scheduling.scheduling_step import scheduling_step
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.status.sync_status import sync_status
from sync_operator.syncapi.types import Dialect, RemoteRun, Rows, RunStatus

__all__ = ["CRON", "JOB", "PICTURES", "RUN", "SERVER", "after", "conditions", "in_place"]

CRON: dict[str, Any] = {"scheduleType": "cron_expression", "cronExpression": "0 6 * * *", "timeZone": "Asia/Tokyo"}
SERVER: dict[str, Any] = {"scheduler": "Server"} | CRON


def live(snapshot: Snapshot, **spec: Any) -> dict[str, Any]:
    action = scheduling_step(replace(snapshot, cronjob=None))
    assert isinstance(action, ApplyCronJob)
    made = cronjob_manifest(snapshot, "7", suspended=action.manifest["spec"]["suspend"])
    made["metadata"] |= {"uid": "cronjob", "creationTimestamp": rfc3339(BORN)}
    return made | {"spec": made["spec"] | spec}


def in_place(**spec: Any) -> Snapshot:
    """A registered Sync with its CronJob, before its first status."""
    snapshot = pictured(ours(**spec), registered=True)
    return snapshot if spec.get("scheduler") == "Server" else replace(snapshot, cronjob=live(snapshot))


def after(snapshot: Snapshot) -> Snapshot:
    """The same snapshot in the next reconcile: what was learned in this one is forgotten, but for the status."""
    status = sync_status(snapshot)
    entry = next(entry for entry in status.conditions if entry.type == "Registered")
    there = status.id is not None and entry.status == "True"
    return pictured(
        replace(snapshot.sync, status=status),
        workspace=snapshot.workspace,
        runner_config=snapshot.runner_config,
        cronjob=snapshot.cronjob,
        jobs=tuple(replace(job, reported=job.finished) for job in snapshot.jobs),
        registered=there,
        was_in_sync=there or entry.reason == "DriftFound",
        last_listed=snapshot.last_listed,
        failures=snapshot.failures,
        not_found=snapshot.not_found,
    )


def conditions(snapshot: Snapshot) -> dict[str, Condition]:
    return {entry.type: entry for entry in sync_status(snapshot).conditions}


JOB = JobView("orders-1", RunTrigger.SCHEDULE, BORN, started_at=BORN, finished_at=NOW, finished=True)
RUN = RemoteRun(9, RunStatus.SUCCESS, started_at=BORN, finished_at=NOW, rows=Rows(total=3, succeeded=3))

PICTURES: dict[str, Snapshot] = {
    "created": replace(in_place(), remote=stored(pictured())),
    "created, and others look the same": replace(
        in_place(), remote=stored(pictured()), registered=False, others=("8",)
    ),
    "adopted": pictured(synced(metadata=marked(), externalId="5"), remote=stored(pictured(), "5")),
    "run by a cron line": in_place(**CRON),
    "run at an interval": in_place(scheduleType="interval", syncInterval=5, syncIntervalUnit="hours"),
    "run by the server": in_place(**SERVER),
    "suspended": in_place(suspend=True, suspendReason="for tests", **CRON),
    "put right": replace(in_place(), remote=stored(pictured()), corrected=("spec.syncMode from b back to a",)),
    "made anew": replace(in_place(), remote=stored(pictured()), recreated=True),
    "restored": replace(in_place(**CRON), restored="CronJob orders: spec.schedule was changed from outside"),
    "drift found": replace(
        in_place(driftPolicy="Report"), was_in_sync=True, last_listed=stored(pictured(), sync_mode="incremental")
    ),
    "gone": replace(in_place(driftPolicy="Report"), not_found=True),
    "refused": pictured(ours()).failed(Phase.REGISTRATION, Blocker(Reason.REJECTED, "change the spec", stalled=True)),
    "no answer": pictured(synced()).failed(Phase.REGISTRATION, Blocker(Reason.SERVER_UNAVAILABLE, "no answer")),
    "no CronJob": pictured(ours(**CRON)).failed(Phase.SCHEDULING, Blocker(Reason.CRON_JOB_REJECTED, "forbidden")),
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
