import asyncio
import threading

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sync_operator import __version__
from sync_operator.controller.http_thread import HttpThread
from sync_operator.controller.metrics.metrics import Metrics, metrics_handler
from sync_operator.controller.metrics.state_metrics import Sources
from sync_operator.controller.workqueue.workqueue import Key

SYNC = {
    "metadata": {"namespace": "shop", "name": "orders"},
    "status": {
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "RunsHealthy", "status": "False"}],
        "lastSuccessAt": "2026-01-01T00:00:00Z",
        "nextRuns": ["2026-01-02T00:00:00Z", "2026-01-02T00:45:00Z"],
        "lastRun": {"rows": {"queried": 10, "total": 9, "succeeded": 7, "failed": 2, "skipped": 1}},
    },
}
FRESH = {"metadata": {"namespace": "shop", "name": "fresh"}, "status": {"observedGeneration": -1}}


async def scrape(metrics: Metrics) -> httpx.Response:
    """The answer to a scrape."""
    server = HttpThread()
    server.start()
    try:
        port = server.serve(0, {"/metrics": metrics_handler(metrics, asyncio.get_running_loop())})
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            return await http.get(f"http://127.0.0.1:{port}/metrics")
    finally:
        await server.stop()


async def scraped(metrics: Metrics) -> dict[str, float]:
    """Name and labels of every sample → value, as a scraper reads the page."""
    families = text_string_to_metric_families((await scrape(metrics)).text)
    samples = (sample for family in families for sample in family.samples)
    return {" ".join((sample.name, *sorted(sample.labels.values()))): sample.value for sample in samples}


async def test_the_page_tells_of_the_work_and_of_each_sync() -> None:
    metrics = Metrics(Sources(syncs=lambda: [SYNC, FRESH], queue_depth=lambda: 3))
    metrics.observe_lag(0.15)
    metrics.observe_lag(0.05)
    metrics.queue.reconciled(Key("Sync", "shop", "orders"), "success", 0.2)
    metrics.observe_cluster_request("PATCH", "10.0.0.1:443", "409", 0.1)
    metrics.observe_request("shop/default", "GET /syncs/:id", 200, 0.1)

    metrics.count_event("DriftCorrected")
    metrics.count_dropped_event()

    seen = await scraped(metrics)

    assert seen["sync_operator_events_total DriftCorrected"] == 1
    assert seen["sync_operator_events_total Recreated"] == 0
    assert seen["sync_operator_events_dropped_total"] == 1
    assert seen["sync_operator_reconcile_total success sync"] == 1
    assert seen["sync_operator_reconcile_total error workspace"] == 0, "what has not happened yet is 0, not absent"
    assert seen["sync_operator_reconcile_duration_seconds_count sync"] == 1
    assert seen["rest_client_requests_total 10.0.0.1:443 409 PATCH"] == 1
    assert seen["rest_client_request_duration_seconds_sum 10.0.0.1:443 PATCH"] == 0.1
    assert seen["sync_operator_api_requests_total 200 GET /syncs/:id shop/default"] == 1
    assert seen["sync_operator_queue_depth"] == 3
    assert seen["workqueue_depth drift drift"] == 0
    assert seen[f"sync_operator_build_info {__version__}"] == 1
    assert seen["process_resident_memory_bytes"] > 0
    assert not [key for key in seen if "_created" in key]
    assert seen["sync_operator_event_loop_lag_seconds_sum"] == pytest.approx(0.2)
    assert seen["sync_operator_event_loop_longest_lag_seconds"] == 0.15
    assert seen["sync_operator_sync_condition False RunsHealthy orders shop"] == 1
    assert seen["sync_operator_sync_expected_interval_seconds orders shop"] == 45 * 60
    assert seen["sync_operator_sync_last_success_timestamp_seconds orders shop"] == pytest.approx(1767225600)
    assert seen["sync_operator_sync_last_run_rows failed orders shop"] == 2
    assert [key for key in seen if "fresh" in key] == ["sync_operator_sync_info  Unknown false fresh shop shop/default"]


@pytest.mark.parametrize("leads", [True, False])
async def test_the_page_tells_who_acts(leads: bool) -> None:
    metrics = Metrics(Sources(is_leader=lambda: leads))

    assert (await scraped(metrics))["sync_operator_leader"] == leads


async def test_a_sync_that_is_gone_leaves_no_series() -> None:
    syncs = [SYNC]
    metrics = Metrics(Sources(syncs=lambda: syncs))
    assert [key for key in await scraped(metrics) if "orders" in key]

    syncs.clear()

    assert not [key for key in await scraped(metrics) if "orders" in key]


async def test_ten_thousand_syncs_do_not_hold_the_event_loop() -> None:
    syncs = [{**SYNC, "metadata": {"namespace": "shop", "name": f"orders-{number}"}} for number in range(10_000)]
    metrics = Metrics(Sources(syncs=lambda: syncs))
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    page = await scrape(metrics)
    turning.cancel()

    assert page.text.count("\nsync_operator_sync_condition{") == 20_000
    assert page.headers["Content-Type"].startswith("text/plain; version=")
    assert turns > 20


