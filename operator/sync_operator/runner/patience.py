"""Calls that are repeated while there is hope: dead tokens, throttling, servers that restart."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sync_operator.errors import ThrottledError, TransientError, UnauthorizedError

__all__ = ["Clock", "GaveUpError", "Patience", "TokenFile"]

_log = logging.getLogger(__name__)
_TOKEN_POLL: Final = 5.0
_TOKEN_PATIENCE: Final = 180.0
"""A kubelet brings a renewed Secret up to 90 s late; a renewal itself takes time too."""
_FIRST_WAIT: Final = 2.0
_LONGEST_WAIT: Final = 60.0


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as the runner sees it: monotonic seconds, and a way to let them pass."""

    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


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
        """
        return self._path.read_text(encoding="utf-8").strip()


class Patience:
    """Repeats a call until it succeeds, is refused for good, or the time given to it is over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def call[T](self, send: Callable[[], Awaitable[T]], *, seconds: float) -> T:
        """Send, and send again after a transient error or while the token is being renewed.

        Args:
            send: makes one try.
            seconds: how long transient errors are borne, counted from the first.

        Raises:
            GaveUpError: no usable answer in that time.
            SyncOperatorError: refused, or the outcome of a write is unknown.
        """
        first_failure: float | None = None
        wait = _FIRST_WAIT
        while True:
            try:
                return await send()
            except UnauthorizedError as error:
                pause, limit, words = _TOKEN_POLL, _TOKEN_PATIENCE, f"{error}; waiting for a new token"
            except ThrottledError as error:
                pause, limit, words = error.retry_after or wait, seconds, str(error)
            except TransientError as error:
                pause, limit, words = wait, seconds, str(error)
            now = self._clock.now()
            first_failure = now if first_failure is None else first_failure
            if now + pause - first_failure > limit:
                raise GaveUpError(f"{words}; gave up after {now - first_failure:.0f} s")
            _log.warning("%s; next try in %.0f s", words, pause)
            await self._clock.sleep(pause)
            wait = min(2 * wait, _LONGEST_WAIT)
