"""Matching of listed resources against a lost create, and conflicts between claims of several of ours. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sync_operator.domain.registration.field_diff import FieldRules
from sync_operator.syncapi.types import RemoteList, RemoteResource

__all__ = ["MAX_UNKNOWN_CLOCK_SKEW", "Claim", "earliest_creation", "matches_create", "winning_claim"]

MAX_UNKNOWN_CLOCK_SKEW: Final = timedelta(minutes=5)
"""Assumed maximum clock skew between the process that wrote the intent, this one and the server, for a lost create."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One resource's claim to a remote resource.

    Attributes:
        holder: ``namespace/name`` of the resource.
        registered: True if its status has the id, False if only its spec asks for it.
        created_at: creation time of the resource.
        uid: its uid, the tie-breaker between two of the same second.
        account: account that registered it; empty if unknown.
    """

    holder: str
    registered: bool
    created_at: datetime
    uid: str
    account: str = ""

    @property
    def rank(self) -> tuple[bool, datetime, str]:
        """Sort key; the lowest claim wins: registered before requested, then the older resource."""
        return not self.registered, self.created_at, self.uid


def winning_claim(claim: Claim, rivals: Iterable[Claim]) -> Claim | None:
    """The competing claim that wins over ``claim``, or None if ``claim`` itself wins."""
    return min((rival for rival in rivals if rival.rank < claim.rank), key=lambda rival: rival.rank, default=None)


def earliest_creation(listing: RemoteList[RemoteResource], *, intent_time: datetime, now: datetime) -> datetime:
    """The earliest creation time, by the server's clock, of what was created by us since ``intent_time``.

    Arguments as in `matches_create`.
    """
    ahead = listing.server_time - now if listing.server_time else timedelta()
    return intent_time + ahead - MAX_UNKNOWN_CLOCK_SKEW


def matches_create(
    rules: FieldRules,
    body: Mapping[str, Any],
    listing: RemoteList[RemoteResource],
    *,
    intent_time: datetime,
    now: datetime,
    claimed: Iterable[str],
) -> tuple[RemoteResource, ...]:
    """Remote resources that a create of ours since ``intent_time`` may have made, oldest first.

    Those whose creation time the server omits are included.

    Args:
        rules: how fields are compared.
        body: the body that was sent, or would have been.
        listing: the workspace's collection.
        intent_time: time of the create intent, by our clock.
        now: time of the list, by our clock; compared with the server's time in the list it gives the clock difference.
        claimed: server ids that belong to other resources.
    """
    since = earliest_creation(listing, intent_time=intent_time, now=now)
    taken = frozenset(claimed)
    found = [
        remote
        for remote in listing.rows
        if remote.id not in taken
        and (remote.created_at is None or remote.created_at >= since)
        and not rules.differing(body, remote.attributes)
    ]
    return tuple(sorted(found, key=lambda remote: int(remote.id)))
