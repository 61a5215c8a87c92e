"""The events of a Sync: which are recorded for a change of its status. Those of a Workspace: `workspace_status`.

Each event has the reason of the condition with the same message.
"""

from dataclasses import dataclass
from typing import Final

from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.api.statuses.status import SyncStatus
from sync_operator.api.statuses.status_fields import Condition
from sync_operator.domain.registration.resource_kind import RegisteredStatus
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.domain.runs.missed_runs import missed_at, missed_message
from sync_operator.domain.runs.run_health import run_words, verdict_of
from sync_operator.domain.runs.start_failures import WAITING
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.status.error_classification import OUTAGES
from sync_operator.syncapi.types import RunStatus
from sync_operator.util.bounds import HASHED, MAX_TOKEN

__all__ = ["EventSpec", "changed", "ready_event", "registration_event", "sync_events"]

_REPORTED_BY_WORKSPACE: Final = OUTAGES | {Reason.UNAUTHORIZED, Reason.WORKSPACE_NOT_READY}
"""Reasons that affect all Syncs of a Workspace at once: there is one event on the Workspace, and none on each Sync."""

_LONG_TOKEN: Final = (
    f"squared.ai/run-requested-at holds more than {MAX_TOKEN} characters: the request counts as handled, and "
    "status.lastHandledRunRequest holds the hash of its token; write a shorter one, such as the time"
)


@dataclass(frozen=True, slots=True)
class EventSpec:
    """An event to record: the condition's reason, and the message."""

    reason: Reason
    message: str
    warning: bool = False


def sync_events(snapshot: Snapshot, before: SyncStatus, after: SyncStatus) -> tuple[EventSpec, ...]:
    """The events for the step from the last status to the new one: one for each change."""
    ended = tuple(
        EventSpec(verdict.reason, run_words(verdict.message, result), warning=not verdict.delivered)
        for result in snapshot.results
        for verdict in (verdict_of(snapshot, result),)
    )
    changes = (
        (_answered(snapshot),)
        if ended
        else (_change(snapshot, before, after), _answered(snapshot), _begun(before, after))
    )
    if not ended or (after.last_run is not None and after.last_run.status == WAITING):
        changes = (*changes, _not_begun(before, after))
    return tuple(notice for notice in (_missed(snapshot, after), *ended, *changes) if notice is not None)


def registration_event(
    snapshot: ResourceSnapshot, before: RegisteredStatus, after: RegisteredStatus
) -> EventSpec | None:
    """The event for a registration that was repaired, or that has a duplicate; None if that is not so."""
    repaired = changed(ConditionType.REGISTERED, (), after.conditions)
    done = snapshot.corrected or snapshot.recreated or snapshot.adopted
    if repaired is not None and repaired.status == "True" and done:
        return EventSpec(Reason(repaired.reason), repaired.message, warning=True)
    if snapshot.removed:
        ids, kind, noun = ", ".join(snapshot.removed), snapshot.kind.kind, snapshot.kind.noun
        words = f"{noun} {ids} was made by a create of this {kind} that had been given up; it was deleted on the server"
        return EventSpec(Reason.DUPLICATE_FOUND, words, warning=True)
    registered = changed(ConditionType.REGISTERED, before.conditions, after.conditions)
    if registered is not None and registered.reason == Reason.DUPLICATE_FOUND:
        return EventSpec(Reason.DUPLICATE_FOUND, registered.message, warning=True)
    return None


def ready_event(before: RegisteredStatus, after: RegisteredStatus) -> EventSpec | None:
    """The event for a change of ``Ready``; None without one, or if the Workspace has an event about it."""
    ready = changed(ConditionType.READY, before.conditions, after.conditions)
    if ready is not None and not _is_shared(before, after, ready):
        return EventSpec(
            Reason(ready.reason), ready.message, warning=ready.status != "True" and not _waits(before, ready)
        )
    return None


