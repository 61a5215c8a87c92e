"""From the last picture of a reconcile to the status that is written: pure, and the same for the same picture."""

from datetime import datetime
from typing import Final

from sync_operator.decide.blocking import registration_obstacle
from sync_operator.decide.conditions import Said, progress_conditions, warning_words, worst, write_conditions
from sync_operator.decide.cronjob import cronjob_name
from sync_operator.decide.deletion import deletion_obstacle
from sync_operator.decide.health import fresh, health, last_run, last_success, recent_runs, runs_healthy
from sync_operator.decide.id_check import id_words
from sync_operator.decide.identity import is_ours, registered_account, registered_at
from sync_operator.decide.late_creates import ADVICE
from sync_operator.decide.missed import is_held
from sync_operator.decide.picture import Obstacle, Phase, Picture
from sync_operator.decide.refs import registered_ids
from sync_operator.decide.runs import handled_request
from sync_operator.decide.scheduling import cronjob_note, is_barred, last_schedule, scheduling_obstacle, suspended
from sync_operator.decide.server import drift, is_gone, server_status
from sync_operator.model.conditions import ConditionType, Reason
from sync_operator.model.status import SyncStatus
from sync_operator.model.sync import RunSpec, Scheduler
from sync_operator.model.warning_rules import annotation_doubts, spec_doubts
from sync_operator.remote.types import Dialect
from sync_operator.schedule.plan import Schedule, next_runs

__all__ = ["obstacles", "sync_status"]

_NEVER_COMES: Final = ", which never comes: spec.cronExpression names no date that exists"


def sync_status(picture: Picture) -> SyncStatus:
    """The whole status after a reconcile; equal to the one before when nothing changed."""
    sync, workspace = picture.sync, picture.workspace
    before = sync.status
    sync_id = _id(picture)
    runs = _next_runs(picture)
    conditions = write_conditions(_said(picture, runs), before.conditions, generation=sync.generation, now=picture.now)
    moved = picture.sync.place is not None and picture.sync.place != picture.place
    shown = is_ours(picture) and (picture.remote is not None or moved)
    placed = sync_id is not None and (before.url is None or shown)
    return before.model_copy(
        update={
            "observed_generation": sync.generation,
            "id": sync_id,
            "url": workspace.url if placed else before.url,
            "workspace_id": workspace.workspace_id if placed else before.workspace_id,
            "registered_at": registered_at(picture) if sync_id else None,
            "account": registered_account(picture) if sync_id else None,
            "origin": _origin(picture) if sync_id else before.origin,
            **registered_ids(picture, sync_id),
            "server_status": server_status(picture),
            "effective_schedule": sync.schedule.expression if sync.schedule else None,
            "time_zone": sync.schedule.time_zone if sync.schedule and sync.schedule.expression else None,
            "next_runs": runs,
            "cron_job": cronjob_name(sync.name) if picture.cronjob else None,
            "last_run": last_run(picture),
            "recent_runs": recent_runs(picture),
            "last_success_at": last_success(picture),
            "last_handled_run_request": handled_request(picture),
            "drift": _drift(picture),
            "health": health(conditions),
            "message": worst(conditions),
            "conditions": conditions,
        }
    )


def obstacles(picture: Picture) -> tuple[Obstacle, ...]:
    """Everything that kept this reconcile from finishing, the weightiest first."""
    if picture.sync.deleting:
        found: tuple[Obstacle | None, ...] = (deletion_obstacle(picture),)
    else:
        found = (registration_obstacle(picture), scheduling_obstacle(picture), picture.failures.get(Phase.RUNS))
    return tuple(obstacle for obstacle in found if obstacle is not None)


def _said(picture: Picture, runs: tuple[datetime, ...]) -> tuple[Said, ...]:
    registration, scheduling = registration_obstacle(picture), scheduling_obstacle(picture)
    if picture.sync.deleting:
        registration = deletion_obstacle(picture)
    words = _schedule_words(picture, runs)
    said = (
        _ready(picture, registration or scheduling, words),
        _registered(picture, registration),
        _scheduled(picture, scheduling, registration, words),
        *progress_conditions(registration or scheduling),
        runs_healthy(picture),
        fresh(picture),
    )
    return tuple(entry for entry in said if entry is not None)


