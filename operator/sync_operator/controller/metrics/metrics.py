"""Prometheus metrics (design section 5): counters and histograms of the work; for gauges see `state_metrics`."""

import asyncio
from collections import defaultdict
from contextlib import suppress
from itertools import chain
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND, WORKSPACE_KIND
from sync_operator.api.statuses.conditions import Reason
from sync_operator.controller.metrics.queue_metrics import BUCKETS, QueueMetrics
from sync_operator.controller.metrics.run_metrics import RunMetrics
from sync_operator.controller.metrics.state_metrics import Sources, StateMetrics
from sync_operator.controller.workqueue.workqueue import DRIFT_KIND

__all__ = ["Metrics", "metrics_handler"]

MAX_SNAPSHOT_SECONDS: Final = 2.0
"""Seconds that the event loop is given to copy the state: less than a scraper waits, so it learns why it fails."""
MAX_SCRAPES: Final = 4
"""Scrapes at one time: each may hold a page of its own, 20 MB with ten thousand Syncs, until its client has read it."""
_LAG_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The operator's metrics: one instance per process, with its own registry.

    Attributes:
        registry: registry of all metrics of the client library.
        queue: metrics of the work queue and of reconciles.
        runs: counters of runs and their rows.
    """

    def __init__(self, sources: Sources) -> None:
        """Start all counters at zero.

        Args:
            sources: the state that gauges are read from at each scrape.
        """
        disable_created_metrics()  # type: ignore[no-untyped-call]  # one more series per counter, never queried
        self.registry = CollectorRegistry()
        for collect in (ProcessCollector, PlatformCollector, GCCollector):
            collect(registry=self.registry)
        self.queue = QueueMetrics(
            self.registry, kinds=(CONNECTOR_KIND, MODEL_KIND, SYNC_KIND, WORKSPACE_KIND, DRIFT_KIND)
        )
        self._requests = Counter(
            "sync_operator_api_requests_total",
            "Requests to sync servers by Workspace, call and HTTP status (0: no answer).",
            ["workspace", "operation", "code"],
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "sync_operator_api_request_duration_seconds",
            "How long sync servers took to answer.",
            ["operation"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._cluster_requests = Counter(
            "rest_client_requests_total",
            "Requests to the cluster's API server by HTTP status (<error>: no answer), method and host.",
            ["code", "method", "host"],
            registry=self.registry,
        )
        self._cluster_seconds = Histogram(
            "rest_client_request_duration_seconds",
            "How long the cluster's API server took to answer, or to begin a watch.",
            ["verb", "host"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._events = Counter(
            "sync_operator_events_total",
            "Events about Syncs and Workspaces, by reason.",
            ["reason"],
            registry=self.registry,
        )
        for reason in Reason:
            self._events.labels(reason)
        self._dropped_events = Counter(
            "sync_operator_events_dropped_total",
            "Events that were not written: too many waited, or the API server refused them.",
            registry=self.registry,
        )
        self._label_values: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self._lag = Histogram(
            "sync_operator_event_loop_lag_seconds",
            "By how much turns of the event loop came late, looked at fifty times a second.",
            buckets=_LAG_SECONDS,
            registry=self.registry,
        )
        self._max_lag = 0.0
        self._max_lag_gauge = Gauge(
            "sync_operator_event_loop_longest_lag_seconds",
            "The latest that a turn of the event loop came since the process began.",
            registry=self.registry,
        )
        self.runs = RunMetrics(self.registry, sources.syncs)
        self._state = StateMetrics(sources)

    def observe_request(self, workspace: str, operation: str, code: int, seconds: float) -> None:
        """Count one finished request to a sync server.

        Args:
            workspace: ``namespace/name`` of the Workspace.
            operation: method and path with ids replaced, such as ``GET /syncs/:id``.
            code: HTTP status code; 0 if there was no response.
            seconds: duration of the request.
        """
        self._label_values[workspace].add((operation, str(code)))
        self._requests.labels(workspace, operation, str(code)).inc()
        self._request_seconds.labels(operation).observe(seconds)

    def observe_cluster_request(self, method: str, host: str, code: str, seconds: float) -> None:
        """Count one request to the cluster's API server.

        Args:
            method: HTTP method.
            host: host and port of the API server.
            code: HTTP status code, or ``<error>`` if there was no response.
            seconds: time until the response began.
        """
        self._cluster_requests.labels(code, method, host).inc()
        self._cluster_seconds.labels(method, host).observe(seconds)

    def count_event(self, reason: str) -> None:
        """Count an event that was recorded, to be written to the API server."""
        self._events.labels(reason).inc()

    def count_dropped_event(self) -> None:
        """Count a recorded event that was dropped."""
        self._dropped_events.inc()

    def forget_workspace(self, workspace: str) -> None:
        """Remove the series of a deleted Workspace, which would otherwise be exported for ever."""
        for operation, code in self._label_values.pop(workspace, ()):
            self._requests.remove(workspace, operation, code)

    def observe_lag(self, seconds: float) -> None:
        """Record a lag of the event loop, in seconds."""
        self._lag.observe(seconds)
        if seconds > self._max_lag:
            self._max_lag = seconds
            self._max_lag_gauge.set(seconds)

    def copy_state(self) -> None:
        """Read the state for the next `render`; call it in the event loop's thread."""
        self._state.copy_state()
        self.runs.copy_state()

    def render(self) -> bytes:
        """All metrics as text, as of the last scrape. Thread-safe; with ten thousand Syncs it takes a second."""
        families = chain(self._state.families(), self.runs.families())
        return b"".join((generate_latest(self.registry), *(family.text() for family in families)))


