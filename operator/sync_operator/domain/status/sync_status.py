"""Computes the status from the last snapshot of a reconcile. Pure: the same snapshot gives the same status."""

from datetime import datetime
from typing import Final

from sync_operator.api.kinds.sync import RunSpec, Scheduler
from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.api.statuses.status import SyncStatus
from sync_operator.api.validation.warning_rules import annotation_warnings, spec_warnings
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.registration.deletion_step import deletion_blocker
from sync_operator.domain.registration.preconditions import registration_blocker
from sync_operator.domain.runs.missed_runs import undecided_runs
from sync_operator.domain.runs.run_health import fresh, health, last_run, last_success, recent_runs, runs_healthy
from sync_operator.domain.runs.runs_step import handled_request
from sync_operator.domain.scheduling.cronjob_manifest import cronjob_name
from sync_operator.domain.scheduling.scheduling_step import (
    cronjob_note,
    is_barred,
    last_schedule,
    scheduling_blocker,
    suspended,
)
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.status.registered_condition import (
    registered_condition,
    registered_fields,
    registered_words,
)
from sync_operator.domain.status.set_conditions import (
    DesiredCondition,
    progress_conditions,
    set_conditions,
    warning_message,
    worst,
)
from sync_operator.domain.sync.id_check import id_message
from sync_operator.domain.sync.references import registered_ids
from sync_operator.domain.sync.server_state import is_gone, server_status
from sync_operator.schedule.effective_schedule import Schedule, next_runs
from sync_operator.schedule.freshness_warnings import freshness_warnings
from sync_operator.syncapi.types import Dialect

__all__ = ["blockers", "sync_status"]

_NEVER_COMES: Final = ", which never comes: spec.cronExpression names no date that exists; write a date that exists"


def sync_status(snapshot: Snapshot) -> SyncStatus:
    """The whole status after a reconcile; equal to the one before if nothing changed."""
    sync = snapshot.sync
    before = sync.status
    registered = registered_fields(snapshot)
    runs = _next_runs(snapshot)
    conditions = set_conditions(_said(snapshot, runs), before.conditions, generation=sync.generation, now=snapshot.now)
    return before.model_copy(
        update={
            **registered,
            **registered_ids(snapshot, registered["id"]),
            "server_status": server_status(snapshot),
            "effective_schedule": sync.schedule.expression if sync.schedule else None,
            "time_zone": sync.schedule.time_zone if sync.schedule and sync.schedule.expression else None,
            "next_runs": runs,
            "cron_job": cronjob_name(sync.name) if snapshot.cronjob else None,
            "last_run": last_run(snapshot),
            "recent_runs": recent_runs(snapshot),
            "last_success_at": last_success(snapshot),
            "last_handled_run_request": handled_request(snapshot),
            "health": health(conditions),
            "message": worst(conditions),
            "conditions": conditions,
        }
    )


def blockers(snapshot: Snapshot) -> tuple[Blocker, ...]:
    """The blockers of this reconcile, the most important first."""
    if snapshot.sync.deleting:
        found: tuple[Blocker | None, ...] = (deletion_blocker(snapshot),)
    else:
        found = (registration_blocker(snapshot), scheduling_blocker(snapshot), snapshot.failures.get(Phase.RUNS))
    return tuple(blocker for blocker in found if blocker is not None)


def _said(snapshot: Snapshot, runs: tuple[datetime, ...]) -> tuple[DesiredCondition, ...]:
    registration, scheduling = registration_blocker(snapshot), scheduling_blocker(snapshot)
    if snapshot.sync.deleting:
        registration = deletion_blocker(snapshot)
    words = _schedule_words(snapshot, runs)
    said = (
        _ready(snapshot, registration or scheduling, words),
        registered_condition(snapshot, registration, id_message(snapshot)),
        _scheduled(snapshot, scheduling, registration, words),
        *progress_conditions(registration or scheduling),
        runs_healthy(snapshot),
        fresh(snapshot),
    )
    return tuple(entry for entry in said if entry is not None)


def _ready(snapshot: Snapshot, blocker: Blocker | None, schedule: tuple[Reason, str]) -> DesiredCondition:
    if blocker is not None:
        return DesiredCondition(ConditionType.READY, False, blocker.reason, blocker.message)
    reason, words = schedule
    also = ""
    if snapshot.workspace.dialect is Dialect.DOCUMENTED:
        also = "; the server also schedules this sync, so each time is run once, by whichever comes first"
    return DesiredCondition(
        ConditionType.READY, True, reason, f"{registered_words(snapshot)}, {words}{also}{_warnings(snapshot)}"
    )


def _warnings(snapshot: Snapshot) -> str:
    sync = snapshot.sync
    of_spec = spec_warnings(sync.spec) if sync.spec is not None else ()
    of_schedule = freshness_warnings(sync.spec, sync.schedule) if sync.spec is not None else ()
    return warning_message((*of_spec, *of_schedule, *annotation_warnings(sync.annotations)))


