"""Connections to sync servers, by owner, server and certificate authority, through proxies where they apply.

The HTTP client is httpcore: it follows no redirects, keeps no cookies, unpacks nothing and reads no environment.
"""

import asyncio
import ssl
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore

from sync_operator.errors import InvalidSpecError
from sync_operator.host_patterns import HostRules
from sync_operator.remote.network import CheckedBackend, Resolve, proxy_for, resolve

__all__ = ["Connection", "HttpPool", "Owner"]

type Owner = tuple[str, str]
"""Namespace and name of the Workspace whose connections they are; empty where there is only one user of them."""

_MOST_CONNECTIONS: Final = 16
_KEEP_IDLE_SECONDS: Final = 30
_MAX_KEPT: Final = 4
"""Servers and authorities of one owner whose connections are kept: only the last one is used, after a change."""
_MAX_AUTHORITIES: Final = 200
"""Authorities whose TLS contexts are kept, the one used last longest; one takes up to a megabyte."""
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
        self._idle: list[httpcore.AsyncConnectionPool] = []
        self._made: list[httpcore.AsyncConnectionPool] = []
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
            http = self._idle.pop() if self._idle else self._new()
            try:
                yield http
            finally:
                self._idle.append(http)
        finally:
            self._places.release()

    async def aclose(self) -> None:
        """Close them all."""
        for http in self._made:
            await http.aclose()

    def _new(self) -> httpcore.AsyncConnectionPool:
        http = self._make()
        self._made.append(http)
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
        self._trusted: OrderedDict[str | None, ssl.SSLContext] = OrderedDict()
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
        if len(held) > _MAX_KEPT:
            self._close(held.pop(next(iter(held))))
        return held[key]

    def forget(self, owner: Owner) -> None:
        """Close the connections of an owner who is gone."""
        for connection in self._connections.pop(owner, {}).values():
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        closing = asyncio.get_running_loop().create_task(connection.aclose())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def _trust(self, ca_pem: str | None) -> ssl.SSLContext:
        """One context for each authority: loading the system's takes its time."""
        if ca_pem not in self._trusted:
            self._trusted[ca_pem] = _trust(ca_pem)
        self._trusted.move_to_end(ca_pem)
        if len(self._trusted) > _MAX_AUTHORITIES:
            self._trusted.popitem(last=False)
        return self._trusted[ca_pem]

    def kept(self) -> dict[str, int]:
        """How much is kept of each kind."""
        return {"connections": len(self._connections), "tls_contexts": len(self._trusted)}

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
