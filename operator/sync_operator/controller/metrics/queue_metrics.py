"""Metrics of the work queue and of reconciles, with the names and labels of client-go and controller-runtime."""

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from sync_operator.controller.workqueue.fair_queue import Key

__all__ = ["BUCKETS", "QueueMetrics"]

BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Histogram buckets for durations that depend on a server's response time."""
_LABELS: Final = ("name", "controller")
"""Both have the same value: client-go labels a queue with its name, controller-runtime adds the controller's name."""


class QueueMetrics(Collector):
    """Metrics of the work queue; each kind of key is exported as a queue of its own.

    Args:
        registry: registry to export to; None to export nothing.
        kinds: kinds of keys whose series start at zero.
        clock: monotonic clock, in seconds.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        kinds: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._waiting: dict[Key, float] = {}
        self._active: dict[Key, float] = {}
        self._adds = Counter("workqueue_adds_total", "Keys that were added to the queue.", _LABELS, registry=registry)
        self._retries = Counter(
            "workqueue_retries_total", "Keys that were put back after a failure.", _LABELS, registry=registry
        )
        self._queue_seconds = Histogram(
            "workqueue_queue_duration_seconds",
            "How long keys waited for a worker.",
            _LABELS,
            buckets=BUCKETS,
            registry=registry,
        )
        self._work_seconds = Histogram(
            "workqueue_work_duration_seconds",
            "How long keys were worked on.",
            _LABELS,
            buckets=BUCKETS,
            registry=registry,
        )
        self._results = Counter(
            "sync_operator_reconcile_total",
            "Reconciles by controller and result.",
            ["controller", "result"],
            registry=registry,
        )
        self._reconcile_seconds = Histogram(
            "sync_operator_reconcile_duration_seconds",
            "How long reconciles took.",
            ["controller"],
            buckets=BUCKETS,
            registry=registry,
        )
        self._panics = Counter(
            "sync_operator_reconcile_panics_total",
            "Reconciles that ended with an error which no rule foresees.",
            ["controller"],
            registry=registry,
        )
        self._names = tuple(kind.lower() for kind in kinds)
        for name in self._names:
            for counter in (self._adds, self._retries, self._queue_seconds, self._work_seconds):
                counter.labels(name, name)
            for result in ("success", "requeue_after", "error"):
                self._results.labels(name, result)
            self._reconcile_seconds.labels(name)
            self._panics.labels(name)
        if registry is not None:
            registry.register(self)

    def added(self, key: Key, *, waits: bool) -> None:
        """Count an added key; ``waits`` is False if it is being reconciled and will be queued again afterwards."""
        self._adds.labels(*_label_values(key)).inc()
        if waits:
            self._waiting[key] = self._clock()

    def started(self, key: Key) -> None:
        """Record that a worker has taken a waiting key."""
        now = self._active[key] = self._clock()
        self._queue_seconds.labels(*_label_values(key)).observe(now - self._waiting.pop(key, now))

    def ended(self, key: Key) -> None:
        """Record the end of the work on a key."""
        self._work_seconds.labels(*_label_values(key)).observe(self._clock() - self._active.pop(key))

    def retried(self, key: Key) -> None:
        """Count a key that is requeued after a failure."""
        self._retries.labels(*_label_values(key)).inc()

    def reconciled(self, key: Key, result: str, seconds: float) -> None:
        """Count one finished reconcile.

        Args:
            key: the key that was reconciled.
            result: ``success``, ``requeue_after`` (requeued after a given time), or ``error`` (requeued with
                exponential backoff).
            seconds: duration of the reconcile.
        """
        self._results.labels(key.kind.lower(), result).inc()
        self._reconcile_seconds.labels(key.kind.lower()).observe(seconds)

    def panicked(self, key: Key) -> None:
        """Count a reconcile that ended with an unexpected error."""
        self._panics.labels(key.kind.lower()).inc()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Gauges of waiting and active keys. Called by `CollectorRegistry`, in any thread."""
        now = self._clock()
        waiting = Tally(key.kind.lower() for key in list(self._waiting))
        active = list(self._active.items())
        depth = GaugeMetricFamily("workqueue_depth", "Keys that wait for a worker.", labels=_LABELS)
        unfinished = GaugeMetricFamily(
            "workqueue_unfinished_work_seconds", "Seconds of work under way, of all keys together.", labels=_LABELS
        )
        longest = GaugeMetricFamily(
            "workqueue_longest_running_processor_seconds",
            "For how long the longest running reconcile has gone on; 0 while none is under way.",
            labels=_LABELS,
        )
        for name in dict.fromkeys((*self._names, *waiting, *(key.kind.lower() for key, _ in active))):
            spent = [now - since for key, since in active if key.kind.lower() == name]
            depth.add_metric([name, name], waiting[name])
            unfinished.add_metric([name, name], sum(spent))
            longest.add_metric([name, name], max(spent, default=0.0))
        yield from (depth, unfinished, longest)


def _label_values(key: Key) -> tuple[str, str]:
    return key.kind.lower(), key.kind.lower()
