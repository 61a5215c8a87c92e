"""What an error means for a Sync: reason, words, and when to try again."""

from typing import Final

from sync_operator.decide.picture import Obstacle
from sync_operator.errors import (
    AccessError,
    ForbiddenError,
    InvalidSpecError,
    KubernetesError,
    NotFoundError,
    OutcomeUnknownError,
    RejectedError,
    StateError,
    SyncOperatorError,
    ThrottledError,
    UnauthorizedError,
)
from sync_operator.model.conditions import Reason

__all__ = ["obstacle_of"]

SLOW_RETRY: Final = 300.0
"""Seconds between tries of what only a person elsewhere can mend (a missing catalog, a role)."""


def obstacle_of(error: SyncOperatorError) -> Obstacle:
    """Map an error of the tree to an obstacle."""
    words = str(error)
    match error:
        case InvalidSpecError():
            return Obstacle(Reason.INVALID_SPEC, words, stalled=True, error=error)
        case RejectedError(may_heal=True):
            remedy = "it is tried again every few minutes"
            return Obstacle(Reason.CATALOG_MISSING, f"{words}; {remedy}", retry_after=SLOW_RETRY, error=error)
        case RejectedError() | StateError():
            return Obstacle(Reason.REJECTED, f"{words}; change the spec", stalled=True, error=error)
        case NotFoundError():
            remedy = "somebody deleted it there, or the workspace is another one"
            return Obstacle(Reason.EXTERNAL_NOT_FOUND, f"{words}; {remedy}", stalled=True, error=error)
        case UnauthorizedError():
            return Obstacle(Reason.UNAUTHORIZED, words, waits=True, error=error)
        case ForbiddenError():
            return Obstacle(Reason.FORBIDDEN, words, retry_after=SLOW_RETRY, error=error)
        case AccessError():
            return Obstacle(Reason.WORKSPACE_NOT_READY, words, waits=True, error=error)
        case ThrottledError():
            return Obstacle(Reason.THROTTLED, words, retry_after=error.retry_after, error=error)
        case OutcomeUnknownError():
            return Obstacle(Reason.OUTCOME_UNKNOWN, words, error=error)
        case KubernetesError():
            return Obstacle(Reason.CRON_JOB_REJECTED, words, stalled=error.permanent, error=error)
        case _:
            return Obstacle(Reason.SERVER_UNAVAILABLE, words, error=error)
