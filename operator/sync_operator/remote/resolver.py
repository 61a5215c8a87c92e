"""Name look-ups for many tenants, none of whom can keep the others waiting.

The system's resolver is asked, as a run pod asks it (search domains, ``/etc/hosts``, nsswitch). It cannot be told to
give up: a name whose name servers do not answer holds a thread for many seconds. So there is a thread for each look-up,
the threads are shared out fairly by namespace, and a name that failed is not asked for again for a while. A library
that speaks DNS itself (aiodns) would need no threads, but now and then find other addresses than the run pods do.
"""

import asyncio
import socket
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from typing import Final

from sync_operator.remote.network import Resolve, addresses_of
from sync_operator.shares import Shares

__all__ = ["Resolver"]

MAX_LOOK_UPS: Final = 64
"""Look-ups at once. One namespace alone may have half of them, see `Shares`."""
_FACTOR: Final = 1
_MIN_FAILED_SECONDS: Final = 5.0
"""For so long a name that failed is not asked for again: a DNS entry that was just made is found soon."""
_MAX_FAILED_SECONDS: Final = 60.0
_FAILED_FACTOR: Final = 3
"""Or for so many times as long as the failure took: a name that takes long is looked up a quarter of the time."""
_MAX_FAILED: Final = 10_000
"""Names that failed and are remembered."""

type _Found = list[str] | OSError


class Resolver:
    """Looks names up in threads of its own.

    Args:
        look_up: finds the addresses of a host; is called in a thread.
        clock: seconds that only grow.
    """

    def __init__(
        self, look_up: Callable[[str], list[str]] = addresses_of, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look_up = look_up
        self._clock = clock
        self._shares = Shares(MAX_LOOK_UPS)
        self._running: dict[str, asyncio.Future[_Found]] = {}
        self._failed: OrderedDict[str, tuple[OSError, float]] = OrderedDict()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def of(self, namespace: str) -> Resolve:
        """The look-ups of one namespace."""
        return partial(self.resolve, namespace)

    async def resolve(self, namespace: str, host: str, _port: int) -> list[str]:
        """All addresses of a host, in the order in which they are to be tried.

        Raises:
            OSError: it has none, or none that could be found out; perhaps a short while ago.
        """
        with suppress(ValueError):
            return [str(ip_address(host))]
        host = host.lower()
        answer = self._known(host)
        if answer is None:
            await self._take_place(namespace)
            answer = self._known(host)
            if answer is None:
                answer = self._start(namespace, host)
            else:
                self._give_back(namespace)
        # Who waits may give up; the look-up goes on for the others, and for the memory of failures.
        found = await asyncio.shield(answer)
        if isinstance(found, OSError):
            raise type(found)(*found.args)
        return found

    def _known(self, host: str) -> asyncio.Future[_Found] | None:
        """What was found a short while ago, or is being looked up."""
        error, until = self._failed.get(host, (None, 0.0))
        if error is None or self._clock() >= until:
            return self._running.get(host)
        failed: asyncio.Future[_Found] = asyncio.get_running_loop().create_future()
        failed.set_result(error)
        return failed

    async def _take_place(self, namespace: str) -> None:
        """Wait for one of the namespace's share of threads, and have it."""
        if namespace not in self._waiting and self._shares.allow(namespace, _FACTOR):
            self._shares.take(namespace)
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(namespace, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._give_back(namespace)
            raise

    def _give_back(self, namespace: str) -> None:
        """Let the next ones in; the namespaces take turns."""
        self._shares.give_back(namespace)
        for name in list(self._waiting):
            places = self._waiting[name]
            while places and places[0].done():  # they gave up
                places.popleft()
            if places and self._shares.allow(name, _FACTOR):
                self._shares.take(name)
                places.popleft().set_result(None)
                self._waiting.move_to_end(name)
            if not places:
                del self._waiting[name]

    def _start(self, namespace: str, host: str) -> asyncio.Future[_Found]:
        loop = asyncio.get_running_loop()
        answer = self._running[host] = loop.create_future()
        begun = self._clock()

        def look() -> None:
            found: _Found
            try:
                found = self._look_up(host)
            except OSError as error:
                found = error
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self._ended, namespace, host, begun, found)

        try:
            # Unlike the threads of an executor, it keeps no process from ending.
            threading.Thread(target=look, name=f"look-up of {host}"[:64], daemon=True).start()
        except RuntimeError:  # the system has no thread left
            self._ended(namespace, host, begun, socket.gaierror(socket.EAI_AGAIN, "no thread for the look-up"))
        return answer

    def _ended(self, namespace: str, host: str, begun: float, found: _Found) -> None:
        now = self._clock()
        self._failed.pop(host, None)
        if isinstance(found, OSError):
            pause = min(_MAX_FAILED_SECONDS, max(_MIN_FAILED_SECONDS, _FAILED_FACTOR * (now - begun)))
            self._failed[host] = (found, now + pause)
            if len(self._failed) > _MAX_FAILED:
                self._failed.popitem(last=False)
        self._running.pop(host).set_result(found)
        self._give_back(namespace)
