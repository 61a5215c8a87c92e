"""Splits long synchronous work into short time slices, so that it does not block the event loop."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Final

__all__ = ["Backlog", "Slices"]

MAX_SLICE_SECONDS: Final = 0.005


class Slices:
    """The time slices of one long piece of work on the event loop."""

    def __init__(self) -> None:
        self._slice_started = time.monotonic()

    async def yield_if_due(self) -> None:
        """Yield to the event loop if the present slice has lasted `MAX_SLICE_SECONDS`."""
        if time.monotonic() - self._slice_started >= MAX_SLICE_SECONDS:
            await asyncio.sleep(0)
            self._slice_started = time.monotonic()


class Backlog[T: Hashable]:
    """FIFO of items that are processed on the event loop, in time slices.

    `add` processes the first slice itself, so a few items are done when it returns. The others need a running event
    loop.

    Args:
        work: called with each item.
    """

    def __init__(self, work: Callable[[T], None]) -> None:
        self._work = work
        self._items: OrderedDict[T, None] = OrderedDict()
        self._next: asyncio.Handle | None = None

    def add(self, items: Iterable[T]) -> None:
        """Add items at the end; an item that waits already keeps its position."""
        self._items.update(dict.fromkeys(items))
        if self._next is None:
            self._run_slice()

    def _run_slice(self) -> None:
        self._next, started = None, time.monotonic()
        try:
            while self._items and time.monotonic() - started < MAX_SLICE_SECONDS:
                self._work(self._items.popitem(last=False)[0])
        finally:
            if self._items:  # also if `work` raised an unexpected error
                self._next = asyncio.get_running_loop().call_soon(self._run_slice)
