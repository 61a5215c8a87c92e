"""The next action for the schedule: a CronJob that fires at the scheduled times, and at no other."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sync_operator.api.kinds.sync import Scheduler
from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.actions import Action, ApplyCronJob, DeleteCronJob, GuardSchedule
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.identity.cluster_mark import cluster_changed
from sync_operator.domain.identity.resource_identity import identity_conflict, is_unproven
from sync_operator.domain.memo import memoize
from sync_operator.domain.registration.preconditions import claim_conflict, workspace_changed
from sync_operator.domain.scheduling.cronjob_manifest import cronjob_manifest, cronjob_name
from sync_operator.domain.scheduling.field_ownership import differences, is_applied, stays_different
from sync_operator.domain.scheduling.pod_settings import pod_refusal
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.status.error_classification import classify_error
from sync_operator.domain.sync.server_state import is_gone

__all__ = ["cronjob_note", "is_barred", "last_schedule", "scheduling_blocker", "scheduling_step", "suspended"]


def scheduling_step(snapshot: Snapshot) -> Action | None:
    """The next action for the schedule, or None if it is in place or blocked."""
    spec, live = snapshot.sync.spec, snapshot.cronjob
    if spec is None or snapshot.sync.schedule is None or snapshot.applied or scheduling_blocker(snapshot):
        return None
    if spec.scheduler is Scheduler.SERVER:
        return DeleteCronJob(cronjob_name(snapshot.sync.name), Phase.SCHEDULING) if live else None
    if snapshot.remote_id is None or snapshot.workspace.dialect is None or (live is None and cluster_changed(snapshot)):
        return None
    desired = _desired(snapshot)
    name = desired["metadata"]["name"]
    if live is None:
        return ApplyCronJob(name, desired, lost=snapshot.sync.status.cron_job == name)
    found, known = differences(desired, live), is_applied(desired, live)
    foreign = tuple(difference for difference in found if known and not difference.stays)
    if known and not foreign:
        return None
    if _needs_catch_up_guard(desired, live) and last_schedule(live) != snapshot.now.replace(microsecond=0):
        return GuardSchedule(name, snapshot.now.replace(microsecond=0))
    return ApplyCronJob(name, desired, foreign)


@memoize
def cronjob_note(snapshot: Snapshot) -> str:
    """Message about fields of the CronJob that differ and that no apply changes; empty if there are none."""
    spec, live = snapshot.sync.spec, snapshot.cronjob
    known = (
        snapshot.remote_id is not None and snapshot.workspace.dialect is not None and snapshot.sync.schedule is not None
    )
    if live is None or spec is None or spec.scheduler is Scheduler.SERVER or not known or scheduling_blocker(snapshot):
        return ""
    return stays_different(_desired(snapshot), live)


def scheduling_blocker(snapshot: Snapshot) -> Blocker | None:
    """The blocker of the schedule, or None."""
    failed, spec = snapshot.failures.get(Phase.SCHEDULING), snapshot.sync.spec
    refused = pod_refusal(spec.run.pod, snapshot.runner_config.run_pods) if spec is not None else None
    if failed is None and refused is not None:
        return classify_error(refused)
    if failed is not None or snapshot.cronjob is None:
        return failed
    owners = snapshot.cronjob["metadata"].get("ownerReferences", [])
    if any(owner.get("uid") == snapshot.sync.uid for owner in owners):
        return None
    name = snapshot.cronjob["metadata"]["name"]
    return Blocker(
        Reason.CONFLICT,
        f"metadata.name: a CronJob {name!r} that does not belong to this Sync is in the way; delete or rename it",
        resolved_by_watch=True,
    )


def suspended(snapshot: Snapshot) -> bool:
    """True if the CronJob is to serve run requests only: by spec or Workspace, or if the sync is gone or not ours."""
    spec, schedule = snapshot.sync.spec, snapshot.sync.schedule
    manual = schedule is None or schedule.expression is None
    if manual or spec is None or spec.suspend or snapshot.workspace.suspended or is_gone(snapshot):
        return True
    if is_unproven(snapshot) and snapshot.cronjob is not None and snapshot.cronjob["spec"].get("suspend"):
        return True  # it may have been suspended because the sync is not ours
    return is_barred(snapshot)


def is_barred(snapshot: Snapshot) -> bool:
    """True if the sync on the server is not ours, or no longer ours."""
    changed = workspace_changed(snapshot) or cluster_changed(snapshot)
    return bool(changed or claim_conflict(snapshot) or identity_conflict(snapshot))


def last_schedule(cronjob: Mapping[str, Any]) -> datetime | None:
    """The CronJob's ``status.lastScheduleTime``."""
    text = cronjob.get("status", {}).get("lastScheduleTime")
    return datetime.fromisoformat(text) if text else None


@memoize
def _desired(snapshot: Snapshot) -> dict[str, Any]:
    status, sync_id = snapshot.sync.status, snapshot.remote_id or ""
    if workspace_changed(snapshot) and status.url:
        there = replace(snapshot.workspace, url=status.url, workspace_id=status.workspace_id)
        snapshot = replace(snapshot, workspace=there)
        return cronjob_manifest(snapshot, sync_id, suspended=True)
    return cronjob_manifest(snapshot, sync_id, suspended=suspended(snapshot))


def _needs_catch_up_guard(desired: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """True for a change after which the CronJob controller would look for missed times in the past, and start a run."""
    wanted, found = desired["spec"], live["spec"]
    resumed = found.get("suspend", False) and not wanted["suspend"]
    moved = any(wanted[name] != found.get(name) for name in ("schedule", "timeZone"))
    return bool(resumed or (moved and not wanted["suspend"]))
