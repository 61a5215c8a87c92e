"""Leader election by a Lease, as in client-go. Pure: all times are seconds of the own monotonic clock.

The timestamps in a Lease come from other machines' clocks. They are informative and never compared with our clock; what
counts is how long we have observed no renewal.
"""

from dataclasses import dataclass, field, replace
from typing import Any

__all__ = [
    "LeaseTimes",
    "LeaseView",
    "ObservedRecord",
    "acquire_record",
    "can_acquire",
    "is_valid",
    "observe_record",
    "release_record",
]


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Durations in seconds, with client-go's defaults.

    Attributes:
        duration: lease duration: after a renewal, no other candidate acquires the Lease for this long.
        deadline: renew deadline: after a renewal, the holder acts as leader for this long; the difference to
            ``duration`` covers clock differences and the last requests.
        retry: retry period: between two reads by a candidate, and between two renewals.
    """

    duration: float = 15.0
    deadline: float = 10.0
    retry: float = 2.0


@dataclass(frozen=True, slots=True)
class LeaseView:
    """A Lease as it was read.

    Attributes:
        holder: identity of the leader; empty once it was released.
        seconds: lease duration that the holder wrote.
        renewed: renew time that the holder wrote; only compared for equality.
        transitions: number of changes of the holder.
        version: resource version; not compared, because an edited label is not a renewal.
    """

    holder: str
    seconds: float
    renewed: str
    transitions: int
    version: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class ObservedRecord:
    """What a candidate has observed of the Lease.

    Attributes:
        lease: the last observed record; None if there never was one.
        since: when this record was first observed.
        there: False if the Lease has been deleted since.
    """

    lease: LeaseView | None
    since: float
    there: bool


def observe_record(before: ObservedRecord | None, found: LeaseView | None, now: float) -> ObservedRecord:
    """Combine a new read with the earlier observation."""
    if found is None:
        # A deleted Lease is not free: the holder may act until its renew deadline, so the observed time is kept.
        return replace(before, there=False) if before and before.lease else ObservedRecord(None, now, there=False)
    same = before is not None and before.lease == found
    return ObservedRecord(found, before.since if before and same else now, there=True)


def can_acquire(seen: ObservedRecord, me: str, now: float) -> bool:
    """True if the Lease is free or expired, or already ours: the response to an earlier write may have been lost."""
    lease = seen.lease
    return lease is None or lease.holder in {"", me} or now - seen.since > lease.seconds


def acquire_record(seen: ObservedRecord, me: str, time: str, times: LeaseTimes) -> dict[str, Any]:
    """The Lease's spec that makes us its holder.

    Args:
        seen: the last observation.
        me: our identity.
        time: timestamp to write, informative only.
        times: has the lease duration.
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


def release_record(time: str) -> dict[str, Any]:
    """The patch of the Lease's spec with which its holder releases it, so that another candidate can lead at once."""
    return {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": time}


def is_valid(confirmed_at: float | None, now: float, times: LeaseTimes) -> bool:
    """True while we may act as the leader.

    Args:
        confirmed_at: when the last successful write of the Lease was sent; None if there was none.
        now: the current time.
        times: has the renew deadline.
    """
    return confirmed_at is not None and now - confirmed_at < times.deadline
