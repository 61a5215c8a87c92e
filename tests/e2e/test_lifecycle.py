"""What happens to Syncs when the release is upgraded, rolled back, uninstalled and installed again."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.helm import CHART, HelmError
from tests.support.node import RealNode
from tests.support.plane import Kube, Refusal
from tests.support.release import Release
from tests.support.running import eventually
from tests.support.syncs import Tenant

from sync_operator.api.constants import SYNC_KIND
from sync_operator.api.crd.crd_manifests import KINDS, crd_of

WRITES = {"POST", "PUT", "PATCH", "DELETE"}


@pytest.fixture
def next_chart(tmp_path: Path) -> Path:
    """A later version of the chart, whose Syncs have one field more."""
    chart = shutil.copytree(CHART, tmp_path / "sync-operator")
    crd = chart / "files" / "crds" / "squared.ai_syncs.yaml"
    changed = yaml.safe_load(crd.read_text())
    [version] = changed["spec"]["versions"]
    version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["note"] = {
        "type": "string",
        "maxLength": 9,
    }
    crd.write_text(yaml.dump(changed, sort_keys=False))
    return chart


def knows_notes(tenant: Tenant) -> bool:
    """Whether the API server knows the later version's field."""
    try:
        tenant.patch(note="new")
    except Refusal:
        return False
    tenant.patch(note=None)
    return True


def written(tenant: Tenant) -> list[tuple[str, str]]:
    """What the server was asked to change about syncs, runs apart."""
    return [
        (request["method"], request["path"])
        for request in tenant.sandbox.requests(path="/syncs")
        if request["method"] in WRITES
    ]


def identity(tenant: Tenant) -> tuple[str, str, str]:
    """What must outlive the release: the Sync, its sync on the server, its CronJob."""
    sync = tenant.get()
    return sync["metadata"]["uid"], sync["status"]["id"], tenant.cronjob()["metadata"]["uid"]


def run_now(tenant: Tenant, token: str) -> dict[str, Any]:
    """Request a run and wait for its end."""
    tenant.request_run(token)

    def look() -> dict[str, Any] | None:
        status = tenant.get()["status"]
        ended = status.get("lastRun", {}).get("finishedAt")
        active = [job for job in tenant.jobs() if not job.get("status", {}).get("conditions")]
        return status if ended and status.get("lastHandledRunRequest") == token and not active else None

    return eventually(look, f"the end of the run that {token} asked for", seconds=90)


def test_syncs_outlive_upgrade_rollback_uninstall_and_reinstall(
    release: Release, tenant: Tenant, node: RealNode, next_chart: Path
) -> None:
    tenant.ready(scheduleType="cron_expression", cronExpression="0 0 1 1 *")
    before = identity(tenant)
    assert not knows_notes(tenant)

    # A run is active while the CRDs change and the controller is replaced.
    tenant.sandbox.outcome(seconds=25)
    tenant.request_run("during-upgrade")
    eventually(tenant.sandbox.runs, "the run", seconds=60)
    [pod] = tenant.pods()
    tenant.sandbox.forget_requests()
    release.upgrade(next_chart, workers=8)
    assert knows_notes(tenant)
    last = tenant.ran("Request", seconds=90)["status"]["lastRun"]
    assert last["status"] == "success", last
    assert [each["metadata"]["uid"] for each in tenant.pods()] == [pod["metadata"]["uid"]]
    assert identity(tenant) == before

    release.rollback(1)
    assert not knows_notes(tenant)
    assert run_now(tenant, "after-rollback")["lastRun"]["status"] == "success"
    assert identity(tenant) == before
    assert written(tenant) == []

    release.uninstall()
    eventually(lambda: not release.pods(), "the controller to be gone", seconds=90)
    assert release.crds() == {crd_of(kind)["metadata"]["name"] for kind in KINDS}
    assert identity(tenant) == before
    ran = node.kubectl("create", "job", "without-controller", "--from=cronjob/orders", "-n", tenant.namespace)
    assert ran.returncode == 0, ran.stderr
    done = eventually(lambda: tenant.job("without-controller")["status"].get("succeeded"), "the Job's end", seconds=90)
    assert done == 1

    release.install()
    tenant.patch(freshness={"maxAge": "1h"})  # a new generation: Ready is then the new controller's word
    tenant.when(SYNC_KIND, "orders", "Ready", seconds=60)
    assert run_now(tenant, "after-reinstall")["lastRun"]["status"] == "success"
    assert identity(tenant) == before
    assert written(tenant) == []
    assert len(tenant.sandbox.syncs()) == 1


def test_crds_are_not_deleted_from_under_syncs(release: Release, tenant: Tenant, kube: Kube) -> None:
    tenant.ready("orders")
    tenant.ready("people")
    release.upgrade(crds={"keep": False})

    with pytest.raises(HelmError) as refusal:
        release.uninstall()

    said = str(refusal.value)
    assert f"Sync {tenant.namespace}/orders, Sync {tenant.namespace}/people" in said
    assert "kubectl delete syncs" in said
    assert tenant.names() == {"orders", "people"}
    assert len(release.pods()) == 1
    assert left_of_the_guard(kube, release) == []

    for name in ("orders", "people"):
        tenant.delete(name)
    eventually(lambda: not tenant.names(), "the Syncs to be gone", seconds=60)
    assert tenant.sandbox.syncs() == []
    release.uninstall()
    assert release.crds() == set()
    assert left_of_the_guard(kube, release) == []


def left_of_the_guard(kube: Kube, release: Release) -> list[str]:
    """Objects of the check before an uninstall."""
    kinds = {"Job": "batch/v1", "ServiceAccount": "v1"}
    roles = {"ClusterRole": "rbac.authorization.k8s.io/v1", "ClusterRoleBinding": "rbac.authorization.k8s.io/v1"}
    found = [
        item.metadata.name
        for kind, version in (kinds | roles).items()
        for item in kube.resource(kind, version)
        .get(
            label_selector=f"app.kubernetes.io/instance={release.NAME}",
            namespace=release.namespace if kind in kinds else None,
        )
        .items
    ]
    return [name for name in found if name.endswith("uninstall")]
