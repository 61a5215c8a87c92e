"""Which events a change deserves: at most one, with the reason of the condition that changed."""

from dataclasses import dataclass

from sync_operator.decide.picture import Picture
from sync_operator.model.conditions import ConditionType, Reason
from sync_operator.model.status import Condition, SyncStatus

__all__ = ["Notice", "changed", "sync_notice"]


@dataclass(frozen=True, slots=True)
class Notice:
    """An event to be: its reason is the condition's, its message is fit for people."""

    reason: Reason
    message: str
    warning: bool = False


def sync_notice(picture: Picture, before: SyncStatus, after: SyncStatus) -> Notice | None:
    """The one event that tells what changed from the status written before to the one written now."""
    ended = _run_notice(picture, after)
    if ended is not None:
        return ended
    repaired = changed(ConditionType.REGISTERED, (), after.conditions)
    if repaired is not None and repaired.status == "True" and (picture.corrected or picture.recreated):
        return Notice(Reason(repaired.reason), repaired.message, warning=True)
    ready = changed(ConditionType.READY, before.conditions, after.conditions)
    if ready is not None:
        return Notice(Reason(ready.reason), ready.message, warning=ready.status != "True")
    answered = picture.answered_request
    if answered is not None and picture.cronjob is None:
        message = "squared.ai/run-requested-at: the server runs this sync itself (spec.scheduler: Server); run it there"
        return Notice(Reason.RUN_SKIPPED, message, warning=True)
    started = after.last_run
    if started is not None and (before.last_run is None or started.job != before.last_run.job):
        return Notice(Reason.RUN_STARTED, f"Job {started.job} started ({started.trigger})")
    return None


def _run_notice(picture: Picture, after: SyncStatus) -> Notice | None:
    healthy = next((entry for entry in after.conditions if entry.type == ConditionType.RUNS_HEALTHY), None)
    if picture.result is None or healthy is None:
        return None
    reasons = "".join(f"; {reason}" for reason in picture.result.reasons)
    return Notice(Reason(healthy.reason), healthy.message + reasons, warning=healthy.status != "True")


def changed(kind: str, before: tuple[Condition, ...], after: tuple[Condition, ...]) -> Condition | None:
    """The condition of that type as it is now, when its status or reason is another one than before."""
    old = next((entry for entry in before if entry.type == kind), None)
    new = next((entry for entry in after if entry.type == kind), None)
    if new is None or (old is not None and (old.status, old.reason) == (new.status, new.reason)):
        return None
    return new
