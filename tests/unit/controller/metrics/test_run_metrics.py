"""Runs and rows are counted so that they can be summed over a day, and end with their Sync."""

from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from sync_operator.api.statuses.run_status import LastRun, RowCounts
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.metrics.run_metrics import RunMetrics

ORDERS = NamespacedName("shop", "orders")
WHO = {"namespace": "shop", "name": "orders"}


def a_sync(name: str = "orders", **status: str) -> dict[str, Any]:
    return {"metadata": {"namespace": "shop", "name": name}, "status": status}


def counted(metrics: RunMetrics, sample: str, **labels: str) -> float | None:
    page = b"".join(family.text() for family in metrics.families()).decode()
    samples = (each for family in text_string_to_metric_families(page) for each in family.samples)
    return next((each.value for each in samples if each.name == sample and each.labels == WHO | labels), None)


def test_runs_and_rows_are_counted_from_zero_and_forgotten_with_the_sync() -> None:
    registry, syncs = CollectorRegistry(), [a_sync(id="1"), a_sync("new")]
    metrics = RunMetrics(registry, lambda: syncs)
    metrics.copy_state()
    assert counted(metrics, "sync_operator_runs_total", result="failed") == 0
    assert counted(metrics, "sync_operator_rows_total", outcome="skipped") == 0
    assert counted(metrics, "sync_operator_runs_total", name="new", result="failed") is None

    rows = RowCounts(queried=10, total=9, succeeded=7, failed=2, skipped=1)
    metrics.observe_run(ORDERS, LastRun(verdict="delivered", duration_seconds=90, rows=rows))
    metrics.observe_run(ORDERS, LastRun(verdict="rows refused", duration_seconds=20, rows=rows))
    metrics.observe_run(ORDERS, LastRun(verdict="failed"))

    results = {
        result: counted(metrics, "sync_operator_runs_total", result=result)
        for result in ("delivered", "rows_refused", "failed", "canceled")
    }
    assert results == {"delivered": 1, "rows_refused": 1, "failed": 1, "canceled": 0}
    assert counted(metrics, "sync_operator_rows_total", outcome="succeeded") == 14
    assert counted(metrics, "sync_operator_rows_total", outcome="failed") == 4
    assert registry.get_sample_value("sync_operator_run_duration_seconds_sum", {"result": "delivered"}) == 90
    assert registry.get_sample_value("sync_operator_run_duration_seconds_count", {"result": "failed"}) == 0

    syncs.clear()
    metrics.copy_state()
    assert counted(metrics, "sync_operator_runs_total", result="failed") is None
    syncs.append(a_sync(id="2"))
    metrics.copy_state()
    assert counted(metrics, "sync_operator_runs_total", result="failed") == 0
