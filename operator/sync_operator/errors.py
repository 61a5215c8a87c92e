"""The error tree. What a caller may do next is a type, never a string to be parsed.

SyncOperatorError
├── PermanentError            nothing changes until somebody changes the spec, the settings or the server
│   ├── InvalidSpecError      the manifest asks for something that cannot be done; names the field
│   ├── InvalidSettingsError  the process was started with an environment it cannot use
│   ├── RejectedError         the server refused the body (its E1 and 422 answers)
│   ├── ConflictError         an object that is not ours has the name that we need
│   ├── IdentityError         what has the id on the server is not what was registered
│   ├── NotFoundError         the server knows no such thing (404)
│   └── StateError            the server refuses the call in the present state (424); says which
├── AccessError               about the workspace, not about one sync: stop its traffic
│   ├── UnauthorizedError     401: the token is dead or wrong
│   ├── ForbiddenError        403: the role, or the host name, is not allowed
│   ├── WorkspaceError        400: the server does not know the workspace, or the user is no member of it
│   └── HostRefusedError      we do not speak to the address that the server's name stands for
├── TransientError            may heal by itself: retry with backoff
│   ├── ThrottledError        429: not before ``retry_after`` seconds
│   ├── ServerFaultError      400 or 500 for trouble of the server's own: it is through with the call
│   ├── AnswerTooLongError    the answer is longer than is read: ask for less at once
│   ├── NoSuchCallError       404 or 405, but not in the API's words: something else answered in its place
│   └── HeldBackError         not sent: the workspace's traffic is held back, and whoever waits is called
├── OutcomeUnknownError       the request may have been carried out: look before doing it again
├── ClusterRestoredError      the cluster went back to an earlier state: what is known of it is worthless
└── KubernetesError           the cluster's API server refused a call or gave no answer
"""

from enum import StrEnum

__all__ = [
    "AccessError",
    "AnswerTooLongError",
    "ClusterRestoredError",
    "ConflictError",
    "ForbiddenError",
    "HeldBackError",
    "HostRefusedError",
    "IdentityError",
    "InvalidSettingsError",
    "InvalidSpecError",
    "KubernetesError",
    "NoSuchCallError",
    "NotFoundError",
    "OutcomeUnknownError",
    "PermanentError",
    "RejectedError",
    "ServerFaultError",
    "ServerState",
    "StateError",
    "SyncOperatorError",
    "ThrottledError",
    "TransientError",
    "UnauthorizedError",
    "WorkspaceError",
    "without_frames",
]


class SyncOperatorError(Exception):
    """Root of all errors raised on purpose. ``str(error)`` is fit for people: cut, redacted, one line."""


def without_frames[E: BaseException](error: E) -> E:
    """The same error, fit to be kept: without the frames it came through, which hold all that they had read.

    Nor does it know any more which errors came before it.
    """
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


class PermanentError(SyncOperatorError):
    """Repeating the same call gives the same answer."""


class InvalidSpecError(PermanentError):
    """A manifest asks for something that cannot be done.

    Attributes:
        field: path of the field in the manifest, such as ``spec.syncIntervalUnit``.
    """

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(f"{field}: {message}")


class InvalidSettingsError(PermanentError):
    """An environment variable is unknown or has a value that cannot be used."""


class RejectedError(PermanentError):
    """The server refused the body (E1, 422).

    Attributes:
        details: the server's own words by field, cut and redacted; may be empty.
        may_heal: True where the cause lies outside the body and can appear later (`Catalog is missing`).
    """

    def __init__(self, message: str, *, details: dict[str, str] | None = None, may_heal: bool = False) -> None:
        self.details = details or {}
        self.may_heal = may_heal
        super().__init__(message)


class ConflictError(PermanentError):
    """An object in the cluster that is not ours has the name that we need."""


class IdentityError(PermanentError):
    """What has the id on the server is another sync than the one that was registered."""


