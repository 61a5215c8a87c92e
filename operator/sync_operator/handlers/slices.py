"""Long work in short steps, so that nothing else has to wait for it."""

import asyncio
import time
from typing import Final

__all__ = ["Slices"]

MAX_STEP_SECONDS: Final = 0.005


class Slices:
    """The steps of one piece of work on the event loop."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    async def pause(self) -> None:
        """Let others have their turn, where this piece of work has had its share."""
        if time.monotonic() - self._begun >= MAX_STEP_SECONDS:
            await asyncio.sleep(0)
            self._begun = time.monotonic()
