"""Alerts and dashboard: by the real Prometheus's parser and rule engine, over what the operator really exports."""

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from tests.support.docs import anchors
from tests.support.helm import CHART, NAMESPACE, Helm, the
from tests.support.plane import ROOT

from sync_operator.api.statuses.run_status import LastRun
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.metrics.metrics import Metrics
from sync_operator.controller.metrics.state_metrics import Sources
from sync_operator.controller.workqueue.workqueue import Key
from sync_operator.syncapi.flow.request_gate import GateState

ALERTS: Final = CHART / "files" / "monitoring" / "alerts.yaml"
DASHBOARD: Final = CHART / "files" / "monitoring" / "dashboard.json"
RULES: Final[list[dict[str, Any]]] = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
TARGET: Final = {"namespace": NAMESPACE, "pod": "op-1"}
"""What Prometheus adds to a metric that does not say it itself (`honorLabels`)."""
SYNC: Final = {"namespace": "shop", "name": "orders"}
HOURLY: Final = ("1970-01-01T04:00:00Z", "1970-01-01T05:00:00Z")
EVALUATED: Final = "3h"
"""In promtool's tests time begins with 1970."""
LATELY: Final = "1970-01-01T02:55:00Z"


KEY: Final = Key("Sync", "shop", "orders")
WORKSPACE: Final = {"namespace": "shop", "name": "default"}


def conditions(**statuses: str | None) -> list[dict[str, str]]:
    """Conditions by type; one without a status is not there."""
    return [{"type": kind, "status": status, "reason": "Why"} for kind, status in statuses.items() if status]


def exported(  # noqa: PLR0913 (each a figure of the page)
    *,
    ready: str = "True",
    reason: str = "Scheduled",
    workspace: str | None = "True",
    healthy: str | None = "True",
    fresh: str = "True",
    created_at: str = "1970-01-01T00:00:00Z",
    succeeded_at: str | None = LATELY,
    next_runs: tuple[str, ...] = HOURLY,
    panics: bool = False,
    longest: float = 0.0,
    cluster_code: str = "200",
    code: int = 200,
    depth: int = 0,
    compared_at: str = LATELY,
    waiting: int = 0,
    count: int = 1,
) -> list[Metric]:
    """What a scraper reads of one Sync, its Workspace and its server; ``workspace``: the status of its Ready."""
    status: dict[str, Any] = {
        "id": "1",
        "conditions": conditions(Ready=ready, RunsHealthy=healthy, Fresh=fresh),
        "nextRuns": next_runs,
        "lastRun": {
            "durationSeconds": 60,
            "rows": {"queried": 10, "total": 10, "succeeded": 9, "failed": 1, "skipped": 0},
        },
    }
    status["conditions"][0]["reason"] = reason
    if succeeded_at is not None:
        status["lastSuccessAt"] = succeeded_at
    home = {
        "metadata": WORKSPACE,
        "spec": {"url": "https://sync.example.com"},
        "status": {"conditions": conditions(Ready=workspace)},
    }
    sync = {"metadata": SYNC | {"creationTimestamp": created_at}, "status": status}
    others = [sync | {"metadata": sync["metadata"] | {"name": f"orders-{number}"}} for number in range(1, count)]
    compared = [(("shop", "default"), datetime.fromisoformat(compared_at))]
    metrics = Metrics(
        Sources(
            syncs=lambda: [sync, *others],
            workspaces=lambda: [home] if workspace is not None else [],
            queue_depth=lambda: depth,
            entry_counts=lambda: {"syncs": 1, "connections": 2},
            last_compared=lambda: compared,
            gate_states=lambda: [
                (("shop", "default"), GateState(circuit_closed=True, per_minute=300, calls_left=60, waiting=waiting))
            ],
            drift_period=timedelta(seconds=300),
        )
    )
    metrics.observe_lag(0.01)
    metrics.count_event("DriftCorrected")
    metrics.count_dropped_event()
    metrics.queue.added(KEY, waits=True)
    metrics.queue.started(KEY)
    metrics.queue.ended(KEY)
    metrics.runs.observe_run(NamespacedName("shop", "orders"), LastRun(verdict="delivered", duration_seconds=60))
    metrics.queue.reconciled(KEY, "success", 0.1)
    if panics:
        metrics.queue.panicked(KEY)
    metrics.observe_cluster_request("GET", "10.0.0.1:443", cluster_code, 0.1)
    metrics.observe_request("shop/default", "GET /syncs/:id", code, 0.1)
    metrics.copy_state()
    page = metrics.render().decode()
    found = list(text_string_to_metric_families(page))
    for family in found:
        if family.name == "workqueue_longest_running_processor_seconds":
            family.samples = [
                sample._replace(value=longest if sample.labels["controller"] == "sync" else 0.0)
                for sample in family.samples
            ]
    return found


