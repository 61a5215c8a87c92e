"""Metrics of finished runs: counters per registered Sync, which can be summed over any time such as a day."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Histogram

from sync_operator.api.statuses.run_status import LastRun
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.metrics.exposition import Family

__all__ = ["RunMetrics"]

_BUCKETS: Final = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 10_800.0, 43_200.0, 86_400.0)
_RESULTS: Final = ("delivered", "rows_refused", "failed", "canceled")
_OUTCOMES: Final = ("succeeded", "failed", "skipped")


class RunMetrics:
    """Results of the runs that this process has reported in a status. All series of a Sync start at zero.

    Args:
        registry: registry of the duration histogram; the counters are in `families`.
        syncs: returns the cached Syncs.
    """

    def __init__(self, registry: CollectorRegistry, syncs: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
        self._syncs = syncs
        self._registered: list[NamespacedName] = []
        self._runs: dict[NamespacedName, Tally[str]] = {}
        self._rows: dict[NamespacedName, Tally[str]] = {}
        self._seconds = Histogram(
            "sync_operator_run_duration_seconds", "How long runs took.", ["result"], buckets=_BUCKETS, registry=registry
        )
        for result in _RESULTS:
            self._seconds.labels(result)

    def observe_run(self, sync: NamespacedName, run: LastRun) -> None:
        """Count a finished run of a Sync, after the Sync's status holds it."""
        result = (run.verdict or "").replace(" ", "_")
        self._runs.setdefault(sync, Tally())[result] += 1
        if run.duration_seconds is not None:
            self._seconds.labels(result).observe(run.duration_seconds)
        if run.rows is not None:
            counted = {"succeeded": run.rows.succeeded, "failed": run.rows.failed, "skipped": run.rows.skipped or 0}
            self._rows.setdefault(sync, Tally()).update(counted)

    def copy_state(self) -> None:
        """Copy the list of the registered Syncs and drop the others; call it in the event loop's thread."""
        registered = (sync["metadata"] for sync in self._syncs() if "id" in sync.get("status", {}))
        self._registered = [NamespacedName(metadata["namespace"], metadata["name"]) for metadata in registered]
        gone = self._runs.keys() - set(self._registered) if self._runs else ()
        for sync in gone:
            del self._runs[sync]
            self._rows.pop(sync, None)

    def families(self) -> Iterator[Family]:
        """Counters of runs and rows as of the last scrape. Thread-safe."""
        runs = Family(
            "sync_operator_runs_total", "Runs that have ended.", ["namespace", "name", "result"], metric_type="counter"
        )
        rows = Family(
            "sync_operator_rows_total",
            "Rows of runs that have ended.",
            ["namespace", "name", "outcome"],
            metric_type="counter",
        )
        none: Tally[str] = Tally()
        for sync in self._registered:
            ended, counted = self._runs.get(sync, none), self._rows.get(sync, none)
            for result in _RESULTS:
                runs.add([*sync, result], ended[result])
            for outcome in _OUTCOMES:
                rows.add([*sync, outcome], counted[outcome])
        yield from (runs, rows)
