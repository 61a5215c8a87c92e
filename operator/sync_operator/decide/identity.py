"""Whether the sync that a server shows under our id is the one that was registered. Pure.

Ids are small integers. On a server that was rebuilt, restored or replaced, the same id is somebody else's sync.
"""

from datetime import datetime
from typing import Any

from sync_operator.decide.diff import FIXED, differing_fields, field_changes
from sync_operator.decide.obstacles import SLOW_RETRY
from sync_operator.decide.once import once
from sync_operator.decide.picture import Obstacle, Picture
from sync_operator.decide.refs import field_path
from sync_operator.decide.server import found_wrong, is_registered
from sync_operator.model.base import rfc3339
from sync_operator.model.conditions import ConditionType, Reason
from sync_operator.model.status import SyncStatus
from sync_operator.model.sync import SyncSpec
from sync_operator.remote.types import RemoteSync

__all__ = [
    "account_changed",
    "identity_conflict",
    "is_identity_news",
    "is_ours",
    "is_unproven",
    "lacks_identity",
    "registered_account",
    "registered_at",
]

_CURSOR = "cursor_field"
_UNTOUCHED = "nothing of it is changed, run or deleted"
_WAY_OUT = "set spec.deletionPolicy to Retain, delete this Sync and make it anew"


@once
def identity_conflict(picture: Picture) -> Obstacle | None:
    """What the server shows under the registered id is another sync, or one that was changed in what is fixed."""
    status, actual = picture.sync.status, picture.remote or picture.seen
    if status.id is None or actual is None or actual.id != status.id:
        return None
    words = _other_time(picture, actual) or _other_fields(picture, actual)
    # The list of the next comparison wakes it; the slow retry is for a server whose list is refused.
    return Obstacle(Reason.CONFLICT, words, stalled=True, retry_after=SLOW_RETRY) if words else None


def account_changed(picture: Picture) -> Obstacle | None:
    """The Workspace's credentials belong to another account than the one that registered the sync."""
    status, workspace = picture.sync.status, picture.workspace
    if status.id is None or not status.account or not workspace.account or status.account == workspace.account:
        return None
    return Obstacle(
        Reason.WORKSPACE_CHANGED,
        f"status.account: sync {status.id} was registered by account {status.account}, but the credentials of "
        f"Workspace {workspace.name!r} belong to account {workspace.account}, for which that id may be another sync: "
        f"{_UNTOUCHED}; put credentials of account {status.account} into its Secret, or {_WAY_OUT}",
        stalled=True,
    )


def is_ours(picture: Picture) -> bool:
    """True when the server has shown the registered sync, and nothing speaks against its being the same."""
    shown = picture.remote is not None or picture.seen is not None
    return shown and identity_conflict(picture) is None and account_changed(picture) is None


def is_unproven(picture: Picture) -> bool:
    """True for a sync that was not in place when last told of, and that the server has not shown since."""
    told = picture.sync.condition(ConditionType.REGISTERED)
    unseen = picture.remote is None and picture.seen is None
    return unseen and picture.sync.status.id is not None and told is not None and told.status == "False"


def registered_at(picture: Picture) -> datetime | None:
    """When the server made the registered sync, by its own clock and in whole seconds; None where it does not tell."""
    status, actual = picture.sync.status, picture.remote or picture.seen
    if status.id is not None and status.registered_at is not None:
        return status.registered_at
    if actual is None or actual.created_at is None or not _is_certain(picture, actual):
        return None
    return actual.created_at.replace(microsecond=0)


def registered_account(picture: Picture) -> str | None:
    """The account that registered the sync; None where neither server nor token tell it."""
    status, actual = picture.sync.status, picture.remote or picture.seen
    if status.id is not None and status.account:
        return status.account
    certain = actual is not None and _is_certain(picture, actual)
    return (picture.workspace.account or None) if certain else None


def lacks_identity(picture: Picture) -> bool:
    """True when an earlier release registered the sync, and what it is known by can be added to its status now."""
    known = registered_at(picture), registered_account(picture)
    status = picture.sync.status
    return status.id is not None and known != (status.registered_at, status.account or None)


def is_identity_news(picture: Picture) -> bool:
    """True when what the last list shows and what the status says of the sync's identity are not the same."""
    told, found = picture.sync.condition(ConditionType.REGISTERED), identity_conflict(picture)
    said = told is not None and told.status == "False" and told.reason == Reason.CONFLICT
    return (told.message if told is not None and said else None) != (found.message if found else None)


def _is_certain(picture: Picture, actual: RemoteSync) -> bool:
    """True for a sync just made or taken over; of one registered by an earlier release, when all else agrees."""
    if picture.sync.status.id is None:
        return picture.remote is not None
    return is_ours(picture) and is_registered(picture) and not found_wrong(picture, actual)


def _other_time(picture: Picture, actual: RemoteSync) -> str:
    status = picture.sync.status
    if status.registered_at is None or actual.created_at is None:
        return ""
    made = actual.created_at.replace(microsecond=0)
    if made == status.registered_at:
        return ""
    return (
        f"status.registeredAt: sync {status.id} was registered at {rfc3339(status.registered_at)}, but what has that "
        f"id on {picture.workspace.url} was made at {rfc3339(made)}, so it is another sync, as on a server that was "
        f"rebuilt, restored or replaced: {_UNTOUCHED}; let Workspace {picture.workspace.name!r} name the server that "
        f"has yours, or {_WAY_OUT}"
    )


def _other_fields(picture: Picture, actual: RemoteSync) -> str:
    status, spec = picture.sync.status, picture.sync.spec
    wanted = _fixed_values(status, spec)
    names = [name for name in differing_fields(wanted, actual.attributes, names=wanted) if _is_told(name, actual)]
    if not names:
        return ""
    fields = ", ".join(field_path(spec, name) if spec else name for name in names)
    found = field_changes(wanted, actual.attributes, names)
    changes = "; ".join(f"{change.place}: {change.old} → {change.new}" for change in found)
    return (
        f"{fields}: sync {actual.id} on {picture.workspace.url} differs in what is fixed once registered ({changes}): "
        f"somebody changed it, or it is another sync; {_UNTOUCHED}; put it back there, or let Workspace "
        f"{picture.workspace.name!r} name the server that has yours, or {_WAY_OUT}"
    )


def _is_told(name: str, actual: RemoteSync) -> bool:
    """A server that keeps no cursor field answers null, which says nothing of whose sync it is."""
    return name != _CURSOR or bool(actual.attributes.get(name))


def _fixed_values(status: SyncStatus, spec: SyncSpec | None) -> dict[str, Any]:
    """What the sync was registered with, by the API's names: by the status, else by a spec that can no longer change.

    What the spec gives by name alone and no status tells is left out.
    """
    found = {name: getattr(status, name, None) or getattr(spec, name, None) for name in FIXED}
    return {name: value for name, value in found.items() if value is not None or (name == _CURSOR and spec is not None)}
