"""Classifies errors for the status of a Sync: reason, message, and when to retry."""

from typing import Final

from sync_operator.api.constants import CONFIRM_SERVER_ANNOTATION
from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.blocker import Blocker
from sync_operator.domain.registration.resource_snapshot import MassAbsence
from sync_operator.errors import (
    AccessError,
    ConflictError,
    FailedPreconditionError,
    ForbiddenError,
    InvalidSpecError,
    KubernetesError,
    NotAdmittedError,
    NotFoundError,
    OutcomeUnknownError,
    ProxyError,
    RejectedError,
    SyncOperatorError,
    ThrottledError,
    TransientError,
    UnauthorizedError,
    UnreachableError,
    without_frames,
)
from sync_operator.syncapi.http.responses import REFERENCE_FIELDS

__all__ = ["OUTAGES", "SLOW_RETRY", "classify_error", "no_such_remote", "reset_remedy", "reset_words"]

OUTAGES: Final = frozenset({Reason.SERVER_UNAVAILABLE, Reason.THROTTLED})
"""Reasons for which the server cannot be reached for a while; what was in place before is assumed to be so still."""

SLOW_RETRY: Final = 300.0
"""Seconds between attempts if only a person can fix the cause, outside of the manifest (a missing catalog, a role)."""

_PROBE_GRACE_SECONDS: Final = 10.0
"""Fallback delay in seconds after the end of a pause.

Normally the Workspace's probe requeues waiting Syncs. A Sync retries by itself only if the Workspace cannot probe: its
Secret is gone, and a deletion runs on credentials kept in memory.
"""


def classify_error(error: SyncOperatorError) -> Blocker:
    """Map an error to a blocker. The error is kept without traceback, because a blocker may be kept for long."""
    words = str(without_frames(error))
    match error:
        case InvalidSpecError():
            return Blocker(Reason.INVALID_SPEC, words, stalled=True, error=error)
        case RejectedError(retryable=True):
            remedy = (
                "write the id of one that exists in this workspace; " if REFERENCE_FIELDS.keys() & error.details else ""
            )
            words = f"{words}; {remedy}it is tried again every few minutes"
            return Blocker(Reason.CATALOG_MISSING, words, retry_after=SLOW_RETRY, error=error)
        case RejectedError():
            return Blocker(Reason.REJECTED, f"{words}; change the spec", stalled=True, error=error)
        case FailedPreconditionError():
            return Blocker(Reason.REJECTED, words, retry_after=SLOW_RETRY, error=error)
        case ConflictError():
            return Blocker(Reason.CONFLICT, words, resolved_by_watch=True, error=error)
        case NotFoundError():
            remedy = "write the id of one that is there, or let the Workspace name the workspace that has it"
            return Blocker(Reason.EXTERNAL_NOT_FOUND, f"{words}; {remedy}", stalled=True, error=error)
        case AccessError():
            return _about_workspace(error, words)
        case TransientError():
            return _passing(error, words)
        case OutcomeUnknownError():
            return Blocker(Reason.OUTCOME_UNKNOWN, words, error=error)
        case KubernetesError():
            return Blocker(Reason.CRON_JOB_REJECTED, words, stalled=error.permanent, error=error)
        case _:
            return Blocker(Reason.SERVER_UNAVAILABLE, words, error=error)


def no_such_remote(noun: str, remote_id: str) -> NotFoundError:
    """The error if the server has nothing with the id in ``spec.externalId``; ``noun`` as in `ResourceKind`."""
    return NotFoundError(f"spec.externalId: the server has no {noun} {remote_id} in this workspace")


def reset_words(absence: MassAbsence, noun: str) -> str:
    """Part of a message: how many remote resources are missing on the server; ``noun`` as in `ResourceKind`."""
    return f"the server's last list lacks {absence.missing} of the {absence.known} {noun}s of this Workspace at once"


def reset_remedy(workspace: str, namespace: str) -> str:
    """Part of a message: what to do if so many syncs are missing."""
    return (
        "Check that server, workspace and account are still the right ones, and restore what was lost. To have all "
        f"of it created again: kubectl annotate --overwrite workspace {workspace} -n {namespace} "
        f"{CONFIRM_SERVER_ANNOTATION}=WORD, with a new WORD each time"
    )


def _about_workspace(error: AccessError, words: str) -> Blocker:
    match error:
        case UnauthorizedError():
            again = error.retry_after
            return Blocker(Reason.UNAUTHORIZED, words, retry_after=again, resolved_by_watch=again is None, error=error)
        case ForbiddenError():
            return Blocker(Reason.FORBIDDEN, words, retry_after=SLOW_RETRY, error=error)
        case _:
            return Blocker(Reason.WORKSPACE_NOT_READY, words, resolved_by_watch=True, error=error)


def _passing(error: TransientError, words: str) -> Blocker:
    match error:
        case NotAdmittedError():
            reason = Reason.THROTTLED if error.throttled else Reason.SERVER_UNAVAILABLE
            return Blocker(reason, words, resolved_by_watch=True, error=error)
        case ThrottledError():
            pause = None if error.retry_after is None else error.retry_after + _PROBE_GRACE_SECONDS
            return Blocker(Reason.THROTTLED, words, retry_after=pause, error=error)
        case UnreachableError():
            again = error.retry_after
            remedy = "" if isinstance(error, ProxyError) else f"; {_reach(words)}"
            return Blocker(Reason.SERVER_UNAVAILABLE, words + remedy, retry_after=again, error=error)
        case _:
            return Blocker(Reason.SERVER_UNAVAILABLE, words, retry_after=error.retry_after, error=error)


def _reach(words: str) -> str:
    """What to check if no part of a request has reached the server."""
    if "certificate is not trusted" in words:
        return "name the Secret with the certificates to trust in spec.caSecretRef of the Workspace, or renew them"
    if "WRONG_VERSION_NUMBER" in words:
        return "what listens there does not speak TLS: check scheme and port of spec.url of the Workspace"
    return "check that the server runs, and host and port of spec.url of the Workspace"
