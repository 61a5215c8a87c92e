"""The chart's roles under the real authorizer: the controller does its job, is denied nothing, and could do no more."""

import itertools
import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client
from tests.support.helm import CHART, NAMESPACE, RELEASE, Helm
from tests.support.manifests import REMOVED
from tests.support.plane import IMAGE, Kube, Plane
from tests.support.running import Sandbox, running_controller
from tests.support.syncs import Tenant, condition

from sync_operator.model.names import SYNC_KIND, WORKSPACE_KIND

ACCOUNT = f"{RELEASE}-sync-operator"
VALUES: dict[str, Any] = {
    "replicaCount": 0,
    "image": dict(zip(("repository", "tag"), IMAGE.split(":"), strict=True)),
    "allowInsecureHosts": ["127.0.0.1"],
    "log": {"level": "DEBUG"},
}
LOGIN = {"email": "ops@example.com", "password": "right"}
UNUSED = {
    ("squared.ai", "syncs/finalizers", "update"): "asked by an admission plugin that this API server does not run",
}
"""Permissions that no request shows: group, resource and verb → why they are granted all the same."""
RARE = {
    ("batch", "jobs", "delete"): "the garbage collector may be quicker, once their CronJob is gone",
}
"""Permissions that some days no request shows, and why."""

type Permission = tuple[str, str, str]


@pytest.fixture
def tenants(kube_of_cluster: Kube) -> list[str]:
    """Two namespaces."""
    names = ["tenant-one", "tenant-two"]
    for name in names:
        kube_of_cluster.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    return names


def account_kubeconfig(plane: Plane, folder: Path) -> Path:
    """A kubeconfig with a token of the chart's service account."""
    token = plane.kubectl("create", "token", ACCOUNT, "-n", NAMESPACE)
    assert token.returncode == 0, token.stderr
    config = yaml.safe_load(plane.kubeconfig.read_text())
    for user in config["users"]:
        user["user"] = {"token": token.stdout.strip()}
    path = folder / "kubeconfig"
    path.write_text(yaml.dump(config))
    return path


def whole_job(tenant: Tenant) -> None:
    """Everything that the controller does for a Sync, from its registration to its end."""
    tenant.connect()
    tenant.ready(scheduleType="cron_expression", cronExpression="0 1 * * *")
    tenant.patch(cronExpression="0 2 * * *")
    tenant.when(SYNC_KIND, "orders", "Ready")
    tenant.request_run("one")
    assert tenant.ran("Request", seconds=60)["status"]["lastRun"]["status"] == "success"
    tenant.delete()
    tenant.gone()


def connect_by_login(tenant: Tenant) -> None:
    tenant.sandbox.user(LOGIN["email"], LOGIN["password"])
    data = {name: b64encode(value.encode()).decode() for name, value in LOGIN.items()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "data": data}
    tenant.kube.resource("Secret", "v1").create(body=secret, namespace=tenant.namespace)
    tenant.workspace(auth={"tokenSecretRef": REMOVED, "loginSecretRef": {"name": "login"}})


def refused_job(tenant: Tenant) -> None:
    """A login that comes to nothing without the right to keep its token."""
    connect_by_login(tenant)
    workspace = tenant.when(WORKSPACE_KIND, "default", "Ready", "False", "WorkspaceNotReady")
    assert "loginWorkspaces.enabled" in condition(workspace)["message"]


def login_job(tenant: Tenant) -> None:
    """As above, with a login; the next one renews the token in the Secret."""
    connect_by_login(tenant)
    tenant.ready()
    login = tenant.sandbox.call("POST", "/login", **LOGIN)
    assert login.status_code == 200
    tenant.ready("another")


