"""The chart as Helm installs it, under the real authorizer: what its values let the controller do, and where.

The whole suite of `tests/cluster` runs with the roles of a release that serves all namespaces.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from kubernetes import client
from tests.support.helm import CHART, NAMESPACE, RELEASE, Helm
from tests.support.kubeproxy import running_kubeproxy
from tests.support.manifests import REMOVED, foreign_cronjob
from tests.support.permissions import ACCOUNT, RARE, UNUSED, account_kubeconfig, denied, granted, requests, used
from tests.support.pipeline import PASSWORD, SOURCE, create, is_gone
from tests.support.plane import IMAGE, Kube, Plane
from tests.support.proxy import Proxy
from tests.support.running import Sandbox, eventually, running_controller
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND, WORKSPACE_KIND

VALUES: Final[dict[str, Any]] = {
    "replicaCount": 0,
    "image": dict(zip(("repository", "tag"), IMAGE.split(":"), strict=True)),
    "allowInsecureHosts": ["127.0.0.1"],
    "log": {"level": "DEBUG"},
    "resyncSeconds": 10,
}
ONE, TWO = TENANTS = ("tenant-one", "tenant-two")
LOGIN: Final = {"email": "ops@example.com", "password": "right"}


def make_namespace(kube: Kube, name: str) -> None:
    kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))


def namespaces(kube: Kube) -> set[str]:
    return {found.metadata.name for found in kube.resource("Namespace", "v1").get().items}


@pytest.fixture
def one(kube_of_cluster: Kube, sandbox: Sandbox) -> Tenant:
    make_namespace(kube_of_cluster, ONE)
    return Tenant(kube_of_cluster, ONE, sandbox)


@pytest.fixture
def two(kube_of_cluster: Kube, sandbox: Sandbox) -> Tenant:
    make_namespace(kube_of_cluster, TWO)
    return Tenant(kube_of_cluster, TWO, sandbox)


@pytest.fixture
def release(installer: Helm, kube_of_cluster: Kube) -> Callable[..., dict[str, str]]:
    """Installs or upgrades the chart; the environment that it gives the controller."""

    def install(**values: Any) -> dict[str, str]:
        options = ["--install", "--create-namespace", "--wait"]
        installer("upgrade", RELEASE, CHART, "-n", NAMESPACE, *options, values=VALUES | values)
        deployments = kube_of_cluster.resource("Deployment", "apps/v1")
        [container] = deployments.get(name=ACCOUNT, namespace=NAMESPACE).to_dict()["spec"]["template"]["spec"][
            "containers"
        ]
        return {entry["name"]: entry["value"] for entry in container["env"] if entry.get("value")}

    return install


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


def pipeline_job(tenant: Tenant) -> None:
    """A Connector and a Model, whose query is in a ConfigMap, from their registration to their end."""
    tenant.secret(PASSWORD, "warehouse", "password")
    query = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="queries"), data={"q": "SELECT 1 AS id"})
    tenant.kube.core.create_namespaced_config_map(tenant.namespace, query)
    create(tenant, CONNECTOR_KIND, "warehouse", **SOURCE)
    source = tenant.when(CONNECTOR_KIND, "warehouse", "Ready")["status"]["id"]
    reference = {"configMapKeyRef": {"name": "queries", "key": "q"}}
    create(tenant, MODEL_KIND, "customers", connectorId=int(source), queryFrom=reference, primaryKey="id")
    tenant.when(MODEL_KIND, "customers", "Ready")
    for kind, name in ((MODEL_KIND, "customers"), (CONNECTOR_KIND, "warehouse")):
        tenant.kube.resource(kind).delete(name=name, namespace=tenant.namespace)
        eventually(partial(is_gone, tenant, kind, name), f"{kind} {name} is gone")


def name_taken(tenant: Tenant) -> None:
    """A Sync whose CronJob's name somebody else has."""
    tenant.kube.create(foreign_cronjob("taken"), tenant.namespace)
    tenant.sync("taken")
    tenant.when(SYNC_KIND, "taken", "Ready", "False", "Conflict")


def connect_by_login(tenant: Tenant) -> None:
    tenant.sandbox.user(LOGIN["email"], LOGIN["password"])
    data = {name: b64encode(value.encode()).decode() for name, value in LOGIN.items()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "data": data}
    tenant.kube.resource("Secret", "v1").create(body=secret, namespace=tenant.namespace)
    tenant.workspace(auth={"tokenSecretRef": REMOVED, "loginSecretRef": {"name": "login"}})


def login_job(tenant: Tenant) -> None:
    """A login, and a second one that renews the token in its Secret."""
    connect_by_login(tenant)
    tenant.ready()
    assert tenant.sandbox.call("POST", "/login", **LOGIN).status_code == 200
    tenant.ready("another")


