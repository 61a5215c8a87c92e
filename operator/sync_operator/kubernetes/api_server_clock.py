"""A wall clock that is corrected by the API server's, if this machine's clock differs from it."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import aiohttp

from sync_operator.util.bounds import bounded_date

__all__ = ["ClusterClock", "DateHeaderMiddleware", "utc_now"]

_log = logging.getLogger(__name__)
MAX_API_SERVER_CLOCK_SKEW: Final = timedelta(seconds=10)
"""Difference to the API server's clock up to which the own clock is not corrected."""
_RESOLUTION: Final = timedelta(seconds=1)
"""Resolution of the header ``Date``, which is truncated to whole seconds."""


def utc_now() -> datetime:
    """The time by this machine's clock, aware, in UTC."""
    return datetime.now(UTC)


class ClusterClock:
    """A clock that is corrected by the ``Date`` headers of the API server's responses.

    Timestamps of Jobs and scheduled times come from the control plane: by a clock that is minutes ahead, a Job that is
    still to be created would count as missed. The precision of a response is limited by its round-trip time, so a
    difference within that changes nothing.

    Args:
        wall: this machine's clock, aware.
    """

    def __init__(self, wall: Callable[[], datetime] = utc_now) -> None:
        self.wall = wall
        self._offset = timedelta()

    def __call__(self) -> datetime:
        """The current time, aware, in UTC."""
        return self.wall() + self._offset

    def observe(self, date: str, started: datetime, ended: datetime) -> None:
        """Compare with a response's header ``Date``; ``started`` and ``ended`` are the request's times by our clock."""
        server_time = bounded_date(date)
        if server_time is None or ended < started:
            return
        least, most = server_time - ended, server_time + _RESOLUTION - started
        if least - MAX_API_SERVER_CLOCK_SKEW <= self._offset <= most + MAX_API_SERVER_CLOCK_SKEW:
            return
        self._offset = (least + most) / 2
        if abs(self._offset) <= MAX_API_SERVER_CLOCK_SKEW:
            _log.info("the clock of this machine agrees with that of the cluster's API server")
            return
        seconds = round(self._offset.total_seconds())
        words = "the clock of this machine is %d s %s that of the cluster's API server, which is used: set it right"
        _log.warning(words, abs(seconds), "behind" if seconds > 0 else "ahead of")


class DateHeaderMiddleware:
    """Client middleware that passes the header ``Date`` of each response to the clock."""

    def __init__(self, clock: ClusterClock) -> None:
        self._clock = clock

    async def __call__(  # noqa: D102 (aiohttp's interface)
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        started = self._clock.wall()
        response = await handler(request)
        self._clock.observe(response.headers.get("Date", ""), started, self._clock.wall())
        return response
