"""Timers as a parameter: a class that needs one is given the function that sets it."""

from collections.abc import Callable
from typing import Protocol

__all__ = ["CallLater", "Timer"]


class Timer(Protocol):
    """What `asyncio.loop.call_later` returns."""

    def cancel(self) -> None:
        """Cancel the call."""


type CallLater = Callable[[float, Callable[[], None]], Timer]
