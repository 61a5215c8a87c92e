"""Decisions about Workspaces: their Secrets, their status and events, and when to check them again."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_ANNOTATIONS
from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.api.statuses.status import WorkspaceStatus
from sync_operator.api.validation.warning_rules import annotation_warnings
from sync_operator.domain.blocker import Blocker
from sync_operator.domain.registration.resource_snapshot import MassAbsence
from sync_operator.domain.status.compared_condition import (
    Comparison,
    compared,
    compared_event,
    comparison_changed,
    last_compared_at,
)
from sync_operator.domain.status.error_classification import OUTAGES, SLOW_RETRY, reset_remedy, reset_words
from sync_operator.domain.status.event_specs import EventSpec, changed
from sync_operator.domain.status.set_conditions import (
    DesiredCondition,
    progress_conditions,
    set_conditions,
    warning_message,
    worst,
)
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.errors import AccessError, InvalidSpecError, KubernetesError, NotAdmittedError
from sync_operator.syncapi.types import User

__all__ = [
    "decode_secret",
    "probe_blocker",
    "server_reset",
    "shared_blocker",
    "workspace_events",
    "workspace_status",
]


class MissingSecretError(InvalidSpecError):
    """A Secret that a Workspace references, or a key of it, does not exist (yet)."""


def decode_secret(
    secret: Mapping[str, Any] | None, *, namespace: str, name: str, key: str, field: str, key_field: str = "key"
) -> str:
    """The value of one key of a Secret.

    Args:
        secret: the Secret as the API server returned it, or None if there is none.
        namespace: its namespace, for messages.
        name: its name, for messages.
        key: the key to read.
        field: path of the reference to the Secret, for messages.
        key_field: the field of the reference that names the key, for messages.

    Raises:
        MissingSecretError: there is no such Secret or key, or its value is empty or not text.
    """
    if secret is None:
        raise MissingSecretError(
            f"{field}.name", f"there is no Secret {name!r} in namespace {namespace!r}; create it, and this goes on"
        )
    data = secret.get("data") or {}
    if key not in data:
        raise MissingSecretError(
            f"{field}.{key_field}", f"Secret {name!r} has no key {key!r}; add it, or name another one"
        )
    try:
        value = base64.b64decode(data[key], validate=True).decode("utf-8").strip()
    except (binascii.Error, UnicodeDecodeError):
        value = ""
    if not value or "\0" in value:
        raise MissingSecretError(
            f"{field}.{key_field}", f"key {key!r} of Secret {name!r} holds no text; put the value there"
        )
    return value


def probe_blocker(blocker: Blocker) -> Blocker:
    """The blocker with the retries of a Workspace: when its Secret or spec changes, and slowly if that may help."""
    if isinstance(blocker.error, KubernetesError):
        pause = SLOW_RETRY if blocker.error.permanent else None
        return Blocker(Reason.WORKSPACE_NOT_READY, blocker.message, retry_after=pause, error=blocker.error)
    if isinstance(blocker.error, MissingSecretError):
        return Blocker(Reason.WORKSPACE_NOT_READY, blocker.message, resolved_by_watch=True, error=blocker.error)
    if blocker.resolved_by_watch:
        return Blocker(blocker.reason, blocker.message, retry_after=SLOW_RETRY, error=blocker.error)
    return blocker


def shared_blocker(before: Blocker | None, found: Blocker, *, same_credentials: bool = False) -> Blocker:
    """The Workspace's blocker as its Syncs see it; they do not retry, but are requeued when it changes.

    So during an outage it stays the same, even if the server's message differs from probe to probe. And rejected
    credentials stay rejected until the server is asked about them again.

    Args:
        before: the current blocker.
        found: the blocker of the last check.
        same_credentials: True if that check used the same credentials, server and workspace as the one before.
    """
    refused = before is not None and isinstance(before.error, AccessError)
    if before is not None and refused and same_credentials and isinstance(found.error, NotAdmittedError):
        return before
    if before is not None and before.reason is found.reason and found.reason in OUTAGES:
        return before
    return replace(found, retry_after=None, resolved_by_watch=True)


def workspace_status(
    view: WorkspaceView,
    before: WorkspaceStatus,
    *,
    user: User | None,
    dependents: Mapping[str, int],
    generation: int,
    now: datetime,
    comparison: Comparison | None = None,
    reset: Blocker | None = None,
) -> WorkspaceStatus:
    """The whole status after a check of the Workspace; equal to the one before if nothing changed.

    Args:
        view: the result of the check.
        before: the status as last written.
        user: the token's user, or None if the server was not asked or did not say; then the status keeps the last one.
        dependents: number of resources that reference the Workspace, by kind.
        generation: ``metadata.generation``.
        now: transition time of conditions that change.
        comparison: state of the comparisons with the server; None before this process has begun one, which leaves the
            condition as it was.
        reset: set if too many of its syncs are missing on the server to recreate any.
    """
    if view.blocker is not None:
        ready = DesiredCondition(ConditionType.READY, False, view.blocker.reason, view.blocker.message)
    elif view.suspended:
        message = (
            "spec.suspend: no requests are sent, and the CronJobs of its Syncs are suspended; set it to false to go on"
        )
        ready = DesiredCondition(ConditionType.READY, True, Reason.SUSPENDED, message)
    elif reset is not None:
        ready = DesiredCondition(ConditionType.READY, False, reset.reason, reset.message)
    else:
        email = user.email if user else before.user
        doubts = warning_message(annotation_warnings(view.annotations, WORKSPACE_ANNOTATIONS))
        who = f" as {email}" if email else ""
        dialect = view.dialect.value if view.dialect else "unknown"
        ready = DesiredCondition(
            ConditionType.READY, True, Reason.RECONCILED, f"connected{who}, dialect {dialect}{doubts}"
        )
    compared_condition = (
        compared(comparison, before.conditions, now) if any(dependents.values()) and not view.suspended else None
    )
    desired = (
        ready,
        *((compared_condition,) if compared_condition else ()),
        *progress_conditions(view.blocker or reset),
    )
    conditions = set_conditions(desired, before.conditions, generation=generation, now=now)
    after = before.model_copy(
        update={
            "observed_generation": generation,
            "dialect": view.dialect.value if view.dialect else None,
            "user": (user.email or None) if user else before.user,
            "role": (user.role or None) if user else before.role,
            "syncs": dependents.get(SYNC_KIND, 0),
            "token_secret": view.token_secret[0] if view.token_secret else None,
            "message": worst(conditions),
            "conditions": conditions,
        }
    )
    if (
        comparison is None
        or not any(dependents.values())
        or (after == before and not comparison_changed(comparison, before, now))
    ):
        return after
    return after.model_copy(update={"last_compared_at": last_compared_at(comparison, before)})


def server_reset(absence: MassAbsence, noun: str, *, namespace: str, name: str) -> Blocker:
    """The blocker of a Workspace whose server lacks so many of its resources; ``noun`` as in `ResourceKind`."""
    message = f"{reset_words(absence, noun)}; none is created again. {reset_remedy(name, namespace)}"
    return Blocker(Reason.SERVER_RESET, message, stalled=True)


def workspace_events(before: WorkspaceStatus, after: WorkspaceStatus) -> tuple[EventSpec, ...]:
    """An event if Ready or its reason changed (such as for a refused login), and if comparisons stop or resume."""
    ready = changed(ConditionType.READY, before.conditions, after.conditions)
    event = None if ready is None else EventSpec(Reason(ready.reason), ready.message, warning=ready.status != "True")
    return tuple(notice for notice in (event, compared_event(before, after)) if notice is not None)
