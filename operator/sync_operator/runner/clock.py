"""Time as the runner sees it: its own, and the server's, which may go differently by minutes."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

__all__ = ["Clock", "ServerClock"]


def _now() -> datetime:
    return datetime.now(UTC)


def _up_to_a_quarter_more() -> float:
    return random.uniform(1.0, 1.25)  # noqa: S311 (it spreads requests, it guards nothing)


@dataclass(frozen=True, slots=True)
class Clock:
    """Our own time.

    Attributes:
        now: monotonic seconds.
        sleep: lets seconds pass.
        wall: the time of day, aware, UTC.
        spread: factor for the waits after an error, so that run pods of one minute do not all come back at once.
    """

    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    wall: Callable[[], datetime] = _now
    spread: Callable[[], float] = _up_to_a_quarter_more


@dataclass(slots=True)
class ServerClock:
    """The server's time, as its `Date` headers tell it; ours as long as it has not told any."""

    clock: Clock
    _ahead: timedelta = field(default=timedelta(0))

    def told(self, server_time: datetime | None) -> None:
        """Take note of a `Date` header that came in just now."""
        if server_time is not None:
            self._ahead = server_time - self.clock.wall()

    def now(self) -> datetime:
        """The server's time now, right to a second or two."""
        return self.clock.wall() + self._ahead
