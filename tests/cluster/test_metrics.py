"""What the metrics of a real controller tell of a Workspace, its Syncs and their runs."""

from functools import partial

import httpx
from prometheus_client.parser import text_string_to_metric_families
from tests.support.running import Controller, eventually
from tests.support.syncs import Tenant


def read(port: int, sample: str, /, **labels: str) -> float | None:
    """The first sample of that name that has all these labels, now."""
    page = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    samples = (each for family in text_string_to_metric_families(page) for each in family.samples)
    found = (each.value for each in samples if each.name == sample and each.labels.items() >= labels.items())
    return next(found, None)


def test_metrics_tell_of_a_workspace_its_syncs_and_their_runs(
    tenant: Tenant, metrics_port: int, controller: Controller
) -> None:
    assert f"metrics at /metrics on port {metrics_port}" in controller.log.read_text(), (
        "also where it was free to choose"
    )
    metric = partial(read, metrics_port)
    home = {"namespace": tenant.namespace, "name": "default"}
    orders = {"namespace": tenant.namespace, "name": "orders"}
    tenant.connect(requestsPerMinute=6000)
    tenant.ready(scheduleType="manual")
    assert metric("sync_operator_workspace_condition", type="Ready", status="True", **home) == 1
    assert metric("sync_operator_workspace_budget_requests_per_minute", **home) == 3000, "half is left to run pods"
    assert 0 < (metric("sync_operator_workspace_budget_available_requests", **home) or 0) <= 3000
    assert metric("sync_operator_workspace_circuit_breaker_open", **home) == 0
    told = {"workspace": f"{tenant.namespace}/default", "workspace_ready": "True", "reason": "Manual"}
    assert metric("sync_operator_sync_info", suspended="false", **told, **orders) == 1
    assert metric("sync_operator_runs_total", result="delivered", **orders) == 0
    assert metric("rest_client_requests_total", method="PATCH", code="200")
    assert metric("workqueue_adds_total", controller="sync")

    tenant.request_run("now")
    tenant.ran("Request")
    eventually(lambda: metric("sync_operator_runs_total", result="delivered", **orders), "the run to be counted")
    assert metric("sync_operator_runs_total", result="delivered", **orders) == 1
    assert metric("sync_operator_rows_total", outcome="succeeded", **orders) == 1000
    assert metric("sync_operator_events_total", reason="RunSucceeded")
    assert metric("sync_operator_run_duration_seconds_count", result="delivered")

    tenant.secret("wrong")
    eventually(
        lambda: metric("sync_operator_sync_info", workspace_ready="False", reason="Unauthorized", **orders),
        "the Sync to be told of as one of a Workspace that is not ready",
    )
    assert metric("sync_operator_workspace_info", reason="Unauthorized", **home) == 1
