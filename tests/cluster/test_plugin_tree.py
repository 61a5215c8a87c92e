"""`kubectl sync tree` and `discover`, and the completion of kubectl's own shells, on a real API server."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.support.pipeline import DESTINATION, SOURCE
from tests.support.plane import Plane
from tests.support.plugin import PLUGIN, Plugin
from tests.support.syncs import MAPPING, Tenant

MODEL: dict[str, Any] = {"connectorRef": {"name": "db"}, "query": "SELECT id FROM users", "primaryKey": "id"}
REFS: dict[str, Any] = {
    "sourceId": None,
    "destinationId": None,
    "modelId": None,
    "sourceRef": {"name": "db"},
    "destinationRef": {"name": "crm"},
    "modelRef": {"name": "users"},
    "streamName": "contacts",
}


def put(shop: Tenant, kind: str, name: str, spec: dict[str, Any]) -> None:
    body = {"apiVersion": "squared.ai/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    shop.kube.create(body, shop.namespace)


@pytest.fixture
def plugin(plane: Plane, shop: Tenant) -> Plugin:
    return Plugin(plane.kubeconfig, shop.namespace)


def test_a_tree_says_what_waits_for_what(shop: Tenant, plugin: Plugin) -> None:
    put(shop, "Connector", "db", SOURCE)
    put(shop, "Model", "users", MODEL)
    shop.when("Model", "users", "Ready")
    shop.sync("contacts", scheduleType="manual", configuration=MAPPING, **REFS)
    shop.when("Sync", "contacts", "Ready", "False", "ReferenceNotReady")
    shop.sync("elsewhere", scheduleType="manual", workspaceRef={"name": "missing"})
    shop.when("Sync", "elsewhere", "Ready", "False", "WorkspaceNotFound")

    lines = plugin("tree").splitlines()

    assert lines[0] == "Workspace default: ready"
    assert lines[1:4] == [
        "└─ Connector db (source): ready",
        "   └─ Model users: ready",
        "      └─ Sync contacts → crm: waits for Connector crm",
    ]
    assert lines[4] == "Workspace missing: does not exist"
    assert lines[5].startswith("└─ Sync elsewhere: WorkspaceNotFound: ")
    put(shop, "Connector", "crm", DESTINATION)
    shop.when("Sync", "contacts", "Ready")
    assert "├─ Connector crm (destination): ready" in plugin("tree", "default")
    told = plugin.data("tree", "default")["workspaces"][0]
    assert [child["name"] for child in told["children"]] == ["crm", "db"]
    assert "sync.squared.ai/contacts" in plugin("tree", "-o", "name").splitlines()
    assert "there is no Workspace 'x'" in plugin("tree", "x", code=2)


def test_a_new_catalog_is_asked_for(shop: Tenant, plugin: Plugin) -> None:
    put(shop, "Connector", "crm", DESTINATION)
    shop.when("Connector", "crm", "Discovered")

    said = plugin("discover", "crm", "--wait", "--timeout", "1m")

    assert said.startswith("connector.squared.ai/crm new catalog requested\ncrm: ")
    assert "contacts" in said
    status = shop.kube.get("Connector", "crm", shop.namespace)["status"]
    assert status["lastHandledDiscoverRequest"].startswith("kubectl-sync-")
    assert "there is no Connector 'crn'" in plugin("discover", "crn", code=2)
    assert "say which" in plugin("discover", code=2)


def test_a_request_that_nobody_answers_is_told(quiet: Plane, team: Tenant) -> None:
    put(team, "Connector", "crm", DESTINATION)

    said = Plugin(quiet.kubeconfig, team.namespace)("discover", "crm", "--wait", "--timeout", "1s", code=124)

    assert "crm: no catalog within 1s: waiting for the operator" in " ".join(said.split())


def test_kubectl_completes_verbs_options_and_names(quiet: Plane, team: Tenant, tmp_path: Path) -> None:
    for name in ("orders", "old-orders", "leads"):
        team.sync(name)
    team.workspace()

    def completed(*words: str) -> list[str]:
        done = subprocess.run(
            [quiet.binary, "kubectl", "__complete", "sync", *words],
            env={**os.environ, "KUBECONFIG": str(quiet.kubeconfig), "PATH": f"{PLUGIN.parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        *found, directive = done.stdout.splitlines()
        assert directive == ":4", done.stderr
        return found

    assert completed("s") == ["status", "suspend"]
    assert completed("run", "-n", team.namespace, "o") == ["old-orders", "orders"]
    assert completed("run", "-n", team.namespace, "") == ["leads", "old-orders", "orders"]
    assert completed("suspend", "-n", team.namespace, "workspace/") == ["workspace/default"]
    assert completed("run", "--w") == ["--wait"]
    assert completed("status", "-o", "j") == ["json"]
    assert completed("status", "-n", team.namespace[:-1]) == [team.namespace]
    assert completed("status", "--context", "") == ["localplane"]
    assert completed("run", "--kubeconfig", str(tmp_path / "missing"), "") == []
