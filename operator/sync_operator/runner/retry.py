"""Retries calls that may still succeed: after expired tokens, throttling and restarts of the server."""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from sync_operator.errors import ThrottledError, TransientError, UnauthorizedError
from sync_operator.runner.server_clock import Clock

__all__ = ["Retrier", "RetryExhaustedError", "TokenFile"]

_log = logging.getLogger(__name__)
_TOKEN_POLL_INTERVAL: Final = 5.0
"""Seconds between reads of the token file: a renewal takes time, and a kubelet delivers it up to 90 s late …"""
_SAME_TOKEN_RETRY_AFTER: Final = 30.0
"""… but try a rejected token again only after this many seconds: the server may have rejected it by mistake."""
_MIN_WAIT: Final = 2.0
_MAX_WAIT: Final = 60.0


class RetryExhaustedError(Exception):
    """The server gave no usable response within the time for retries."""


class TokenFile:
    """A token in a file that may be rotated at any time; the file is read at each use."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> str:
        """The token as the file holds it now.

        Raises:
            OSError: the file cannot be read.
            UnauthorizedError: the content cannot be a token; like an expired one, it may be replaced.
        """
        token = self.text()
        if not (token.isascii() and token.isprintable()) or not token or " " in token:
            raise UnauthorizedError(f"{self._path} holds no token: put one line of plain characters into the Secret")
        return token

    def text(self) -> str:
        """The file's content as it is now, valid or not."""
        return self._path.read_text(encoding="utf-8", errors="replace").strip()


class Retrier:
    """Repeats a call until it succeeds, fails permanently, or its time for retries is over."""

    def __init__(self, clock: Clock, token: Callable[[], str]) -> None:
        self._clock = clock
        self._token = token

    async def call[T](self, send: Callable[[], Awaitable[T]], *, seconds: float) -> T:
        """Call ``send``, again after a transient error, and while the token is being renewed.

        Args:
            send: makes one attempt.
            seconds: how long failures are tolerated, counted from the first one (`runner.trigger`, `runner.follow`).

        Raises:
            RetryExhaustedError: no usable response in that time.
            UnauthorizedError: no token that the server accepts in that time.
            SyncOperatorError: refused, or the outcome of a write is unknown.
        """
        # Not with tenacity: the rules for waits, time and tokens stay ours, it measures time by a clock of its own, the
        # loop becomes longer (44 lines, not 25), and its import takes 15 to 20 ms of CPU in each run pod.
        first_failure: float | None = None
        wait = _MIN_WAIT
        while True:
            used = self._token()
            try:
                return await send()
            except UnauthorizedError as error:
                now = self._clock.now()
                first_failure = now if first_failure is None else first_failure
                message = f"{error}; waiting for a new token"
                if now + _TOKEN_POLL_INTERVAL - first_failure > seconds:
                    raise UnauthorizedError(f"{message}; gave up after {now - first_failure:.0f} s") from error
                _log.warning("%s", message)
                await self._wait_for_new_token(used, until=first_failure + seconds)
            except TransientError as error:
                now = self._clock.now()
                first_failure = now if first_failure is None else first_failure
                retry_after = error.retry_after if isinstance(error, ThrottledError) else None
                pause = (retry_after or wait) * self._clock.spread()
                if now + pause - first_failure > seconds:
                    raise RetryExhaustedError(f"{error}; gave up after {now - first_failure:.0f} s") from error
                _log.warning("%s; next try in %.0f s", error, pause)
                await self._clock.sleep(pause)
                wait = min(2 * wait, _MAX_WAIT)

    async def _wait_for_new_token(self, rejected: str, *, until: float) -> None:
        """Wait until the token's file has changed, or until the old token may be tried again."""
        until = min(until, self._clock.now() + _SAME_TOKEN_RETRY_AFTER)
        while True:
            await self._clock.sleep(_TOKEN_POLL_INTERVAL)
            if self._token() != rejected or self._clock.now() + _TOKEN_POLL_INTERVAL > until:
                return
