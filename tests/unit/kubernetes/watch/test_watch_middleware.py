"""Which watches live: noted by the session that all requests to the cluster go through."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from sync_operator.kubernetes.watch.watch_middleware import CLIENT_TIMEOUT, STALE_AFTER, WATCH_TIMEOUT, WatchMiddleware

SYNCS = "/apis/squared.ai/v1/syncs"
JOBS = "/apis/batch/v1/namespaces/team/jobs"


class Site:
    """An API server that answers as it is told, a clock that only the test moves, and the session in between."""

    url: str
    http: aiohttp.ClientSession

    def __init__(self) -> None:
        self.now = 100.0
        self.status = 200
        self.body = b""
        self.queries: list[dict[str, str]] = []
        self.accepted: list[str] = []
        self.watches = WatchMiddleware(lambda: self.now)

    async def answer(self, request: web.Request) -> web.Response:
        self.queries.append(dict(request.query))
        self.accepted.append(request.headers["Accept"])
        return web.Response(status=self.status, body=self.body)

    async def ask(self, path: str, **query: str) -> None:
        async with self.http.get(f"{self.url}{path}", params=query):
            pass

    async def watch(self, path: str) -> bytes:
        async with self.http.get(f"{self.url}{path}", params={"watch": "true"}) as response:
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
    async with aiohttp.ClientSession(middlewares=(there.watches,)) as there.http:
        yield there
    await runner.cleanup()


def test_a_watch_is_ended_well_before_it_counts_as_dead() -> None:
    assert WATCH_TIMEOUT < CLIENT_TIMEOUT < STALE_AFTER < 60


async def test_a_list_is_no_watch(site: Site) -> None:
    await site.ask(SYNCS, limit="500")
    site.now += 1000

    assert site.watches.stale_watches() == ""
    assert not site.watches.covers(frozenset({"syncs"}))


async def test_a_watch_that_does_not_begin_again_is_dead(site: Site) -> None:
    await site.ask(SYNCS, watch="true")
    await site.ask(JOBS, watch="true")
    assert site.watches.covers(frozenset({"syncs", "jobs"}))
    site.now += 40
    await site.ask(SYNCS, watch="true")
    assert site.watches.stale_watches() == ""

    site.now += 11
    assert site.watches.stale_watches() == f"the watch of {JOBS} was started 51 s ago, and must be restarted every 30 s"
    await site.ask(JOBS, watch="true")
    assert site.watches.stale_watches() == ""


async def test_one_that_never_begins_is_dead_and_covers_nothing(site: Site) -> None:
    site.status = 500
    await site.ask(SYNCS, watch="true")
    assert site.watches.stale_watches() == ""
    site.now += 30
    await site.ask(SYNCS, watch="true")
    site.now += 30

    assert site.watches.stale_watches().startswith(f"the watch of {SYNCS} was started 60 s ago")
    assert not site.watches.covers(frozenset({"syncs"}))


@pytest.mark.parametrize("status", [403, 404])
async def test_one_whose_kind_or_namespace_is_gone_is_not_missed(site: Site, status: int) -> None:
    await site.ask(JOBS, watch="true")
    site.status = status
    await site.ask(JOBS, watch="true")
    site.now += 1000

    assert site.watches.stale_watches() == ""
    assert not site.watches.covers(frozenset({"jobs"}))


async def test_kopf_lists_nothing_of_what_was_listed_already_and_begins_there(site: Site) -> None:
    site.watches.resume_from({SYNCS: "41"})
    for path in (SYNCS, JOBS, SYNCS):
        await site.ask(path, limit="500", labelSelector="a=b")

    plain = {"limit": "500", "labelSelector": "a=b"}
    nothing = {"fieldSelector": "metadata.name=no-object-has-this-name"}
    assert site.queries == [
        {**plain, **nothing, "resourceVersion": "41", "resourceVersionMatch": "Exact"},
        plain,
        plain,
    ]


async def test_a_watch_is_left_as_it_is(site: Site) -> None:
    site.watches.resume_from({SYNCS: "41"})
    await site.ask(SYNCS, watch="true", resourceVersion="40")

    assert site.queries == [{"watch": "true", "resourceVersion": "40"}]


async def test_whoever_lists_all_objects_hears_of_all_their_ends(site: Site) -> None:
    site.watches.set_filter(lambda _plural, _seen: False, {"jobs": lambda _: True})
    site.watches.resume_from({JOBS: "7"})
    site.body = (
        b'{"type":"DELETED","object":{"metadata":{"name":"a","namespace":"team","uid":"u","resourceVersion":"8"}}}\n'
    )

    await site.ask(JOBS, limit="500")
    assert await site.watch(JOBS) == b"", "that list was turned into an empty one"

    await site.ask(JOBS, limit="500")
    assert await site.watch(JOBS) == site.body


@pytest.mark.parametrize("path", ["/api/v1/secrets", "/api/v1/namespaces/team/secrets"])
async def test_of_secrets_nothing_but_metadata_is_asked_for(site: Site, path: str) -> None:
    await site.ask(path)
    await site.ask(path, watch="true")
    await site.ask(SYNCS)

    assert [accepted.partition(";")[2].partition(";")[0] for accepted in site.accepted] == [
        "as=PartialObjectMetadataList",
        "as=PartialObjectMetadata",
        "",
    ]


async def test_an_empty_list_of_secrets_is_read_as_one(site: Site) -> None:
    site.body = b'{"kind":"PartialObjectMetadataList","metadata":{"resourceVersion":"1"},"items":null}'

    async with site.http.get(f"{site.url}/api/v1/secrets") as response:
        assert (await response.json(content_type=None))["items"] == []
