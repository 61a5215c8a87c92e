"""FIFO queue of requests that wait for a token of the rate limiter."""

import asyncio
from collections import deque
from enum import Enum, auto
from functools import partial

from sync_operator.syncapi.flow.timers import CallLater

__all__ = ["TokenQueue", "WaitResult"]


class WaitResult(Enum):
    """How the wait of a request ended."""

    GRANTED = auto()
    """It has its token."""
    DISMISSED = auto()
    """It has none: the circuit has opened, or the gate has closed."""
    TIMED_OUT = auto()


class TokenQueue:
    """Requests that wait. They are in a task each, unlike the keys of `WaitQueue`.

    Args:
        later: calls a function after some seconds.
    """

    def __init__(self, later: CallLater) -> None:
        self._later = later
        self._waiting: deque[asyncio.Future[WaitResult]] = deque()

    def __len__(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    def enqueue(self) -> asyncio.Future[WaitResult]:
        """Add a request at the end; hand the result to `wait`."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        return waiter

    async def wait(self, waiter: asyncio.Future[WaitResult], seconds: float) -> WaitResult:
        """Wait for so many seconds at most."""
        timer = self._later(seconds, partial(self._time_out, waiter))
        try:
            return await waiter
        finally:
            timer.cancel()
            if waiter in self._waiting:  # cancelled
                self._waiting.remove(waiter)

    def grant_next(self) -> None:
        """End the wait of the first request: it has its token."""
        self._end_next(WaitResult.GRANTED)

    def dismiss_all(self) -> None:
        """End the wait of all requests, none of which has a token."""
        while self._waiting:
            self._end_next(WaitResult.DISMISSED)

    def _end_next(self, result: WaitResult) -> None:
        waiter = self._waiting.popleft()
        if not waiter.done():
            waiter.set_result(result)

    def _time_out(self, waiter: asyncio.Future[WaitResult]) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
            waiter.set_result(WaitResult.TIMED_OUT)
