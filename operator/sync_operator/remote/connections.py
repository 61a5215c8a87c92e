"""Connections to sync servers, by owner, server and certificate authority, through proxies where they apply.

The HTTP client is httpcore: it follows no redirects, keeps no cookies, unpacks nothing and reads no environment.
"""

import asyncio
import ssl
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import httpcore

from sync_operator.errors import InvalidSpecError
from sync_operator.host_patterns import HostRules
from sync_operator.remote.network import CheckedBackend, Resolve, proxy_for, resolve

__all__ = ["Connection", "HttpPool", "Owner"]

type Owner = tuple[str, str]
"""Namespace and name of the Workspace whose connections they are; empty where there is only one user of them."""

_MOST_CONNECTIONS: Final = 16
_KEEP_IDLE_SECONDS: Final = 30
MAX_ENDPOINTS: Final = 4
"""Servers and authorities of one owner whose connections are kept: only the last one is used, after a change."""
_SENDING: Final = frozenset({"http11.send_request_headers.started", "http11.send_request_body.started"})


class Connection:
    """The connections of one owner to one server: so many at most, the one used last first.

    Each is an httpcore pool of its own that holds one: for every request a pool looks at all that it holds.

    Args:
        make: makes such a pool of one.
        extensions: to be given with every request.
    """

    def __init__(self, make: Callable[[], httpcore.AsyncConnectionPool], extensions: Mapping[str, Any]) -> None:
        self._make = make
        self._places = asyncio.Semaphore(_MOST_CONNECTIONS)
        self._idle: list[tuple[httpcore.AsyncConnectionPool, float]] = []
        self._made: set[httpcore.AsyncConnectionPool] = set()
        self._retired = False
        self.extensions = extensions

    @asynccontextmanager
    async def taken(self, timeout: float) -> AsyncIterator[httpcore.AsyncConnectionPool]:  # noqa: ASYNC109 (see below)
        """Wait for a connection, and have it for one request.

        Args:
            timeout: seconds for which to wait.

        Raises:
            httpcore.PoolTimeout: none became free. This error says that nothing was sent, as no other one can.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._places.acquire()
        except TimeoutError as error:
            raise httpcore.PoolTimeout from error
        try:
            http = self._idle.pop()[0] if self._idle else self._new()
            try:
                yield http
            finally:
                self._idle.append((http, time.monotonic()))
                if self._retired:
                    await self.reap(older_than=0.0)
        finally:
            self._places.release()

    async def retire(self) -> None:
        """Nobody begins with these any more: close each as soon as it is free."""
        self._retired = True
        await self.reap(older_than=0.0)

    async def reap(self, *, older_than: float = _KEEP_IDLE_SECONDS) -> None:
        """Close those that have been idle for so many seconds: a pool of one only closes what is used again."""
        limit = time.monotonic() - older_than
        old = [http for http, since in self._idle if since <= limit]
        self._idle = [entry for entry in self._idle if entry[1] > limit]
        for http in old:
            self._made.discard(http)
            await http.aclose()

    @property
    def kept(self) -> int:
        """How many connections are kept."""
        return len(self._made)

    async def aclose(self) -> None:
        """Close them all."""
        for http in list(self._made):
            await http.aclose()

    def _new(self) -> httpcore.AsyncConnectionPool:
        http = self._make()
        self._made.add(http)
        return http


class HttpPool:
    """The connections to all servers. Nobody waits for those of somebody else.

    Args:
        hosts: which servers may be spoken to.
        proxies: proxy variables of the environment, as name and value.
        resolve: finds the addresses of a host.
        resolver: gives each namespace its own way to find them, in the place of `resolve`.
        check: called right before any request goes out, and again before its body does, when the connection stands
            and nothing is left to wait for; does not return when it must not. None lets everything out.
    """

    def __init__(
        self,
        hosts: HostRules,
        proxies: tuple[tuple[str, str], ...] = (),
        *,
        resolve: Resolve = resolve,
        resolver: Callable[[str], Resolve] | None = None,
        check: Callable[[], None] | None = None,
    ) -> None:
        self._extensions = {"trace": _before_sending(check)} if check else {}
        self._hosts = hosts
        self._proxies = dict(proxies)
        self._resolver = resolver or (lambda _: resolve)
        self._system: ssl.SSLContext | None = None
        self._trusted: WeakValueDictionary[str, ssl.SSLContext] = WeakValueDictionary()
        self._connections: defaultdict[Owner, dict[tuple[str, str, str | None], Connection]] = defaultdict(dict)
        self._closing: set[asyncio.Task[None]] = set()

    def connection(self, url: str, ca_pem: str | None = None, owner: Owner = ("", "")) -> Connection:
        """The owner's connections to a server that this authority vouches for; the system's own when None.

        Raises:
            InvalidSpecError: the bundle holds no certificate that can be read.
        """
        parts = urlsplit(url)
        key, held = (parts.scheme, parts.netloc, ca_pem), self._connections[owner]
        if key not in held:
            proxy = proxy_for(url, self._proxies)
            make = partial(
                httpcore.AsyncConnectionPool,
                ssl_context=self._trust(ca_pem) if ca_pem is not None or parts.scheme == "https" else None,
                proxy=proxy,
                # The proxy itself was chosen by whoever runs the operator: it may have any address.
                network_backend=None if proxy else CheckedBackend(self._hosts, self._resolver(owner[0])),
                max_connections=1,
                keepalive_expiry=_KEEP_IDLE_SECONDS,
            )
            held[key] = Connection(make, self._extensions)
        held[key] = held.pop(key)
        if len(held) > MAX_ENDPOINTS:
            self._close(held.pop(next(iter(held))).retire())
        return held[key]

    def forget(self, owner: Owner) -> None:
        """Close the connections of an owner who is gone."""
        for connection in self._connections.pop(owner, {}).values():
            self._close(connection.retire())

    def reap(self) -> None:
        """Close what nobody has used for a while."""
        for held in self._connections.values():
            for connection in held.values():
                self._close(connection.reap())

    def _close(self, closing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(closing)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def kept(self) -> dict[str, int]:
        """How much is kept of each kind."""
        held = [connection for held in self._connections.values() for connection in held.values()]
        return {
            "endpoints": len(held),
            "connections": sum(connection.kept for connection in held),
            "tls_contexts": len(self._trusted),
        }

    def _trust(self, ca_pem: str | None) -> ssl.SSLContext:
        """One context for each authority, kept as long as it is used: loading the system's takes its time."""
        if ca_pem is None:
            self._system = self._system or _trust(None)
            return self._system
        context = self._trusted.get(ca_pem) or _trust(ca_pem)
        self._trusted[ca_pem] = context
        return context

    async def aclose(self) -> None:
        """Close all connections."""
        for held in self._connections.values():
            for connection in held.values():
                await connection.aclose()
        if self._closing:
            await asyncio.wait(self._closing)


def _before_sending(check: Callable[[], None]) -> Callable[[str, Any], Awaitable[None]]:
    """What httpcore calls at each step of an exchange; the bytes are handed to the system in the same breath."""

    async def trace(step: str, _: Any) -> None:
        if step in _SENDING:
            check()

    return trace


def _trust(ca_pem: str | None) -> ssl.SSLContext:
    if ca_pem is None:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=ca_pem)
    except (ssl.SSLError, ValueError):
        message = "holds no certificate in PEM form; put the server's certificate authority there"
        raise InvalidSpecError("spec.caSecretRef", message) from None
    return context