def _scheduled(
    snapshot: Snapshot, blocker: Blocker | None, registration: Blocker | None, schedule: tuple[Reason, str]
) -> DesiredCondition:
    if blocker is not None:
        return DesiredCondition(ConditionType.SCHEDULED, False, blocker.reason, blocker.message)
    server = snapshot.sync.spec is not None and snapshot.sync.spec.scheduler is Scheduler.SERVER
    if snapshot.cronjob is None and registration is not None and not (server and snapshot.remote_id):
        message = f"no CronJob before the sync is registered: {registration.message}"
        return DesiredCondition(ConditionType.SCHEDULED, False, registration.reason, message)
    reason, words = schedule
    if registration is not None and snapshot.cronjob is not None and reason is Reason.SCHEDULED and _held(snapshot):
        message = f"CronJob {cronjob_name(snapshot.sync.name)} is suspended, so nothing runs: {registration.message}"
        return DesiredCondition(ConditionType.SCHEDULED, False, registration.reason, message)
    if note := cronjob_note(snapshot):
        words = f"{words}; {note}"
    if snapshot.restored:
        return DesiredCondition(ConditionType.SCHEDULED, True, Reason.DRIFT_CORRECTED, f"{words}; {snapshot.restored}")
    before = snapshot.sync.condition(ConditionType.SCHEDULED)
    same = before is not None and before.reason == Reason.DRIFT_CORRECTED and before.message.startswith(f"{words};")
    if before is not None and same and before.observed_generation == snapshot.sync.generation:
        return DesiredCondition(ConditionType.SCHEDULED, True, Reason.DRIFT_CORRECTED, before.message)
    return DesiredCondition(ConditionType.SCHEDULED, True, reason, words)


def _held(snapshot: Snapshot) -> bool:
    """True while the CronJob of a valid spec is suspended because the sync is gone or not ours (any more)."""
    return snapshot.sync.schedule is not None and suspended(snapshot)


def _schedule_words(snapshot: Snapshot, runs: tuple[datetime, ...]) -> tuple[Reason, str]:
    """Reason and message of how the sync runs if nothing blocks it; ``runs`` are the next runs of its CronJob."""
    spec, schedule = snapshot.sync.spec, snapshot.sync.schedule
    if spec is None or schedule is None:
        return Reason.SCHEDULED, "the CronJob stays as it was"
    why = f" ({spec.suspend_reason})" if spec.suspend_reason else ""
    if spec.scheduler is Scheduler.SERVER:
        return _server_words(snapshot, schedule, why)
    if spec.suspend:
        return Reason.SUSPENDED, f"suspended by spec.suspend{why}: it runs on request only; set it to false to go on"
    if snapshot.workspace.suspended:
        return Reason.SUSPENDED, (
            f"suspended by Workspace {snapshot.workspace.name!r}: it runs on request only; set spec.suspend there to "
            "false to go on"
        )
    if schedule.expression is None:
        return Reason.MANUAL, "it runs on request only"
    words = f"runs at {schedule.expression!r} in time zone {schedule.time_zone}"
    if schedule.expression.startswith("@every"):
        words = f"runs {schedule.expression.removeprefix('@')}"
        if spec.run.starting_deadline_seconds != RunSpec().starting_deadline_seconds:
            words = f"{words}; spec.run.startingDeadlineSeconds is for cron lines only and not used"
    elif not (runs or next_runs(schedule, snapshot.now, anchor=None, count=1)):
        words += _NEVER_COMES
    return Reason.SCHEDULED, words


def _server_words(snapshot: Snapshot, schedule: Schedule, why: str) -> tuple[Reason, str]:
    """Reason and message of how the server runs the sync by itself."""
    if snapshot.sync.spec is not None and snapshot.sync.spec.suspend:
        return Reason.SUSPENDED, (
            f"suspended by spec.suspend{why}: it is disabled on the server, and nothing runs it; set it to false to go "
            "on"
        )
    if schedule.expression is None:
        return Reason.MANUAL, "the server has no schedule for it: it runs only when it is started on the server"
    words = f"the server runs it by its own schedule, {schedule.expression!r} in UTC"
    if not next_runs(schedule, snapshot.now, anchor=None, count=1):
        words += _NEVER_COMES
    if schedule.warning:
        words = f"{words}; {schedule.warning}"
    if snapshot.workspace.suspended:
        words = f"{words}; that Workspace {snapshot.workspace.name!r} is suspended does not stop it"
    return Reason.SERVER_SCHEDULED, words


def _next_runs(snapshot: Snapshot) -> tuple[datetime, ...]:
    live, schedule, spec = snapshot.cronjob, snapshot.sync.schedule, snapshot.sync.spec
    if schedule is not None and spec is not None and spec.scheduler is Scheduler.SERVER:
        stopped = snapshot.sync.deleting or spec.suspend or snapshot.remote_id is None or is_gone(snapshot)
        return () if stopped or is_barred(snapshot) else next_runs(schedule, snapshot.now, anchor=None)
    stopped = snapshot.sync.deleting or suspended(snapshot) or live is None or live["spec"].get("suspend", False)
    if schedule is None or live is None or stopped:
        return ()
    if held := undecided_runs(snapshot):
        return held
    anchor = last_schedule(live) or datetime.fromisoformat(live["metadata"]["creationTimestamp"])
    return next_runs(schedule, snapshot.now, anchor=anchor)
