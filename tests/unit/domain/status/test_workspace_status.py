"""Workspaces: what their Secrets hold, what their status says, and when they are looked at again."""

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.messages import Messages
from tests.support.snapshots import NOW, connected

from sync_operator.api.constants import SYNC_KIND
from sync_operator.api.statuses.conditions import Reason
from sync_operator.api.statuses.status import WorkspaceStatus
from sync_operator.domain.blocker import Blocker
from sync_operator.domain.status.error_classification import classify_error
from sync_operator.domain.status.workspace_status import (
    MissingSecretError,
    decode_secret,
    probe_blocker,
    shared_blocker,
    workspace_events,
    workspace_status,
)
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.errors import (
    ForbiddenError,
    InvalidSpecError,
    KubernetesError,
    NotAdmittedError,
    SyncOperatorError,
    TransientError,
    UnauthorizedError,
    UnknownWorkspaceError,
)
from sync_operator.syncapi.types import Dialect, User

SLOW = 300.0
ADMIN = User("operator@example.com", "Admin")
ENDED = Blocker(Reason.UNAUTHORIZED, "the token has ended", retry_after=SLOW)


def secret(**data: str) -> dict[str, Any]:
    return {"data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}}


def read(held: dict[str, Any] | None) -> str:
    return decode_secret(held, namespace="team", name="token", key="token", field="spec.auth.tokenSecretRef")


def status(view: WorkspaceView, before: WorkspaceStatus, *, user: User | None = ADMIN, at: int = 0) -> WorkspaceStatus:
    return workspace_status(
        view, before, user=user, dependents={SYNC_KIND: 3}, generation=2, now=NOW + timedelta(seconds=at)
    )


@pytest.mark.parametrize("value", ["planted", " planted\n", "plänted"])
def test_a_value_is_read_without_the_space_around_it(value: str) -> None:
    assert read(secret(token=value)) == value.strip()


@pytest.mark.parametrize(
    ("held", "field"),
    [
        pytest.param(None, "name", id="no Secret"),
        pytest.param({}, "key", id="no data"),
        pytest.param({"data": None}, "key", id="data of null"),
        pytest.param(secret(a="planted", b="planted"), "key", id="other keys"),
        pytest.param(secret(token=" \n"), "key", id="blanks"),
        pytest.param({"data": {"token": "planted!"}}, "key", id="no base64"),
        pytest.param({"data": {"token": "//8="}}, "key", id="no text"),
        pytest.param(secret(token="planted\0planted"), "key", id="a NUL"),
    ],
)
def test_what_is_missing_in_a_secret_is_named(held: dict[str, Any] | None, field: str, messages: Messages) -> None:
    with pytest.raises(MissingSecretError) as missing:
        read(held)

    assert missing.value.field == f"spec.auth.tokenSecretRef.{field}"
    messages.text("WorkspaceNotReady", str(missing.value))
    assert "planted" not in str(missing.value)


@pytest.mark.parametrize(
    ("error", "reason", "waits", "retry_after"),
    [
        (MissingSecretError("spec.x", "is missing"), Reason.WORKSPACE_NOT_READY, True, None),
        (InvalidSpecError("spec.url", "is wrong"), Reason.INVALID_SPEC, False, None),
        (UnauthorizedError("401"), Reason.UNAUTHORIZED, False, SLOW),
        (UnknownWorkspaceError("400"), Reason.WORKSPACE_NOT_READY, False, SLOW),
        (ForbiddenError("403"), Reason.FORBIDDEN, False, SLOW),
        (TransientError("503"), Reason.SERVER_UNAVAILABLE, False, None),
        (KubernetesError(403, "Forbidden", "no"), Reason.WORKSPACE_NOT_READY, False, SLOW),
        (KubernetesError(500, "", "trouble"), Reason.WORKSPACE_NOT_READY, False, None),
    ],
)
def test_when_a_workspace_is_looked_at_again(
    error: SyncOperatorError, reason: Reason, waits: bool, retry_after: float | None
) -> None:
    probed = probe_blocker(classify_error(error))

    assert (probed.reason, probed.resolved_by_watch, probed.retry_after) == (reason, waits, retry_after)
    assert str(error) in probed.message


def test_syncs_wait_for_their_workspace_and_do_not_try_by_themselves() -> None:
    standing = shared_blocker(None, ENDED)

    assert (standing.reason, standing.message) == (ENDED.reason, ENDED.message)
    assert (standing.resolved_by_watch, standing.retry_after) == (True, None)


def test_an_outage_stays_the_same_whatever_words_the_server_finds() -> None:
    first = shared_blocker(None, Blocker(Reason.SERVER_UNAVAILABLE, "502"))

    assert shared_blocker(first, Blocker(Reason.SERVER_UNAVAILABLE, "503")) is first
    assert shared_blocker(first, ENDED).reason is ENDED.reason


@pytest.mark.parametrize("error", [UnauthorizedError("401"), ForbiddenError("403"), UnknownWorkspaceError("no member")])
def test_credentials_that_were_refused_stay_so_while_the_server_is_not_asked_again(error: SyncOperatorError) -> None:
    first = shared_blocker(None, classify_error(error))
    held = classify_error(NotAdmittedError("waits for its turn", throttled=True, seconds=120))
    assert shared_blocker(first, held, same_credentials=True) is first
    assert shared_blocker(first, held, same_credentials=False).reason is Reason.THROTTLED, "others were not refused"
    answered = classify_error(TransientError("503"))
    assert shared_blocker(first, answered, same_credentials=True).reason is Reason.SERVER_UNAVAILABLE
    missing = shared_blocker(None, classify_error(TransientError("503")))
    assert shared_blocker(missing, held, same_credentials=True).reason is Reason.THROTTLED


STATES: dict[str, tuple[WorkspaceView, str, Reason]] = {
    "connected": (connected(), "True", Reason.RECONCILED),
    "suspended": (connected(suspended=True), "True", Reason.SUSPENDED),
    "in trouble": (connected(blocker=ENDED), "False", Reason.UNAUTHORIZED),
}


@pytest.mark.parametrize("name", STATES)
def test_the_status_of_a_workspace(name: str, messages: Messages) -> None:
    view, ready, reason = STATES[name]

    written = status(view, WorkspaceStatus())

    said = {entry.type: entry for entry in written.conditions}
    assert (said["Ready"].status, said["Ready"].reason) == (ready, reason)
    messages(said["Ready"])
    assert set(said) == ({"Ready"} if ready == "True" else {"Ready", "Reconciling"})
    assert (written.dialect, written.syncs, written.token_secret) == ("Multiwoven", 3, "token")
    assert (written.user, written.role, written.observed_generation) == ("operator@example.com", "Admin", 2)
    assert status(view, written, at=1) == written, "nothing to write when nothing changed"
    assert status(view, written, user=None, at=1) == written, "also when the server was not asked who we are"
    assert workspace_events(written, written) == ()


def test_an_event_tells_when_readiness_or_its_reason_changes() -> None:
    ready = status(connected(), WorkspaceStatus())
    trouble = status(connected(blocker=ENDED), ready, at=60)
    other = status(connected(blocker=replace(ENDED, reason=Reason.FORBIDDEN)), trouble, at=120)

    notices = [workspace_events(WorkspaceStatus(), ready), workspace_events(ready, trouble)]
    notices += [workspace_events(trouble, other), workspace_events(other, ready)]

    told = [(notice.reason, notice.warning) for found in notices for notice in found]
    assert told == [("Reconciled", False), ("Unauthorized", True), ("Forbidden", True), ("Reconciled", False)]
    assert trouble.conditions[0].last_transition_time == other.conditions[0].last_transition_time


def test_a_dialect_that_is_not_known_is_called_so(messages: Messages) -> None:
    written = status(connected(dialect=None, token_secret=None), WorkspaceStatus(), user=None)

    assert (written.dialect, written.token_secret, written.user) == (None, None, None)
    messages(written.conditions[0])
    assert status(connected(dialect=Dialect.DOCUMENTED), written).dialect == "Documented"
