"""What each error of the tree means for a Sync."""

import pytest
from tests.support.messages import Messages

from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.status.error_classification import classify_error
from sync_operator.errors import (
    FailedPreconditionError,
    ForbiddenError,
    InvalidSpecError,
    KubernetesError,
    NotFoundError,
    OutcomeUnknownError,
    PreconditionFailure,
    RejectedError,
    SyncOperatorError,
    ThrottledError,
    TransientError,
    UnauthorizedError,
    UnknownWorkspaceError,
)

SLOW = 300.0


@pytest.mark.parametrize(
    ("error", "reason", "stalled", "waits", "retry_after"),
    [
        (InvalidSpecError("spec.x", "is wrong; mend it"), Reason.INVALID_SPEC, True, False, None),
        (RejectedError("no"), Reason.REJECTED, True, False, None),
        (RejectedError("Catalog is missing", retryable=True), Reason.CATALOG_MISSING, False, False, SLOW),
        (
            RejectedError("spec.modelId must exist", details={"model": "must exist"}, retryable=True),
            Reason.CATALOG_MISSING,
            False,
            False,
            SLOW,
        ),
        (FailedPreconditionError(PreconditionFailure.OTHER, "no"), Reason.REJECTED, False, False, SLOW),
        (NotFoundError("404"), Reason.EXTERNAL_NOT_FOUND, True, False, None),
        (UnauthorizedError("401"), Reason.UNAUTHORIZED, False, True, None),
        (ForbiddenError("403"), Reason.FORBIDDEN, False, False, SLOW),
        (UnknownWorkspaceError("400"), Reason.WORKSPACE_NOT_READY, False, True, None),
        (ThrottledError("429", retry_after=7.0), Reason.THROTTLED, False, False, 17.0),
        (ThrottledError("429"), Reason.THROTTLED, False, False, None),
        (TransientError("503"), Reason.SERVER_UNAVAILABLE, False, False, None),
        (OutcomeUnknownError("no answer"), Reason.OUTCOME_UNKNOWN, False, False, None),
        (KubernetesError(422, "Invalid", "refused"), Reason.CRON_JOB_REJECTED, True, False, None),
        (KubernetesError(500, "", "trouble"), Reason.CRON_JOB_REJECTED, False, False, None),
        (KubernetesError(0, "", "no answer"), Reason.CRON_JOB_REJECTED, False, False, None),
    ],
)
def test_what_an_error_means(
    error: SyncOperatorError, reason: Reason, stalled: bool, waits: bool, retry_after: float | None, messages: Messages
) -> None:
    blocker = classify_error(error)

    assert (blocker.reason, blocker.stalled, blocker.resolved_by_watch) == (reason, stalled, waits)
    assert blocker.retry_after == retry_after
    assert str(error) in blocker.message
    messages(blocker)
    assert blocker.error is error


def test_an_blocker_holds_nothing_of_what_was_read_before_it() -> None:
    error = _raised_from_another()
    assert error.__context__ is not None

    kept = classify_error(error).error

    assert kept is error
    assert (kept.__traceback__, kept.__context__, kept.__cause__) == (None, None, None)


def _raised_from_another() -> TransientError:
    try:
        _fail()
    except TransientError as error:
        return error
    raise AssertionError("unreachable")


def _fail() -> None:
    try:
        int("no number")
    except ValueError as error:
        raise TransientError("no room") from error
