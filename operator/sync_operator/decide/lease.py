"""Who may lead, by what was seen of a Lease and when. Pure: all times are seconds of one's own clock.

The times written into a Lease are for people: they come from other machines' clocks and are never compared with ours.
What counts is for how long we have seen nobody renew it.
"""

from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["LeaseTimes", "LeaseView", "Sighting", "claim_of", "holds", "look", "may_take", "release_of"]


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds, as client-go chooses them.

    Attributes:
        duration: for as long as that after a renewal nobody else takes the Lease.
        deadline: for as long as that after a renewal its holder acts; the difference is what clocks and the last
            requests may take.
        retry: between two looks, and between two renewals.
    """

    duration: float = 15.0
    deadline: float = 10.0
    retry: float = 2.0


@dataclass(frozen=True, slots=True)
class LeaseView:
    """A Lease as it was read.

    Attributes:
        holder: who leads; empty once it was released.
        seconds: for how long the holder asked others to keep away.
        renewed: whatever its holder writes anew each time; only ever compared for being the same.
        transitions: how often it has changed hands.
        version: of the object. Somebody who edits a label renews nothing, so it does not count as a difference.
    """

    holder: str
    seconds: float
    renewed: str
    transitions: int
    version: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a candidate knows.

    Attributes:
        lease: as it was last seen; None while there has been none.
        since: when it was first seen like that.
        there: False when it has been deleted since.
    """

    lease: LeaseView | None
    since: float
    there: bool


def look(before: Sighting | None, found: LeaseView | None, now: float) -> Sighting:
    """Put a new look together with what was known before."""
    if found is None:
        # Deleting a Lease does not stop its holder, who notices at its next renewal: its time runs on.
        return replace(before, there=False) if before and before.lease else Sighting(None, now, there=False)
    same = before is not None and before.lease == found
    return Sighting(found, before.since if before and same else now, there=True)


def may_take(seen: Sighting, me: str, now: float) -> bool:
    """True when nobody can lead any more, or the Lease is ours already: an answer may have been lost."""
    lease = seen.lease
    return lease is None or lease.holder in {"", me} or now - seen.since > lease.seconds


def claim_of(seen: Sighting, me: str, time: str, times: LeaseTimes) -> dict[str, Any]:
    """The Lease's spec with which we take it.

    Args:
        seen: what was seen last.
        me: who takes it.
        time: the time of day, for people.
        times: for how long.
    """
    lease = seen.lease
    changes_hands = lease is not None and lease.holder != me
    return {
        "holderIdentity": me,
        "leaseDurationSeconds": int(times.duration),
        "acquireTime": time,
        "renewTime": time,
        "leaseTransitions": (lease.transitions if lease else 0) + changes_hands,
    }


def release_of(time: str) -> dict[str, Any]:
    """The change to the Lease's spec by which its holder lets the next one lead at once."""
    return {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": time}


def holds(confirmed_at: float | None, now: float, times: LeaseTimes) -> bool:
    """True while we may act as the holder.

    Args:
        confirmed_at: when we asked for what the API server confirmed last; None without any confirmation.
        now: the time now.
        times: for how long a confirmation lasts.
    """
    return confirmed_at is not None and now - confirmed_at < times.deadline
