"""The scheduling half: a CronJob that fires at the right times, and at no other."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sync_operator.decide.actions import Action, ApplyCronJob, DeleteCronJob, GuardSchedule
from sync_operator.decide.applied import differences, is_applied, stays_different
from sync_operator.decide.blocking import conflict, workspace_changed
from sync_operator.decide.cluster_mark import cluster_changed
from sync_operator.decide.cronjob import cronjob_manifest, cronjob_name
from sync_operator.decide.identity import identity_conflict, is_unproven
from sync_operator.decide.obstacles import obstacle_of
from sync_operator.decide.once import once
from sync_operator.decide.picture import Obstacle, Phase, Picture
from sync_operator.decide.run_pods import pod_refusal
from sync_operator.decide.server import is_gone
from sync_operator.model.conditions import Reason
from sync_operator.model.sync import Scheduler

__all__ = ["cronjob_note", "is_barred", "last_schedule", "scheduling_obstacle", "scheduling_step", "suspended"]


def scheduling_step(picture: Picture) -> Action | None:
    """The next thing to do for the schedule, or None when it is in place or cannot be."""
    spec, live = picture.sync.spec, picture.cronjob
    if spec is None or picture.sync.schedule is None or picture.applied or scheduling_obstacle(picture):
        return None
    if spec.scheduler is Scheduler.SERVER:
        return DeleteCronJob(cronjob_name(picture.sync.name), Phase.SCHEDULING) if live else None
    if picture.sync_id is None or picture.workspace.dialect is None or (live is None and cluster_changed(picture)):
        return None
    desired = _desired(picture)
    name = desired["metadata"]["name"]
    if live is None:
        return ApplyCronJob(name, desired, lost=picture.sync.status.cron_job == name)
    found, known = differences(desired, live), is_applied(desired, live)
    foreign = tuple(difference.place for difference in found if known and not difference.stays)
    if known and not foreign:
        return None
    if _looks_back(desired, live) and last_schedule(live) != picture.now.replace(microsecond=0):
        return GuardSchedule(name, picture.now.replace(microsecond=0))
    return ApplyCronJob(name, desired, foreign)


@once
def cronjob_note(picture: Picture) -> str:
    """What of the CronJob others have otherwise for good, for people; empty where that is nothing."""
    spec, live = picture.sync.spec, picture.cronjob
    known = picture.sync_id is not None and picture.workspace.dialect is not None and picture.sync.schedule is not None
    if live is None or spec is None or spec.scheduler is Scheduler.SERVER or not known or scheduling_obstacle(picture):
        return ""
    return stays_different(_desired(picture), live)


def scheduling_obstacle(picture: Picture) -> Obstacle | None:
    """What keeps the schedule from being put in place."""
    failed, spec = picture.failures.get(Phase.SCHEDULING), picture.sync.spec
    refused = pod_refusal(spec.run.pod, picture.deployment.run_pods) if spec is not None else None
    if failed is None and refused is not None:
        return obstacle_of(refused)
    if failed is not None or picture.cronjob is None:
        return failed
    owners = picture.cronjob["metadata"].get("ownerReferences", [])
    if any(owner.get("uid") == picture.sync.uid for owner in owners):
        return None
    name = picture.cronjob["metadata"]["name"]
    return Obstacle(
        Reason.CONFLICT,
        f"metadata.name: a CronJob {name!r} that does not belong to this Sync is in the way; delete or rename it",
        waits=True,
    )


def suspended(picture: Picture) -> bool:
    """True when the CronJob is to fire by request only: by the spec, or because the sync is not ours (any more)."""
    spec, schedule = picture.sync.spec, picture.sync.schedule
    manual = schedule is None or schedule.expression is None
    if manual or spec is None or spec.suspend or picture.workspace.suspended or is_gone(picture):
        return True
    if is_unproven(picture) and picture.cronjob is not None and picture.cronjob["spec"].get("suspend"):
        return True  # it may have been suspended because the sync is not ours
    return is_barred(picture)


def is_barred(picture: Picture) -> bool:
    """True when the sync on the server is not ours, or not ours any more."""
    changed = workspace_changed(picture) or cluster_changed(picture)
    return bool(changed or conflict(picture) or identity_conflict(picture))


def last_schedule(cronjob: Mapping[str, Any]) -> datetime | None:
    """The CronJob's ``status.lastScheduleTime``."""
    text = cronjob.get("status", {}).get("lastScheduleTime")
    return datetime.fromisoformat(text) if text else None


@once
def _desired(picture: Picture) -> dict[str, Any]:
    status, sync_id = picture.sync.status, picture.sync_id or ""
    if workspace_changed(picture) and status.url:
        there = replace(picture.workspace, url=status.url, workspace_id=status.workspace_id)
        picture = replace(picture, workspace=there)
        return cronjob_manifest(picture, sync_id, suspended=True)
    return cronjob_manifest(picture, sync_id, suspended=suspended(picture))


def _looks_back(desired: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """True for a change after which the CronJob controller would look for runs missed in the past."""
    wanted, found = desired["spec"], live["spec"]
    resumed = found.get("suspend", False) and not wanted["suspend"]
    moved = any(wanted[name] != found.get(name) for name in ("schedule", "timeZone"))
    return bool(resumed or (moved and not wanted["suspend"]))
