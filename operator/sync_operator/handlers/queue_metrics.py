"""Metrics of the work queue and of the reconciles, by the names and labels of client-go and controller-runtime."""

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from sync_operator.handlers.fair import Key

__all__ = ["SECONDS", "QueueMetrics"]

SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Buckets of what takes as long as an answer of a server."""
_LABELS: Final = ("name", "controller")
"""Both say the same: client-go calls a queue by its name, and controller-runtime adds whose it is."""


class QueueMetrics(Collector):
    """What goes through the work queue, each kind of key as a queue of its own.

    Args:
        registry: where it is exported; None for nowhere.
        kinds: of the keys that there will be: their series begin with zero.
        clock: seconds that only grow.
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
        self._queued = Histogram(
            "workqueue_queue_duration_seconds",
            "How long keys waited for a worker.",
            _LABELS,
            buckets=SECONDS,
            registry=registry,
        )
        self._worked = Histogram(
            "workqueue_work_duration_seconds",
            "How long keys were worked on.",
            _LABELS,
            buckets=SECONDS,
            registry=registry,
        )
        self._results = Counter(
            "sync_operator_reconcile_total",
            "Reconciles by controller and result.",
            ["controller", "result"],
            registry=registry,
        )
        self._seconds = Histogram(
            "sync_operator_reconcile_duration_seconds",
            "How long reconciles took.",
            ["controller"],
            buckets=SECONDS,
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
            for counter in (self._adds, self._retries, self._queued, self._worked):
                counter.labels(name, name)
            for result in ("success", "requeue_after", "error"):
                self._results.labels(name, result)
            self._seconds.labels(name)
            self._panics.labels(name)
        if registry is not None:
            registry.register(self)

    def added(self, key: Key, *, waits: bool) -> None:
        """A key was added; ``waits`` is False for one that is worked on, and comes once more afterwards."""
        self._adds.labels(*_names(key)).inc()
        if waits:
            self._waiting[key] = self._clock()

    def begun(self, key: Key) -> None:
        """A worker has taken a key that waited."""
        now = self._active[key] = self._clock()
        self._queued.labels(*_names(key)).observe(now - self._waiting.pop(key, now))

    def ended(self, key: Key) -> None:
        """The work on a key is done."""
        self._worked.labels(*_names(key)).observe(self._clock() - self._active.pop(key))

    def retried(self, key: Key) -> None:
        """A key is put back after a failure."""
        self._retries.labels(*_names(key)).inc()

    def reconciled(self, key: Key, result: str, seconds: float) -> None:
        """One reconcile ended.

        Args:
            key: of what.
            result: ``success``, ``requeue_after`` (it asked for a look at a certain time), or ``error`` (it is tried
                again with exponential backoff).
            seconds: how long it took.
        """
        self._results.labels(key.kind.lower(), result).inc()
        self._seconds.labels(key.kind.lower()).observe(seconds)

    def panicked(self, key: Key) -> None:
        """A reconcile ended with an error that nobody raises on purpose."""
        self._panics.labels(key.kind.lower()).inc()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """What waits and what is worked on; `CollectorRegistry` asks for it, in whatever thread."""
        now = self._clock()
        waiting = Tally(key.kind.lower() for key in list(self._waiting))
        begun = list(self._active.items())
        depth = GaugeMetricFamily("workqueue_depth", "Keys that wait for a worker.", labels=_LABELS)
        unfinished = GaugeMetricFamily(
            "workqueue_unfinished_work_seconds", "Seconds of work under way, of all keys together.", labels=_LABELS
        )
        longest = GaugeMetricFamily(
            "workqueue_longest_running_processor_seconds",
            "For how long the longest running reconcile has gone on; 0 while none is under way.",
            labels=_LABELS,
        )
        for name in dict.fromkeys((*self._names, *waiting, *(key.kind.lower() for key, _ in begun))):
            spent = [now - since for key, since in begun if key.kind.lower() == name]
            depth.add_metric([name, name], waiting[name])
            unfinished.add_metric([name, name], sum(spent))
            longest.add_metric([name, name], max(spent, default=0.0))
        yield from (depth, unfinished, longest)


def _names(key: Key) -> tuple[str, str]:
    return key.kind.lower(), key.kind.lower()
