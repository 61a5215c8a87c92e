"""Prometheus metrics (design section 5): counters of the work, beside the state of things (`state_metrics`)."""

import asyncio
from collections import defaultdict
from itertools import chain
from typing import Final

from aiohttp import web
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

from sync_operator.handlers.queue import DRIFT_KIND
from sync_operator.handlers.queue_metrics import SECONDS, QueueMetrics
from sync_operator.handlers.run_metrics import RunMetrics
from sync_operator.handlers.state_metrics import Sources, StateMetrics
from sync_operator.model.conditions import Reason
from sync_operator.model.names import SYNC_KIND, WORKSPACE_KIND

__all__ = ["Metrics", "serve_metrics"]

_LAG_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """What the operator counts. One instance a process, with a registry of its own.

    Attributes:
        registry: of all metrics.
        queue: counts what goes through the work queue.
        runs: counts runs and their rows.
    """

    def __init__(self, sources: Sources) -> None:
        """Count from zero.

        Args:
            sources: what the state of things is read from at each scrape.
        """
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series for each counter that nobody asks for
        self.registry = CollectorRegistry()
        for collect in (ProcessCollector, PlatformCollector, GCCollector):
            collect(registry=self.registry)
        self.queue = QueueMetrics(self.registry, kinds=(SYNC_KIND, WORKSPACE_KIND, DRIFT_KIND))
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
            buckets=SECONDS,
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
            buckets=SECONDS,
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
        self._dropped = Counter(
            "sync_operator_events_dropped_total",
            "Events that were not written: too many waited, or the API server refused them.",
            registry=self.registry,
        )
        self._requested: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self._lag = Histogram(
            "sync_operator_event_loop_lag_seconds",
            "By how much turns of the event loop came late, looked at fifty times a second.",
            buckets=_LAG_SECONDS,
            registry=self.registry,
        )
        self._most_lag = 0.0
        self._longest_lag = Gauge(
            "sync_operator_event_loop_longest_lag_seconds",
            "The latest that a turn of the event loop came since the process began.",
            registry=self.registry,
        )
        self.runs = RunMetrics(self.registry, sources.syncs)
        self._state = StateMetrics(sources)

    def requested(self, workspace: str, operation: str, code: int, seconds: float) -> None:
        """One request to a sync server ended.

        Args:
            workspace: ``namespace/name`` of the Workspace.
            operation: method and path with ids left out, such as ``GET /syncs/:id``.
            code: HTTP status, 0 when there was no answer.
            seconds: how long it took.
        """
        self._requested[workspace].add((operation, str(code)))
        self._requests.labels(workspace, operation, str(code)).inc()
        self._request_seconds.labels(operation).observe(seconds)

    def cluster_requested(self, method: str, host: str, code: str, seconds: float) -> None:
        """One request to the cluster's API server was answered, or was not.

        Args:
            method: of HTTP.
            host: host and port of the API server.
            code: HTTP status, or ``<error>``.
            seconds: until the answer began.
        """
        self._cluster_requests.labels(code, method, host).inc()
        self._cluster_seconds.labels(method, host).observe(seconds)

    def event(self, reason: str) -> None:
        """An event is to be written."""
        self._events.labels(reason).inc()

    def event_dropped(self) -> None:
        """An event is not written after all."""
        self._dropped.inc()

    def forget(self, workspace: str) -> None:
        """A Workspace is gone, and its series with it: they would stay on the page for ever."""
        for operation, code in self._requested.pop(workspace, ()):
            self._requests.remove(workspace, operation, code)

    def lagged(self, seconds: float) -> None:
        """A turn of the event loop came so many seconds late."""
        self._lag.observe(seconds)
        if seconds > self._most_lag:
            self._most_lag = seconds
            self._longest_lag.set(seconds)

    async def page(self) -> bytes:
        """All of it as text, written in a thread: with ten thousand Syncs that takes seconds."""
        self._state.look()
        self.runs.look()
        return await asyncio.to_thread(self._written)

    def _written(self) -> bytes:
        families = chain(self._state.families(), self.runs.families())
        return b"".join((generate_latest(self.registry), *(family.text() for family in families)))


async def serve_metrics(port: int, metrics: Metrics) -> web.AppRunner:
    """Serve ``/metrics`` on all interfaces; port 0 takes a free one.

    Returns:
        The running server; ``cleanup()`` stops it.
    """

    async def page(_: web.Request) -> web.Response:
        return web.Response(body=await metrics.page(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/metrics", page)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
