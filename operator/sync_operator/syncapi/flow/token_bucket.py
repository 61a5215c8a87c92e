"""Token bucket, the rate limiter of the requests to one server workspace. Pure: time is a parameter."""

from typing import Final

__all__ = ["TokenBucket"]

_MINUTE: Final = 60.0
_BURST_SHARE: Final = 0.2
"""Share of a minute's requests that may be sent at once. The others are spread, so that no minute exceeds the rate."""


class TokenBucket:
    """Never more requests in any minute than allowed, rounded up.

    In its first minute it may be overdrawn by what it will be filled with until then: a few Syncs are registered
    within seconds instead of in the course of a minute.

    Args:
        per_minute: requests a minute: `OPERATOR_SHARE` of what the Workspace allows.
        now: seconds, as in all methods.
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self._at = now
        self._overdrawn_until = now + _MINUTE
        self._per_minute = per_minute
        self._tokens = self._capacity

    @property
    def _capacity(self) -> float:
        return max(1.0, self._per_minute * _BURST_SHARE)

    @property
    def _rate(self) -> float:
        return self._per_minute * (1 - _BURST_SHARE) / _MINUTE

    @property
    def pause(self) -> float:
        """Seconds between two requests, once the burst is used up."""
        return 1 / self._rate

    def set_rate(self, per_minute: float, now: float) -> None:
        """Continue with another number of requests a minute."""
        self._refill(now)
        self._per_minute = per_minute
        self._tokens = min(self._tokens, self._capacity)

    def limit_burst(self, requests: int, now: float) -> None:
        """Let no more than this many requests be sent at once; more come with time."""
        self._refill(now)
        self._tokens = min(self._tokens, requests)
        self._overdrawn_until = now

    def available(self, now: float) -> int:
        """How many requests may be sent now."""
        self._refill(now)
        # A token that is missing by float rounding only counts.
        return max(0, int(self._tokens + self._overdraft + 1e-9))

    def consume(self, now: float) -> None:
        """Take a token: one request is sent."""
        self._refill(now)
        self._tokens -= 1

    def time_until_available(self, requests: int, now: float) -> float:
        """Seconds until that many requests may have been sent."""
        if requests <= self.available(now):
            return 0.0
        return max(0.0, (requests - self._tokens) / self._rate)

    @property
    def _overdraft(self) -> float:
        return max(0.0, self._overdrawn_until - self._at) * self._rate

    def _refill(self, now: float) -> None:
        passed = max(0.0, now - self._at)
        self._at = max(now, self._at)
        self._tokens = min(self._capacity, self._tokens + passed * self._rate)
