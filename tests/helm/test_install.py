"""Real installs by real Helm, without the controller's pod."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.helm import CHART, EVERYTHING, NAMESPACE, RELEASE, Helm
from tests.support.manifests import sync_manifest
from tests.support.plane import Kube, Plane
from tests.support.running import eventually
from tests.support.values import EARLIER, chart_of

from sync_operator.api.constants import WORKSPACE_KIND

LABEL = "app.kubernetes.io/managed-by=Helm"


def values(**spec: Any) -> dict[str, Any]:
    """A release with a Workspace, and no pod."""
    workspace = EVERYTHING["workspace"]
    return {"replicaCount": 0, "workspace": workspace | {"spec": workspace["spec"] | spec}}


def test_a_workspace_lives_through_all_that_happens_to_its_release(
    installer: Helm, cluster: Plane, kube_of_cluster: Kube, tmp_path: Path
) -> None:
    def workspace() -> tuple[str, int]:
        found = kube_of_cluster.get(WORKSPACE_KIND, "default", NAMESPACE)
        return found["metadata"]["uid"], found["spec"]["requestsPerMinute"]

    first = chart_of(EARLIER[0], tmp_path)
    installer("install", RELEASE, first, "-n", NAMESPACE, "--create-namespace", "--wait", values=values())
    uid, budget = workspace()
    assert budget == 100

    installer("upgrade", RELEASE, CHART, "-n", NAMESPACE, "--reuse-values", values=values(requestsPerMinute=50))
    assert workspace() == (uid, 50)

    installer("upgrade", RELEASE, CHART, "-n", NAMESPACE, values=values(requestsPerMinute=60))
    installer("rollback", RELEASE, "2", "-n", NAMESPACE)
    assert workspace() == (uid, 50)

    installer("rollback", RELEASE, "1", "-n", NAMESPACE)
    installer("uninstall", RELEASE, "-n", NAMESPACE, "--wait")
    assert workspace() == (uid, 50)
    assert not cluster.kubectl("get", "clusterroles,deployments,serviceaccounts", "-A", "-l", LABEL).stdout

    installer("install", RELEASE, CHART, "-n", NAMESPACE, values=values(requestsPerMinute=70))
    assert workspace() == (uid, 70)


def test_crds_go_with_the_release_when_they_are_not_kept(installer: Helm, cluster: Plane) -> None:
    installer("install", RELEASE, CHART, "-n", NAMESPACE, "--create-namespace", values={"replicaCount": 0})
    installer("upgrade", RELEASE, CHART, "-n", NAMESPACE, values={"replicaCount": 0, "crds": {"keep": False}})
    assert cluster.kubectl("get", "crd", "-o", "name").stdout.count("squared.ai") == 4

    # As a controller at work does. Where nobody has read a kind yet, Kubernetes 1.37 once in some thirty times does not
    # find its storage when it cleans up after the CRD, and then does not look again before the CRD changes.
    eventually(lambda: not cluster.kubectl("get", "syncs,workspaces", "-A").returncode, "both kinds to be read")
    # The guard needs the image: tests/e2e.
    installer("uninstall", RELEASE, "-n", NAMESPACE, "--no-hooks")

    eventually(lambda: not cluster.kubectl("get", "crd", "-o", "name").stdout, "the CRDs to be gone")


def test_the_guard_of_the_crds_tells_which_syncs_are_left(
    installer: Helm, cluster: Plane, kube_of_cluster: Kube
) -> None:
    def guard() -> tuple[int, str]:
        environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}
        command = [sys.executable, "-m", "sync_operator.controller.uninstall_guard"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=environment)
        return done.returncode, done.stdout

    assert guard() == (0, ""), "without CRDs there is nothing to lose"
    installer("install", RELEASE, CHART, "-n", NAMESPACE, "--create-namespace", values={"replicaCount": 0})
    assert guard() == (0, "")
    kube_of_cluster.create(sync_manifest("orders"), NAMESPACE)

    code, said = guard()

    assert code == 1
    assert f"{NAMESPACE}/orders." in said


def test_the_clusters_own_roles_cover_our_kinds(installer: Helm, cluster: Plane) -> None:
    installer("install", RELEASE, CHART, "-n", NAMESPACE, "--create-namespace", values={"replicaCount": 0})
    reading = {"get", "list", "watch"}
    writing = reading | {"create", "update", "patch", "delete", "deletecollection"}
    expected = {"view": reading, "edit": writing, "admin": writing}
    for role in expected:
        cluster.kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}", "-n", NAMESPACE)

    def allowed(resource: str) -> dict[str, set[str]]:
        return {user: verbs(user, resource) for user in expected}

    def verbs(user: str, resource: str) -> set[str]:
        said = cluster.kubectl("auth", "can-i", "--list", f"--as={user}", "-n", NAMESPACE, "--no-headers").stdout
        rows = [line for line in said.splitlines() if line.startswith(f"{resource} ")]
        return {verb for row in rows for verb in row[row.rindex("[") + 1 : row.rindex("]")].split()}

    eventually(lambda: allowed("syncs.squared.ai") == expected, "the cluster's roles to take ours in")
    assert allowed("workspaces.squared.ai") == expected
    for kind in ("syncs", "workspaces"):
        assert not any(allowed(f"{kind}.squared.ai/status").values())
