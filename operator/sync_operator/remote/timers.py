"""Timers as a parameter: whoever needs one is given a function that sets it."""

from collections.abc import Callable
from typing import Protocol

__all__ = ["Later", "Timer"]


class Timer(Protocol):
    """What `asyncio.loop.call_later` returns."""

    def cancel(self) -> None:
        """Do not call."""


type Later = Callable[[float, Callable[[], None]], Timer]
