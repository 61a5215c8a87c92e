"""Limits the rate of a command's requests with the same request gate as the operator's; the command waits for it."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from sync_operator.errors import NotAdmittedError, ThrottledError, TransientError
from sync_operator.syncapi.flow.request_gate import RequestGate

__all__ = ["Throttle", "throttled"]

logging.getLogger("sync_operator").addHandler(logging.NullHandler())  # hides the gate's logs: `tell` shows the waits
_MAX_PAUSE: Final = 300.0
"""Maximum time in seconds that a command waits in total; if the server asks for more, that is an error."""
_MIN_PAUSE: Final = 1.0
"""Minimum pause in seconds after a 429; the gate enforces the rest of its Retry-After at the next request."""


class Throttle:
    """Sends requests, and repeats those that were throttled or not admitted.

    Args:
        gate: the request gate that all requests pass.
        tell: shows a message while waiting.
        sleep: waits a number of seconds.
    """

    def __init__(
        self,
        gate: RequestGate,
        tell: Callable[[str], None],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.gate = gate
        self._tell = tell
        self._sleep = sleep
        self._wait_budget = _MAX_PAUSE

    async def call[T](self, send: Callable[[], Awaitable[T]]) -> T:
        """Send a request, and again after each pause that the server asks for.

        Raises:
            ThrottledError: the server asks for more than `_MAX_PAUSE` in total.
            SyncOperatorError: the server refused the request or did not respond.
        """
        while True:
            try:
                return await send()
            except ThrottledError as error:
                await self._pause(_MIN_PAUSE, error)
            except NotAdmittedError as error:
                if not error.throttled:
                    raise
                await self._pause(error.seconds, error)

    async def _pause(self, seconds: float, error: TransientError) -> None:
        self._wait_budget -= seconds
        if self._wait_budget < 0:
            raise ThrottledError(f"{error}; a command does not wait for as long as that: run it again later") from None
        self._tell(f"the server asks for a pause: going on in {seconds:.0f} s")
        await self._sleep(seconds)


@asynccontextmanager
async def throttled(server: str, requests_per_minute: int, tell: Callable[[str], None]) -> AsyncIterator[Throttle]:
    """A throttle for one server; like the operator, it uses `OPERATOR_SHARE` of the requests per minute."""
    gate = RequestGate(
        server,
        requests_per_minute,
        max_concurrency=1,
        clock=time.monotonic,
        later=asyncio.get_running_loop().call_later,
        wake=lambda _: None,
        jitter=random.random,
    )
    try:
        yield Throttle(gate, tell)
    finally:
        gate.close()