def test_a_scrape_fails_soon_where_the_main_loop_is_blocked() -> None:
    blocked, server = asyncio.new_event_loop(), HttpThread()
    server.start()
    try:
        port = server.serve(0, {"/metrics": metrics_handler(Metrics(Sources()), blocked, max_seconds=0.05)})
        page = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
    finally:
        asyncio.run(server.stop())
        blocked.run_until_complete(asyncio.sleep(0))
        blocked.close()

    assert (page.status_code, page.text) == (503, "the event loop is blocked: no turn for 0.05 s\n")


async def test_scrapes_at_one_time_share_one_page_and_are_limited_in_number() -> None:
    snapshots, go_on = 0, threading.Event()

    class Slow(Metrics):
        def copy_state(self) -> None:
            nonlocal snapshots
            snapshots += 1

        def render(self) -> bytes:
            go_on.wait(30)
            return b"page"

    server = HttpThread()
    server.start()
    try:
        port = server.serve(0, {"/metrics": metrics_handler(Slow(Sources()), asyncio.get_running_loop())})
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            scrapes = [asyncio.create_task(http.get(f"http://127.0.0.1:{port}/metrics")) for _ in range(6)]
            answered = asyncio.as_completed(scrapes)
            refused = [await next(answered), await next(answered)]
            go_on.set()
            pages = [await scrape for scrape in answered]
            last = await http.get(f"http://127.0.0.1:{port}/metrics")
    finally:
        go_on.set()
        await server.stop()

    assert {(each.status_code, each.text) for each in refused} == {(503, "4 scrapes are under way: try again later\n")}
    assert [page.text for page in pages] == ["page"] * 4
    assert (last.text, snapshots) == ("page", 2)


async def test_scrapers_that_do_not_read_are_limited_and_those_that_leave_are_forgotten(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Large(Metrics):
        def render(self) -> bytes:
            return b"x" * 32 * 1024 * 1024

    server = HttpThread()
    server.start()
    try:
        port = server.serve(0, {"/metrics": metrics_handler(Large(Sources()), asyncio.get_running_loop())})
        url = f"http://127.0.0.1:{port}/metrics"
        slow = [await asyncio.open_connection("127.0.0.1", port, limit=1024) for _ in range(4)]
        for reader, writer in slow:
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n")
            assert await reader.readexactly(4) == b"HTTP"
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            refused = await http.get(url)
            for _, writer in slow:
                writer.transport.abort()
            for _ in range(100):  # the server learns of a connection's end a little later
                accepted = await http.get(url)
                if accepted.status_code == 200:
                    break
    finally:
        await server.stop()

    assert refused.status_code == 503
    assert accepted.status_code == 200
    assert not caplog.records, "a client that leaves is no defect"


WORKSPACE = {
    "metadata": {"namespace": "shop", "name": "default"},
    "spec": {"url": "https://user:password@sync.example.com:8443/path"},
    "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Unauthorized"}]},
}


async def test_the_page_tells_of_each_workspace_and_which_syncs_it_concerns() -> None:
    metadata = {"namespace": "shop", "name": "orders", "creationTimestamp": "2025-12-31T23:00:00Z"}
    created = {"metadata": metadata, "spec": {"suspend": True}}

    seen = await scraped(Metrics(Sources(syncs=lambda: [created], workspaces=lambda: [WORKSPACE])))

    assert seen["sync_operator_workspace_condition False Ready default shop"] == 1
    assert seen["sync_operator_workspace_info Unauthorized default shop sync.example.com:8443"] == 1
    assert seen["sync_operator_sync_info  False orders shop shop/default true"] == 1
    assert seen["sync_operator_sync_created_timestamp_seconds orders shop"] == pytest.approx(1767225600 - 3600)


async def test_a_status_that_somebody_else_wrote_does_not_take_the_page_away() -> None:
    odd = {
        **SYNC,
        "status": {
            "lastSuccessAt": "0000-01-01T00:00:00Z",
            "nextRuns": ["2026-02-30T00:00:00Z", "9999-12-31T23:59:59Z"],
        },
    }
    homeless = {"metadata": {"namespace": "shop", "name": "odd"}, "spec": {"url": "https://[::1/of:secret"}}

    seen = await scraped(Metrics(Sources(syncs=lambda: [odd], workspaces=lambda: [homeless])))

    assert "sync_operator_sync_info  Unknown false orders shop shop/default" in seen
    assert not [key for key in seen if "last_success" in key or "secret" in key]


async def test_a_workspace_that_is_gone_leaves_no_series() -> None:
    metrics = Metrics(Sources(entry_counts=lambda: {"connections": 3}))
    for name in ("shop/default", "other/default"):
        for code in (200, 503):
            metrics.observe_request(name, "GET /syncs/:id", code, 0.1)

    metrics.forget_workspace("shop/default")
    metrics.forget_workspace("shop/never-asked")

    seen = await scraped(metrics)
    assert not [key for key in seen if "shop" in key]
    assert seen["sync_operator_api_requests_total 503 GET /syncs/:id other/default"] == 1
    assert seen["sync_operator_kept connections"] == 3
