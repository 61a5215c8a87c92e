"""When something is done, and with which Sync."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from benchmarks.crowd import Ref

__all__ = ["Turns", "at_moments", "moments"]


class Turns:
    """Syncs that take turns, so that none is worked on twice at a time."""

    def __init__(self, refs: Sequence[Ref]) -> None:
        self._waiting: asyncio.Queue[Ref] = asyncio.Queue()
        for ref in refs:
            self._waiting.put_nowait(ref)

    async def work(self, what: Callable[[Ref], Awaitable[float]]) -> float:
        """Do something with the next Sync; what that gives."""
        ref = await self._waiting.get()
        try:
            return await what(ref)
        finally:
            self._waiting.put_nowait(ref)


def moments(a_minute: int, minutes: int, chance: random.Random) -> list[float]:
    """Seconds from the start at which something happens: so many each minute, at random within it."""
    found = [60 * (minute + chance.random()) for minute in range(minutes) for _ in range(a_minute)]
    return sorted(found)


async def at_moments[T](whens: Sequence[float], work: Callable[[int], Coroutine[Any, Any, T]]) -> list[T]:
    """Begin some work at each moment, whatever became of the one before; what all of it gave, once all is done."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with asyncio.TaskGroup() as group:
        tasks = []
        for number, when in enumerate(whens):
            await asyncio.sleep(begun + when - loop.time())
            tasks.append(group.create_task(work(number)))
    return [task.result() for task in tasks]
