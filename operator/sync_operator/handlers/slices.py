"""Long work in short steps, so that nothing else has to wait for it."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Final

__all__ = ["Backlog", "Slices"]

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


class Backlog[T: Hashable]:
    """Things that are worked on one after the other, in the order in which they came, in short steps.

    The first step is taken at once: a few things are through when `add` returns. The others need a running event loop.

    Args:
        work: is called with each of them.
    """

    def __init__(self, work: Callable[[T], None]) -> None:
        self._work = work
        self._things: OrderedDict[T, None] = OrderedDict()
        self._next: asyncio.Handle | None = None

    def add(self, things: Iterable[T]) -> None:
        """Work on these too; what waits already keeps its place."""
        self._things.update(dict.fromkeys(things))
        if self._next is None:
            self._step()

    def _step(self) -> None:
        self._next, begun = None, time.monotonic()
        try:
            while self._things and time.monotonic() - begun < MAX_STEP_SECONDS:
                self._work(self._things.popitem(last=False)[0])
        finally:
            if self._things:  # also after a defect in one of them
                self._next = asyncio.get_running_loop().call_soon(self._step)