def series(families: Iterable[Metric]) -> list[dict[str, str]]:
    """The same as promtool takes it, over some hours: counters grow, gauges stay."""
    found = []
    for family in families:
        for sample in family.samples:
            labels = ", ".join(f'{name}="{value}"' for name, value in (TARGET | sample.labels).items())
            grows = family.type in {"counter", "histogram"}
            values = f"0+{sample.value}x300" if grows else f"{sample.value}x300"
            found.append({"series": f"{sample.name}{{{labels}}}", "values": values})
    return found


def judged(promtool: Path, folder: Path, rules: list[dict[str, Any]], groups: list[dict[str, Any]]) -> str:
    """What `promtool test rules` says; nothing when all is as expected."""
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "rules", "rules": rules}]}))
    test = folder / "test.yaml"
    test.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": groups}))
    done = subprocess.run([promtool, "test", "rules", test], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def expectation(families: Iterable[Metric], expected: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A test of promtool: these alerts fire and no others."""
    return {
        "interval": "1m",
        "input_series": series(families),
        "alert_rule_test": [
            {
                "eval_time": EVALUATED,
                "alertname": rule["alert"],
                "exp_alerts": [expected[rule["alert"]]] if rule["alert"] in expected else [],
            }
            for rule in RULES
        ],
    }


WARNING: Final = {"severity": "warning"}
CRITICAL: Final = {"severity": "critical"}
FIRING: Final[dict[str, tuple[list[Metric], dict[str, str], str]]] = {
    "SyncOperatorAbsent": ([], CRITICAL, "No sync-operator is at work."),
    "SyncOperatorFailing": (
        exported(panics=True),
        WARNING | TARGET,
        "The sync-operator fails in an unexpected way.",
    ),
    "SyncOperatorBusy": (
        exported(depth=3),
        WARNING | TARGET,
        "The sync-operator does not get to the end of its queue.",
    ),
    "SyncOperatorStuck": (
        exported(longest=700),
        WARNING | TARGET | {"controller": "sync"},
        "A reconcile of the sync-operator does not come to its end.",
    ),
    "SyncOperatorRefused": (
        exported(cluster_code="403"),
        WARNING | TARGET,
        "The cluster's API server refuses the sync-operator, or does not answer.",
    ),
    "SyncWorkspaceNotReady": (
        exported(
            workspace="False", ready="False", healthy="False", code=503, compared_at="1970-01-01T02:30:00Z", count=20
        ),
        WARNING | WORKSPACE | {"server": "sync.example.com"},
        "Workspace shop/default cannot use its server sync.example.com.",
    ),
    "SyncWorkspaceNotFound": (
        exported(workspace=None, ready="False", reason="InvalidSpec", count=20),
        WARNING | {"workspace": "shop/default"},
        "There is no Workspace shop/default, and Syncs name it.",
    ),
    "SyncWorkspaceThrottled": (
        exported(waiting=5),
        WARNING | WORKSPACE,
        "Syncs of Workspace shop/default wait for their turn at its server.",
    ),
    "SyncServerFailing": (
        exported(code=503),
        WARNING | {"workspace": "shop/default"},
        "The sync server of Workspace shop/default refuses or fails.",
    ),
    "SyncsNotCompared": (
        exported(compared_at="1970-01-01T02:30:00Z"),
        WARNING | {"namespace": "shop", "name": "default"},
        "The Syncs of Workspace shop/default are not compared with their server.",
    ),
    "SyncNotReady": (exported(ready="False"), WARNING | SYNC, "Sync shop/orders is not in place."),
    "SyncRunsUnhealthy": (
        exported(healthy="False"),
        WARNING | SYNC,
        "The last run of Sync shop/orders did not deliver its rows.",
    ),
    "SyncNotFresh": (exported(fresh="False"), CRITICAL | SYNC, "The data of Sync shop/orders are older than promised."),
    "SyncOverdue": (
        exported(succeeded_at="1970-01-01T00:00:00Z", next_runs=("1970-01-01T03:30:00Z", "1970-01-01T04:00:00Z")),
        WARNING | SYNC,
        "Sync shop/orders has missed its times.",
    ),
}
"""What is exported when an alert fires, its labels and its summary."""
QUIET: Final = {
    "all is well": exported(),
    "one missed run is not yet too late": exported(succeeded_at="1970-01-01T01:00:00Z"),
    "a suspended Sync is never overdue": exported(succeeded_at="1970-01-01T00:00:00Z", next_runs=()),
    "one comparison that failed": exported(compared_at="1970-01-01T02:48:00Z"),
    "a new Sync before its first run": exported(
        created_at=LATELY, succeeded_at=None, healthy=None, next_runs=("1970-01-01T03:30:00Z", "1970-01-01T04:00:00Z")
    ),
    "a Sync that waits for a Workspace which is suspended": exported(ready="False", reason="WorkspaceNotReady"),
    "a server that refuses one request only": [*exported(), *exported(code=404)],
}


def test_each_alert_fires_for_its_reason_and_for_no_other(promtool: Path, tmp_path: Path) -> None:
    rules = [rule | {"annotations": {"summary": rule["annotations"]["summary"]}} for rule in RULES]
    groups = [
        expectation(families, {alert: {"exp_labels": labels, "exp_annotations": {"summary": summary}}})
        for alert, (families, labels, summary) in FIRING.items()
    ]

    assert list(FIRING) == [rule["alert"] for rule in RULES]
    assert not judged(promtool, tmp_path, rules, groups)


@pytest.mark.parametrize("families", QUIET.values(), ids=QUIET)
def test_no_alert_fires_without_a_reason(promtool: Path, tmp_path: Path, families: list[Metric]) -> None:
    assert not judged(promtool, tmp_path, RULES, [expectation(families, {})])


def test_a_sync_that_has_never_succeeded_is_overdue(promtool: Path, tmp_path: Path) -> None:
    families = exported(succeeded_at=None, healthy=None, next_runs=("1970-01-01T03:30:00Z", "1970-01-01T04:00:00Z"))
    expected = {"SyncOverdue": {"exp_labels": WARNING | SYNC, "exp_annotations": {"summary": FIRING["SyncOverdue"][2]}}}
    rules = [rule | {"annotations": {"summary": rule["annotations"]["summary"]}} for rule in RULES]

    assert not judged(promtool, tmp_path, rules, [expectation(families, expected)])


@pytest.mark.parametrize("code", [0, 400, 401, 403, 500, 503])
def test_each_kind_of_refusal_is_counted(promtool: Path, tmp_path: Path, code: int) -> None:
    summary = FIRING["SyncServerFailing"][2]
    expected = {"exp_labels": FIRING["SyncServerFailing"][1], "exp_annotations": {"summary": summary}}
    rules = [rule | {"annotations": {"summary": rule["annotations"]["summary"]}} for rule in RULES]

    groups = [expectation(exported(code=code), {"SyncServerFailing": expected})]
    assert not judged(promtool, tmp_path, rules, groups)


def test_the_rules_are_clean_and_each_says_what_to_do(promtool: Path) -> None:
    checked = subprocess.run(
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", ALERTS], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stderr
    for rule in RULES:
        assert set(rule["annotations"]) == {"summary", "description"}


def queries() -> list[str]:
    """Every query of the dashboard, with Grafana's variables filled in."""
    found = [
        target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel.get("targets", ())
    ]
    return [query.replace("$namespace", ".*").replace("$__rate_interval", "5m") for query in found]


def absences() -> list[dict[str, Any]]:
    """For each query an alert that fires where it finds nothing."""
    return [{"alert": f"Query{number}", "expr": f"absent({query})"} for number, query in enumerate(queries())]


def test_the_query_of_the_documentation_finds_syncs_with_workspace_and_reason(promtool: Path, tmp_path: Path) -> None:
    [shown] = re.findall(r"```promql\n(.*?)```", (ROOT / "docs" / "monitoring.md").read_text(), re.DOTALL)
    found = {"exp_labels": SYNC | {"workspace": "shop/default", "reason": "Rejected"}}
    group = {
        "interval": "1m",
        "input_series": series(exported(ready="False", reason="Rejected")),
        "alert_rule_test": [{"eval_time": EVALUATED, "alertname": "Shown", "exp_alerts": [found]}],
    }

    assert not judged(promtool, tmp_path, [{"alert": "Shown", "expr": shown}], [group])


def test_every_query_of_the_dashboard_finds_what_is_exported(promtool: Path, tmp_path: Path) -> None:
    families = exported(ready="False", healthy="False", fresh="False", workspace="False")
    rules = absences()
    quiet = [{"eval_time": EVALUATED, "alertname": rule["alert"], "exp_alerts": []} for rule in rules]

    assert not judged(
        promtool, tmp_path, rules, [{"interval": "1m", "input_series": series(families), "alert_rule_test": quiet}]
    )
    nothing = judged(promtool, tmp_path, rules, [{"interval": "1m", "input_series": [], "alert_rule_test": quiet}])
    always = [number for number, query in enumerate(queries()) if query.endswith("or vector(0)")]
    found_nothing = {int(number) for number in re.findall(r"alertname: Query(\d+)", nothing)}
    assert found_nothing == set(range(len(rules))) - set(always)


def named(text: str) -> set[str]:
    """The operator's metrics in a text, by the names of their families."""
    found = re.findall(r"\b(?:sync_operator|workqueue|rest_client)_\w+", text)
    return {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in found}


def labelled() -> dict[str, set[str]]:
    """The exported metrics as the documentation names them, with their labels."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name: {
            label for sample in family.samples for label in sample.labels if label != "le"
        }
        for family in families_exported()
    }


def families_exported() -> list[Metric]:
    """Without those of the process, which the library brings."""
    return [family for family in exported() if not family.name.startswith(("process_", "python_"))]


def test_dashboard_and_alerts_name_what_is_exported_and_the_dashboard_all_of_it() -> None:
    everything = {family.name for family in families_exported()}

    assert named(DASHBOARD.read_text()) == everything
    assert named("\n".join(rule["expr"] for rule in RULES)) <= everything


def test_every_query_of_the_dashboard_asks_for_labels_that_its_metrics_have() -> None:
    targets = [target for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel.get("targets", ())]
    labels = {family.name: {label for sample in family.samples for label in sample.labels} for family in exported()}
    for target in targets:
        known = set[str](TARGET).union(*(labels[name] for name in named(target["expr"])))
        grouped = {label for listed in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in listed.split(", ")}
        matched = set(re.findall(r"(\w+)=~?\"", target["expr"]))
        shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        assert grouped | matched <= known
        assert shown <= grouped


def test_the_documentation_lists_every_metric_and_every_alert() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text()
    metrics, alerts = page.split("## Metrics")[1].split("## Alerts")

    rows = [line.split("|")[1:3] for line in metrics.splitlines() if line.startswith("| `")]
    told = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    assert told == {f" `{name}` ": labels for name, labels in labelled().items()}
    assert re.findall(r"^\| `(\w+)` \| (\w+)", alerts, re.MULTILINE) == [
        (rule["alert"], rule["labels"]["severity"]) for rule in RULES
    ]


def test_panels_lie_side_by_side_and_say_what_they_show() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    places = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(places) == len(set(places))
    assert max(x for x, _ in places) == 23
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert [panel["title"] for panel in panels if panel["type"] != "row" and not panel["description"]] == []


def test_none_of_it_is_made_unless_asked_for(helm: Helm) -> None:
    kinds = {document["kind"] for document in helm.template()}

    assert not kinds & {"Service", "ServiceMonitor", "PrometheusRule", "ConfigMap"}


def test_the_monitor_finds_the_pods_by_a_service_that_only_it_uses(helm: Helm) -> None:
    rendered = helm.template(
        commonLabels={"team": "data", "release": "none"},
        serviceMonitor={"enabled": True, "labels": {"release": "prometheus"}, "interval": "15s"},
    )

    service, monitor, runner_config = (
        the("Service", rendered),
        the("ServiceMonitor", rendered),
        the("Deployment", rendered),
    )
    pod = runner_config["spec"]["template"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    [port] = service["spec"]["ports"]
    [container] = pod["spec"]["containers"]
    assert port["targetPort"] in {each["name"] for each in container["ports"]}
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"] == [{"port": port["name"], "honorLabels": True, "interval": "15s"}]
    assert monitor["metadata"]["labels"].items() >= {"release": "prometheus", "team": "data"}.items()
    [plain] = the("ServiceMonitor", helm.template(serviceMonitor={"enabled": True}))["spec"]["endpoints"]
    assert "interval" not in plain


def test_the_rule_holds_the_alerts_as_they_are(helm: Helm) -> None:
    rule = the("PrometheusRule", helm.template(prometheusRule={"enabled": True, "labels": {"release": "prometheus"}}))

    assert rule["spec"] == yaml.safe_load(ALERTS.read_text())
    assert rule["metadata"]["labels"]["release"] == "prometheus"


def test_each_alert_names_its_section_of_the_runbook(helm: Helm) -> None:
    url = "https://docs.example.com/runbook.md"
    rule = the("PrometheusRule", helm.template(prometheusRule={"enabled": True, "runbookUrl": url}))

    [group] = rule["spec"]["groups"]
    sections = anchors((ROOT / "docs" / "runbook.md").read_text())
    for alert, plain in zip(group["rules"], RULES, strict=True):
        page, _, section = alert["annotations"].pop("runbook_url").partition("#")
        assert page == url
        assert section == alert["alert"].lower()
        assert section in sections
        assert alert == plain


def test_the_dashboard_is_found_by_its_labels(helm: Helm) -> None:
    chosen: dict[str, Any] = {"enabled": True, "annotations": {"grafana_folder": "Data"}, "labels": {"more": "yes"}}
    config = the("ConfigMap", helm.template(grafanaDashboard=chosen))

    assert json.loads(config["data"]["sync-operator.json"]) == json.loads(DASHBOARD.read_text())
    assert config["metadata"]["annotations"] == {"grafana_folder": "Data"}
    assert config["metadata"]["labels"].items() >= {"grafana_dashboard": "1", "more": "yes"}.items()
