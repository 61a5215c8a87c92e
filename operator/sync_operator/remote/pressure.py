"""How much one server workspace may be asked, and when a server that fails is left alone. Pure: time is a parameter."""

from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

__all__ = ["Budget", "Circuit", "Load", "Passage", "Sign"]

_MINUTE: Final = 60.0
_AT_ONCE: Final = 0.2
"""Share of a minute's calls that may go out at once; the others are spread, so that no minute sees more than all."""
_FAILURES: Final = 3
_LONGEST_PAUSE: Final = 60.0
_LONGEST_WISH: Final = 3600.0
"""Longest `Retry-After` that is honoured: a mistake there must not silence a workspace for years."""
_UNSAID_PAUSE: Final = 3
"""A 429 that names no time is waited for as long as after this many failed probes more."""


class Budget:
    """A token bucket: never more calls in any minute than allowed, rounded up.

    In its first minute it may be overdrawn by all that it is to be filled with until then: few Syncs are registered
    within seconds, and not in the course of a minute.

    Args:
        per_minute: calls a minute.
        now: seconds, as in all methods.
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self._at = now
        self._overdrawn_until = now + _MINUTE
        self._per_minute = per_minute
        self._tokens = self._capacity

    @property
    def _capacity(self) -> float:
        return max(1.0, self._per_minute * _AT_ONCE)

    @property
    def _rate(self) -> float:
        return self._per_minute * (1 - _AT_ONCE) / _MINUTE

    @property
    def pause(self) -> float:
        """Seconds between two calls, once those that may go out at once are used up."""
        return 1 / self._rate

    def limit(self, per_minute: float, now: float) -> None:
        """Go on with another number of calls a minute."""
        self._settle(now)
        self._per_minute = per_minute
        self._tokens = min(self._tokens, self._capacity)

    def cut(self, calls: int, now: float) -> None:
        """Let no more calls than these go out at once; more come with time."""
        self._settle(now)
        self._tokens = min(self._tokens, calls)
        self._overdrawn_until = now

    def available(self, now: float) -> int:
        """How many calls may go out now."""
        self._settle(now)
        # A token that is there but for the rounding of floats is there.
        return max(0, int(self._tokens + self._overdraft + 1e-9))

    def take(self, now: float) -> None:
        """One call goes out."""
        self._settle(now)
        self._tokens -= 1

    def seconds(self, calls: int, now: float) -> float:
        """Seconds until that many calls may have gone out."""
        if calls <= self.available(now):
            return 0.0
        return max(0.0, (calls - self._tokens) / self._rate)

    @property
    def _overdraft(self) -> float:
        return max(0.0, self._overdrawn_until - self._at) * self._rate

    def _settle(self, now: float) -> None:
        passed = max(0.0, now - self._at)
        self._at = max(now, self._at)
        self._tokens = min(self._capacity, self._tokens + passed * self._rate)


class Sign(Enum):
    """What an exchange says about the server."""

    GOOD = "good"
    BAD = "bad"
    THROTTLED = "throttled"
    UNREACHED = "unreached"
    """Nothing has reached it: its name, its certificate, a proxy, or nobody listens."""


class Passage(Enum):
    """What a call may go out as; to be given back with its outcome."""

    CALL = "call"
    PROBE = "probe"


class Load(NamedTuple):
    """How it stands with the traffic to one server workspace.

    Attributes:
        open: True while calls go through, as far as is known.
        per_minute: how many may go out in a minute.
        calls_left: how many may go out at once.
        waiting: calls, and pieces of work, that wait for their turn.
    """

    open: bool
    per_minute: float
    calls_left: int
    waiting: int


class Circuit:
    """Stops the calls to a server that fails, and lets one probe at a time through, less and less often.

    Three failures in a row open it; the first probe then goes out at once, because often it was one bad call and not
    the server. A probe that succeeds closes it. Pauses grow again from where they were until an ordinary call
    succeeds: a server that answers probes but nothing else is not hammered either. A 429 opens it for as long as the
    server asks.

    Args:
        jitter: a number from 0 to 1, at random.
    """

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._failures = 0
        self._rounds = 0
        self._until: float | None = None
        self._probing = False
        self._probe_failed = False
        self.throttled = False

    @property
    def closed(self) -> bool:
        """True while calls go through."""
        return self._until is None

    def due(self, now: float) -> bool:
        """True when it is open and the time has come for a probe that nobody makes yet."""
        return self._until is not None and not self._probing and now >= self._until

    def stopped(self, now: float) -> bool:
        """True when it is open and that is no passing trouble: a probe failed, or the server asked for a long pause."""
        return self._until is not None and (self._probe_failed or self._until - now > _LONGEST_PAUSE)

    def seconds(self, now: float) -> float:
        """Seconds until the next probe."""
        return 0.0 if self._until is None else max(0.0, self._until - now)

    def pass_through(self, now: float) -> Passage | None:
        """Whether a call may go out, and as what; None when it may not."""
        if self.closed:
            return Passage.CALL
        if not self.due(now):
            return None
        self._probing = True
        return Passage.PROBE

    def succeeded(self, passage: Passage) -> None:
        """A usable answer came. Late ones of calls from before do not end a pause that the server asked for."""
        if passage is Passage.PROBE:
            self._probing = False
        elif self.closed:
            self._rounds = 0
        elif self.throttled:
            return
        self._failures = 0
        self._until = None
        self._probe_failed = False
        self.throttled = False

    def failed(self, passage: Passage, now: float, wish: float | None = None) -> None:
        """No usable answer came; ``wish`` is the server's `Retry-After`, if any."""
        if passage is Passage.PROBE:
            self._probing = False
            self._probe_failed = True
            self.throttled = False
            self._open(now, self._pause(self._rounds), wish)
        elif self.closed:
            self._failures += 1
            if self._failures >= _FAILURES:
                self._open(now, self._pause(self._rounds) if self._rounds else 0.0, wish)

    def asked_to_wait(self, passage: Passage, now: float, wish: float | None = None) -> None:
        """A 429 came."""
        if passage is Passage.PROBE:
            self._probing = False
            self._probe_failed = True
        if self.closed or passage is Passage.PROBE:
            self._open(now, 0.0 if wish is not None else self._pause(self._rounds + _UNSAID_PAUSE), wish)
        elif wish is not None and self._until is not None:
            self._until = max(self._until, now + min(wish, _LONGEST_WISH))
        self.throttled = True

    def withdraw(self, passage: Passage) -> None:
        """The call said nothing about the server: what is known of it stays, and a probe is still to be made."""
        if passage is Passage.PROBE:
            self._probing = False

    def _open(self, now: float, pause: float, wish: float | None) -> None:
        self._rounds += 1
        self._failures = 0
        self._until = now + max(pause, min(wish or 0.0, _LONGEST_WISH))

    def _pause(self, rounds: int) -> float:
        """Doubles from one second to a minute; half of it at random, so that many operators do not march in step."""
        longest = min(_LONGEST_PAUSE, 2.0 ** (min(rounds, 16) - 1))
        return longest * (0.5 + 0.5 * self._jitter())
