"""Syncs run in real containers: on time, on request, and by hand."""

import json
import re
import tarfile
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
from kubernetes import client
from tests.support import planted
from tests.support.manifests import BY_NAME
from tests.support.node import RealNode
from tests.support.plane import Kube
from tests.support.release import Release
from tests.support.restricted import run_code
from tests.support.running import eventually
from tests.support.syncs import Tenant, condition
from tests.support.unstarted import SPOILED, spoiled

from sync_operator.api.constants import SYNC_KIND

UNSTARTED: Final = {
    "image": ("ErrImagePull|ImagePullBackOff", "chart value image"),
    "config": ('CreateContainerConfigError: secret "absent" not found', "put back what is missing"),
    "mount": (
        r'FailedMount: MountVolume\.SetUp failed for volume "absent".*secret "absent" not found',
        "put back what",
    ),
}
"""By name of a Sync: what the kubelet says of a pod that it cannot start, and what the remedy names."""
_PACKAGES = """
import importlib.metadata, pathlib
print(len(list(importlib.metadata.distributions())))
print(pathlib.Path("/var/lib/dpkg/status").read_text().count("Status: install ok installed"))
"""


def mounts_a_token(pod: dict[str, Any]) -> bool:
    """Whether the kubelet gives the pod a service account token."""
    sources = [source for volume in pod["spec"]["volumes"] for source in volume.get("projected", {}).get("sources", ())]
    return any("serviceAccountToken" in source for source in sources)


def controller_began(release: Release, node: RealNode) -> float:
    """Seconds from the start of the controller's process until it was ready."""
    [pod] = release.pods()
    began = node.began(pod["metadata"]["uid"], "sync-operator controller")
    assert began is not None
    [log] = release.logs()
    ready = next(line for line in map(json.loads, log.splitlines()) if line["message"] == "ready")
    return datetime.fromisoformat(ready["time"]).timestamp() - began


def runner_began(tenant: Tenant, node: RealNode) -> float:
    """Seconds from the start of the first run pod's process until its first request."""

    def look() -> float | None:
        return next(
            filter(None, (node.began(pod["metadata"]["uid"], "sync-operator runner") for pod in tenant.pods())), None
        )

    began = eventually(look, "a run pod's process", seconds=60)
    asked = eventually(lambda: tenant.sandbox.requests("GET", "/sync_runs"), "its first request", seconds=60)
    return float(asked[0]["at"]) - began


@pytest.fixture
def values() -> dict[str, Any]:
    """Let it be told after seconds that a run does not start."""
    return {"runStartSeconds": 15}


def test_syncs_run_in_real_containers(
    release: Release, tenant: Tenant, node: RealNode, kube: Kube, figures: dict[str, str]
) -> None:
    figures["controller: start to ready"] = f"{controller_began(release, node):.1f} s"
    tenant.sandbox.name_all()
    tenant.ready("asked", **BY_NAME)
    tenant.ready("by-hand")
    tenant.request_run("one", "asked")
    figures["run pod: start to first request"] = f"{runner_began(tenant, node):.1f} s"
    made = node.kubectl("create", "job", "by-hand-now", "--from=cronjob/by-hand", "-n", tenant.namespace)
    assert made.returncode == 0, made.stderr
    assert tuple(UNSTARTED) == SPOILED
    for name in SPOILED:
        tenant.ready(name)
        spoiled(tenant, name)
    tenant.ready("on-time", scheduleType="cron_expression", cronExpression="* * * * *")

    for name, trigger in {"asked": "Request", "by-hand": "Request", "on-time": "Schedule"}.items():
        last = tenant.ran(trigger, name, seconds=150)["status"]["lastRun"]
        assert last["status"] == "success", last
        assert last["rows"]["succeeded"] == 1000

    for name, (why, remedy) in UNSTARTED.items():
        sync = tenant.when(SYNC_KIND, name, "RunsHealthy", "False", "RunNotStarted", seconds=60)
        told = condition(sync, "RunsHealthy")["message"]
        assert re.search(why, told), told
        assert remedy in told
    pods = [pod for pod in tenant.pods() if pod["status"]["phase"] != "Pending"]
    assert {pod["status"]["phase"] for pod in pods} == {"Succeeded"}
    assert not any(map(mounts_a_token, pods))
    assert all(mounts_a_token(pod) for pod in release.pods())
    assert planted.found(written(release, tenant, kube)) == []


def written(release: Release, tenant: Tenant, kube: Kube) -> list[tuple[str, str]]:
    """What people may read of a tenant's Syncs: objects, events, and the logs of all pods."""
    logs = [
        (pod["metadata"]["name"], kube.core.read_namespaced_pod_log(pod["metadata"]["name"], tenant.namespace))
        for pod in tenant.pods()
        if pod["status"]["phase"] != "Pending"  # a container that never started has no log
    ]
    kinds = {"Sync": "squared.ai/v1", "Workspace": "squared.ai/v1", "CronJob": "batch/v1", "Job": "batch/v1"}
    kinds |= {"Pod": "v1", "Event": "v1", "ConfigMap": "v1"}
    objects = [
        (kind, json.dumps(kube.resource(kind, version).get(namespace=tenant.namespace).to_dict()["items"], indent=1))
        for kind, version in kinds.items()
    ]
    return [("controller", "".join(release.logs())), *logs, *objects]


def test_the_image(kube: Kube, tenant: Tenant, archive: Path, figures: dict[str, str]) -> None:
    python, debian = run_code(kube, tenant.namespace, _PACKAGES).split()
    with tarfile.open(archive) as opened:
        layers = [member.size for member in opened if member.isfile() and member.name.endswith(".tar")]
    base, ours = layers

    figures["size: the base, Debian with Python"] = f"{base / 1e6:.0f} MB"
    figures["size: what the Dockerfile adds"] = f"{ours / 1e6:.0f} MB"
    figures["packages: Python"] = python
    figures["packages: Debian"] = debian
    assert ours < 100e6
    assert int(python) < 40


def test_a_pod_that_is_not_restricted_is_refused(kube: Kube, tenant: Tenant) -> None:
    container = client.V1Container(name="any", image="any")
    pod = client.V1Pod(metadata=client.V1ObjectMeta(name="any"), spec=client.V1PodSpec(containers=[container]))
    with pytest.raises(client.ApiException, match="violates PodSecurity"):
        kube.core.create_namespaced_pod(tenant.namespace, pod)
