"""The search for what a lost create made, and who may claim it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sync_operator.decide.diff import differing_fields
from sync_operator.remote.types import Listing, RemoteSync

__all__ = ["CLOCK_MARGIN", "Claim", "earliest", "elder", "made_by_us"]

CLOCK_MARGIN: Final = timedelta(minutes=5)
"""How far clocks may differ that cannot be compared: of the process that wrote the mark, ours, and the server's."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One Sync's claim to a server sync.

    Attributes:
        holder: ``namespace/name`` of the Sync.
        registered: True when its status holds the id, False when its spec only asks for it.
        created_at: when the Sync was made.
        uid: of the Sync; decides between two of the same second.
        account: that registered it; empty where that is not known.
    """

    holder: str
    registered: bool
    created_at: datetime
    uid: str
    account: str = ""

    @property
    def rank(self) -> tuple[bool, datetime, str]:
        """The lower one prevails: who has it before who wants it, then the older."""
        return not self.registered, self.created_at, self.uid


def elder(claim: Claim, rivals: Iterable[Claim]) -> Claim | None:
    """The rival that prevails over a claim, or None when the claim is good."""
    return min((rival for rival in rivals if rival.rank < claim.rank), key=lambda rival: rival.rank, default=None)


def earliest(listing: Listing, *, marked_at: datetime, now: datetime) -> datetime:
    """When, by the server's clock, a create of ours since ``marked_at`` was made at the earliest; ``now`` as below."""
    ahead = listing.clock - now if listing.clock else timedelta()
    return marked_at + ahead - CLOCK_MARGIN


def made_by_us(
    body: Mapping[str, Any], listing: Listing, *, marked_at: datetime, now: datetime, claimed: Iterable[str]
) -> tuple[RemoteSync, ...]:
    """Syncs that a create of ours since ``marked_at`` may have made, oldest first.

    One whose age the server does not tell is among them.

    Args:
        body: what was, or would have been, sent.
        listing: the workspace's syncs.
        marked_at: time of the create mark, by our clock.
        now: time of the listing, by our clock; with the server's own time it gives the difference of the two clocks.
        claimed: server ids that belong to other Syncs.
    """
    since = earliest(listing, marked_at=marked_at, now=now)
    taken = frozenset(claimed)
    found = [
        remote
        for remote in listing.syncs
        if remote.id not in taken
        and (remote.created_at is None or remote.created_at >= since)
        and not differing_fields(body, remote.attributes)
    ]
    return tuple(sorted(found, key=lambda remote: int(remote.id)))
