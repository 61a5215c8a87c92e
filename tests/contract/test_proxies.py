"""When a connection through a proxy of the environment fails: the proxy, its variable and what to do are told."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Final

import pytest
from tests.support.hosts import LOCAL
from tests.support.raw import answer, raw_server

from sync_operator.cli import main
from sync_operator.domain.status.error_classification import classify_error
from sync_operator.errors import OutcomeUnknownError, ProxyError, RejectedError, TransientError
from sync_operator.runner.retry import Retrier
from sync_operator.runner.server_clock import Clock
from sync_operator.syncapi.client import ApiClient, Endpoint
from sync_operator.syncapi.http.connection_pool import PoolManager
from sync_operator.syncapi.types import Dialect

type Through = Callable[..., ApiClient]
LOGIN: Final = "someone:planted-pa%24s@"
SERVER: Final = "sync.example:8443"
PAGE: Final = answer("502 Bad Gateway", body=b"<html>")


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
async def through() -> AsyncIterator[Through]:
    """Makes clients of a server that is reached through a proxy."""
    pools = []

    def make(port: int, *, variable: str = "HTTP_PROXY", timeout_seconds: float = 5) -> ApiClient:
        scheme = variable.lower().removesuffix("_proxy")
        pool = PoolManager(LOCAL, ((variable, f"http://{LOGIN}127.0.0.1:{port}"),))
        pools.append(pool)
        endpoint = Endpoint(f"{scheme}://{SERVER}", "1", Dialect.MULTIWOVEN, timeout_seconds=timeout_seconds)
        return ApiClient(endpoint, token=lambda: "token", pool=pool)

    yield make
    for pool in pools:
        await pool.aclose()


async def told(client: ApiClient) -> str:
    """What the controller tells of a call that does not reach the server."""
    with pytest.raises(ProxyError) as failed:
        await client.syncs.create({})
    message = classify_error(failed.value).message
    assert message == str(failed.value), "the error itself says all, for the runner and the command line"
    assert "planted" not in message
    assert "someone" not in message
    assert "spec.caSecretRef" not in message
    return message


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "https_proxy"])
async def test_a_proxy_that_does_not_answer_is_named(through: Through, variable: str) -> None:
    port = closed_port()

    message = await told(through(port, variable=variable))

    assert f"the proxy 127.0.0.1:{port} ({variable}) does not answer (Connection refused)" in message
    assert f"check that it runs and that {variable} is right, or add sync.example to NO_PROXY" in message
    assert "spec.url" not in message


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (
            "407 Proxy Authentication Required",
            "write the proxy's login into HTTPS_PROXY, as USER:PASSWORD@ before its host",
        ),
        ("403 planted", "let the proxy connect to sync.example, or add sync.example to NO_PROXY"),
        ("503 Service Unavailable", "check that the server runs, host and port of spec.url of the Workspace, and"),
    ],
)
async def test_a_proxy_that_makes_no_tunnel_is_named_with_its_reason(
    through: Through, status: str, remedy: str
) -> None:
    async with raw_server(answer(status)) as proxy:
        message = await told(through(proxy.port, variable="HTTPS_PROXY"))

    assert f"the proxy 127.0.0.1:{proxy.port} (HTTPS_PROXY) refused with {status[:3]}" in message
    assert remedy in message


async def test_a_proxy_that_wants_a_login_is_not_taken_for_the_server(through: Through) -> None:
    async with raw_server(answer("407 Proxy Authentication Required")) as proxy:
        message = await told(through(proxy.port))

    assert f"the proxy 127.0.0.1:{proxy.port} (HTTP_PROXY) refused with 407" in message
    assert "write the proxy's login into HTTP_PROXY, as USER:PASSWORD@ before its host" in message


async def test_a_page_may_be_the_proxys_own(through: Through) -> None:
    async with raw_server(PAGE) as proxy:
        with pytest.raises(TransientError) as page:
            await through(proxy.port).ping()

    assert str(page.value) == f"GET /syncs through the proxy 127.0.0.1:{proxy.port} (HTTP_PROXY) was answered with 502"


async def test_an_answer_of_the_server_is_told_as_ever(through: Through) -> None:
    async with raw_server(answer("422 Unprocessable", b'{"error": "no"}')) as proxy:
        with pytest.raises(RejectedError, match=r"^POST /syncs was answered with 422: no$"):
            await through(proxy.port).syncs.create({})


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "HTTPS_PROXY"])
async def test_a_lost_answer_is_told_with_the_proxy_on_its_way(through: Through, variable: str) -> None:
    async with raw_server(b"") as proxy:
        with pytest.raises(OutcomeUnknownError) as lost:
            await through(proxy.port, variable=variable).syncs.create({})

    assert f"through the proxy 127.0.0.1:{proxy.port} ({variable}) was lost (it hung up" in str(lost.value)


async def test_the_certificate_is_the_servers_also_behind_a_proxy(through: Through) -> None:
    async def tunnel(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        writer.write(b"this is not TLS")
        await writer.drain()

    async with raw_server(tunnel) as proxy:
        with pytest.raises(TransientError) as refused:
            await through(proxy.port, variable="HTTPS_PROXY").ping()

    assert not isinstance(refused.value, ProxyError)
    assert f"cannot be reached through the proxy 127.0.0.1:{proxy.port} (HTTPS_PROXY) (TLS failed" in str(refused.value)


async def test_a_run_pod_names_the_proxy(through: Through, caplog: pytest.LogCaptureFixture) -> None:
    port, naps = closed_port(), 0

    async def nap(_: float) -> None:
        nonlocal naps
        naps += 1

    retrier = Retrier(Clock(lambda: 60.0 * naps, nap), lambda: "token")
    with pytest.raises(Exception, match=rf"the proxy 127\.0\.0\.1:{port} \(HTTP_PROXY\) .*; gave up after"):
        await retrier.call(through(port).ping, seconds=90)

    assert f"the proxy 127.0.0.1:{port} (HTTP_PROXY)" in caplog.text


async def test_the_command_line_names_the_proxy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    port = closed_port()
    for name, value in {
        "SYNC_API_URL": f"http://{SERVER}",
        "SYNC_API_TOKEN": "token",
        "SYNC_API_WORKSPACE_ID": "1",
        "SYNC_OPERATOR_ALLOW_INSECURE_HOSTS": "sync.example",
        "HTTP_PROXY": f"http://{LOGIN}127.0.0.1:{port}",
    }.items():
        monkeypatch.setenv(name, value)

    assert await asyncio.to_thread(main, ["export"]) == 1

    told = capsys.readouterr().err
    assert f"the proxy 127.0.0.1:{port} (HTTP_PROXY) does not answer (Connection refused); check that it runs" in told
    assert "planted" not in told
