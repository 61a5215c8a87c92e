"""The owners of a request gate: the lowest rate that they ask for, and which of them sends a trial request. Pure."""

from collections.abc import Hashable, Iterator
from typing import Final

__all__ = ["GateOwners"]

_TRIAL_REMINDER: Final = 60.0
_MIN_TRIAL_TIMEOUT: Final = 5.0


class GateOwners:
    """Owners of a request gate. Where they ask for different rates, the lowest holds.

    Args:
        requests_per_minute: the rate without any owner.

    Attributes:
        requests_per_minute: the rate that holds; that of the last owner stays when it has left.
    """

    def __init__(self, requests_per_minute: int) -> None:
        self.requests_per_minute = requests_per_minute
        self._rates: dict[Hashable, int] = {}
        self._trial_asked_at: float | None = None

    def __iter__(self) -> Iterator[Hashable]:
        """The owners; the one that sends the next trial request first."""
        return iter(tuple(self._rates))

    def register(self, owner: Hashable, requests_per_minute: int) -> bool:
        """Add an owner, or change its rate; False if nothing has changed."""
        if self._rates.get(owner) == requests_per_minute:
            return False
        self._rates[owner] = requests_per_minute
        self.requests_per_minute = min(self._rates.values())
        return True

    def unregister(self, owner: Hashable) -> bool:
        """Remove an owner; False if the rate stays, because it was none, or the last one."""
        if self._rates.pop(owner, None) is None or not self._rates:
            return False
        self.requests_per_minute = min(self._rates.values())
        return True

    @property
    def trial_timeout(self) -> float:
        """Seconds that an owner has for a trial request before the next one is asked."""
        return max(_MIN_TRIAL_TIMEOUT, _TRIAL_REMINDER / max(1, len(self._rates)))

    def trial_is_due(self, now: float) -> bool:
        """True if an owner is to be asked for a trial request: once in each `trial_timeout`, until `trial_ended`."""
        if self._trial_asked_at is not None and now < self._trial_asked_at + self.trial_timeout:
            return False
        self._trial_asked_at = now
        return True

    def trial_ended(self) -> None:
        """A trial request has ended, or was not sent after all."""
        self._trial_asked_at = None

    def next_for_trial(self) -> Hashable | None:
        """The owner that sends the next trial request: they take turns, so that no single one sends all of them."""
        owner = next(iter(self._rates), None)
        if owner is not None:
            self._rates[owner] = self._rates.pop(owner)
        return owner
