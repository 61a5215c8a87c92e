"""The chart's admission policies, on the real API server: what they refuse, and what goes on as before."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from kubernetes.dynamic.exceptions import ForbiddenError
from tests.support.helm import CHART, NAMESPACE, RELEASE, Helm
from tests.support.manifests import merged, sync_manifest
from tests.support.permissions import ACCOUNT
from tests.support.plane import IMAGE, Kube, Plane
from tests.support.running import eventually
from tests.support.snapshots import connected, marked, pictured, registered, synced

from sync_operator.domain.scheduling.cronjob_manifest import cronjob_manifest, requested_job
from sync_operator.domain.snapshot import RunnerConfig

type Create = Callable[[dict[str, Any]], str]

OPERATOR: Final = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
VALUES: Final[dict[str, Any]] = {
    "replicaCount": 0,
    "image": dict(zip(("repository", "tag"), IMAGE.split(":"), strict=True)),
}
POLICY: Final[dict[str, Any]] = {"runPods": {"admissionPolicy": {"enabled": True}, "allowedServiceAccounts": ["runs"]}}


def install(installer: Helm, **values: Any) -> None:
    installer("upgrade", RELEASE, CHART, "-n", NAMESPACE, "--install", "--create-namespace", values=VALUES | values)


def crds(cluster: Plane) -> set[str]:
    return set(cluster.kubectl("get", "crd", "-o", "name").stdout.split())


def delete_crd(cluster: Plane, name: str) -> str:
    return cluster.kubectl("delete", "crd", name, "--dry-run=server").stderr


@pytest.mark.timeout(300)
def test_our_crds_are_deleted_only_by_who_says_so_first(installer: Helm, cluster: Plane, kube_of_cluster: Kube) -> None:
    install(installer)
    ours = crds(cluster)
    eventually(lambda: "squared.ai/allow-delete=true" in delete_crd(cluster, "syncs.squared.ai"), "it to be refused")

    refused = cluster.kubectl("delete", "crd", "syncs.squared.ai", "workspaces.squared.ai")
    assert refused.returncode != 0
    assert refused.stderr.count("deleting this CRD deletes every object of its kind in the cluster") == 2
    with pytest.raises(ForbiddenError):
        kube_of_cluster.resource("CustomResourceDefinition", "apiextensions.k8s.io/v1").delete(
            label_selector="app.kubernetes.io/managed-by=Helm"
        )
    assert crds(cluster) == ours

    eventually(lambda: not cluster.kubectl("get", "workspaces", "-A").returncode, "the kind to be read")
    cluster.kubectl("annotate", "crd", "workspaces.squared.ai", "squared.ai/allow-delete=true")
    assert cluster.kubectl("delete", "crd", "workspaces.squared.ai").returncode == 0
    assert crds(cluster) == ours - {"customresourcedefinition.apiextensions.k8s.io/workspaces.squared.ai"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("values", [{"crds": {"protect": False}}, {"crds": {"keep": False}}])
def test_the_protection_can_be_left_out_and_does_not_hold_what_is_not_to_be_kept(
    installer: Helm, cluster: Plane, values: dict[str, Any]
) -> None:
    install(installer)
    eventually(lambda: "allow-delete" in delete_crd(cluster, "syncs.squared.ai"), "it to be refused")

    install(installer, **values)

    eventually(lambda: not delete_crd(cluster, "syncs.squared.ai"), "it to be let go")


def a_cronjob(**spec: Any) -> dict[str, Any]:
    """As the controller makes it."""
    sync = synced(status=registered(), metadata=marked(), **spec)
    snapshot = pictured(
        sync, workspace=connected(), runner_config=RunnerConfig(IMAGE, environment=(("LOG_FORMAT", "json"),))
    )
    made = cronjob_manifest(snapshot, "7", suspended=True)
    made["metadata"] |= {"namespace": "default"}
    return made


def a_job() -> dict[str, Any]:
    snapshot = pictured(synced())
    return requested_job(a_cronjob(), snapshot.sync, "token", snapshot.now)


def pod_of(job: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The same with another pod."""
    template = job["spec"] if job["kind"] == "Job" else job["spec"]["jobTemplate"]["spec"]
    spec = template["template"]["spec"]
    container = changes.get("container", {})
    spec |= {name: value for name, value in changes.items() if name not in {"container", "volume"}}
    spec["volumes"] += [changes["volume"]] if "volume" in changes else []
    spec["containers"] = [merged(spec["containers"][0], container), *spec["containers"][1:]]
    return job


PODS: Final[dict[str, dict[str, Any]]] = {
    "another image": {"container": {"image": "evil:1"}},
    "another command": {"container": {"command": ["sh"]}},
    "another argument": {"container": {"args": ["controller"]}},
    "an init container": {"initContainers": [{"name": "a", "image": IMAGE}]},
    "a token": {"automountServiceAccountToken": True},
    "a token by a volume": {
        "volume": {"name": "a", "projected": {"sources": [{"serviceAccountToken": {"path": "a"}}]}}
    },
    "a folder of the node": {"volume": {"name": "a", "hostPath": {"path": "/"}}},
    "the node's network": {"hostNetwork": True},
    "the node's processes": {"hostPID": True},
    "a privileged container": {
        "container": {"securityContext": {"privileged": True, "allowPrivilegeEscalation": True}}
    },
    "a capability": {"container": {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}},
    "an account": {"serviceAccountName": "cluster-admin"},
}


@pytest.fixture
def as_operator(installer: Helm, cluster: Plane) -> Create:
    """Tries to create an object as the operator's account; what the API server says against it."""
    install(installer, **POLICY)

    def create(manifest: dict[str, Any]) -> str:
        words = ("create", "--dry-run=server", "-f", "-", f"--as={OPERATOR}")
        return cluster.kubectl(*words, stdin=json.dumps(manifest)).stderr

    eventually(lambda: create(pod_of(a_cronjob(), PODS["another image"])), "the policy to be in force")
    return create


@pytest.mark.timeout(300)
def test_the_operators_account_makes_pods_of_one_shape(
    as_operator: Create, cluster: Plane, kube_of_cluster: Kube
) -> None:
    assert as_operator(a_cronjob()) == ""
    assert as_operator(a_job()) == ""
    assert as_operator(a_cronjob(run={"pod": {"serviceAccountName": "runs"}})) == ""

    for name, changes in PODS.items():
        for made in (a_cronjob(), a_job()):
            said = as_operator(pod_of(made, changes))
            assert "operator's account may" in said, (name, made["kind"], said)
    for made in (a_cronjob(), a_job()):
        made["metadata"]["ownerReferences"] = []
        assert "may only make CronJobs and Jobs of Syncs" in as_operator(made)

    theirs = pod_of(a_cronjob(), PODS["another image"])
    eventually(lambda: not cluster.kubectl("get", "syncs", "-A").returncode, "the kind to be read")
    sync = kube_of_cluster.create(sync_manifest("orders"), "default")
    theirs["metadata"]["ownerReferences"][0]["uid"] = sync["metadata"]["uid"]  # of one that exists: it is not collected
    applied = cluster.kubectl("create", "-f", "-", stdin=json.dumps(theirs))
    assert applied.returncode == 0, "what others make is no business of this policy"
    suspended = cluster.kubectl(
        "patch",
        "cronjob",
        a_cronjob()["metadata"]["name"],
        "--type=merge",
        "-p",
        '{"spec":{"suspend":false}}',
        f"--as={OPERATOR}",
    )
    assert suspended.returncode == 0, suspended.stderr
