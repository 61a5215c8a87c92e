"""FIFO queue of keys that wait for a slot of a request gate. Pure: time is a parameter.

One queue holds a key that is to be reconciled: the controller's work queue. A key waits here after its reconcile has
ended for want of a slot, and then the work queue does not have it: no retry stands for it there. When there is a slot
for it, it leaves this queue first, and then enters the work queue (`RequestGate` calls ``wake``). Only something new
brings it there earlier: a change of the object, or the circuit, where no Workspace is left to send the trial request.
It is then reconciled at once, and keeps its position here until it has a slot.
"""

from collections.abc import Hashable, Iterator
from itertools import chain, islice
from typing import Final

__all__ = ["RESERVATION_TTL", "WaitQueue"]

RESERVATION_TTL: Final = 30.0
"""Seconds for which a slot is kept for a key that was notified, and may be gone."""


class WaitQueue:
    """Keys that wait, and keys that were notified: those have left the queue, and a slot is reserved for each.

    A key waits once, or has one reservation, or neither.
    """

    def __init__(self) -> None:
        self._urgent: dict[Hashable, None] = {}
        self._waiting: dict[Hashable, None] = {}
        self._reservations: dict[Hashable, float] = {}

    def __len__(self) -> int:
        """How many keys wait."""
        return len(self._urgent) + len(self._waiting)

    def __contains__(self, key: Hashable) -> bool:
        """True for a key that waits."""
        return key in self._urgent or key in self._waiting

    def __iter__(self) -> Iterator[Hashable]:
        """The keys that wait, the next one first."""
        return chain(self._urgent, self._waiting)

    @property
    def urgent(self) -> int:
        """How many waiting keys are urgent."""
        return len(self._urgent)

    @property
    def reserved(self) -> int:
        """How many keys hold a reservation."""
        return len(self._reservations)

    def is_reserved(self, key: Hashable) -> bool:
        """True for a key that holds a reservation."""
        return key in self._reservations

    def enqueue(self, key: Hashable, *, urgent: bool = False) -> None:
        """Add at the end (of the urgent ones, when ``urgent``); a key that waits already keeps its position.

        A key with a reservation is not added: it was notified, and will be reconciled again for that.
        """
        if key in self._reservations:
            return
        if urgent:
            self._waiting.pop(key, None)
            self._urgent.setdefault(key)
        elif key not in self._urgent:
            self._waiting.setdefault(key)

    def remove(self, key: Hashable) -> bool:
        """Take a key out of the queue, and drop its reservation; False if it had neither."""
        held = key in self or key in self._reservations
        self._urgent.pop(key, None)
        self._waiting.pop(key, None)
        self._reservations.pop(key, None)
        return held

    def drain(self) -> Iterator[tuple[Hashable, bool]]:
        """Remove all keys that wait, in their order, each with whether it is urgent."""
        for keys, urgent in ((self._urgent, True), (self._waiting, False)):
            for key in tuple(keys):
                del keys[key]
                yield key, urgent

    def redeem(self, key: Hashable) -> bool:
        """True for a key that holds a reservation; the reservation is used up."""
        return self._reservations.pop(key, None) is not None

    def notify_next(self, limit: int, now: float) -> tuple[Hashable, ...]:
        """The next keys, so many at most; each holds a reservation from now on."""
        notified = tuple(islice(self, max(0, limit)))
        for key in notified:
            self.remove(key)
            self._reservations[key] = now
        return notified

    def expire(self, now: float) -> None:
        """Drop reservations that are older than `RESERVATION_TTL`."""
        self._reservations = {key: at for key, at in self._reservations.items() if now - at < RESERVATION_TTL}
