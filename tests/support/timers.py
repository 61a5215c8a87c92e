"""Timers on a clock that only the test moves: `asyncio.loop.call_later` without waiting."""

from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["FakeTimers"]


@dataclass(eq=False)
class _Timer:
    at: float
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class FakeTimers:
    """Seconds that pass only in `advance`, which calls what is due on the way."""

    now: float = 1000.0
    _timers: list[_Timer] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def later(self, seconds: float, callback: Callable[[], None]) -> _Timer:
        timer = _Timer(self.now + seconds, callback)
        self._timers.append(timer)
        return timer

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            self._timers = [timer for timer in self._timers if not timer.cancelled]
            due = min((timer for timer in self._timers if timer.at <= end), key=lambda timer: timer.at, default=None)
            if due is None:
                break
            self._timers.remove(due)
            self.now = max(self.now, due.at)
            due.callback()
        self.now = end
