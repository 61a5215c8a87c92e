"""Workspaces that log in: one session a user, kept in Secrets of ours."""

import base64
import signal
from collections.abc import Iterator
from secrets import token_hex
from typing import Any, Final

import pytest
from kubernetes import client
from tests.support.manifests import REMOVED
from tests.support.plane import Kube
from tests.support.running import Controller, Sandbox, eventually
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND

EMAIL: Final = "ops@example.com"
PASSWORD: Final = "planted-password"
LOGIN: Final = {"tokenSecretRef": REMOVED, "loginSecretRef": {"name": "login"}}


@pytest.fixture
def namespaces(kube: Kube) -> Iterator[list[str]]:
    names = [f"test-{token_hex(4)}" for _ in range(10)]
    for name in names:
        kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    yield names
    for name in names:
        kube.drop_namespace(name)


@pytest.fixture
def user(sandbox: Sandbox) -> Sandbox:
    sandbox.user(EMAIL, PASSWORD)
    return sandbox


def encoded(**values: str) -> dict[str, str]:
    return {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}


def write_secret(tenant: Tenant, name: str, **values: str) -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded(**values)}
    tenant.kube.resource("Secret", "v1").server_side_apply(
        body=body, namespace=tenant.namespace, field_manager="tests", force_conflicts=True
    )


def connect(tenant: Tenant, password: str = PASSWORD, **spec: Any) -> None:
    write_secret(tenant, "login", email=EMAIL, password=password)
    tenant.workspace(auth=LOGIN, **spec)


def token_secret(tenant: Tenant) -> dict[str, Any]:
    """The token Secret; empty while there is none."""
    listed = tenant.kube.resource("Secret", "v1").get(namespace=tenant.namespace).to_dict()["items"]
    return next((dict(secret) for secret in listed if secret["metadata"]["name"] == "default-token"), {})


def token(tenant: Tenant) -> str:
    return base64.b64decode(token_secret(tenant).get("data", {}).get("token", "")).decode()


def logins(sandbox: Sandbox) -> list[int]:
    return [entry["status"] for entry in sandbox.requests("POST", "/login")]


def take_over(sandbox: Sandbox) -> None:
    """Somebody else logs in as the same user."""
    assert sandbox.call("POST", "/login", email=EMAIL, password=PASSWORD).status_code == 200


