"""Which events a change deserves, each with the reason of the condition that tells the same."""

from dataclasses import dataclass
from typing import Final

from sync_operator.bounds import HASHED, MAX_TOKEN
from sync_operator.decide.health import run_words, verdict_of
from sync_operator.decide.obstacles import OUTAGES
from sync_operator.decide.picture import Picture
from sync_operator.decide.starts import WAITING
from sync_operator.model.conditions import ConditionType, Reason
from sync_operator.model.status import Condition, SyncStatus
from sync_operator.remote.types import RunStatus

__all__ = ["Notice", "changed", "sync_notices"]

_TOLD_BY_WORKSPACE: Final = OUTAGES | {Reason.UNAUTHORIZED, Reason.WORKSPACE_NOT_READY}
"""Troubles of all Syncs of a Workspace at once: one event of the Workspace tells, not one of each Sync."""

_LONG_TOKEN: Final = (
    f"squared.ai/run-requested-at holds more than {MAX_TOKEN} characters: the request counts as handled, and "
    "status.lastHandledRunRequest holds the hash of its token; write a shorter one, such as the time"
)


@dataclass(frozen=True, slots=True)
class Notice:
    """An event to be: its reason is the condition's, its message is fit for people."""

    reason: Reason
    message: str
    warning: bool = False


def sync_notices(picture: Picture, before: SyncStatus, after: SyncStatus) -> tuple[Notice, ...]:
    """What to tell of the step from the status written before to the one written now: one event for each change."""
    ended = tuple(
        Notice(verdict.reason, run_words(verdict.message, result), warning=not verdict.delivered)
        for result in picture.results
        for verdict in (verdict_of(picture, result),)
    )
    told = () if ended else (_change(picture, before, after), _begun(before, after))
    if not ended or (after.last_run is not None and after.last_run.status == WAITING):
        told = (*told, _not_begun(before, after))
    return ended + tuple(notice for notice in told if notice is not None)


def _change(picture: Picture, before: SyncStatus, after: SyncStatus) -> Notice | None:
    repaired = changed(ConditionType.REGISTERED, (), after.conditions)
    done = picture.corrected or picture.recreated or picture.adopted
    if repaired is not None and repaired.status == "True" and done:
        return Notice(Reason(repaired.reason), repaired.message, warning=True)
    if picture.removed:
        ids = ", ".join(picture.removed)
        words = f"sync {ids} was made by a create of this Sync that had been given up; it was deleted on the server"
        return Notice(Reason.DUPLICATE_FOUND, words, warning=True)
    told = changed(ConditionType.REGISTERED, before.conditions, after.conditions)
    if told is not None and told.reason == Reason.DUPLICATE_FOUND:
        return Notice(Reason.DUPLICATE_FOUND, told.message, warning=True)
    if picture.restored:
        return Notice(Reason.DRIFT_CORRECTED, picture.restored, warning=True)
    ready = changed(ConditionType.READY, before.conditions, after.conditions)
    if ready is not None and not _is_shared(before, after, ready):
        return Notice(Reason(ready.reason), ready.message, warning=ready.status != "True")
    if picture.answered_request is not None and picture.answered_request.startswith(HASHED):
        return Notice(Reason.RUN_SKIPPED if picture.cronjob is None else Reason.RUN_STARTED, _LONG_TOKEN, warning=True)
    if picture.answered_request is not None and picture.cronjob is None:
        message = "squared.ai/run-requested-at: the server runs this sync itself (spec.scheduler: Server); run it there"
        return Notice(Reason.RUN_SKIPPED, message, warning=True)
    return None


def _begun(before: SyncStatus, after: SyncStatus) -> Notice | None:
    """A Job began: beside whatever else is told, as it may be made right after its Sync was registered."""
    started, old = after.last_run, before.last_run
    if started is None or not started.job or started.status != RunStatus.STARTED:
        return None
    if old is not None and started.job == old.job and old.status != WAITING:
        return None
    return Notice(Reason.RUN_STARTED, f"Job {started.job} started ({started.trigger})")


def _not_begun(before: SyncStatus, after: SyncStatus) -> Notice | None:
    """A run did not begin: once for each Job that does not start, and once for times that are missed in a row."""
    told = next((entry for entry in after.conditions if entry.type == ConditionType.RUNS_HEALTHY), None)
    if told is None or told.reason not in {Reason.RUN_NOT_STARTED, Reason.RUN_MISSED}:
        return None
    old, last = before.last_run, after.last_run
    waited = old is not None and last is not None and old.job == last.job and old.message is not None
    other_job = last is not None and last.status == WAITING and last.message is not None and not waited
    if changed(ConditionType.RUNS_HEALTHY, before.conditions, after.conditions) is None and not other_job:
        return None
    return Notice(Reason(told.reason), told.message, warning=True)


def _is_shared(before: SyncStatus, after: SyncStatus, ready: Condition) -> bool:
    """True when the Workspace's trouble began for this Sync, or when it ended and nothing else came of it."""
    old = next((entry for entry in before.conditions if entry.type == ConditionType.READY), None)
    ended = old is not None and old.reason in _TOLD_BY_WORKSPACE and before.id is not None and before.id == after.id
    return ready.reason in _TOLD_BY_WORKSPACE or (ended and ready.status == "True")


def changed(kind: str, before: tuple[Condition, ...], after: tuple[Condition, ...]) -> Condition | None:
    """The condition of that type as it is now, when its status or reason is another one than before."""
    old = next((entry for entry in before if entry.type == kind), None)
    new = next((entry for entry in after if entry.type == kind), None)
    if new is None or (old is not None and (old.status, old.reason) == (new.status, new.reason)):
        return None
    return new