def requests(plane: Plane) -> list[dict[str, Any]]:
    """What the account asked the API server, by its audit log."""
    entries = map(json.loads, plane.audit_log.read_text().splitlines())
    return [entry for entry in entries if entry["user"]["username"] == f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"]


def used(entries: Iterable[Mapping[str, Any]]) -> set[Permission]:
    """Permissions that the requests needed; a server-side apply that creates an object needs two."""
    found = set()
    for entry in entries:
        about = entry.get("objectRef")
        if about is not None:
            resource = "/".join(about[part] for part in ("resource", "subresource") if part in about)
            created = {"create"} if entry["verb"] == "patch" and entry["responseStatus"]["code"] == 201 else set()
            found |= {(about.get("apiGroup", ""), resource, verb) for verb in {entry["verb"], *created}}
    return found


def granted(plane: Plane, kind: str, *options: str) -> set[Permission]:
    """Permissions in the installed role."""
    role = json.loads(plane.kubectl("get", kind, f"{NAMESPACE}:{ACCOUNT}", "-o", "json", *options).stdout)
    return {
        permission
        for rule in role["rules"]
        for permission in itertools.product(rule["apiGroups"], rule["resources"], rule["verbs"])
    }


def work(
    installer: Helm,
    plane: Plane,
    kube: Kube,
    tenant: Tenant,
    folder: Path,
    *,
    job: Callable[[Tenant], None] = whole_job,
    **values: Any,
) -> list[dict[str, Any]]:
    """Install the chart, run the controller as its service account and with its environment; what it asked for."""
    installer("install", RELEASE, CHART, "-n", NAMESPACE, "--create-namespace", "--wait", values=VALUES | values)
    deployment = kube.resource("Deployment", "apps/v1").get(name=ACCOUNT, namespace=NAMESPACE).to_dict()
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    with running_controller(plane, folder, KUBECONFIG=str(account_kubeconfig(plane, folder)), **environment):
        job(tenant)
    return requests(plane)


@pytest.mark.timeout(300)
def test_cluster_wide(
    installer: Helm, cluster: Plane, kube_of_cluster: Kube, sandbox: Sandbox, tenants: list[str], tmp_path: Path
) -> None:
    tenant = Tenant(kube_of_cluster, tenants[0], sandbox)

    asked = work(installer, cluster, kube_of_cluster, tenant, tmp_path)

    assert [entry["requestURI"] for entry in asked if entry["responseStatus"]["code"] == 403] == []
    assert granted(cluster, "clusterrole") - used(asked) - set(RARE) == set(UNUSED)


@pytest.mark.timeout(300)
def test_in_named_namespaces_and_nowhere_else(
    installer: Helm, cluster: Plane, kube_of_cluster: Kube, sandbox: Sandbox, tenants: list[str], tmp_path: Path
) -> None:
    tenant = Tenant(kube_of_cluster, tenants[0], sandbox)

    asked = work(installer, cluster, kube_of_cluster, tenant, tmp_path, watchNamespaces=tenants)

    assert [entry["requestURI"] for entry in asked if entry["responseStatus"]["code"] == 403] == []
    assert {entry["objectRef"].get("namespace") for entry in asked if "objectRef" in entry} == set(tenants)
    assert granted(cluster, "role", "-n", tenants[0]) - used(asked) - set(RARE) == set(UNUSED)


@pytest.mark.timeout(300)
def test_login_workspaces_need_a_right_of_their_own(
    installer: Helm, cluster: Plane, kube_of_cluster: Kube, sandbox: Sandbox, tenants: list[str], tmp_path: Path
) -> None:
    first, second = (Tenant(kube_of_cluster, name, sandbox) for name in tenants)
    more = {"loginWorkspaces": {"enabled": True}}

    asked = work(installer, cluster, kube_of_cluster, first, tmp_path, job=login_job, **more)

    assert [entry["requestURI"] for entry in asked if entry["responseStatus"]["code"] == 403] == []
    writes = {permission for permission in used(asked) if permission[1] == "secrets"} - {("", "secrets", "get")}
    assert writes >= {("", "secrets", "create"), ("", "secrets", "patch")}

    installer("uninstall", RELEASE, "-n", NAMESPACE, "--wait")
    work(installer, cluster, kube_of_cluster, second, tmp_path, job=refused_job)
