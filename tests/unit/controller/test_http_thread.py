"""The thread that answers probes and scrapes: on which addresses, and what a client can do to it."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus

import httpx
import pytest
from aiohttp import web
from tests.support.nursery import free_port

from sync_operator.controller.http_thread import HttpThread

BIG = b"x" * 32 * 1024 * 1024
"""More than the kernel keeps for a client that does not read."""


async def small(_: web.Request) -> web.Response:
    return web.Response(text="here")


async def big(_: web.Request) -> web.Response:
    return web.Response(body=BIG)


@contextmanager
def running() -> Iterator[HttpThread]:
    server = HttpThread()
    server.start()
    try:
        yield server
    finally:
        asyncio.run(server.stop())


def get(port: int, path: str = "/", host: str = "127.0.0.1") -> httpx.Response:
    return httpx.get(f"http://{host}:{port}{path}", trust_env=False)


def test_each_port_has_its_own_paths() -> None:
    with running() as server:
        one, two = server.serve(0, {"/": small}), server.serve(0, {"/big": big})

        assert get(one).text == "here"
        assert get(two, "/big").content == BIG
        assert get(one, "/big").status_code == get(two).status_code == HTTPStatus.NOT_FOUND
        assert httpx.post(f"http://127.0.0.1:{one}/", trust_env=False).status_code == HTTPStatus.METHOD_NOT_ALLOWED


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_a_port_is_served_by_both_versions_of_ip() -> None:
    port = free_port()
    with running() as server:
        assert server.serve(port, {"/": small}) == port
        assert get(port).text == get(port, host="[::1]").text == "here"


def test_a_port_in_use_is_an_error_for_the_caller() -> None:
    with (
        running() as server,
        socket.create_server(("0.0.0.0", 0)) as taken,  # noqa: S104 (as the server listens)
        pytest.raises(OSError, match="address already in use"),
    ):
        server.serve(taken.getsockname()[1], {"/": small})


def test_a_client_that_reads_nothing_holds_up_neither_others_nor_the_stop() -> None:
    server = HttpThread()
    server.start()
    port = server.serve(0, {"/": small, "/big": big})
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(b"GET /big HTTP/1.1\r\nHost: here\r\n\r\n")
        assert slow.recv(4) == b"HTTP"

        assert get(port).text == "here"
        asyncio.run(asyncio.wait_for(server.stop(), 10))


def closed(connection: socket.socket) -> bool:
    """Whether the server closes the connection, which it may still do soon."""
    connection.settimeout(5)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_clients_that_hold_connections_keep_nobody_out_and_the_oldest_has_to_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sync_operator.controller.http_thread.MAX_CONNECTIONS", 3)
    with running() as server, ExitStack() as clients:
        port = server.serve(0, {"/": small})
        idle = [clients.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(5)]

        assert get(port).text == "here"
        assert [closed(connection) for connection in idle[:3]] == [True, True, True]
        idle[4].sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert idle[4].recv(8) == b"HTTP/1.1", "the newest stay open"


def test_a_connection_that_is_too_old_is_closed_when_the_next_one_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync_operator.controller.http_thread.MAX_CONNECTION_SECONDS", -1.0)
    with running() as server:
        port = server.serve(0, {"/": small})
        with socket.create_connection(("127.0.0.1", port)) as idle:
            assert get(port).text == "here"
            assert closed(idle)


def test_a_connection_is_closed_after_its_response() -> None:
    with running() as server:
        port = server.serve(0, {"/": small})
        assert get(port).headers["Connection"] == "close"


def test_a_request_that_needs_the_callers_loop_is_answered_while_the_server_stops() -> None:
    async def stopped() -> str:
        loop, begun, go_on = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

        async def wait() -> None:
            begun.set()
            await go_on.wait()

        async def waiting(_: web.Request) -> web.Response:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(wait(), loop))
            return web.Response(text="answered")

        server = HttpThread()
        server.start()
        url = f"http://127.0.0.1:{server.serve(0, {'/': waiting})}/"
        async with httpx.AsyncClient(trust_env=False) as http:
            asking = asyncio.create_task(http.get(url))
            await begun.wait()
            stopping = asyncio.create_task(server.stop())
            await asyncio.sleep(0)
            go_on.set()
            await stopping
            return (await asking).text

    assert asyncio.run(stopped()) == "answered"
