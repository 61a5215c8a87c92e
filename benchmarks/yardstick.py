"""How fast the machine is at a moment: on shared hardware the same work may take twice as long a minute later."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import fmean
from typing import Final

__all__ = ["Yardstick", "yardstick"]

_PIECE: Final = [{f"field{number}": [number, str(number)] for number in range(20)}] * 20
_TIMES: Final = 4
"""Together some two milliseconds: long enough to be measured, and short enough to be in nobody's way."""
_EVERY: Final = 0.1


class Yardstick:
    """What one and the same piece of work costs now and then, in ms of CPU."""

    def __init__(self) -> None:
        self._found: list[float] = []

    def look(self) -> None:
        """Do the piece of work once."""
        begun = time.thread_time()
        for _ in range(_TIMES):
            json.loads(json.dumps(_PIECE))
        self._found.append(1000 * (time.thread_time() - begun))

    @property
    def mean(self) -> float:
        """Of all looks so far."""
        return fmean(self._found)


@asynccontextmanager
async def yardstick() -> AsyncIterator[Yardstick]:
    """Look ten times a second, from here to the end of the block, and once at least."""
    rod = Yardstick()
    rod.look()
    looking = asyncio.create_task(_look(rod))
    try:
        yield rod
    finally:
        looking.cancel()


async def _look(rod: Yardstick) -> None:
    while True:
        await asyncio.sleep(_EVERY)
        rod.look()
