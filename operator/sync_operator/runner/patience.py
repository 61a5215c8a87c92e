"""Calls that are repeated while there is hope: dead tokens, throttling, servers that restart."""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from sync_operator.errors import ThrottledError, TransientError, UnauthorizedError
from sync_operator.runner.clock import Clock

__all__ = ["GaveUpError", "Patience", "TokenFile"]

_log = logging.getLogger(__name__)
_TOKEN_POLL: Final = 5.0
"""A kubelet brings a renewed Secret up to 90 s late, and a renewal itself takes time: look at the file often …"""
_SAME_TOKEN: Final = 30.0
"""… but ask the server again with a token that it has refused only so often: it may have been wrong."""
_FIRST_WAIT: Final = 2.0
_LONGEST_WAIT: Final = 60.0


class GaveUpError(Exception):
    """The server gave no usable answer for as long as we were willing to wait."""


class TokenFile:
    """A token that its file may replace at any time; read at each use."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> str:
        """The token as the file holds it now.

        Raises:
            OSError: the file cannot be read.
            UnauthorizedError: what it holds cannot be a token; like a dead one, it may be replaced.
        """
        token = self.text()
        if not (token.isascii() and token.isprintable()) or not token or " " in token:
            raise UnauthorizedError(f"{self._path} holds no token: put one line of plain characters into the Secret")
        return token

    def text(self) -> str:
        """What the file holds now, whatever it is."""
        return self._path.read_text(encoding="utf-8", errors="replace").strip()


class Patience:
    """Repeats a call until it succeeds, is refused for good, or the time given to it is over."""

    def __init__(self, clock: Clock, token: Callable[[], str]) -> None:
        self._clock = clock
        self._token = token

    async def call[T](self, send: Callable[[], Awaitable[T]], *, seconds: float) -> T:
        """Send, and send again after a transient error or while the token is being renewed.

        Args:
            send: makes one try.
            seconds: how long failures are borne, counted from the first.

        Raises:
            GaveUpError: no usable answer in that time.
            UnauthorizedError: no token that the server takes in that time.
            SyncOperatorError: refused, or the outcome of a write is unknown.
        """
        first_failure: float | None = None
        wait = _FIRST_WAIT
        while True:
            used = self._token()
            try:
                return await send()
            except UnauthorizedError as error:
                now = self._clock.now()
                first_failure = now if first_failure is None else first_failure
                words = f"{error}; waiting for a new token"
                if now + _TOKEN_POLL - first_failure > seconds:
                    raise UnauthorizedError(f"{words}; gave up after {now - first_failure:.0f} s") from error
                _log.warning("%s", words)
                await self._renewal(used, until=first_failure + seconds)
            except TransientError as error:
                now = self._clock.now()
                first_failure = now if first_failure is None else first_failure
                asked = error.retry_after if isinstance(error, ThrottledError) else None
                pause = (asked or wait) * self._clock.spread()
                if now + pause - first_failure > seconds:
                    raise GaveUpError(f"{error}; gave up after {now - first_failure:.0f} s") from error
                _log.warning("%s; next try in %.0f s", error, pause)
                await self._clock.sleep(pause)
                wait = min(2 * wait, _LONGEST_WAIT)

    async def _renewal(self, used: str, *, until: float) -> None:
        """Return when the token's file has changed, or when it is time to try the old one once more."""
        until = min(until, self._clock.now() + _SAME_TOKEN)
        while True:
            await self._clock.sleep(_TOKEN_POLL)
            if self._token() != used or self._clock.now() + _TOKEN_POLL > until:
                return
