"""DNS lookups for many tenants, none of which can delay the others.

The system's resolver is used, as in a run pod (search domains, ``/etc/hosts``, nsswitch). A lookup cannot be canceled:
a name whose name servers do not respond blocks a thread for many seconds. So there is a thread for each lookup, threads
are shared fairly by namespace, and failures are cached for a while. A library with its own DNS client (aiodns) would
need no threads, but would sometimes find other addresses than the run pods do.
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

from sync_operator.syncapi.http.ssrf_backend import Resolve, addresses_of
from sync_operator.util.fair_shares import FairShares

__all__ = ["Resolver"]

MAX_LOOK_UPS: Final = 64
"""Maximum concurrent lookups. One namespace alone may have half of them, see `FairShares`."""
_FACTOR: Final = 1
_MIN_FAILED_SECONDS: Final = 5.0
"""Minimum seconds for which a failure is cached: short, so that a new DNS entry is found soon."""
_MAX_FAILED_SECONDS: Final = 60.0
_FAILED_FACTOR: Final = 3
"""Or for this many times the duration of the lookup: a slow name takes up a thread for a quarter of the time."""
_MAX_FAILED: Final = 10_000
"""Maximum number of cached failures."""

type _Found = list[str] | OSError


class Resolver:
    """Resolves names in threads of its own.

    Args:
        look_up: resolves the addresses of a host; called in a thread.
        clock: monotonic seconds.
    """

    def __init__(
        self, look_up: Callable[[str], list[str]] = addresses_of, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look_up = look_up
        self._clock = clock
        self._shares = FairShares(MAX_LOOK_UPS)
        self._running: dict[str, asyncio.Future[_Found]] = {}
        self._failed: OrderedDict[str, tuple[OSError, float]] = OrderedDict()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def of(self, namespace: str) -> Resolve:
        """The resolve function of one namespace."""
        return partial(self.resolve, namespace)

    async def resolve(self, namespace: str, host: str, _port: int) -> list[str]:
        """All addresses of a host, in the order in which to try them.

        Raises:
            OSError: it has none, or the lookup failed, now or a short while ago.
        """
        with suppress(ValueError):
            return [str(ip_address(host))]
        host = host.lower()
        answer = self._cached_or_running(host)
        if answer is None:
            await self._acquire_thread(namespace)
            answer = self._cached_or_running(host)
            if answer is None:
                answer = self._start(namespace, host)
            else:
                self._release_thread(namespace)
        # If this caller is cancelled, the lookup goes on for the others, and for the cache of failures.
        found = await asyncio.shield(answer)
        if isinstance(found, OSError):
            raise type(found)(*found.args)
        return found

    def _cached_or_running(self, host: str) -> asyncio.Future[_Found] | None:
        """The cached failure of a host, or its running lookup; None if there is neither."""
        error, until = self._failed.get(host, (None, 0.0))
        if error is None or self._clock() >= until:
            return self._running.get(host)
        failed: asyncio.Future[_Found] = asyncio.get_running_loop().create_future()
        failed.set_result(error)
        return failed

    async def _acquire_thread(self, namespace: str) -> None:
        """Take a thread of the namespace's share; wait if there is none."""
        if namespace not in self._waiting and self._shares.allow(namespace, _FACTOR):
            self._shares.take(namespace)
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(namespace, deque()).append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._release_thread(namespace)
            raise

    def _release_thread(self, namespace: str) -> None:
        """Give back a thread, and admit waiting lookups, round robin by namespace."""
        self._shares.give_back(namespace)
        for name in list(self._waiting):
            waiters = self._waiting[name]
            while waiters and waiters[0].done():  # cancelled
                waiters.popleft()
            if waiters and self._shares.allow(name, _FACTOR):
                self._shares.take(name)
                waiters.popleft().set_result(None)
                self._waiting.move_to_end(name)
            if not waiters:
                del self._waiting[name]

    def _start(self, namespace: str, host: str) -> asyncio.Future[_Found]:
        loop = asyncio.get_running_loop()
        answer = self._running[host] = loop.create_future()
        started = self._clock()

        def look() -> None:
            found: _Found
            try:
                found = self._look_up(host)
            except OSError as error:
                found = error
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self._finish, namespace, host, started, found)

        try:
            # A daemon thread, unlike those of an executor, does not keep the process from exiting.
            threading.Thread(target=look, name=f"look-up of {host}"[:64], daemon=True).start()
        except RuntimeError:  # the system has no thread left
            self._finish(namespace, host, started, socket.gaierror(socket.EAI_AGAIN, "no thread for the look-up"))
        return answer

    def _finish(self, namespace: str, host: str, started: float, found: _Found) -> None:
        now = self._clock()
        self._failed.pop(host, None)
        if isinstance(found, OSError):
            pause = min(_MAX_FAILED_SECONDS, max(_MIN_FAILED_SECONDS, _FAILED_FACTOR * (now - started)))
            self._failed[host] = (found, now + pause)
            if len(self._failed) > _MAX_FAILED:
                self._failed.popitem(last=False)
        self._running.pop(host).set_result(found)
        self._release_thread(namespace)
