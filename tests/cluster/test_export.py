"""The round trip: export what a server has, apply it, let the operator look for drift; the server stays as it was."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.support.manifests import workspace_manifest
from tests.support.plane import Kube, Plane
from tests.support.running import PROGRAM, TOKEN, Controller, Sandbox, eventually
from tests.support.syncs import MAPPING, Tenant

from sync_operator.api.constants import SYNC_KIND

AUTOMATED = {"schedule_type": "automated", "sync_interval": 7, "sync_interval_unit": "minutes"}
PLAIN = {"source_id": 1, "destination_id": 2, "model_id": 3, "stream_name": "orders", "sync_mode": "full_refresh"}
SECRET_ITEM = [MAPPING[0] | {"mapping_type": "vector", "embedding_config": {"mode": "x", "api_key": "top-s3cr3t"}}]
SCHEDULES: dict[str, list[dict[str, Any]]] = {
    "multiwoven": [
        {"schedule_type": "manual"},
        {"schedule_type": "interval", "sync_interval": 90, "sync_interval_unit": "minutes"},
        {"schedule_type": "cron_expression", "cron_expression": "0 6 * * MON"},
    ],
    "documented": [AUTOMATED, AUTOMATED | {"cron_expression": "@daily"}],
}


def populate(sandbox: Sandbox, dialect: str) -> int:
    """Syncs of every kind that the dialect knows, some of them disabled; how many there are."""
    made = 0
    for number, schedule in enumerate(SCHEDULES[dialect]):
        for configuration in (MAPPING, {"on": "yes", "0o17": "1_000", "nested": {"a": [1.5, None]}}, SECRET_ITEM):
            body = PLAIN | schedule | {"configuration": configuration, "model_id": 3 + number, "cursor_field": "at"}
            answer = sandbox.call("POST", "/syncs", sync=body)
            assert answer.status_code in {200, 201}, answer.text
            made += 1
    if dialect == "multiwoven":
        for sync_id in (1, 4):
            assert sandbox.call("PATCH", f"/syncs/{sync_id}/enable", enable=False).status_code == 200
    return made


def tool(folder: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run one of the tools as a user does."""
    environment = {**os.environ, "SYNC_OPERATOR_ALLOW_INSECURE_HOSTS": "127.0.0.1"}
    return subprocess.run(
        [PROGRAM, *words], input=stdin, capture_output=True, text=True, check=False, cwd=folder, env=environment
    )


@pytest.mark.parametrize("dialect", SCHEDULES)
def test_export_apply_and_drift_check_change_nothing_on_the_server(
    dialect: str, kube: Kube, plane: Plane, namespace: str, controller: Controller, request: pytest.FixtureRequest
) -> None:
    assert controller.log.exists()
    sandbox = request.getfixturevalue("sandbox" if dialect == "multiwoven" else "documented")
    folder = request.getfixturevalue("tmp_path")
    count = populate(sandbox, dialect)
    tenant = Tenant(kube, namespace, sandbox)
    tenant.connect()
    before = sandbox.syncs()
    sandbox.forget_requests()

    workspace = workspace_manifest("default", url=sandbox.url, workspaceId="1")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"token": TOKEN}}
    (folder / "workspace.json").write_text(json.dumps(workspace))
    (folder / "secret.json").write_text(json.dumps(secret))
    exported = tool(folder, "export", "workspace.json", "secret.json")
    assert (exported.returncode, exported.stderr) == (0, f"{count} syncs exported\n")
    assert "s3cr3t" not in exported.stdout
    (folder / "syncs.yaml").write_text(exported.stdout)
    assert tool(folder, "validate", "syncs.yaml").returncode == 0
    applied = plane.kubectl("apply", "--namespace", namespace, "-f", "-", stdin=exported.stdout)
    assert applied.returncode == 0, applied.stderr
    names = [line.split()[0].rpartition("/")[2] for line in applied.stdout.splitlines()]
    for name in names:
        if tenant.get(name)["spec"].get("configurationSecrets"):
            tenant.secret("top-s3cr3t", name=f"{name}-configuration", key="0.embedding_config.api_key")

    for name in names:
        assert tenant.when(SYNC_KIND, name, "Ready", seconds=60)["status"]["origin"] == "Adopted"
    listed = len(lists(sandbox))
    eventually(lambda: len(lists(sandbox)) > listed, "a drift check", seconds=60)

    live = plane.kubectl("get", "syncs", "--namespace", namespace, "-o", "yaml").stdout
    (folder / "live.yaml").write_text(live)
    assert tool(folder, "validate", "live.yaml").returncode == 0
    words = ("workspace.json", "secret.json", "syncs.yaml", "--live", "live.yaml", "--namespace", namespace)
    planned = tool(folder, "plan", *words)
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert f"plan: {count} up to date; nothing was written" in planned.stdout
    assert len(names) == count
    assert [entry for entry in sandbox.requests() if entry["method"] != "GET"] == []
    assert [(sync["id"], sync["attributes"]) for sync in sandbox.syncs()] == [
        (sync["id"], sync["attributes"]) for sync in before
    ]


def lists(sandbox: Sandbox) -> list[object]:
    """Requests for the whole workspace, which the drift check makes."""
    return [entry for entry in sandbox.requests("GET") if entry["path"] == "/api/v1/syncs"]