class NotFoundError(PermanentError):
    """The server knows no such sync, run or call in this workspace (404)."""


class ServerState(StrEnum):
    """The states in which the server refuses a call (contract section 7), told apart by its words."""

    RUN_ACTIVE = "run active"
    NO_RUN_ACTIVE = "no run active"
    DISABLED = "sync disabled"
    NOT_MANUAL = "schedule type is not manual"
    ALREADY_SO = "already in the wanted state"
    OTHER = "other"


class StateError(PermanentError):
    """The server refuses the call in the present state of the sync (424, or a refused transition).

    Attributes:
        state: which state that is.
    """

    def __init__(self, state: ServerState, message: str) -> None:
        self.state = state
        super().__init__(message)


class AccessError(SyncOperatorError):
    """The server refuses this client, whatever the call: a matter of the workspace."""


class UnauthorizedError(AccessError):
    """401: the token is wrong, expired, or was ended by another login.

    Attributes:
        retry_after: seconds until the operator may log in again by itself; None when a person has to act.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class ForbiddenError(AccessError):
    """403: the user's role may not do this, or the server does not answer to this host name."""


class WorkspaceError(AccessError):
    """400 about the ``Workspace-Id`` header: unknown workspace, or the user is no member of it."""


class HostRefusedError(AccessError):
    """The server's name stands for an address that is never a sync server's, such as a cloud's metadata service."""


class TransientError(SyncOperatorError):
    """No answer, a 5xx, or a 400 that may be the server's own trouble: worth trying again later.

    Attributes:
        retry_after: seconds to wait, where the server or the caller's own memory says how long; else None.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class UnreachedError(TransientError):
    """Nothing of the request has reached the server: its name, its certificate, a proxy, or nobody listens."""


class ThrottledError(TransientError):
    """429."""


class ServerFaultError(TransientError):
    """The server itself answered 400 or 500 for trouble of its own: it is through with the call, and works on no more.

    Other answers of that kind (502, 503, 504) may come from a proxy in front of it, and say nothing about that.
    """


class AnswerTooLongError(TransientError):
    """The answer is longer than is read; where less can be asked for at once, that may help."""


class NoSuchCallError(TransientError):
    """404 or 405 without the API's own words: a proxy's page, another server, or a call this dialect lacks.

    It says nothing about the thing that was asked for: that one may well exist.
    """


class HeldBackError(TransientError):
    """Nothing was sent: no budget left, a pause the server asked for, or a server that gives no usable answer.

    Attributes:
        throttled: True for budget and pause, False for a server without usable answers.
        seconds: about how long it takes until the caller's turn comes.
    """

    def __init__(self, message: str, *, throttled: bool, seconds: float) -> None:
        self.throttled = throttled
        self.seconds = seconds
        super().__init__(message)


class OutcomeUnknownError(SyncOperatorError):
    """A write was sent, and it may or may not have been carried out.

    Attributes:
        ended: True when the server itself is through with it, so that looking now tells; False while it may still
            be at work on it.
    """

    def __init__(self, message: str, *, ended: bool = False) -> None:
        self.ended = ended
        super().__init__(message)


class ClusterRestoredError(SyncOperatorError):
    """The cluster was restored from a backup under us; a new process reads it from the start."""


class KubernetesError(SyncOperatorError):
    """The cluster's API server refused a call or gave no answer.

    Attributes:
        status: HTTP status; 0 when there was no answer.
        reason: machine word of the Kubernetes ``Status`` object, such as ``Conflict``; may be empty.
        retry_after: seconds after which it asks to be called again, not having done anything; None where it does not.
    """

    def __init__(self, status: int, reason: str, message: str, *, retry_after: float | None = None) -> None:
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
        super().__init__(message)

    @property
    def permanent(self) -> bool:
        """True when the same call would be refused again: the object, or our permissions, must change."""
        return self.status in {400, 403, 405, 413, 422}
