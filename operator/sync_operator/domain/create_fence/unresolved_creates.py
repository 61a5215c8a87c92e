"""Creates of several resources whose outcome is unknown, and which listed one goes to which of them. Pure.

Equal remote resources cannot be told apart. So each one is assigned to at most one unresolved create, by a rule that
gives the same result for every resource, and a resource leaves alone what is assigned to another.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sync_operator.domain.create_fence.matching import MAX_UNKNOWN_CLOCK_SKEW
from sync_operator.domain.registration.field_diff import FieldRules
from sync_operator.syncapi.types import RemoteResource

__all__ = ["UnresolvedCreate", "assign", "is_certain_of", "may_have_made"]

MAX_ATTEMPT: Final = timedelta(minutes=15)
"""What was created later than this after the intent is not certain to come from the create of an earlier process."""
_CLOCK_STEP: Final = timedelta(seconds=5)
"""Tolerance when comparing two readings of the same clock: servers give whole seconds, and responses take time."""


@dataclass(frozen=True, slots=True)
class UnresolvedCreate:
    """A create whose outcome is unknown.

    Attributes:
        uid: uid of the resource, the tie-breaker between two of the same second.
        holder: ``namespace/name`` of the resource.
        intent_time: time of the create intent, by our clock.
        repeated_at: when the create was last given up and sent again; None if that never happened.
        fields: the body of the create, as far as is known.
        rules: how fields are compared.
        complete: True if ``fields`` is the whole body.
        sent: True if this process sent the create.
        until: when the server can no longer be working on it; None if it is not any more.
        deleting: True if the resource is being deleted, and the result of its create with it.
    """

    uid: str
    holder: str
    intent_time: datetime
    fields: Mapping[str, Any] = field(repr=False)
    rules: FieldRules = field(repr=False)
    complete: bool = True
    repeated_at: datetime | None = None
    sent: bool = False
    until: datetime | None = None
    deleting: bool = False

    @property
    def rank(self) -> tuple[bool, bool, datetime, str]:
        """Sort key; the lowest chooses first.

        Those being deleted come first: a DELETE of what they chose may be under way already.
        """
        return not self.deleting, not self.complete, self.intent_time, self.uid


def is_certain_of(create: UnresolvedCreate, remote: RemoteResource, ahead: timedelta) -> bool:
    """True if the remote resource's age fits the create: not older than the create intent, and not much younger.

    An intent is only good for its own create: a copied or restored one proves nothing about what was made long after.

    Args:
        create: the create.
        remote: a listed resource.
        ahead: by how much the server's clock is ahead of ours.
    """
    earliest, sent_at = create.intent_time + ahead - _CLOCK_STEP, _last_sent(create) + ahead - _CLOCK_STEP
    if remote.created_at is None or remote.created_at < earliest:
        return False
    return create.sent or remote.created_at <= sent_at + MAX_ATTEMPT


def may_have_made(create: UnresolvedCreate, remote: RemoteResource, ahead: timedelta) -> bool:
    """True if it equals the create, as far as is known, and was created while that may have been carried out.

    Arguments as in `is_certain_of`.
    """
    if remote.created_at is None or remote.created_at < create.intent_time + ahead - MAX_UNKNOWN_CLOCK_SKEW:
        return False
    last = create.until if create.sent else _last_sent(create) + MAX_ATTEMPT
    if last is not None and remote.created_at > last + ahead + MAX_UNKNOWN_CLOCK_SKEW:
        return False
    return not create.rules.differing(create.fields, remote.attributes)


def assign(
    creates: Iterable[UnresolvedCreate], remotes: Sequence[RemoteResource], ahead: timedelta
) -> dict[str, UnresolvedCreate]:
    """The create to which each remote resource is assigned, by its id; each create has at most one.

    Each create chooses the oldest that is certain to fit by its age; those whose body is known in part only choose
    last, except for deletions. Then creates without one choose among the rest, but no deletions: they delete only what
    is certain.

    Args:
        creates: the unresolved creates.
        remotes: listed resources that belong to none of ours, oldest first.
        ahead: by how much the server's clock is ahead of ours.
    """
    owners: dict[str, UnresolvedCreate] = {}
    served = set[str]()
    order = sorted(creates, key=lambda create: create.rank)
    choices = [(create, True) for create in order]
    choices += [(create, False) for create in order if not create.deleting]
    for create, certain in choices:
        if create.uid in served:
            continue
        left = (remote for remote in remotes if remote.id not in owners and may_have_made(create, remote, ahead))
        remote = next((remote for remote in left if not certain or is_certain_of(create, remote, ahead)), None)
        if remote is not None:
            owners[remote.id] = create
            served.add(create.uid)
    return owners


def _last_sent(create: UnresolvedCreate) -> datetime:
    """The last time, as far as is known, at which the create was about to be sent."""
    return max(create.intent_time, create.repeated_at or create.intent_time)
