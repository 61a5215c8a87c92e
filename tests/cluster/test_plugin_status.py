"""`kubectl sync status`, `suspend` and `resume` on a real API server; no controller: the tests write each status."""

import os
import pty
import signal
import subprocess
from typing import Any

import pytest
from tests.support.manifests import sync_manifest, workspace_manifest
from tests.support.plane import Plane
from tests.support.plugin import Plugin
from tests.support.syncs import MAPPING, Tenant

OLD = "2026-01-01T00:00:00Z"


@pytest.fixture
def plugin(quiet: Plane, team: Tenant) -> Plugin:
    return Plugin(quiet.kubeconfig, team.namespace)


def put(team: Tenant, kind: str, name: str, *conditions: tuple[str, str, str, str], **status: Any) -> None:
    """Create an object that has these conditions: type, status, reason and message."""
    spec: dict[str, Any] = {}
    if kind == "Sync":
        spec = sync_manifest(name, configuration=MAPPING)["spec"]
    elif kind == "Workspace":
        spec = workspace_manifest(name, url="https://example.com", workspaceId="1")["spec"]
    spec |= status.pop("spec", {})
    obj = {"apiVersion": "squared.ai/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    team.kube.create(obj, team.namespace)
    written = [
        {"type": each, "status": value, "reason": reason, "message": message, "lastTransitionTime": OLD}
        for each, value, reason, message in conditions
    ]
    team.kube.patch_status(kind, name, team.namespace, {"observedGeneration": 1, "conditions": written, **status})


def ready(reason: str = "Scheduled") -> tuple[str, str, str, str]:
    return "Ready", "True", reason, "registered"


def waits(reason: str, message: str) -> tuple[str, str, str, str]:
    return "Ready", "False", reason, message


def test_a_workspace_that_is_down_is_one_problem(team: Tenant, plugin: Plugin) -> None:
    put(team, "Workspace", "default", waits("Unauthorized", "401: put a valid token into the Secret"))
    for number in range(8):
        put(team, "Sync", f"sync-{number}", waits("WorkspaceNotReady", "Workspace 'default' is not ready: 401"))
    refused: dict[str, Any] = {
        "id": "7",
        "trigger": "Request",
        "verdict": "rows refused",
        "startedAt": OLD,
        "finishedAt": OLD,
    }
    refused["rows"] = {"queried": 9, "total": 9, "succeeded": 5, "failed": 4}
    bad = ("RunsHealthy", "False", "RowsRejected", "4 of 9 rows refused")
    reasons = [{**refused, "reasons": ["invalid e-mail (4 rows)"]}]
    put(team, "Sync", "apart", ready(), bad, lastRun=refused, recentRuns=reasons)

    shown = plugin("status")

    assert shown.startswith(f"2 problems in namespace {team.namespace!r}\n9 Syncs, 1 Workspace\n")
    first, second = shown.split("\n\n")[1:3]
    assert first.startswith("Workspace default: Unauthorized for ")
    assert "401: put a valid token into the Secret" in first
    assert "waiting: 8 Syncs: sync-0, sync-1, sync-2, sync-3, sync-4, sync-5 and 2 more" in first
    assert second.startswith("Sync apart: RowsRejected for ")
    assert "NAME" in shown
    assert "NAME" not in plugin("status", "--unhealthy")
    told = plugin.data("status")
    assert [(problem["reason"], len(problem["affected"])) for problem in told["problems"]] == [
        ("Unauthorized", 8),
        ("RowsRejected", 1),
    ]
    assert told["problems"][0]["cause"] == {"kind": "Workspace", "namespace": team.namespace, "name": "default"}
    assert "sync.squared.ai/apart" in plugin("status", "-o", "name").splitlines()
    detail = plugin("status", "apart", "workspace/default")
    assert "run 7, requested" in detail
    assert "5 of 9 rows delivered, 4 refused\n                invalid e-mail (4 rows)\n" in detail
    assert "Workspace default: not ready: 401: put a valid token into the Secret" in detail
    assert "\nWorkspace default in namespace" in detail


def test_what_waits_for_a_model_waits_for_its_connector(team: Tenant, plugin: Plugin) -> None:
    source = {"connectorType": "source", "connectorName": "Postgresql", "configuration": {"host": "db"}}
    model = {"connectorRef": {"name": "db"}, "query": "SELECT 1", "primaryKey": "id"}
    put(team, "Connector", "db", waits("Rejected", "the server refuses the host"), spec=source)
    put(team, "Model", "m", waits("ReferenceNotReady", "spec.connectorRef: Connector 'db' is not Ready"), spec=model)
    refs: dict[str, Any] = {"modelRef": {"name": "m"}, "modelId": None}
    put(team, "Sync", "s", waits("ReferenceNotReady", "spec.modelRef: Model 'm' is not Ready"), spec=refs)

    [problem] = plugin.data("status")["problems"]

    assert (problem["reason"], problem["message"]) == ("Rejected", "the server refuses the host")
    assert problem["cause"]["name"] == "db"
    assert [entry["kind"] for entry in problem["affected"]] == ["Sync", "Model"]


def test_what_no_operator_has_looked_at_is_told_once_it_is_old_enough(team: Tenant, plugin: Plugin) -> None:
    team.sync()

    shown = plugin("status", "orders")

    assert "no operator has looked at it yet: is it running" in shown
    assert plugin("status").startswith("no problems in namespace")


def test_suspend_and_resume(team: Tenant, plugin: Plugin, quiet: Plane) -> None:
    for name in ("orders", "leads"):
        team.sync(name)
        quiet.kubectl("label", "sync", name, "team=crm", "-n", team.namespace)
    team.workspace()

    assert plugin("suspend", "orders", "--reason", "move") == "sync.squared.ai/orders suspended\n"
    spec = team.get()["spec"]
    assert (spec["suspend"], spec["suspendReason"]) == (True, "move")
    assert "suspended     move" in plugin("status", "orders")
    assert plugin("suspend", "orders") == "sync.squared.ai/orders is suspended already\n"
    assert team.get()["spec"]["suspendReason"] == "move"
    assert plugin("suspend", "-l", "team=crm", "-o", "name") == "sync.squared.ai/leads\nsync.squared.ai/orders\n"
    assert plugin("resume", "orders") == "sync.squared.ai/orders resumed\n"
    spec = team.get()["spec"]
    assert (spec["suspend"], "suspendReason" in spec) == (False, False)
    assert plugin("suspend", "workspace/default") == "workspace.squared.ai/default suspended\n"
    assert team.kube.get("Workspace", "default", team.namespace)["spec"]["suspend"] is True
    assert "a Workspace has no field for it" in plugin("suspend", "workspace/default", "--reason", "x", code=2)
    assert "say what is to be resumed" in plugin("resume", code=2)
    assert "write NAME or KIND/NAME" in plugin("suspend", "model/x", code=2)
    mistyped = " ".join(plugin("suspend", "order", code=2).split())
    assert "there is no Sync 'order'" in mistyped
    assert "did you mean 'orders'?" in mistyped


def test_who_else_sets_suspend_is_told(team: Tenant, plugin: Plugin) -> None:
    manifest = sync_manifest("orders", configuration=MAPPING, suspend=False)
    team.kube.resource("Sync").server_side_apply(
        body=manifest, name="orders", namespace=team.namespace, field_manager="argocd-controller"
    )

    assert "argocd-controller sets spec.suspend too" in plugin("suspend", "orders")


def test_texts_of_a_status_cannot_write_on_the_terminal(team: Tenant, plugin: Plugin) -> None:
    put(team, "Sync", "orders", waits("Rejected", "\x1b[2J\x1b]0;title\x07 gone\nsecond line"))

    for shown in (plugin("status"), plugin("status", "orders")):
        assert "\x1b" not in shown
        assert "gone second line" in shown


def test_a_terminal_may_be_watched(team: Tenant, plugin: Plugin) -> None:
    put(team, "Sync", "orders", ready())
    ours, theirs = pty.openpty()
    with subprocess.Popen(plugin.command("status", "--watch"), env=plugin.variables, stdout=theirs, stderr=-1) as watch:
        os.close(theirs)
        screen = b""
        while b"no problems" not in screen:
            screen += os.read(ours, 4096)
        team.delete()
        while b"nothing of this operator" not in screen:
            screen += os.read(ours, 4096)
        watch.send_signal(signal.SIGINT)
        assert watch.wait(30) == 130
    os.close(ours)

    assert screen.count(b"\x1b[2J") >= 2
    assert "it is for a terminal" in plugin("status", "--watch", code=2)