@pytest.mark.timeout(300)
def test_in_named_namespaces_and_nowhere_else(
    release: Callable[..., dict[str, str]], cluster: Plane, one: Tenant, two: Tenant, tmp_path: Path
) -> None:
    policy = {"admissionPolicy": {"enabled": True}}
    environment = release(watchNamespaces=TENANTS, loginWorkspaces={"enabled": True}, runPods=policy)
    with running_controller(cluster, tmp_path, KUBECONFIG=str(account_kubeconfig(cluster, tmp_path)), **environment):
        whole_job(one)
        pipeline_job(one)
        name_taken(one)
        login_job(two)

    asked = requests(cluster)
    assert denied(asked) == []
    about = [entry["objectRef"] for entry in asked if "objectRef" in entry]
    assert {each.get("namespace") for each in about} == set(TENANTS)
    elsewhere = {(entry["verb"], entry["requestURI"]) for entry in asked if "objectRef" not in entry}
    assert {verb for verb, _ in elsewhere} == {"get"}, "which kinds there are, which everybody may ask"
    assert {uri.split("/")[1] for _, uri in elsewhere} <= {"api", "apis", "version"}
    for name in TENANTS:
        assert granted(cluster, "role", "-n", name) - used(asked) - set(RARE) == set(UNUSED)
    assert granted(cluster, "clusterrole", "--ignore-not-found") == set()


@pytest.mark.timeout(300)
def test_login_workspaces_need_a_right_of_their_own(
    release: Callable[..., dict[str, str]], cluster: Plane, one: Tenant, tmp_path: Path
) -> None:
    environment = release()
    with running_controller(cluster, tmp_path, KUBECONFIG=str(account_kubeconfig(cluster, tmp_path)), **environment):
        connect_by_login(one)
        workspace = one.when(WORKSPACE_KIND, "default", "Ready", "False", "WorkspaceNotReady")

    assert "loginWorkspaces.enabled" in condition(workspace)["message"]
    refused = {about(line) for line in denied(requests(cluster))}
    assert refused == {f"/api/v1/namespaces/{ONE}/secrets"}


def about(line: str) -> str:
    """The path of a denied request."""
    return line.split()[1].partition("?")[0].rstrip(":")


@contextmanager
def proxied(cluster: Plane, folder: Path) -> Iterator[tuple[Proxy, str]]:
    """The cluster seen by the account through a proxy, which can end watches."""
    with running_kubeproxy(cluster, folder, credentials=account_kubeconfig(cluster, folder)) as (proxy, kubeconfig):
        yield proxy, str(kubeconfig)


@pytest.mark.timeout(300)
def test_a_watched_namespace_that_goes_and_comes_back_disturbs_no_other(
    release: Callable[..., dict[str, str]],
    cluster: Plane,
    kube_of_cluster: Kube,
    one: Tenant,
    two: Tenant,
    tmp_path: Path,
) -> None:
    environment = release(watchNamespaces=TENANTS)
    with (
        proxied(cluster, tmp_path) as (proxy, kubeconfig),
        running_controller(cluster, tmp_path, KUBECONFIG=kubeconfig, **environment) as controller,
    ):
        for tenant in (one, two):
            tenant.connect()
            tenant.ready()
        # As it happens when the role's turn comes before the Syncs': then nobody is left who may finish them.
        cluster.kubectl("delete", "rolebinding", f"{NAMESPACE}:{ACCOUNT}", "-n", TWO)
        kube_of_cluster.core.delete_namespace(TWO)
        proxy.end_watches()
        eventually(
            lambda: f"namespace {TWO} is left out" in controller.log.read_text(), "the log to say so", seconds=60
        )

        one.sync("later")
        one.when(SYNC_KIND, "later", "Ready")
        cluster.kubectl("patch", "sync", "orders", "-n", TWO, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
        eventually(lambda: TWO not in namespaces(kube_of_cluster), "the namespace to be gone", seconds=60)
        assert {about(line).split("/namespaces/")[1].split("/")[0] for line in denied(requests(cluster))} == {TWO}

        since = len(requests(cluster))
        make_namespace(kube_of_cluster, TWO)
        release(watchNamespaces=TENANTS)
        two.connect()
        two.ready()
        eventually(lambda: watched(requests(cluster)[since:]), "its Syncs to be watched again", seconds=60)


def watched(entries: list[dict[str, Any]]) -> bool:
    return any(
        (entry["verb"], entry["requestURI"].split("?")[0], entry["responseStatus"]["code"])
        == ("watch", f"/apis/squared.ai/v1/namespaces/{TWO}/syncs", 200)
        for entry in entries
    )