def _waits(before: RegisteredStatus, ready: Condition) -> bool:
    """True for what waits for other resources of the cluster, as all do that are applied or deleted at once."""
    first = before.id is None and ready.reason in {Reason.WORKSPACE_NOT_FOUND, Reason.REFERENCE_NOT_READY}
    return first or ready.reason == Reason.IN_USE


def _change(snapshot: Snapshot, before: SyncStatus, after: SyncStatus) -> EventSpec | None:
    found = registration_event(snapshot, before, after)
    if found is None and snapshot.restored:
        found = EventSpec(Reason.DRIFT_CORRECTED, snapshot.restored, warning=True)
    return found or ready_event(before, after)


def _answered(snapshot: Snapshot) -> EventSpec | None:
    """Event if a run request was skipped or its token hashed; in addition to others, as it may come with a new Sync."""
    if snapshot.answered_request is not None and snapshot.answered_request.startswith(HASHED):
        return EventSpec(
            Reason.RUN_SKIPPED if snapshot.cronjob is None else Reason.RUN_STARTED, _LONG_TOKEN, warning=True
        )
    if snapshot.answered_request is not None and snapshot.cronjob is None:
        message = "squared.ai/run-requested-at: the server runs this sync itself (spec.scheduler: Server); run it there"
        return EventSpec(Reason.RUN_SKIPPED, message, warning=True)
    return None


def _begun(before: SyncStatus, after: SyncStatus) -> EventSpec | None:
    """Event if a Job started; in addition to others, as it may be created right after the registration."""
    started, old = after.last_run, before.last_run
    if started is None or not started.job or started.status != RunStatus.STARTED:
        return None
    if old is not None and started.job == old.job and old.status != WAITING:
        return None
    return EventSpec(Reason.RUN_STARTED, f"Job {started.job} started ({started.trigger})")


def _missed(snapshot: Snapshot, after: SyncStatus) -> EventSpec | None:
    """Event if a run was missed, and RunsHealthy is about a later run already."""
    runs_healthy = next((entry for entry in after.conditions if entry.type == ConditionType.RUNS_HEALTHY), None)
    if missed_at(snapshot) is None or (runs_healthy is not None and runs_healthy.reason == Reason.RUN_MISSED):
        return None
    return EventSpec(Reason.RUN_MISSED, missed_message(snapshot), warning=True)


def _not_begun(before: SyncStatus, after: SyncStatus) -> EventSpec | None:
    """Event if a run did not start: one for each Job that does not start, and one for missed runs in a row."""
    runs_healthy = next((entry for entry in after.conditions if entry.type == ConditionType.RUNS_HEALTHY), None)
    if runs_healthy is None or runs_healthy.reason not in {Reason.RUN_NOT_STARTED, Reason.RUN_MISSED}:
        return None
    old, last = before.last_run, after.last_run
    waited = old is not None and last is not None and old.job == last.job and old.message is not None
    other_job = last is not None and last.status == WAITING and last.message is not None and not waited
    if changed(ConditionType.RUNS_HEALTHY, before.conditions, after.conditions) is None and not other_job:
        return None
    return EventSpec(Reason(runs_healthy.reason), runs_healthy.message, warning=True)


def _is_shared(before: RegisteredStatus, after: RegisteredStatus, ready: Condition) -> bool:
    """True if a failure of the whole Workspace began, or ended without any other change."""
    old = next((entry for entry in before.conditions if entry.type == ConditionType.READY), None)
    ended = old is not None and old.reason in _REPORTED_BY_WORKSPACE and before.id is not None and before.id == after.id
    return ready.reason in _REPORTED_BY_WORKSPACE or (ended and ready.status == "True")


def changed(kind: str, before: tuple[Condition, ...], after: tuple[Condition, ...]) -> Condition | None:
    """The new condition of a type if its status or reason changed; else None."""
    old = next((entry for entry in before if entry.type == kind), None)
    new = next((entry for entry in after if entry.type == kind), None)
    if new is None or (old is not None and (old.status, old.reason) == (new.status, new.reason)):
        return None
    return new
