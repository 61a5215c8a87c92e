"""Troubles of a whole Workspace: whom they stop, who is told, and who waits for what."""

from datetime import timedelta

import pytest
from tests.support.snapshots import NOW, connected, pictured, registered, synced

from sync_operator.api.constants import SYNC_KIND
from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.api.statuses.status import SyncStatus, WorkspaceStatus
from sync_operator.api.statuses.status_fields import Condition
from sync_operator.domain.blocker import Blocker
from sync_operator.domain.registration.preconditions import registration_blocker
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.status.error_classification import SLOW_RETRY, classify_error
from sync_operator.domain.status.event_specs import EventSpec, sync_events
from sync_operator.domain.status.workspace_status import probe_blocker, shared_blocker, workspace_status
from sync_operator.errors import (
    BlockedAddressError,
    ConflictError,
    KubernetesError,
    NotAdmittedError,
    SyncOperatorError,
    TransientError,
    UnauthorizedError,
)
from sync_operator.syncapi.types import User

SHARED = (Reason.SERVER_UNAVAILABLE, Reason.THROTTLED, Reason.UNAUTHORIZED, Reason.WORKSPACE_NOT_READY)


def ready(status: str, reason: Reason, sync_id: str | None = "7") -> SyncStatus:
    kinds = (ConditionType.READY, ConditionType.REGISTERED)
    conditions = tuple(
        Condition(type=kind, status=status, reason=reason, last_transition_time=NOW, observed_generation=1)
        for kind in kinds
    )
    return registered(sync_id, conditions=conditions)


def blocked(reason: Reason, *, is_registered: bool) -> Snapshot:
    view = connected(blocker=Blocker(reason, "no answer", resolved_by_watch=True))
    return pictured(synced(status=registered()), workspace=view, registered=is_registered)


@pytest.mark.parametrize("reason", [Reason.SERVER_UNAVAILABLE, Reason.THROTTLED])
def test_an_outage_leaves_alone_what_is_in_place(reason: Reason) -> None:
    assert registration_blocker(blocked(reason, is_registered=True)) is None
    found = registration_blocker(blocked(reason, is_registered=False))
    assert found is not None
    assert (found.reason, found.resolved_by_watch) == (reason, True)


@pytest.mark.parametrize("reason", [Reason.UNAUTHORIZED, Reason.WORKSPACE_NOT_READY, Reason.INVALID_SPEC])
def test_other_troubles_of_the_workspace_are_shown_by_all(reason: Reason) -> None:
    assert registration_blocker(blocked(reason, is_registered=True)) is not None


def notices(before: SyncStatus, after: SyncStatus) -> list[Reason]:
    found: tuple[EventSpec, ...] = sync_events(pictured(synced(status=before)), before, after)
    return [notice.reason for notice in found]


@pytest.mark.parametrize("reason", SHARED)
def test_the_workspace_makes_the_event_of_a_trouble_that_all_its_syncs_have(reason: Reason) -> None:
    fine = ready("True", Reason.SCHEDULED)
    assert notices(fine, ready("False", reason)) == []
    assert notices(SyncStatus(), ready("False", reason, None)) == []
    assert notices(ready("False", reason), fine) == []


@pytest.mark.parametrize("reason", SHARED)
def test_what_came_of_the_wait_is_told(reason: Reason) -> None:
    waiting = ready("False", reason, None)
    assert notices(waiting, ready("True", Reason.SCHEDULED, "8")) == [Reason.SCHEDULED]
    assert notices(ready("False", reason), ready("False", Reason.REJECTED)) == [Reason.REJECTED]
    assert notices(ready("False", Reason.REJECTED), ready("True", Reason.SCHEDULED)) == [Reason.SCHEDULED]


def test_syncs_are_not_woken_by_the_words_of_every_probe() -> None:
    first = shared_blocker(None, Blocker(Reason.SERVER_UNAVAILABLE, "503", retry_after=3.0))
    assert (first.message, first.resolved_by_watch, first.retry_after) == ("503", True, None)
    assert shared_blocker(first, Blocker(Reason.SERVER_UNAVAILABLE, "connection refused")) is first
    other = shared_blocker(first, Blocker(Reason.UNAUTHORIZED, "401"))
    assert (other.reason, other.message) == (Reason.UNAUTHORIZED, "401")
    changed = shared_blocker(other, Blocker(Reason.UNAUTHORIZED, "refused", stalled=True))
    assert (changed.message, changed.stalled) == ("refused", True)


@pytest.mark.parametrize(
    ("error", "reason", "retry_after", "waits"),
    [
        (NotAdmittedError("x", throttled=True, seconds=3), Reason.THROTTLED, None, True),
        (NotAdmittedError("x", throttled=False, seconds=3), Reason.SERVER_UNAVAILABLE, None, True),
        (TransientError("x", retry_after=8), Reason.SERVER_UNAVAILABLE, 8, False),
        (UnauthorizedError("x", retry_after=60), Reason.UNAUTHORIZED, 60, False),
        (BlockedAddressError("x"), Reason.WORKSPACE_NOT_READY, None, True),
        (ConflictError("x"), Reason.CONFLICT, None, True),
    ],
)
def test_what_the_traffic_and_the_login_say(
    error: SyncOperatorError, reason: Reason, retry_after: float | None, waits: bool
) -> None:
    found = classify_error(error)
    assert (found.reason, found.retry_after, found.resolved_by_watch, found.stalled) == (
        reason,
        retry_after,
        waits,
        False,
    )


@pytest.mark.parametrize(
    ("error", "reason", "retry_after"),
    [
        (KubernetesError(403, "Forbidden", "secrets is forbidden"), Reason.WORKSPACE_NOT_READY, SLOW_RETRY),
        (KubernetesError(0, "NoAnswer", "no answer"), Reason.WORKSPACE_NOT_READY, None),
        (ConflictError("in the way"), Reason.CONFLICT, SLOW_RETRY),
        (UnauthorizedError("401"), Reason.UNAUTHORIZED, SLOW_RETRY),
        (UnauthorizedError("taken over", retry_after=30), Reason.UNAUTHORIZED, 30),
    ],
)
def test_when_a_workspace_is_looked_at_again(
    error: SyncOperatorError, reason: Reason, retry_after: float | None
) -> None:
    found = probe_blocker(classify_error(error))
    assert (found.reason, found.retry_after, found.resolved_by_watch, found.stalled) == (
        reason,
        retry_after,
        False,
        False,
    )


def test_a_look_that_asked_nobody_changes_nothing_in_the_status() -> None:
    asked = workspace_status(
        connected(), WorkspaceStatus(), user=User("a@b", "Admin"), dependents={SYNC_KIND: 1}, generation=1, now=NOW
    )
    later = NOW + timedelta(minutes=1)
    assert workspace_status(connected(), asked, user=None, dependents={SYNC_KIND: 1}, generation=1, now=later) == asked
    assert "connected as a@b" in asked.conditions[0].message