def _ready(picture: Picture, obstacle: Obstacle | None, schedule: tuple[Reason, str]) -> Said:
    if obstacle is not None:
        return Said(ConditionType.READY, False, obstacle.reason, obstacle.message)
    reason, words = schedule
    also = ""
    if picture.workspace.dialect is Dialect.DOCUMENTED:
        also = "; the server also schedules this sync, so each time is run once, by whichever comes first"
    return Said(ConditionType.READY, True, reason, f"{_registered_words(picture)}, {words}{also}{_doubts(picture)}")


def _doubts(picture: Picture) -> str:
    sync = picture.sync
    of_spec = spec_doubts(sync.spec) if sync.spec is not None else ()
    return warning_words((*of_spec, *annotation_doubts(sync.annotations)))


def _registered(picture: Picture, obstacle: Obstacle | None) -> Said:
    if obstacle is not None:
        return Said(ConditionType.REGISTERED, False, obstacle.reason, obstacle.message)
    if picture.corrected:
        changes = "; ".join(picture.corrected)
        words = f"{_registered_words(picture)}; changed on the server and put back: {changes}"
        return Said(ConditionType.REGISTERED, True, Reason.DRIFT_CORRECTED, words)
    if picture.recreated and not picture.adopted:
        words = f"{_registered_words(picture)}, made anew because somebody deleted it on the server"
        return Said(ConditionType.REGISTERED, True, Reason.RECREATED, words)
    before = picture.sync.condition(ConditionType.REGISTERED)
    standing = before is not None and before.status == "True" and picture.registered
    if picture.duplicates:
        return Said(ConditionType.REGISTERED, True, Reason.DUPLICATE_FOUND, _duplicate_words(picture))
    if before is not None and standing and (picture.duplicates is None or ADVICE not in before.message):
        return Said(ConditionType.REGISTERED, True, Reason(before.reason), before.message)
    words = f"{_registered_words(picture)}{id_words(picture)}"
    if picture.adopted:
        words = (
            f"{words}, which was found where one was to be made: it holds what this Sync asks for, and belonged to no "
            "Sync. It stays on the server when this Sync is deleted, unless spec.deletionPolicy is Delete"
        )
    if picture.others:
        others = ", ".join(picture.others)
        words = f"{words}; sync {others} {ADVICE}: look whether it is wanted"
    reason = Reason.ADOPTED if _origin(picture) == "Adopted" else Reason.REGISTERED
    return Said(ConditionType.REGISTERED, True, reason, words)


def _duplicate_words(picture: Picture) -> str:
    ids = ", ".join(duplicate.remote.id for duplicate in picture.duplicates or ())
    return (
        f"{_registered_words(picture)}; sync {ids} {ADVICE}: it may be from a create whose answer was lost, or "
        "somebody else's. Both may send the same rows: delete it on the server if nobody wants it"
    )


def _scheduled(
    picture: Picture, obstacle: Obstacle | None, registration: Obstacle | None, schedule: tuple[Reason, str]
) -> Said:
    if obstacle is not None:
        return Said(ConditionType.SCHEDULED, False, obstacle.reason, obstacle.message)
    server = picture.sync.spec is not None and picture.sync.spec.scheduler is Scheduler.SERVER
    if picture.cronjob is None and registration is not None and not (server and picture.sync_id):
        message = f"no CronJob before the sync is registered: {registration.message}"
        return Said(ConditionType.SCHEDULED, False, registration.reason, message)
    reason, words = schedule
    if registration is not None and picture.cronjob is not None and reason is Reason.SCHEDULED and _held(picture):
        message = f"CronJob {cronjob_name(picture.sync.name)} is suspended, so nothing runs: {registration.message}"
        return Said(ConditionType.SCHEDULED, False, registration.reason, message)
    if note := cronjob_note(picture):
        words = f"{words}; {note}"
    if picture.restored:
        return Said(ConditionType.SCHEDULED, True, Reason.DRIFT_CORRECTED, f"{words}; {picture.restored}")
    before = picture.sync.condition(ConditionType.SCHEDULED)
    told = before is not None and before.reason == Reason.DRIFT_CORRECTED and before.message.startswith(f"{words};")
    if before is not None and told and before.observed_generation == picture.sync.generation:
        return Said(ConditionType.SCHEDULED, True, Reason.DRIFT_CORRECTED, before.message)
    return Said(ConditionType.SCHEDULED, True, reason, words)


def _held(picture: Picture) -> bool:
    """True while the CronJob of a valid spec is suspended because the sync is not ours (any more)."""
    return picture.sync.schedule is not None and suspended(picture)


