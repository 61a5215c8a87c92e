"""The runner's own clock and the server's clock, which may differ by minutes."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

__all__ = ["Clock", "ServerClock"]


def _now() -> datetime:
    return datetime.now(UTC)


def _jitter() -> float:
    return random.uniform(1.0, 1.25)  # noqa: S311 (jitter, not cryptography)


@dataclass(frozen=True, slots=True)
class Clock:
    """The runner's own clock.

    Attributes:
        now: monotonic seconds.
        sleep: waits for some seconds.
        wall: the time of day, aware, UTC.
        spread: jitter: factor for the waits after an error, so that run pods of one minute do not all retry at once.
    """

    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    wall: Callable[[], datetime] = _now
    spread: Callable[[], float] = _jitter


@dataclass(slots=True)
class ServerClock:
    """The server's clock, estimated from its `Date` headers; our own clock before the first one."""

    clock: Clock
    _ahead: timedelta = field(default=timedelta(0))

    def observe(self, server_time: datetime | None) -> None:
        """Record a `Date` header that was received just now."""
        if server_time is not None:
            self._ahead = server_time - self.clock.wall()

    def now(self) -> datetime:
        """The server's time now, accurate to a second or two."""
        return self.clock.wall() + self._ahead
