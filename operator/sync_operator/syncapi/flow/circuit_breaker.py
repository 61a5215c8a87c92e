"""Circuit breaker: a server that fails is left alone, with one trial request at a time. Pure: time is a parameter."""

from collections.abc import Callable
from enum import Enum
from typing import Final

__all__ = ["CallOutcome", "CircuitBreaker", "RequestKind"]

_FAILURE_THRESHOLD: Final = 3
_MAX_OPEN_SECONDS: Final = 60.0
_STEADY_ROUND: Final = 4
"""From this failed trial on, the delay stays for a while as it is by then, at most eight seconds …"""
_STEADY_ROUNDS: Final = 14
"""… for so many more: a server that restarts is back within a minute or two, and is noticed soon."""
_MAX_RETRY_AFTER: Final = 3600.0
"""Longest `Retry-After` that is honoured, in seconds: a mistake there must not silence a workspace for years."""
_DEFAULT_429_ROUNDS: Final = 3
"""A 429 without Retry-After counts as this many additional failed trials in the backoff."""


class CallOutcome(Enum):
    """What the result of a request says about the server."""

    SUCCESS = "good"
    FAILURE = "bad"
    THROTTLED = "throttled"
    UNREACHABLE = "unreached"
    """No connection: the name, the certificate, a proxy, or a closed port."""


class RequestKind(Enum):
    """How a request may be sent; it is handed back with the outcome."""

    NORMAL = "call"
    HALF_OPEN_TRIAL = "probe"


class CircuitBreaker:
    """Closed while requests succeed, open while they fail, half-open while a trial request is under way.

    Three failures in a row open it. The first trial is sent at once, since often one request was bad and not the
    server; after that the delay doubles with each failed trial. At eight seconds it stays for as long as a restart of
    the server takes, and then doubles on. A trial that succeeds closes it, but the delay starts again from the
    beginning only after a normal request has succeeded: a server that answers trials and nothing else is not hammered
    either. A 429 opens it for as long as the server asks (`Retry-After`).

    Args:
        jitter: returns a random number from 0 to 1.
    """

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._failures = 0
        self._rounds = 0
        self._until: float | None = None
        self._trial_under_way = False
        self._trial_failed = False
        self.throttled = False

    @property
    def closed(self) -> bool:
        """True while requests may be sent."""
        return self._until is None

    def half_open_ready(self, now: float) -> bool:
        """True when it is open, its delay has passed, and no trial request is under way."""
        return self._until is not None and not self._trial_under_way and now >= self._until

    def has_tripped(self, now: float) -> bool:
        """True when it is open for more than a moment: a trial has failed, or the server asked for a long pause."""
        return self._until is not None and (self._trial_failed or self._until - now > _MAX_OPEN_SECONDS)

    def retry_after(self, now: float) -> float:
        """Seconds until the next trial request."""
        return 0.0 if self._until is None else max(0.0, self._until - now)

    def try_acquire(self, now: float) -> RequestKind | None:
        """Whether a request may be sent, and as what; None when it may not."""
        if self.closed:
            return RequestKind.NORMAL
        if not self.half_open_ready(now):
            return None
        self._trial_under_way = True
        return RequestKind.HALF_OPEN_TRIAL

    def record_success(self, kind: RequestKind) -> None:
        """A request succeeded. A late response to an earlier request does not end a pause that the server asked for."""
        if kind is RequestKind.HALF_OPEN_TRIAL:
            self._trial_under_way = False
        elif self.closed:
            self._rounds = 0
        elif self.throttled:
            return
        self._failures = 0
        self._until = None
        self._trial_failed = False
        self.throttled = False

    def record_failure(self, kind: RequestKind, now: float, retry_after: float | None = None) -> None:
        """No usable answer came; ``retry_after`` is the server's `Retry-After`, if any."""
        if kind is RequestKind.HALF_OPEN_TRIAL:
            self._trial_under_way = False
            self._trial_failed = True
            self.throttled = False
            self._open(now, self._pause(self._failed_rounds), retry_after)
        elif self.closed:
            self._failures += 1
            if self._failures >= _FAILURE_THRESHOLD:
                self._open(now, self._pause(self._failed_rounds) if self._rounds else 0.0, retry_after)

    def record_throttled(self, kind: RequestKind, now: float, retry_after: float | None = None) -> None:
        """The server answered with 429."""
        if kind is RequestKind.HALF_OPEN_TRIAL:
            self._trial_under_way = False
            self._trial_failed = True
        if self.closed or kind is RequestKind.HALF_OPEN_TRIAL:
            self._open(
                now, 0.0 if retry_after is not None else self._pause(self._rounds + _DEFAULT_429_ROUNDS), retry_after
            )
        elif retry_after is not None and self._until is not None:
            self._until = max(self._until, now + min(retry_after, _MAX_RETRY_AFTER))
        self.throttled = True

    def release(self, kind: RequestKind) -> None:
        """The request says nothing about the server: the state stays, and a trial is still to be made."""
        if kind is RequestKind.HALF_OPEN_TRIAL:
            self._trial_under_way = False

    def _open(self, now: float, pause: float, retry_after: float | None) -> None:
        self._rounds += 1
        self._failures = 0
        self._until = now + max(pause, min(retry_after or 0.0, _MAX_RETRY_AFTER))

    @property
    def _failed_rounds(self) -> int:
        """Rounds by which the delay grows; those of the stop do not count."""
        return self._rounds - min(max(0, self._rounds - _STEADY_ROUND), _STEADY_ROUNDS)

    def _pause(self, rounds: int) -> float:
        """Exponential backoff from one second to a minute, half of it jitter so that operators do not act in step."""
        longest = min(_MAX_OPEN_SECONDS, 2.0 ** (min(rounds, 16) - 1))
        return longest * (0.5 + 0.5 * self._jitter())
