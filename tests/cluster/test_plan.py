"""What `plan` foretells is what applying does, on the server and by the server's own log."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.support.manifests import sync_manifest, workspace_manifest
from tests.support.plane import Plane
from tests.support.running import PROGRAM, TOKEN, eventually
from tests.support.syncs import MAPPING, Tenant

from sync_operator.api.constants import SYNC_KIND

OTHER = [MAPPING[0] | {"to": "other_id"}]


def plan(tenant: Tenant, plane: Plane, folder: Path, *manifests: dict[str, Any]) -> dict[str, Any]:
    """The plan for manifests, with what the cluster holds; nothing may be written meanwhile."""
    workspace = workspace_manifest("default", url=tenant.sandbox.url, workspaceId="1")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"token": TOKEN}}
    file, live = folder / "all.yaml", folder / "live.yaml"
    file.write_text("\n---\n".join(map(json.dumps, (workspace, secret, *manifests))))
    live.write_text(plane.kubectl("get", "syncs", "--namespace", tenant.namespace, "-o", "yaml").stdout)
    tenant.sandbox.forget_requests()
    words: list[str | Path] = ["plan", file, "--live", live, "--namespace", tenant.namespace, "-o", "json"]
    environment = {**os.environ, "SYNC_OPERATOR_ALLOW_INSECURE_HOSTS": "127.0.0.1"}
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False, env=environment)
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (10 if told["changes"] else 0), done.stderr
    assert {entry["method"] for entry in tenant.sandbox.requests()} == {"GET"}
    return told


def test_the_plan_is_what_applying_does(tenant: Tenant, plane: Plane, tmp_path: Path) -> None:
    tenant.connect()
    tenant.ready("orders")
    changed = sync_manifest("orders", configuration=OTHER, syncMode="incremental")
    fresh = sync_manifest("fresh", configuration=MAPPING, streamName="people")

    told = plan(tenant, plane, tmp_path, changed, fresh)
    update, create = told["syncs"]
    tenant.sandbox.forget_requests()
    applied = plane.kubectl(
        "apply", "-n", tenant.namespace, "-f", "-", stdin=f"{json.dumps(changed)}\n---\n{json.dumps(fresh)}"
    )
    assert applied.returncode == 0, applied.stderr
    for name in ("orders", "fresh"):
        tenant.when(SYNC_KIND, name, "Ready")

    def written() -> list[str] | None:
        sent = [entry for entry in tenant.sandbox.requests() if entry["method"] != "GET"]
        return sorted(f"{entry['method']} {entry['path']}" for entry in sent) if len(sent) >= 2 else None

    assert eventually(written, "an update and a create") == ["POST /api/v1/syncs", f"PUT /api/v1/syncs/{update['id']}"]
    assert (update["action"], create["action"]) == ("update", "create")
    assert {(change["field"], change["new"]) for change in update["changes"]} == {
        ("configuration/0/to", "other_id"),
        ("syncMode", "incremental"),
    }
    again = plan(tenant, plane, tmp_path, changed, fresh)
    assert [each["action"] for each in again["syncs"]] == ["nothing", "nothing"]


def test_what_others_set_in_the_cluster_stays_as_apply_leaves_it(tenant: Tenant, plane: Plane, tmp_path: Path) -> None:
    def apply(**spec: Any) -> dict[str, Any]:
        manifest = sync_manifest("orders", configuration=MAPPING, **spec)
        done = plane.kubectl("apply", "-n", tenant.namespace, "-f", "-", stdin=json.dumps(manifest))
        assert done.returncode == 0, done.stderr
        return manifest

    tenant.connect()
    apply(driftPolicy="Report", run={"retries": 1})
    tenant.when(SYNC_KIND, "orders", "Ready")
    tenant.patch("orders", suspend=True, syncMode="incremental", run={"timeout": "1h"})
    held = tenant.when(SYNC_KIND, "orders", "Ready", reason="Suspended")["spec"]

    wanted = sync_manifest("orders", configuration=MAPPING, run={"retries": 2})
    told = plan(tenant, plane, tmp_path, wanted)["syncs"][0]

    assert (told["action"], told["changes"]) == ("nothing", [])
    assert {change["field"] for change in told["clusterChanges"]} == {"driftPolicy", "run/retries"}
    apply(run={"retries": 2})
    after = tenant.get("orders")["spec"]
    assert after == held | {"driftPolicy": "Correct", "run": held["run"] | {"retries": 2}}
    assert not plan(tenant, plane, tmp_path, wanted)["changes"]


def test_a_sync_deleted_on_the_server_is_foretold_to_be_made_anew(tenant: Tenant, plane: Plane, tmp_path: Path) -> None:
    tenant.connect()
    tenant.ready("orders", driftPolicy="Ignore")
    sync_id = tenant.get("orders")["status"]["id"]
    assert tenant.sandbox.call("DELETE", f"/syncs/{sync_id}").status_code == 204

    told = plan(tenant, plane, tmp_path, sync_manifest("orders", configuration=MAPPING))

    assert told["syncs"][0]["action"] == "recreate"
    applied = sync_manifest("orders", configuration=MAPPING, driftPolicy="Correct")
    tenant.sandbox.forget_requests()
    assert plane.kubectl("apply", "-n", tenant.namespace, "-f", "-", stdin=json.dumps(applied)).returncode == 0
    eventually(lambda: tenant.sandbox.requests("POST", "/api/v1/syncs"), "the create")
