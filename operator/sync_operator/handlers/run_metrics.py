"""Metrics of the runs that have ended: counters that can be summed over a day, of each Sync that is registered."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Histogram

from sync_operator.handlers.cache import Ref
from sync_operator.handlers.exposition import Family
from sync_operator.model.status import LastRun

__all__ = ["RunMetrics"]

_SECONDS: Final = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 10_800.0, 43_200.0, 86_400.0)
_RESULTS: Final = ("delivered", "rows_refused", "failed", "canceled")
_OUTCOMES: Final = ("succeeded", "failed", "skipped")


class RunMetrics:
    """What became of the runs that this process has told of. All series of a Sync begin with zero.

    Args:
        registry: where the durations are exported; the rest is in `families`.
        syncs: the Syncs as the cache holds them.
    """

    def __init__(self, registry: CollectorRegistry, syncs: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
        self._syncs = syncs
        self._registered: list[Ref] = []
        self._runs: dict[Ref, Tally[str]] = {}
        self._rows: dict[Ref, Tally[str]] = {}
        self._seconds = Histogram(
            "sync_operator_run_duration_seconds", "How long runs took.", ["result"], buckets=_SECONDS, registry=registry
        )
        for result in _RESULTS:
            self._seconds.labels(result)

    def ended(self, sync: Ref, run: LastRun) -> None:
        """A run of a Sync has ended, and its status tells of it."""
        result = (run.verdict or "").replace(" ", "_")
        self._runs.setdefault(sync, Tally())[result] += 1
        if run.duration_seconds is not None:
            self._seconds.labels(result).observe(run.duration_seconds)
        if run.rows is not None:
            counted = {"succeeded": run.rows.succeeded, "failed": run.rows.failed, "skipped": run.rows.skipped or 0}
            self._rows.setdefault(sync, Tally()).update(counted)

    def look(self) -> None:
        """Take a snapshot, and forget Syncs that are gone; to be called in the thread of the event loop."""
        registered = (sync["metadata"] for sync in self._syncs() if "id" in sync.get("status", {}))
        self._registered = [Ref(metadata["namespace"], metadata["name"]) for metadata in registered]
        gone = self._runs.keys() - set(self._registered) if self._runs else ()
        for sync in gone:
            del self._runs[sync]
            self._rows.pop(sync, None)

    def families(self) -> Iterator[Family]:
        """Runs and rows, as of the last look; any thread may ask."""
        runs = Family(
            "sync_operator_runs_total", "Runs that have ended.", ["namespace", "name", "result"], kind="counter"
        )
        rows = Family(
            "sync_operator_rows_total",
            "Rows of runs that have ended.",
            ["namespace", "name", "outcome"],
            kind="counter",
        )
        none: Tally[str] = Tally()
        for sync in self._registered:
            ended, counted = self._runs.get(sync, none), self._rows.get(sync, none)
            for result in _RESULTS:
                runs.add([*sync, result], ended[result])
            for outcome in _OUTCOMES:
                rows.add([*sync, outcome], counted[outcome])
        yield from (runs, rows)
