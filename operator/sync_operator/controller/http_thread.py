"""The HTTP servers of the controller itself, in a thread with its own event loop: for probes and metrics.

So a probe or a scrape is answered also while the main event loop is blocked, and the response says so. The pages of ten
thousand Syncs, 20 MB, are not written on the main loop either. If even this thread cannot run, requests time out.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from typing import Any, Final, override

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestHandler

__all__ = ["HttpThread"]

MAX_CONNECTIONS: Final = 128
"""Open connections per port: more than kubelet and scrapers open, and few enough that no client can use up memory."""
MAX_CONNECTION_SECONDS: Final = 30.0
"""Age at which a connection may be closed: longer than the largest page takes over a slow network."""
_SHUTDOWN_SECONDS: Final = 1.0
"""Seconds that open requests are given to finish when the servers stop; then they are broken off."""


class _Connection(RequestHandler):
    """A connection that can be broken off at any time, also while what was written waits for the client to read it."""

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(server, loop=loop, access_log=None)  # type: ignore[arg-type]  # as AppRunner does
        self.opened = loop.time()
        self._socket: asyncio.BaseTransport | None = None  # aiohttp forgets it when it begins to close it
        self._aborted = False

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = transport
        super().connection_made(transport)
        if self._aborted:
            self.abort()

    def abort(self) -> None:
        """Close the connection at once; what was not sent is lost."""
        self._aborted = True
        if isinstance(self._socket, asyncio.WriteTransport):
            self._socket.abort()


class _Connections:
    """The open connections of one port, which are limited in number and age.

    A new connection is always accepted: where one has to go, it is the oldest. So clients that hold many connections
    cannot keep out a probe, which would make the kubelet restart the controller.

    Args:
        server: answers requests.
        loop: the event loop that serves the connections.
    """

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._open: deque[_Connection] = deque()  # the oldest first; some may have been closed by their clients

    def accept(self) -> _Connection:
        """A new connection; closes those that are too many or too old."""
        connection = _Connection(self._server, self._loop)
        while self._open and (
            len(self._open) >= MAX_CONNECTIONS or connection.opened - self._open[0].opened > MAX_CONNECTION_SECONDS
        ):
            self._open.popleft().abort()
        self._open.append(connection)
        return connection

    def abort(self) -> None:
        """Close all connections at once: one whose client does not read would stay open."""
        while self._open:
            self._open.popleft().abort()


class HttpThread:
    """A thread that serves HTTP on any number of ports: one request per connection, and a limited number of these."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="http", daemon=True)
        self._runners: list[web.AppRunner] = []
        self._listeners: list[asyncio.Server] = []
        self._connections: list[_Connections] = []

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def serve(self, port: int, handlers: Mapping[str, Handler]) -> int:
        """Serve GET requests on all interfaces, by IPv4 and IPv6; returns when requests are answered.

        Args:
            port: TCP port; 0 takes a free one.
            handlers: by path, what answers requests to it. It is called in this thread.

        Returns:
            The port, for IPv4 if 0 was given.

        Raises:
            OSError: the port is in use.
        """
        return self._submit(self._serve(port, handlers)).result()

    async def stop(self) -> None:
        """Stop the servers and the thread. The caller's event loop goes on meanwhile: open requests may wait for it."""
        await asyncio.wrap_future(self._submit(self._cleanup()))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _submit[T](self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _serve(self, port: int, handlers: Mapping[str, Handler]) -> int:
        app = web.Application()
        app.add_routes([web.get(path, handler) for path, handler in handlers.items()])
        app.on_response_prepare.append(_close_after)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        self._runners.append(runner)
        await runner.setup()
        assert runner.server is not None  # noqa: S101 (set up above)
        connections = _Connections(runner.server, self._loop)
        self._connections.append(connections)
        # Not web.TCPSite: it has no limit on connections.
        listener = await self._loop.create_server(connections.accept, port=port)
        self._listeners.append(listener)
        # The shorter address is the one for IPv4.
        bound: int = min((each.getsockname() for each in listener.sockets), key=len)[1]
        return bound

    async def _cleanup(self) -> None:
        for listener in self._listeners:
            listener.close()
        await asyncio.gather(*(runner.cleanup() for runner in self._runners))
        for connections in self._connections:
            connections.abort()
        await asyncio.sleep(0)


async def _close_after(_: web.Request, response: web.StreamResponse) -> None:
    """Close the connection after the response: an idle client holds none."""
    response.headers["Connection"] = "close"  # the other headers have been made up already
    response.force_close()
