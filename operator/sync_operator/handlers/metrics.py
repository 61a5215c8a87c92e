"""Prometheus metrics (design section 5): counters of the work, and gauges read from the cache at each scrape.

Series per Sync are bounded by the Syncs that exist; no label holds an id of the server, a message or a path.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

__all__ = ["Metrics", "serve_metrics"]

_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LAG_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_OUTCOMES: Final = ("queried", "total", "succeeded", "failed", "skipped")


class Metrics:
    """What the operator counts. One instance a process, with a registry of its own."""

    def __init__(
        self,
        *,
        syncs: Callable[[], Iterable[Mapping[str, Any]]],
        depth: Callable[[], int],
        longest: Callable[[], float] = lambda: 0.0,
        kept: Callable[[], Mapping[str, int]] = dict,
        leads: Callable[[], bool] = lambda: True,
        compared: Callable[[], Iterable[tuple[tuple[str, str], datetime]]] = tuple,
        resync: timedelta = timedelta(),
    ) -> None:
        """Count from zero.

        Args:
            syncs: the Syncs as the cache holds them; what is in one is never changed, another takes its place.
            depth: how many keys wait for a worker.
            longest: seconds for which the longest running reconcile has gone on.
            kept: how much is kept in memory, by kind.
            leads: whether this process acts, or stands by.
            compared: Workspaces (namespace and name) with the time of their last whole comparison with the server.
            resync: time between two comparisons.
        """
        self.registry = CollectorRegistry()
        self._reconciles = Counter(
            "sync_operator_reconcile_total", "Reconciles by result.", ["result"], registry=self.registry
        )
        self._reconcile_seconds = Histogram(
            "sync_operator_reconcile_duration_seconds",
            "How long reconciles took.",
            buckets=_SECONDS,
            registry=self.registry,
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
            buckets=_SECONDS,
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
        self._gauges = _Gauges(syncs, depth, longest, kept, leads, compared, resync)
        self.registry.register(self._gauges)

    def reconciled(self, result: str, seconds: float) -> None:
        """One reconcile ended; the result is ``success``, ``requeue`` or ``error``."""
        self._reconciles.labels(result).inc()
        self._reconcile_seconds.observe(seconds)

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
        self._gauges.look()
        return await asyncio.to_thread(generate_latest, self.registry)


class _Gauges(Collector):
    """Gauges of what was there when the event loop last looked; they are written in another thread."""

    def __init__(
        self,
        syncs: Callable[[], Iterable[Mapping[str, Any]]],
        depth: Callable[[], int],
        longest: Callable[[], float],
        kept: Callable[[], Mapping[str, int]],
        leads: Callable[[], bool],
        compared: Callable[[], Iterable[tuple[tuple[str, str], datetime]]],
        resync: timedelta,
    ) -> None:
        self._compared = compared
        self._resync = resync
        self._syncs = syncs
        self._depth = depth
        self._longest = longest
        self._kept = kept
        self._leads = leads
        self._seen: tuple[list[Mapping[str, Any]], int, float, Mapping[str, int], bool] = ([], 0, 0.0, {}, False)
        self._compared_at: list[tuple[tuple[str, str], datetime]] = []

    def look(self) -> None:
        """Take a snapshot; to be called in the thread of the event loop."""
        self._seen = list(self._syncs()), self._depth(), self._longest(), self._kept(), self._leads()
        self._compared_at = list(self._compared())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        syncs, depth, longest, counts, leads = self._seen
        yield GaugeMetricFamily("sync_operator_queue_depth", "Keys that wait for a worker.", value=depth)
        yield GaugeMetricFamily(
            "sync_operator_queue_longest_running_processor_seconds",
            "For how long the longest running reconcile has gone on; 0 while none is under way.",
            value=longest,
        )
        kept = GaugeMetricFamily(
            "sync_operator_kept", "How much is kept in memory, by kind: it follows what there is.", labels=["kind"]
        )
        for kind, count in counts.items():
            kept.add_metric([kind], count)
        yield kept
        yield GaugeMetricFamily("sync_operator_leader", "1 while this process acts.", value=leads)
        one = ["namespace", "name"]
        yield GaugeMetricFamily(
            "sync_operator_resync_seconds",
            "Time between two comparisons of a Workspace with its server.",
            value=self._resync.total_seconds(),
        )
        yield self._comparisons(one)
        conditions = GaugeMetricFamily(
            "sync_operator_sync_condition", "1 for the present status.", labels=[*one, "type", "status"]
        )
        success = GaugeMetricFamily(
            "sync_operator_sync_last_success_timestamp_seconds", "When rows were last delivered.", labels=one
        )
        expected = GaugeMetricFamily(
            "sync_operator_sync_expected_interval_seconds", "Time between the next two scheduled runs.", labels=one
        )
        rows = GaugeMetricFamily("sync_operator_sync_last_run_rows", "Rows of the last run.", labels=[*one, "outcome"])
        for sync in syncs:
            who = [sync["metadata"]["namespace"], sync["metadata"]["name"]]
            status = sync.get("status", {})
            for entry in status.get("conditions", ()):
                conditions.add_metric([*who, entry["type"], entry["status"]], 1)
            if "lastSuccessAt" in status:
                success.add_metric(who, datetime.fromisoformat(status["lastSuccessAt"]).timestamp())
            if len(status.get("nextRuns", ())) > 1:
                first, second, *_ = map(datetime.fromisoformat, status["nextRuns"])
                expected.add_metric(who, (second - first).total_seconds())
            counted = status.get("lastRun", {}).get("rows", {})
            for outcome in _OUTCOMES:
                if outcome in counted:
                    rows.add_metric([*who, outcome], counted[outcome])
        yield from (conditions, success, expected, rows)

    def _comparisons(self, labels: list[str]) -> GaugeMetricFamily:
        family = GaugeMetricFamily(
            "sync_operator_workspace_last_compared_timestamp_seconds",
            "When the last whole comparison with the server began.",
            labels=labels,
        )
        for workspace, at in self._compared_at:
            family.add_metric(list(workspace), at.timestamp())
        return family


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
