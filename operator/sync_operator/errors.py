"""The error tree. What a caller may do next depends on the error's type, never on its message.

SyncOperatorError
├── PermanentError                repeating the call fails again until the spec, the settings or the server change
│   ├── InvalidSpecError          the manifest asks for something that cannot be done; names the field
│   ├── InvalidSettingsError      an environment variable is unknown or cannot be used
│   ├── RejectedError             the server rejected the request body (its E1 and 422 responses)
│   │   └── NameTakenError        the same, because something else there has the name
│   ├── ConflictError             an object that is not ours has the name that we need
│   ├── IdentityError             the id belongs to another sync on the server than the registered one
│   ├── NotFoundError             404: no such resource on the server
│   └── FailedPreconditionError   424: the sync's present state forbids the call; says which state
├── AccessError                   concerns the whole workspace, not one sync: send no more requests to it
│   ├── UnauthorizedError         401: the token is wrong or expired
│   ├── ForbiddenError            403: the role, or the host name, is not allowed
│   ├── UnknownWorkspaceError     400: the workspace does not exist, or the user is not a member of it
│   └── BlockedAddressError       the host resolves to an address that is never connected to (SSRF protection)
├── TransientError                may succeed later: retry with backoff
│   ├── UnreachableError          no connection: the request never reached the server
│   │   └── ProxyError            the same, because of the proxy in between
│   ├── ThrottledError            429: retry after ``retry_after`` seconds
│   ├── ServerFaultError          400 or 500 for a failure of the server itself: the call has ended there
│   ├── ResponseTooLargeError     the response exceeds the size limit: request less at once
│   ├── UnsupportedEndpointError  404 or 405 without an API error body: a proxy or another server responded
│   └── NotAdmittedError          not sent: rate limited or circuit open; waiting keys are woken when that is over
├── OutcomeUnknownError           a write may have been carried out: read its result before repeating it
├── ClusterRestoredError          the cluster was restored from a backup: everything cached is invalid
└── KubernetesError               the Kubernetes API server refused a request or did not respond
"""

from enum import StrEnum

__all__ = [
    "AccessError",
    "BlockedAddressError",
    "ClusterRestoredError",
    "ConflictError",
    "FailedPreconditionError",
    "ForbiddenError",
    "IdentityError",
    "InvalidSettingsError",
    "InvalidSpecError",
    "KubernetesError",
    "NameTakenError",
    "NotAdmittedError",
    "NotFoundError",
    "OutcomeUnknownError",
    "PermanentError",
    "PreconditionFailure",
    "ProxyError",
    "RejectedError",
    "ResponseTooLargeError",
    "ServerFaultError",
    "SyncOperatorError",
    "ThrottledError",
    "TransientError",
    "UnauthorizedError",
    "UnknownWorkspaceError",
    "UnreachableError",
    "UnsupportedEndpointError",
    "without_frames",
]


class SyncOperatorError(Exception):
    """Root of all errors raised on purpose. ``str(error)`` may be shown to users: one line, truncated, redacted."""


def without_frames[E: BaseException](error: E) -> E:
    """The same error without traceback, cause and context, so that it may be kept.

    The frames of a traceback keep everything alive that their functions have read.
    """
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


class PermanentError(SyncOperatorError):
    """Repeating the same call fails again."""


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
    """The server rejected the request body (E1, 422).

    Attributes:
        details: the server's message for each field, truncated and redacted; may be empty.
        retryable: True if the cause is outside the body and may go away by itself (`Catalog is missing`).
    """

    def __init__(self, message: str, *, details: dict[str, str] | None = None, retryable: bool = False) -> None:
        self.details = details or {}
        self.retryable = retryable
        super().__init__(message)


class NameTakenError(RejectedError):
    """422: something else on the server has the name; perhaps the result of an earlier create without an answer."""


class ConflictError(PermanentError):
    """An object in the cluster that is not ours has the name that we need."""


class IdentityError(PermanentError):
    """The id belongs to another sync on the server than the one that was registered."""


class NotFoundError(PermanentError):
    """404: no such sync, run or endpoint in this workspace."""


