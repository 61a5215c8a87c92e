"""Decisions about Workspaces: their Secrets, their status, and when to look at them again."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sync_operator.decide.comparison import Comparison, compared, compared_notice, is_news, last_compared_at
from sync_operator.decide.conditions import Said, progress_conditions, warning_words, worst, write_conditions
from sync_operator.decide.events import Notice, changed
from sync_operator.decide.obstacles import OUTAGES, SLOW_RETRY, reset_remedy, reset_words
from sync_operator.decide.picture import MassAbsence, Obstacle, WorkspaceView
from sync_operator.errors import AccessError, HeldBackError, InvalidSpecError, KubernetesError
from sync_operator.model.conditions import ConditionType, Reason
from sync_operator.model.names import WORKSPACE_ANNOTATIONS
from sync_operator.model.status import WorkspaceStatus
from sync_operator.model.warning_rules import annotation_doubts
from sync_operator.remote.types import User

__all__ = [
    "decode_secret",
    "probe_obstacle",
    "server_reset",
    "standing_obstacle",
    "workspace_notices",
    "workspace_status",
]


class MissingSecretError(InvalidSpecError):
    """A Secret, or a key of it, that a Workspace names is not there (yet)."""


def decode_secret(secret: Mapping[str, Any] | None, *, namespace: str, name: str, key: str, field: str) -> str:
    """The value of one key of a Secret.

    Args:
        secret: the Secret as the API server returns it, or None when there is none.
        namespace: where it was looked for.
        name: its name.
        key: the key wanted.
        field: path of the reference to it, for messages.

    Raises:
        MissingSecretError: no such Secret, no such key, or no text in it.
    """
    if secret is None:
        raise MissingSecretError(
            f"{field}.name", f"there is no Secret {name!r} in namespace {namespace!r}; create it, and this goes on"
        )
    data = secret.get("data") or {}
    if key not in data:
        raise MissingSecretError(f"{field}.key", f"Secret {name!r} has no key {key!r}; add it, or name another one")
    try:
        value = base64.b64decode(data[key], validate=True).decode("utf-8").strip()
    except (binascii.Error, UnicodeDecodeError):
        value = ""
    if not value:
        raise MissingSecretError(f"{field}.key", f"key {key!r} of Secret {name!r} holds no text; put the value there")
    return value


def probe_obstacle(obstacle: Obstacle) -> Obstacle:
    """How a Workspace waits: for its Secret or spec to change, with a slow look now and then where that may help."""
    if isinstance(obstacle.error, KubernetesError):
        pause = SLOW_RETRY if obstacle.error.permanent else None
        return Obstacle(Reason.WORKSPACE_NOT_READY, obstacle.message, retry_after=pause, error=obstacle.error)
    if isinstance(obstacle.error, MissingSecretError):
        return Obstacle(Reason.WORKSPACE_NOT_READY, obstacle.message, waits=True, error=obstacle.error)
    if obstacle.waits:
        return Obstacle(obstacle.reason, obstacle.message, retry_after=SLOW_RETRY, error=obstacle.error)
    return obstacle


def standing_obstacle(before: Obstacle | None, found: Obstacle, *, same_credentials: bool = False) -> Obstacle:
    """The obstacle that Syncs see, who never try again by themselves: they are woken when it changes.

    So while an outage goes on it stays the same, whatever words the server finds for it from probe to probe. And
    credentials that were refused stay refused while the server is not asked about them again.

    Args:
        before: the one that stands.
        found: what the last look found.
        same_credentials: whether that look was with the credentials, and at the place, of the one before.
    """
    refused = before is not None and isinstance(before.error, AccessError)
    if before is not None and refused and same_credentials and isinstance(found.error, HeldBackError):
        return before
    if before is not None and before.reason is found.reason and found.reason in OUTAGES:
        return before
    return replace(found, retry_after=None, waits=True)


def workspace_status(
    view: WorkspaceView,
    before: WorkspaceStatus,
    *,
    user: User | None,
    syncs: int,
    generation: int,
    now: datetime,
    comparison: Comparison | None = None,
    reset: Obstacle | None = None,
) -> WorkspaceStatus:
    """The whole status after a look at the Workspace; equal to the one before when nothing changed.

    Args:
        view: what was found.
        before: the status as last written.
        user: who the token belongs to, or None when the server was not asked or did not tell: it is the same then.
        syncs: how many Syncs refer to the Workspace.
        generation: ``metadata.generation``.
        now: transition time of what changes.
        comparison: how comparisons with the server go; None before this process began one: all is as it was then.
        reset: that too many of its syncs are missing on the server to make any anew.
    """
    if view.obstacle is not None:
        ready = Said(ConditionType.READY, False, view.obstacle.reason, view.obstacle.message)
    elif view.suspended:
        message = "spec.suspend: no requests are sent, and the CronJobs of its Syncs are suspended"
        ready = Said(ConditionType.READY, True, Reason.SUSPENDED, message)
    elif reset is not None:
        ready = Said(ConditionType.READY, False, reset.reason, reset.message)
    else:
        email = user.email if user else before.user
        doubts = warning_words(annotation_doubts(view.annotations, WORKSPACE_ANNOTATIONS))
        who = f" as {email}" if email else ""
        dialect = view.dialect.value if view.dialect else "unknown"
        ready = Said(ConditionType.READY, True, Reason.RECONCILED, f"connected{who}, dialect {dialect}{doubts}")
    told = compared(comparison, before.conditions, now) if syncs and not view.suspended else None
    said = (ready, *((told,) if told else ()), *progress_conditions(view.obstacle or reset))
    conditions = write_conditions(said, before.conditions, generation=generation, now=now)
    after = before.model_copy(
        update={
            "observed_generation": generation,
            "dialect": view.dialect.value if view.dialect else None,
            "user": (user.email or None) if user else before.user,
            "role": (user.role or None) if user else before.role,
            "syncs": syncs,
            "token_secret": view.token_secret[0] if view.token_secret else None,
            "message": worst(conditions),
            "conditions": conditions,
        }
    )
    if comparison is None or not syncs or (after == before and not is_news(comparison, before, now)):
        return after
    return after.model_copy(update={"last_compared_at": last_compared_at(comparison, before)})


def server_reset(absence: MassAbsence, *, namespace: str, name: str) -> Obstacle:
    """What a Workspace says of which so many syncs are missing."""
    message = f"{reset_words(absence)}; none is made anew. {reset_remedy(name, namespace)}"
    return Obstacle(Reason.SERVER_RESET, message, stalled=True)


def workspace_notices(before: WorkspaceStatus, after: WorkspaceStatus) -> tuple[Notice, ...]:
    """An event when readiness changed, or its reason, and one when comparisons with the server stop or go on."""
    ready = changed(ConditionType.READY, before.conditions, after.conditions)
    told = None if ready is None else Notice(Reason(ready.reason), ready.message, warning=ready.status != "True")
    return tuple(notice for notice in (told, compared_notice(before, after)) if notice is not None)
