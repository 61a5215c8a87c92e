"""Duplicates: remote resources equal to a resource's own that no resource claims. Pure.

They come from a create that was carried out after it had been given up, or from another client.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sync_operator.api.statuses.conditions import ConditionType
from sync_operator.domain.create_fence.create_intent import intent_time, repeated_at
from sync_operator.domain.registration.desired_state import desired_body, is_registered, lacks_secrets
from sync_operator.domain.registration.field_diff import CONFIGURATION
from sync_operator.domain.registration.preconditions import registration_blocker
from sync_operator.domain.registration.registration_actions import DeleteDuplicate
from sync_operator.domain.registration.resource_snapshot import Duplicate, ResourceSnapshot
from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.types import RemoteResource

__all__ = ["ADVICE", "duplicate_step", "duplicates_of", "is_reported", "is_same", "looks_for_duplicates"]

ADVICE: Final = "looks the same and belongs to no"
"""Part of the message of a condition that reports duplicates, before the kind; identifies such a condition."""
MAX_WATCH: Final = timedelta(days=1)
"""How long after a create was repeated its duplicates are searched for."""
MAX_LATENESS: Final = timedelta(minutes=10)
"""What was created later than this after the repetition is not attributed to the create that was given up."""
_CLOCK_STEP: Final = timedelta(seconds=5)
"""Tolerance when comparing two readings of the same clock: servers give whole seconds, and responses take time."""


def looks_for_duplicates(snapshot: ResourceSnapshot) -> bool:
    """True if it is registered, and its create was repeated less than a day ago or its status reports a duplicate."""
    lost = repeated_at(snapshot)
    recent = lost is not None and snapshot.now - lost <= MAX_WATCH
    return (
        snapshot.resource.status.id is not None and not snapshot.resource.deleting and (recent or is_reported(snapshot))
    )


def is_reported(snapshot: ResourceSnapshot) -> bool:
    """True while the status reports a duplicate."""
    registered = snapshot.resource.condition(ConditionType.REGISTERED)
    return registered is not None and registered.status == "True" and ADVICE in registered.message


def duplicates_of(
    snapshot: ResourceSnapshot, unclaimed: Iterable[RemoteResource], ahead: timedelta
) -> tuple[Duplicate, ...]:
    """The listed resources that equal this one's own, oldest first.

    Args:
        snapshot: snapshot of the resource.
        unclaimed: listed resources that no resource claims.
        ahead: by how much the server's clock is ahead of ours.
    """
    since = intent_time(snapshot) + ahead - _CLOCK_STEP
    equal = [
        Duplicate(remote, certain=_is_certain(snapshot, remote, since, ahead))
        for remote in unclaimed
        if (is_reported(snapshot) or _is_since(remote, since)) and _is_equal(snapshot, remote)
    ]
    return tuple(sorted(equal, key=lambda duplicate: int(duplicate.remote.id)))


def is_same(snapshot: ResourceSnapshot, held: RemoteResource, listed: RemoteResource) -> bool:
    """True if a remote resource is unchanged since it was listed, and still equals the desired state."""
    unchanged = (held.created_at, held.updated_at) == (listed.created_at, listed.updated_at)
    return unchanged and not lacks_secrets(snapshot) and _is_equal(snapshot, held)


def duplicate_step(snapshot: ResourceSnapshot) -> DeleteDuplicate | None:
    """Delete a duplicate that a given-up create of ours made, once we are registered; None if there is none."""
    certain = (duplicate for duplicate in snapshot.duplicates or () if duplicate.certain)
    twin = next(certain, None) if snapshot.resource.status.id is not None else None
    if twin is None or registration_blocker(snapshot) or not is_registered(snapshot):
        return None
    return DeleteDuplicate(twin)


def _is_equal(snapshot: ResourceSnapshot, remote: RemoteResource) -> bool:
    try:
        body = desired_body(snapshot)
    except (InvalidSpecError, ValueError):
        return False
    names = [name for name in body if name != CONFIGURATION or not lacks_secrets(snapshot)]
    return not snapshot.kind.rules(snapshot).differing(body, remote.attributes, names=names)


def _is_since(remote: RemoteResource, since: datetime) -> bool:
    return remote.created_at is not None and remote.created_at >= since


def _is_certain(snapshot: ResourceSnapshot, remote: RemoteResource, since: datetime, ahead: timedelta) -> bool:
    """True if it was created while a given-up create of ours may have been in flight, and never updated.

    The resource's own must come from the repeated create: otherwise there may have been no second one.
    """
    lost, made, own = repeated_at(snapshot), remote.created_at, snapshot.resource.status.registered_at
    if lost is None or made is None or own is None or lacks_secrets(snapshot):
        return False
    repeated = lost + ahead - _CLOCK_STEP
    untouched = remote.updated_at in {None, made}
    created = snapshot.resource.status.origin == "Created" and own >= repeated
    return untouched and created and since <= made <= lost + ahead + MAX_LATENESS
