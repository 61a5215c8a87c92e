"""What an error means for a Sync: reason, words, and when to try again."""

from typing import Final

from sync_operator.decide.picture import MassAbsence, Obstacle
from sync_operator.errors import (
    AccessError,
    ConflictError,
    ForbiddenError,
    HeldBackError,
    InvalidSpecError,
    KubernetesError,
    NotFoundError,
    OutcomeUnknownError,
    RejectedError,
    StateError,
    SyncOperatorError,
    ThrottledError,
    TransientError,
    UnauthorizedError,
    without_frames,
)
from sync_operator.model.conditions import Reason
from sync_operator.model.names import CONFIRM_SERVER
from sync_operator.remote.answers import BELONGINGS

__all__ = ["OUTAGES", "SLOW_RETRY", "no_such_sync", "obstacle_of", "reset_remedy", "reset_words"]

OUTAGES: Final = frozenset({Reason.SERVER_UNAVAILABLE, Reason.THROTTLED})
"""The server cannot be asked for a while: what was in place before is taken to be so still."""

SLOW_RETRY: Final = 300.0
"""Seconds between tries of what only a person elsewhere can mend (a missing catalog, a role)."""

_AFTER_THE_PAUSE: Final = 10.0
"""Seconds left to the Workspace to find out that the pause is over, and to wake those who wait in its line.

A try by oneself is for when it cannot: its Secret is gone, and this is a deletion with credentials kept in memory.
"""


def obstacle_of(error: SyncOperatorError) -> Obstacle:
    """Map an error of the tree to an obstacle, which may be kept for long."""
    words = str(without_frames(error))
    match error:
        case InvalidSpecError():
            return Obstacle(Reason.INVALID_SPEC, words, stalled=True, error=error)
        case RejectedError(may_heal=True):
            remedy = "write the id of one that exists in this workspace; " if BELONGINGS.keys() & error.details else ""
            words = f"{words}; {remedy}it is tried again every few minutes"
            return Obstacle(Reason.CATALOG_MISSING, words, retry_after=SLOW_RETRY, error=error)
        case RejectedError():
            return Obstacle(Reason.REJECTED, f"{words}; change the spec", stalled=True, error=error)
        case StateError():
            return Obstacle(Reason.REJECTED, words, retry_after=SLOW_RETRY, error=error)
        case ConflictError():
            return Obstacle(Reason.CONFLICT, words, waits=True, error=error)
        case NotFoundError():
            remedy = "write the id of one that is there, or let the Workspace name the place that has it"
            return Obstacle(Reason.EXTERNAL_NOT_FOUND, f"{words}; {remedy}", stalled=True, error=error)
        case AccessError():
            return _about_workspace(error, words)
        case TransientError():
            return _passing(error, words)
        case OutcomeUnknownError():
            return Obstacle(Reason.OUTCOME_UNKNOWN, words, error=error)
        case KubernetesError():
            return Obstacle(Reason.CRON_JOB_REJECTED, words, stalled=error.permanent, error=error)
        case _:
            return Obstacle(Reason.SERVER_UNAVAILABLE, words, error=error)


def no_such_sync(sync_id: str) -> NotFoundError:
    """What is wrong where the sync of ``spec.externalId`` is not there."""
    return NotFoundError(f"spec.externalId: the server has no sync {sync_id} in this workspace")


def reset_words(absence: MassAbsence) -> str:
    """How much is missing on the server."""
    return f"the server's last list lacks {absence.missing} of the {absence.known} syncs of this Workspace at once"


def reset_remedy(workspace: str, namespace: str) -> str:
    """What to do where so much is missing."""
    return (
        "Look whether server, workspace and account still are the right ones, and bring back what was lost. Where all "
        f"of it is to be made anew: kubectl annotate --overwrite workspace {workspace} -n {namespace} "
        f"{CONFIRM_SERVER}=WORD, with a new WORD each time"
    )


def _about_workspace(error: AccessError, words: str) -> Obstacle:
    match error:
        case UnauthorizedError():
            again = error.retry_after
            return Obstacle(Reason.UNAUTHORIZED, words, retry_after=again, waits=again is None, error=error)
        case ForbiddenError():
            return Obstacle(Reason.FORBIDDEN, words, retry_after=SLOW_RETRY, error=error)
        case _:
            return Obstacle(Reason.WORKSPACE_NOT_READY, words, waits=True, error=error)


def _passing(error: TransientError, words: str) -> Obstacle:
    match error:
        case HeldBackError():
            reason = Reason.THROTTLED if error.throttled else Reason.SERVER_UNAVAILABLE
            return Obstacle(reason, words, waits=True, error=error)
        case ThrottledError():
            pause = None if error.retry_after is None else error.retry_after + _AFTER_THE_PAUSE
            return Obstacle(Reason.THROTTLED, words, retry_after=pause, error=error)
        case _:
            return Obstacle(Reason.SERVER_UNAVAILABLE, words, retry_after=error.retry_after, error=error)