def metrics_handler(
    metrics: Metrics, loop: asyncio.AbstractEventLoop, *, max_seconds: float = MAX_SNAPSHOT_SECONDS
) -> Handler:
    """Make the handler of ``/metrics``, to be served by `HttpThread`.

    A scrape copies the state in the event loop's thread. If the loop is blocked, the scrape fails: a page
    without the series of Syncs would look as if there were none.

    Not prometheus_client's own server: it renders from one object per sample, which takes more than twice the time of
    `Family`, and answers Prometheus in OpenMetrics, a format that `Family` does not write.

    Args:
        metrics: the metrics.
        loop: the event loop that changes the state.
        max_seconds: seconds that the event loop is given to copy the state.
    """
    return _Scrapes(metrics, loop, max_seconds).handle


class _Scrapes:
    """Answers scrapes. One page is rendered at a time, and scrapes that come meanwhile get the same page."""

    def __init__(self, metrics: Metrics, loop: asyncio.AbstractEventLoop, max_seconds: float) -> None:
        self._metrics = metrics
        self._loop = loop
        self._max_seconds = max_seconds
        self._rendering: asyncio.Task[bytes] | None = None
        self._active = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self._active >= MAX_SCRAPES:
            return web.Response(text=f"{MAX_SCRAPES} scrapes are under way: try again later\n", status=503)
        self._active += 1
        try:
            response = await self._respond()
            with suppress(ConnectionError):  # the client has gone
                await response.prepare(request)
                await response.write_eof()  # waits until the client has read almost all
        finally:
            self._active -= 1
        return response

    async def _respond(self) -> web.Response:
        if self._rendering is None:
            self._rendering = asyncio.create_task(self._render())
        try:
            page = await asyncio.shield(self._rendering)
        except TimeoutError:
            text = f"the event loop is blocked: no turn for {self._max_seconds:g} s\n"
            return web.Response(text=text, status=503)
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _render(self) -> bytes:
        try:
            taken = asyncio.run_coroutine_threadsafe(self._copy_state(), self._loop)
            await asyncio.wait_for(asyncio.wrap_future(taken), self._max_seconds)
            return await asyncio.to_thread(self._metrics.render)
        finally:
            self._rendering = None

    async def _copy_state(self) -> None:
        self._metrics.copy_state()
