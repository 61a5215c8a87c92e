"""Connection pools, by owner, server and certificate authority; through proxies where they apply.

Requests are made by httpx (`server_client`). What is here is its transport, over httpcore.
"""

import asyncio
import ssl
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import httpcore
import httpx

from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.http.proxies import ProxyRoute, proxy_for
from sync_operator.syncapi.http.ssrf_backend import Resolve, SsrfSafeBackend, resolve
from sync_operator.syncapi.http.transport_errors import TRANSPORT_ERRORS, httpx_error
from sync_operator.util.host_patterns import EgressPolicy

__all__ = ["Owner", "PoolManager", "ServerTransport"]

type Owner = tuple[str, str]
"""Namespace and name of the Workspace that owns the connections; empty if there is only one user of them."""

_MAX_CONNECTIONS: Final = 16
_KEEP_IDLE_SECONDS: Final = 30
MAX_ENDPOINTS: Final = 4
"""Maximum pools of one owner, by server and certificate authority: after a change only the last one is used."""
_SEND_STEPS: Final = frozenset({"http11.send_request_headers.started", "http11.send_request_body.started"})


class ServerTransport(httpx.AsyncBaseTransport):
    """httpx's transport to one server: a limited number of connections, the most recently used one first.

    Each connection is an httpcore pool of size one: a larger pool would scan all its connections for every request.
    Its `PoolManager` closes it. The clients that send through it hold nothing that would have to be closed.

    Args:
        url: base URL of the server. All requests go to its scheme, host and port, whatever their own URL says.
        make: creates a pool of size one.
        check: called right before a request's headers are sent, and again before its body; see `PoolManager`.
        proxy: the proxy in between; None where there is none.
    """

    def __init__(
        self,
        url: str,
        make: Callable[[], httpcore.AsyncConnectionPool],
        check: Callable[[], None] | None = None,
        proxy: ProxyRoute | None = None,
    ) -> None:
        self._origin = httpcore.URL(url)
        self._make = make
        self._extensions = {"trace": _before_sending(check)} if check else {}
        self._slots = asyncio.Semaphore(_MAX_CONNECTIONS)
        self._idle: list[tuple[httpcore.AsyncConnectionPool, float]] = []
        self._connections: set[httpcore.AsyncConnectionPool] = set()
        self._retired = False
        self.proxy = proxy

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request over a free connection, which the response holds until it is closed.

        Redirects are never followed: the response has no ``Location``, and httpx looks for no other URL.

        Raises:
            httpx.PoolTimeout: no connection became free in time. Unlike a TimeoutError it means that nothing was sent.
            httpx.TransportError: the request failed; `NOT_SENT` says after which errors nothing was sent.
            BlockedAddressError: the server must not be connected to.
        """
        timeouts, origin = request.extensions["timeout"], self._origin
        sent = httpcore.Request(
            request.method,
            httpcore.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target=_target(request)),
            headers=request.headers.raw,
            content=request.stream,
            extensions={"timeout": timeouts, **self._extensions},
        )
        http = await self._acquire(timeouts["pool"])
        try:
            answer = await http.handle_async_request(sent)
        except TRANSPORT_ERRORS as error:
            await self._release(http)
            raise httpx_error(error) from error
        except BaseException:
            await self._release(http)
            raise
        return httpx.Response(
            answer.status,
            headers=[header for header in answer.headers if header[0].lower() != b"location"],
            stream=_ResponseStream(answer, partial(self._release, http)),
        )

    async def _acquire(self, timeout: float) -> httpcore.AsyncConnectionPool:  # noqa: ASYNC109 (of httpx)
        try:
            async with asyncio.timeout(timeout if self._slots.locked() else None):
                await self._slots.acquire()
        except TimeoutError as error:
            raise httpx.PoolTimeout("no free connection") from error
        try:
            return self._idle.pop()[0] if self._idle else self._new()
        except BaseException:
            self._slots.release()
            raise

    async def _release(self, http: httpcore.AsyncConnectionPool) -> None:
        self._idle.append((http, time.monotonic()))
        try:
            if self._retired:
                await self.reap(older_than=0.0)
        finally:
            self._slots.release()

    async def retire(self) -> None:
        """Close each connection as soon as it is idle: no new request will use this pool."""
        self._retired = True
        await self.reap(older_than=0.0)

    async def reap(self, *, older_than: float = _KEEP_IDLE_SECONDS) -> None:
        """Close connections that were idle for so many seconds: httpcore expires one only when it is used again."""
        limit = time.monotonic() - older_than
        old = [http for http, since in self._idle if since <= limit]
        self._idle = [entry for entry in self._idle if entry[1] > limit]
        for http in old:
            self._connections.discard(http)
            await http.aclose()

    @property
    def entry_count(self) -> int:
        """Number of connections that are kept."""
        return len(self._connections)

    async def aclose(self) -> None:
        """Close all connections, also those in use."""
        for http in list(self._connections):
            await http.aclose()

    def _new(self) -> httpcore.AsyncConnectionPool:
        http = self._make()
        self._connections.add(http)
        return http


class _ResponseStream(httpx.AsyncByteStream):
    """The body of a response, as it was received.

    Args:
        answer: the response whose body it is.
        release: called once, when the connection is no longer needed.
    """

    def __init__(self, answer: httpcore.Response, release: Callable[[], Awaitable[None]]) -> None:
        self._answer = answer
        self._release: Callable[[], Awaitable[None]] | None = release

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._answer.aiter_stream():
                yield part
        except TRANSPORT_ERRORS as error:
            raise httpx_error(error) from error

    async def aclose(self) -> None:
        """Close the response, and give its connection back."""
        release, self._release = self._release, None
        try:
            await self._answer.aclose()
        finally:
            if release is not None:
                await release()


class PoolManager:
    """The connection pools of all owners and servers. No owner waits for the connections of another.

    Args:
        hosts: egress policy: which servers may be called.
        proxies: proxy variables of the environment, as name and value.
        resolve: resolves the addresses of a host.
        resolver: returns the resolve function of a namespace, used instead of `resolve`.
        check: called right before a request's headers are sent, and again before its body, when the connection is
            established and nothing is left to wait for; does not return if it must not be sent. None allows all.
    """

    def __init__(
        self,
        hosts: EgressPolicy,
        proxies: tuple[tuple[str, str], ...] = (),
        *,
        resolve: Resolve = resolve,
        resolver: Callable[[str], Resolve] | None = None,
        check: Callable[[], None] | None = None,
    ) -> None:
        self._check = check
        self._hosts = hosts
        self._proxies = dict(proxies)
        self._resolver = resolver or (lambda _: resolve)
        self._system_context: ssl.SSLContext | None = None
        self._ssl_contexts: WeakValueDictionary[str, ssl.SSLContext] = WeakValueDictionary()
        self._transports: defaultdict[Owner, dict[tuple[str, str, str | None], ServerTransport]] = defaultdict(dict)
        self._closing: set[asyncio.Task[None]] = set()

    def transport(self, url: str, ca_pem: str | None = None, owner: Owner = ("", "")) -> ServerTransport:
        """The owner's transport to a server that is verified with this CA bundle; with the system's if None.

        Raises:
            InvalidSpecError: the bundle contains no readable certificate.
        """
        parts = urlsplit(url)
        key, held = (parts.scheme, parts.netloc, ca_pem), self._transports[owner]
        if key not in held:
            route = proxy_for(url, self._proxies)
            make = partial(
                httpcore.AsyncConnectionPool,
                ssl_context=self._cached_ssl_context(ca_pem) if ca_pem is not None or parts.scheme == "https" else None,
                proxy=route.proxy if route else None,
                # The proxy itself was chosen by the operator's administrator: it may have any address.
                network_backend=None if route else SsrfSafeBackend(self._hosts, self._resolver(owner[0])),
                max_connections=1,
                keepalive_expiry=_KEEP_IDLE_SECONDS,
            )
            held[key] = ServerTransport(url, make, self._check, route)
        held[key] = held.pop(key)
        if len(held) > MAX_ENDPOINTS:
            self._close(held.pop(next(iter(held))).retire())
        return held[key]

    def forget(self, owner: Owner) -> None:
        """Close the connections of an owner that no longer exists."""
        for transport in self._transports.pop(owner, {}).values():
            self._close(transport.retire())

    def reap(self) -> None:
        """Close connections that were idle for `_KEEP_IDLE_SECONDS`."""
        for held in self._transports.values():
            for transport in held.values():
                self._close(transport.reap())

    def _close(self, closing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(closing)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def entry_counts(self) -> dict[str, int]:
        """Number of kept objects of each kind."""
        held = [transport for held in self._transports.values() for transport in held.values()]
        return {
            "endpoints": len(held),
            "connections": sum(transport.entry_count for transport in held),
            "tls_contexts": len(self._ssl_contexts),
        }

    def _cached_ssl_context(self, ca_pem: str | None) -> ssl.SSLContext:
        """One TLS context per CA bundle, kept as long as it is used: loading the system's takes long."""
        if ca_pem is None:
            self._system_context = self._system_context or _ssl_context(None)
            return self._system_context
        context = self._ssl_contexts.get(ca_pem) or _ssl_context(ca_pem)
        self._ssl_contexts[ca_pem] = context
        return context

    async def aclose(self) -> None:
        """Close all connections."""
        for held in self._transports.values():
            for transport in held.values():
                await transport.aclose()
        if self._closing:
            await asyncio.wait(self._closing)


def _target(request: httpx.Request) -> bytes:
    """Path and query: of the ``target`` extension, as in httpx's own transport, or of the URL."""
    target: bytes = request.extensions.get("target", request.url.raw_path)
    return target


def _before_sending(check: Callable[[], None]) -> Callable[[str, Any], Awaitable[None]]:
    """The function that httpcore calls at each step of a request, without a wait between it and the sending."""

    async def trace(step: str, _: Any) -> None:
        if step in _SEND_STEPS:
            check()

    return trace


def _ssl_context(ca_pem: str | None) -> ssl.SSLContext:
    if ca_pem is None:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=ca_pem)
    except (ssl.SSLError, ValueError):
        message = "holds no certificate in PEM form; put the server's certificate authority there"
        raise InvalidSpecError("spec.caSecretRef", message) from None
    return context