class PreconditionFailure(StrEnum):
    """The states of a sync that make the server refuse a call (contract section 7), recognised by its message."""

    RUN_ACTIVE = "run active"
    NO_RUN_ACTIVE = "no run active"
    DISABLED = "sync disabled"
    NOT_MANUAL = "schedule type is not manual"
    ALREADY_SO = "already in the wanted state"
    OTHER = "other"


class FailedPreconditionError(PermanentError):
    """The sync's present state forbids the call (424, or a refused transition).

    Attributes:
        state: which state that is.
    """

    def __init__(self, state: PreconditionFailure, message: str) -> None:
        self.state = state
        super().__init__(message)


class AccessError(SyncOperatorError):
    """The server refuses this client, whatever the call: concerns the whole workspace."""


class UnauthorizedError(AccessError):
    """401: the token is wrong, expired, or was invalidated by another login.

    Attributes:
        retry_after: seconds until the operator may log in again by itself; None if a user has to act.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class ForbiddenError(AccessError):
    """403: the user's role may not do this, or the server does not accept this host name."""


class UnknownWorkspaceError(AccessError):
    """400 because of the ``Workspace-Id`` header: unknown workspace, or the user is not a member of it."""


class BlockedAddressError(AccessError):
    """The server's host resolves to a blocked address, such as a cloud's metadata service (SSRF protection)."""


class TransientError(SyncOperatorError):
    """No response, a 5xx, or a 400 that may be a failure of the server: worth retrying later.

    Attributes:
        retry_after: seconds to wait, as the server (``Retry-After``) or a backoff says; None if neither does.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class UnreachableError(TransientError):
    """Nothing of the request has reached the server: DNS, certificate, a proxy, or a closed port."""


class ProxyError(UnreachableError):
    """No connection, because of a proxy named in the environment; the message says what to do."""


class ThrottledError(TransientError):
    """429: too many requests."""


class ServerFaultError(TransientError):
    """400 or 500 from the server itself because of a failure of its own: it no longer works on the call.

    Other 5xx responses (502, 503, 504) may come from a proxy in front of it, so the server may still work on the call.
    """


class ResponseTooLargeError(TransientError):
    """The response exceeds the size limit; requesting less at once, such as a smaller page, may help."""


class UnsupportedEndpointError(TransientError):
    """404 or 405 without an API error body: a proxy's page, another server, or an endpoint this dialect lacks.

    It says nothing about the requested resource, which may well exist.
    """


class NotAdmittedError(TransientError):
    """Nothing was sent: rate limited, during a pause that the server asked for (`Retry-After`), or circuit open.

    Attributes:
        throttled: True for rate limit and pause, False for a circuit that failures opened.
        seconds: estimated seconds until the caller is admitted.
        position: its place among those that wait for the rate limit; 0 while the circuit is open.
    """

    def __init__(self, message: str, *, throttled: bool, seconds: float, position: int = 0) -> None:
        self.throttled = throttled
        self.seconds = seconds
        self.position = position
        super().__init__(message)

    @property
    def circuit_open(self) -> bool:
        """True if it was refused because the circuit is open: by failures, or during a pause."""
        return not self.position


class OutcomeUnknownError(SyncOperatorError):
    """A write was sent, and it may or may not have been carried out.

    Attributes:
        settled: True if the server no longer works on it, so that its result can be read now; False if it may still
            be working on it.
    """

    def __init__(self, message: str, *, settled: bool = False) -> None:
        self.settled = settled
        super().__init__(message)


class ClusterRestoredError(SyncOperatorError):
    """The cluster was restored from a backup while this process ran; a new process reads it from the start."""


class KubernetesError(SyncOperatorError):
    """The Kubernetes API server refused a request or did not respond.

    Attributes:
        status: HTTP status code; 0 if there was no response.
        reason: ``reason`` of the Kubernetes ``Status`` object, such as ``Conflict``; may be empty.
        retry_after: seconds after which it asks for a retry, having done nothing; None if it does not.
    """

    def __init__(self, status: int, reason: str, message: str, *, retry_after: float | None = None) -> None:
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
        super().__init__(message)

    @property
    def permanent(self) -> bool:
        """True if the same request would be refused again: the object, or our permissions, must change."""
        return self.status in {400, 403, 405, 413, 422}
