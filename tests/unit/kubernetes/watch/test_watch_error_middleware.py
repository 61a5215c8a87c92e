"""What kopf gets of an answer after which it would end all watches: something that it tries again."""

from collections.abc import AsyncIterator, Mapping
from typing import Final

import aiohttp
import pytest
from aiohttp import web

from sync_operator.kubernetes.watch.watch_error_middleware import WatchErrorMiddleware

SYNCS: Final = "/apis/squared.ai/v1/syncs"
DISCOVERY: Final = "/apis/squared.ai/v1"
LIST: Final = b'{"kind":"SyncList","items":[]}'
ADDED: Final = b'{"type":"ADDED","object":{"metadata":{}}}\n'
EXPIRED: Final = b'{"type":"ERROR","object":{"code":410}}\n'


class Site:
    """An API server that answers as it is told, and a session like kopf's."""

    url: str
    http: aiohttp.ClientSession

    def __init__(self) -> None:
        self.status = 200
        self.body = LIST
        self.headers: Mapping[str, str] = {}

    async def answer(self, _: web.Request) -> web.Response:
        return web.Response(status=self.status, body=self.body, headers=self.headers)

    async def ask(self, path: str = SYNCS, **query: str) -> bytes:
        async with self.http.get(f"{self.url}{path}", params=query) as response:
            assert response.status == self.status
            return await response.read()

    async def watch(self, body: bytes) -> bytes:
        self.body = body
        async with self.http.get(f"{self.url}{SYNCS}", params={"watch": "true"}) as response:
            return b"".join([data async for data in response.content.iter_chunked(1 << 20)])


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    there = Site()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", there.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    there.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession(middlewares=(WatchErrorMiddleware(pause_seconds=0),)) as there.http:
        yield there
    await runner.cleanup()


@pytest.mark.parametrize("path", [SYNCS, "/apis/batch/v1/namespaces/team/jobs", DISCOVERY, "/api"])
async def test_a_good_answer_is_left_as_it_is(site: Site, path: str) -> None:
    assert await site.ask(path) == LIST


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 415, 422, 500, 503])
@pytest.mark.parametrize("query", [{}, {"watch": "true"}])
async def test_a_refused_request_is_repeated(site: Site, status: int, query: dict[str, str]) -> None:
    site.status = status
    with pytest.raises(aiohttp.ClientConnectionError, match=f"HTTP status {status}"):
        await site.ask(**query)


async def test_after_a_page_that_has_expired_the_list_begins_anew(site: Site) -> None:
    site.status = 410
    with pytest.raises(aiohttp.ClientPayloadError, match="expired"):
        await site.ask(**{"continue": "x"})
    with pytest.raises(aiohttp.ClientConnectionError):
        await site.ask(watch="true")


@pytest.mark.parametrize("path", ["/apis/squared.ai/v1", "/api/v1", "/k8s/clusters/one/apis/batch/v1"])
async def test_discovery_may_find_that_a_group_has_gone(site: Site, path: str) -> None:
    site.status = 404
    assert await site.ask(path) == LIST


@pytest.mark.parametrize(
    ("retry_after", "passes"),
    [("1", True), ("60", True), ("61", False), ("9" * 5000, False), ("soon", False), ("-1", False), ("٣", False)],
)
async def test_kopf_gets_no_time_to_wait_that_it_cannot_read(site: Site, retry_after: str, *, passes: bool) -> None:
    site.status, site.headers = 429, {"Retry-After": retry_after}
    if passes:
        assert await site.ask() == LIST
    else:
        with pytest.raises(aiohttp.ClientConnectionError):
            await site.ask()


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b'{"kind":1}', b"<html></html>", LIST[:9], b"\xff", b"[" * 100_000]
)
async def test_an_answer_that_is_no_object_is_asked_for_again(site: Site, body: bytes) -> None:
    site.body = body
    with pytest.raises(aiohttp.ClientConnectionError, match="not an object"):
        await site.ask()


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (b"", b""),
        (ADDED * 3, ADDED * 3),
        (ADDED + b"\n" + ADDED, ADDED + b"\n" + ADDED),
        (ADDED + EXPIRED + ADDED, ADDED + EXPIRED),
        (ADDED + b'{"type":"ERROR","object":{"code":500}}\n', ADDED + EXPIRED),
        (ADDED + ADDED[:20], ADDED),
        (ADDED + ADDED[:20] + b"\n" + ADDED, ADDED),
        (b"<html></html>", b""),
        (b"<html>\n</html>\n", b""),
    ],
)
async def test_of_a_watch_kopf_sees_whole_events(site: Site, body: bytes, seen: bytes) -> None:
    assert await site.watch(body) == seen
