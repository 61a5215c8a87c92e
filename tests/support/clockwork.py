"""An event loop for tests of timers: when nothing is left to do, its time leaps to the next timer. Nobody sleeps."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["run", "until_idle"]

_EPSILON = 1e-6


class _Leaping(selectors.SelectSelector):
    """Instead of waiting for input, it lets the time pass that it was told to wait."""

    def __init__(self, leap: Callable[[float], None]) -> None:
        super().__init__()
        self._leap = leap

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise AssertionError("everything waits, and no timer is set: a deadlock")
            self._leap(timeout)
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__(_Leaping(self._pass))

    def time(self) -> float:
        return self._now

    def _pass(self, seconds: float) -> None:
        self._now += seconds


def run[T](work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine, in a loop whose time leaps."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(work)


async def until_idle() -> None:
    """Let everything happen that needs no time to pass."""
    await asyncio.sleep(_EPSILON)