def _registered_words(picture: Picture) -> str:
    workspace = picture.workspace.workspace_id
    place = f" in workspace {workspace}" if workspace else ""
    return f"registered as sync {picture.sync_id}{place}"


def _schedule_words(picture: Picture, runs: tuple[datetime, ...]) -> tuple[Reason, str]:
    """How the sync runs when nothing stands in the way; ``runs`` are the next ones of its CronJob."""
    spec, schedule = picture.sync.spec, picture.sync.schedule
    if spec is None or schedule is None:
        return Reason.SCHEDULED, "the CronJob stays as it was"
    why = f" ({spec.suspend_reason})" if spec.suspend_reason else ""
    if spec.scheduler is Scheduler.SERVER:
        return _server_words(picture, schedule, why)
    if spec.suspend:
        return Reason.SUSPENDED, f"suspended by spec.suspend{why}: it runs on request only"
    if picture.workspace.suspended:
        return Reason.SUSPENDED, f"suspended by Workspace {picture.workspace.name!r}: it runs on request only"
    if schedule.expression is None:
        return Reason.MANUAL, "it runs on request only"
    words = f"runs at {schedule.expression!r} in time zone {schedule.time_zone}"
    if schedule.expression.startswith("@every"):
        words = f"runs {schedule.expression.removeprefix('@')}"
        if spec.run.starting_deadline_seconds != RunSpec().starting_deadline_seconds:
            words = f"{words}; spec.run.startingDeadlineSeconds is for cron lines only and not used"
    elif not (runs or next_runs(schedule, picture.now, anchor=None, count=1)):
        words += _NEVER_COMES
    return Reason.SCHEDULED, words


def _server_words(picture: Picture, schedule: Schedule, why: str) -> tuple[Reason, str]:
    """How a server runs the sync by itself."""
    if picture.sync.spec is not None and picture.sync.spec.suspend:
        return Reason.SUSPENDED, f"suspended by spec.suspend{why}: it is disabled on the server, and nothing runs it"
    if schedule.expression is None:
        return Reason.MANUAL, "the server has no schedule for it: it runs when somebody asks the server for it"
    words = f"the server runs it by its own schedule, {schedule.expression!r} in UTC"
    if not next_runs(schedule, picture.now, anchor=None, count=1):
        words += _NEVER_COMES
    if schedule.warning:
        words = f"{words}; {schedule.warning}"
    if picture.workspace.suspended:
        words = f"{words}; that Workspace {picture.workspace.name!r} is suspended does not stop it"
    return Reason.SERVER_SCHEDULED, words


def _next_runs(picture: Picture) -> tuple[datetime, ...]:
    live, schedule, spec = picture.cronjob, picture.sync.schedule, picture.sync.spec
    if schedule is not None and spec is not None and spec.scheduler is Scheduler.SERVER:
        stopped = picture.sync.deleting or spec.suspend or picture.sync_id is None or is_gone(picture)
        return () if stopped or is_barred(picture) else next_runs(schedule, picture.now, anchor=None)
    stopped = picture.sync.deleting or suspended(picture) or live is None or live["spec"].get("suspend", False)
    if schedule is None or live is None or stopped:
        return ()
    if is_held(picture):
        return picture.sync.status.next_runs
    anchor = last_schedule(live) or datetime.fromisoformat(live["metadata"]["creationTimestamp"])
    return next_runs(schedule, picture.now, anchor=anchor)


def _id(picture: Picture) -> str | None:
    """The id that is this Sync's own: one that was only looked at, and cannot be taken, is not."""
    obstacle = registration_obstacle(picture)
    if picture.sync.status.id is None and obstacle is not None and obstacle.reason is Reason.CONFLICT:
        return None
    return picture.sync_id


def _origin(picture: Picture) -> str | None:
    before = picture.sync.status
    if picture.sync_id is None or (before.id is not None and before.origin is not None):
        return before.origin
    asked_for = picture.sync.spec is not None and picture.sync.spec.external_id is not None
    return "Adopted" if asked_for or picture.adopted else "Created"


def _drift(picture: Picture) -> tuple[str, ...]:
    """What differs on the server and is left so; as written before, while no newer list is known."""
    obstacle, actual = registration_obstacle(picture), picture.remote or picture.seen
    if obstacle is None or obstacle.reason is not Reason.DRIFT_FOUND:
        return ()
    if picture.gone:
        return ("status: registered → deleted",)
    return drift(picture, actual) if actual is not None else picture.sync.status.drift
