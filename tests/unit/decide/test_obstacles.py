"""What each error of the tree means for a Sync."""

import pytest

from sync_operator.decide.obstacles import obstacle_of
from sync_operator.errors import (
    ForbiddenError,
    InvalidSpecError,
    KubernetesError,
    NotFoundError,
    OutcomeUnknownError,
    RejectedError,
    ServerState,
    StateError,
    SyncOperatorError,
    ThrottledError,
    TransientError,
    UnauthorizedError,
    WorkspaceError,
)
from sync_operator.model.conditions import Reason

SLOW = 300.0


@pytest.mark.parametrize(
    ("error", "reason", "stalled", "waits", "retry_after", "remedy"),
    [
        (InvalidSpecError("spec.x", "is wrong; mend it"), Reason.INVALID_SPEC, True, False, None, "spec.x: is wrong"),
        (RejectedError("no"), Reason.REJECTED, True, False, None, "change the spec"),
        (RejectedError("Catalog is missing", may_heal=True), Reason.CATALOG_MISSING, False, False, SLOW, "tried again"),
        (
            RejectedError("spec.modelId must exist", details={"model": "must exist"}, may_heal=True),
            Reason.CATALOG_MISSING,
            False,
            False,
            SLOW,
            "; write the id of one that exists in this workspace; it is tried again",
        ),
        (StateError(ServerState.OTHER, "no"), Reason.REJECTED, False, False, SLOW, "no"),
        (NotFoundError("404"), Reason.EXTERNAL_NOT_FOUND, True, False, None, "write the id of one that is there"),
        (UnauthorizedError("401"), Reason.UNAUTHORIZED, False, True, None, "401"),
        (ForbiddenError("403"), Reason.FORBIDDEN, False, False, SLOW, "403"),
        (WorkspaceError("400"), Reason.WORKSPACE_NOT_READY, False, True, None, "400"),
        (ThrottledError("429", retry_after=7.0), Reason.THROTTLED, False, False, 17.0, "429"),
        (ThrottledError("429"), Reason.THROTTLED, False, False, None, "429"),
        (TransientError("503"), Reason.SERVER_UNAVAILABLE, False, False, None, "503"),
        (OutcomeUnknownError("no answer"), Reason.OUTCOME_UNKNOWN, False, False, None, "no answer"),
        (KubernetesError(422, "Invalid", "refused"), Reason.CRON_JOB_REJECTED, True, False, None, "refused"),
        (KubernetesError(500, "", "trouble"), Reason.CRON_JOB_REJECTED, False, False, None, "trouble"),
        (KubernetesError(0, "", "no answer"), Reason.CRON_JOB_REJECTED, False, False, None, "no answer"),
    ],
)
def test_what_an_error_means(
    error: SyncOperatorError, reason: Reason, stalled: bool, waits: bool, retry_after: float | None, remedy: str
) -> None:
    obstacle = obstacle_of(error)

    assert (obstacle.reason, obstacle.stalled, obstacle.waits) == (reason, stalled, waits)
    assert obstacle.retry_after == retry_after
    assert remedy in obstacle.message
    assert str(error) in obstacle.message
    assert obstacle.error is error


def test_an_obstacle_holds_nothing_of_what_was_read_before_it() -> None:
    error = _raised_from_another()
    assert error.__context__ is not None

    kept = obstacle_of(error).error

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
