"""No faster than a server takes it: the operator's own traffic rules, for a command that may wait for its turn."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from sync_operator.errors import HeldBackError, ThrottledError, TransientError
from sync_operator.remote.traffic import Traffic

__all__ = ["Pace", "paced"]

logging.getLogger("sync_operator").addHandler(logging.NullHandler())  # what the traffic logs, `tell` says in its place
_LONGEST_PAUSE: Final = 300.0
"""Seconds for which a command waits in all; a server that asks for more is an error."""
_SHORTEST_PAUSE: Final = 1.0
"""After a refusal; the rest of what the server asks for is known to the traffic, when the next call is held back."""


class Pace:
    """Calls that wait for their turn.

    Args:
        traffic: what all the calls go through.
        tell: shows what is waited for.
        sleep: waits some seconds.
    """

    def __init__(
        self,
        traffic: Traffic,
        tell: Callable[[str], None],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.traffic = traffic
        self._tell = tell
        self._sleep = sleep
        self._left = _LONGEST_PAUSE

    async def call[T](self, send: Callable[[], Awaitable[T]]) -> T:
        """Send, and send again after each pause that the server asks for.

        Raises:
            ThrottledError: it asks for longer ones than a command waits.
            SyncOperatorError: it refused, or gave no answer.
        """
        while True:
            try:
                return await send()
            except ThrottledError as error:
                await self._pause(_SHORTEST_PAUSE, error)
            except HeldBackError as error:
                if not error.throttled:
                    raise
                await self._pause(error.seconds, error)

    async def _pause(self, seconds: float, error: TransientError) -> None:
        self._left -= seconds
        if self._left < 0:
            raise ThrottledError(f"{error}; a command does not wait for as long as that: run it again later") from None
        self._tell(f"the server asks for a pause: going on in {seconds:.0f} s")
        await self._sleep(seconds)


@asynccontextmanager
async def paced(server: str, requests_per_minute: int, tell: Callable[[str], None]) -> AsyncIterator[Pace]:
    """A pace for one server, which leaves half of its requests a minute to others, as the operator does."""
    traffic = Traffic(
        server,
        requests_per_minute,
        most_inside=1,
        clock=time.monotonic,
        later=asyncio.get_running_loop().call_later,
        wake=lambda _: None,
        jitter=random.random,
    )
    try:
        yield Pace(traffic, tell)
    finally:
        traffic.close()
