"""Syncs like a Sync's own that nobody has: what a create made after it was given up, or somebody else. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sync_operator.decide.actions import DeleteTwin
from sync_operator.decide.blocking import registration_obstacle
from sync_operator.decide.create_mark import lost_at, marked_at
from sync_operator.decide.diff import differing_fields
from sync_operator.decide.picture import Duplicate, Picture
from sync_operator.decide.server import desired_body, is_registered, lacks_secrets
from sync_operator.errors import InvalidSpecError
from sync_operator.model.conditions import ConditionType
from sync_operator.remote.types import RemoteSync

__all__ = ["ADVICE", "duplicates_of", "is_same", "is_told", "looks_for_duplicates", "twin_step"]

ADVICE: Final = "looks the same and belongs to no Sync"
"""Words by which a condition that tells of such a sync is known."""
MAX_WATCH: Final = timedelta(days=1)
"""For how long after a create was sent once more the one before may come to light."""
MAX_LATENESS: Final = timedelta(minutes=10)
"""What was made later than that after a create was sent once more is not taken for the earlier one's."""
_CLOCK_STEP: Final = timedelta(seconds=5)
"""By how much two readings of the same clocks may differ: servers tell whole seconds, and answers take their time."""
_OPEN: Final = "configuration"
"""The one field that holds values of Secrets, which are not read for a comparison."""


def looks_for_duplicates(picture: Picture) -> bool:
    """True for a registered Sync of which a create was repeated within a day, or that tells of a duplicate."""
    lost = lost_at(picture)
    recent = lost is not None and picture.now - lost <= MAX_WATCH
    return picture.sync.status.id is not None and not picture.sync.deleting and (recent or is_told(picture))


def is_told(picture: Picture) -> bool:
    """True while the status tells of a duplicate."""
    told = picture.sync.condition(ConditionType.REGISTERED)
    return told is not None and told.status == "True" and ADVICE in told.message


def duplicates_of(picture: Picture, unclaimed: Iterable[RemoteSync], ahead: timedelta) -> tuple[Duplicate, ...]:
    """Those of the listed syncs that equal this Sync's own, the oldest first.

    Args:
        picture: of the Sync.
        unclaimed: listed syncs that belong to no Sync.
        ahead: how far the server's clock is ahead of ours.
    """
    since = marked_at(picture) + ahead - _CLOCK_STEP
    equal = [
        Duplicate(remote, certain=_is_certain(picture, remote, since, ahead))
        for remote in unclaimed
        if (is_told(picture) or _is_since(remote, since)) and _is_equal(picture, remote)
    ]
    return tuple(sorted(equal, key=lambda duplicate: int(duplicate.remote.id)))


def is_same(picture: Picture, held: RemoteSync, listed: RemoteSync) -> bool:
    """True when a sync still is what was listed, and what the Sync asks for."""
    unchanged = (held.created_at, held.updated_at) == (listed.created_at, listed.updated_at)
    return unchanged and not lacks_secrets(picture) and _is_equal(picture, held)


def twin_step(picture: Picture) -> DeleteTwin | None:
    """Delete what a create of ours has made after it was given up, once the Sync has its own."""
    certain = (duplicate for duplicate in picture.duplicates or () if duplicate.certain)
    twin = next(certain, None) if picture.sync.status.id is not None else None
    if twin is None or registration_obstacle(picture) or not is_registered(picture):
        return None
    return DeleteTwin(twin)


def _is_equal(picture: Picture, remote: RemoteSync) -> bool:
    try:
        body = desired_body(picture)
    except (InvalidSpecError, ValueError):
        return False
    names = [name for name in body if name != _OPEN or not lacks_secrets(picture)]
    return not differing_fields(body, remote.attributes, names=names)


def _is_since(remote: RemoteSync, since: datetime) -> bool:
    return remote.created_at is not None and remote.created_at >= since


def _is_certain(picture: Picture, remote: RemoteSync, since: datetime, ahead: timedelta) -> bool:
    """Made while a create of this Sync may have been under way, beside that which made the Sync's own; never touched.

    The Sync's own has to be of the create that was sent once more: else there may have been no other one.
    """
    lost, made, own = lost_at(picture), remote.created_at, picture.sync.status.registered_at
    if lost is None or made is None or own is None or lacks_secrets(picture):
        return False
    repeated = lost + ahead - _CLOCK_STEP
    untouched = remote.updated_at in {None, made}
    created = picture.sync.status.origin == "Created" and own >= repeated
    return untouched and created and since <= made <= lost + ahead + MAX_LATENESS