def test_ten_workspaces_with_the_same_login_make_one(
    kube: Kube, namespaces: list[str], user: Sandbox, controller: Controller
) -> None:
    assert controller.log.exists()
    tenants = [Tenant(kube, name, user) for name in namespaces]
    for tenant in tenants:
        connect(tenant)
    for tenant in tenants:
        workspace = tenant.when(WORKSPACE_KIND, "default", "Ready")
        assert workspace["status"]["tokenSecret"] == "default-token"
        assert workspace["status"]["user"] == EMAIL
    assert logins(user) == [200]
    assert len({token(tenant) for tenant in tenants}) == 1
    metadata = token_secret(tenants[0])["metadata"]
    assert metadata["labels"] == {"app.kubernetes.io/managed-by": "sync-operator"}
    [owner] = metadata["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == (WORKSPACE_KIND, "default", True)

    tenants[4].ready()
    volumes = tenants[4].cronjob()["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"]
    assert [volume["secret"]["secretName"] for volume in volumes] == ["default-token"]
    tenants[4].request_run("now")
    sync = tenants[4].ran()
    assert condition(sync, "RunsHealthy")["status"] == "True"
    assert logins(user) == [200]


def test_a_stolen_session_heals_with_one_login_and_nobody_sees_it(tenant: Tenant, user: Sandbox) -> None:
    connect(tenant)
    tenant.when(WORKSPACE_KIND, "default", "Ready")
    names = [f"sync-{number}" for number in range(10)]
    stolen = token(tenant)
    take_over(user)

    for name in names:
        tenant.sync(name)
    for name in names:
        tenant.when(SYNC_KIND, name, "Ready")

    assert logins(user) == [200, 200, 200]
    eventually(lambda: token(tenant) != stolen, "the new token in the Secret")
    assert tenant.events("default") == ["Reconciled"]
    assert len(user.syncs()) == 10


def test_a_wrong_password_is_not_repeated_until_its_secret_changes(
    tenant: Tenant, user: Sandbox, controller: Controller
) -> None:
    connect(tenant, "wrong")
    workspace = tenant.when(WORKSPACE_KIND, "default", "Ready", "False", "Unauthorized")
    assert "not tried again before that Secret changes" in condition(workspace)["message"]
    tenant.sync()
    tenant.when(SYNC_KIND, "orders", "Ready", "False", "Unauthorized")
    tenant.kube.patch(WORKSPACE_KIND, "default", tenant.namespace, {"spec": {"timeoutSeconds": 29}})
    tenant.when(WORKSPACE_KIND, "default", "Ready", "False", "Unauthorized")

    controller.stop(signal.SIGKILL)
    controller.start()
    tenant.kube.patch(WORKSPACE_KIND, "default", tenant.namespace, {"spec": {"timeoutSeconds": 28}})
    tenant.when(WORKSPACE_KIND, "default", "Ready", "False", "Unauthorized")
    assert logins(user) == [401]

    write_secret(tenant, "login", email=EMAIL, password=PASSWORD)
    tenant.when(WORKSPACE_KIND, "default", "Ready")
    tenant.when(SYNC_KIND, "orders", "Ready")
    assert logins(user) == [401, 200]
    assert "squared.ai/login-refused" not in token_secret(tenant)["metadata"]["annotations"]
    eventually(lambda: tenant.events("default") == ["Unauthorized", "Reconciled"], "the event of the login")


def test_a_secret_of_somebody_else_is_a_conflict_and_stays_as_it_is(tenant: Tenant, user: Sandbox) -> None:
    write_secret(tenant, "default-token", token="somebody's own")
    connect(tenant)
    workspace = tenant.when(WORKSPACE_KIND, "default", "Ready", "False", "Conflict")
    assert "'default-token' that does not belong to this Workspace" in condition(workspace)["message"]
    assert token(tenant) == "somebody's own"
    assert logins(user) == []

    tenant.kube.core.delete_namespaced_secret("default-token", tenant.namespace)
    tenant.when(WORKSPACE_KIND, "default", "Ready")
    assert logins(user) == [200]


def test_a_restart_makes_no_login(tenant: Tenant, user: Sandbox, controller: Controller) -> None:
    connect(tenant)
    tenant.ready()
    held = token(tenant)

    controller.stop(signal.SIGKILL)
    controller.start()
    tenant.ready("another")

    assert logins(user) == [200]
    assert token(tenant) == held


def test_a_spoiled_token_secret_is_put_right_without_a_login(tenant: Tenant, user: Sandbox) -> None:
    connect(tenant)
    tenant.when(WORKSPACE_KIND, "default", "Ready")
    held = token(tenant)

    write_secret(tenant, "default-token", token="spoiled")
    eventually(lambda: token(tenant) == held, "the token to be put back")
    tenant.kube.core.delete_namespaced_secret("default-token", tenant.namespace)
    eventually(lambda: token(tenant) == held, "the Secret to be made anew")
    assert logins(user) == [200]


def test_syncs_are_deleted_with_the_last_login_when_secret_and_workspace_went_first(
    tenant: Tenant, user: Sandbox
) -> None:
    connect(tenant)
    tenant.ready()
    tenant.kube.core.delete_namespaced_secret("login", tenant.namespace)
    tenant.when(WORKSPACE_KIND, "default", "Ready", "False", "WorkspaceNotReady")
    tenant.kube.resource(WORKSPACE_KIND).delete(name="default", namespace=tenant.namespace)
    take_over(user)

    tenant.delete()

    tenant.gone()
    assert user.syncs() == []
    assert logins(user) == [200, 200, 200]
