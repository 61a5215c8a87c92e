"""What whoever runs the operator gives to all run pods, on the real API server."""

from typing import Any

from kubernetes import client
from tests.support.plane import IMAGE, Kube
from tests.support.running import eventually
from tests.support.snapshots import connected, marked, pictured, registered, synced

from sync_operator.api.validation.strict_validation import read_pod_defaults
from sync_operator.domain.scheduling.cronjob_manifest import cronjob_manifest, requested_job
from sync_operator.domain.snapshot import RunnerConfig


def job(name: str, defaults: str) -> dict[str, Any]:
    """A Job as the operator makes it, without an owner."""
    sync = synced(status=registered(), metadata=marked())
    runner_config = RunnerConfig(IMAGE, pod_defaults=read_pod_defaults(defaults))
    snapshot = pictured(sync, workspace=connected(), runner_config=runner_config)
    cronjob = cronjob_manifest(snapshot, "7", suspended=True)
    cronjob["metadata"]["uid"] = "0"
    made = requested_job(cronjob, sync, "token", snapshot.now)
    return made | {"metadata": {"name": name}}


def test_with_a_quota_runs_start_by_the_operators_resources(kube: Kube, namespace: str) -> None:
    def counted() -> bool:
        status = kube.core.read_namespaced_resource_quota("all", namespace).status
        return bool(status and status.used)

    hard = {"limits.memory": "1Gi", "requests.cpu": "1"}
    quota = client.V1ResourceQuota(metadata=client.V1ObjectMeta(name="all"), spec=client.V1ResourceQuotaSpec(hard=hard))
    kube.core.create_namespaced_resource_quota(namespace, quota)
    eventually(counted, "the quota to be counted")
    resources = '{"resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "64Mi"}}, "labels": {"cost": "data"}}'

    jobs = kube.resource("Job", "batch/v1")
    jobs.create(body=job("without", ""), namespace=namespace)
    jobs.create(body=job("with", resources), namespace=namespace)

    def pods() -> list[Any]:
        return list(kube.core.list_namespaced_pod(namespace).items)

    [made] = eventually(pods, "a pod")
    assert made.metadata.labels.items() >= {"batch.kubernetes.io/job-name": "with", "cost": "data"}.items()
    assert made.spec.containers[0].resources.limits == {"memory": "64Mi"}
