"""What GitOps tools make of real objects in each of their states: kstatus (Flux, Helm), and Argo CD's scripts."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from tests.support.gitops import GitOps
from tests.support.pipeline import PASSWORD, SOURCE, create
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND, WORKSPACE_KIND

HOLD: Final = {"metadata": {"finalizers": ["tests.squared.ai/hold"]}}


@pytest.fixture
def connected(tenant: Tenant) -> Tenant:
    tenant.connect()
    return tenant


def fresh_sync(tenant: Tenant) -> dict[str, Any]:
    return tenant.sync()


def waiting_sync(tenant: Tenant) -> dict[str, Any]:
    tenant.sync(workspaceRef={"name": "missing"})
    return tenant.when(SYNC_KIND, "orders", "Reconciling", reason="WorkspaceNotFound")


def ready_sync(tenant: Tenant) -> dict[str, Any]:
    return tenant.ready()


def suspended_sync(tenant: Tenant) -> dict[str, Any]:
    return tenant.ready(suspend=True)


def edited_sync(tenant: Tenant) -> dict[str, Any]:
    tenant.ready()
    return tenant.patch(syncMode="incremental")


def stalled_sync(tenant: Tenant) -> dict[str, Any]:
    tenant.sync(configuration={})
    return tenant.when(SYNC_KIND, "orders", "Stalled", reason="InvalidSpec")


def deleted_sync(tenant: Tenant) -> dict[str, Any]:
    tenant.ready()
    tenant.sandbox.fault(method="DELETE", path="/syncs/1", times=-1, status=503)
    tenant.delete()
    return tenant.when(SYNC_KIND, "orders", "Ready", "False", "DeleteFailed")


def waiting_connector(tenant: Tenant) -> dict[str, Any]:
    create(tenant, CONNECTOR_KIND, "warehouse", **SOURCE | {"workspaceRef": {"name": "missing"}})
    return tenant.when(CONNECTOR_KIND, "warehouse", "Reconciling", reason="WorkspaceNotFound")


def ready_connector(tenant: Tenant) -> dict[str, Any]:
    tenant.secret(PASSWORD, "warehouse", "password")
    create(tenant, CONNECTOR_KIND, "warehouse", **SOURCE)
    return tenant.when(CONNECTOR_KIND, "warehouse", "Ready")


def stalled_connector(tenant: Tenant) -> dict[str, Any]:
    create(tenant, CONNECTOR_KIND, "warehouse", **SOURCE | {"connectorName": "Nowhere"})
    return tenant.when(CONNECTOR_KIND, "warehouse", "Stalled", reason="InvalidSpec")


def waiting_model(tenant: Tenant) -> dict[str, Any]:
    create(
        tenant, MODEL_KIND, "people", connectorRef={"name": "warehouse"}, query="SELECT id FROM people", primaryKey="id"
    )
    return tenant.when(MODEL_KIND, "people", "Reconciling", reason="ReferenceNotReady")


def ready_model(tenant: Tenant) -> dict[str, Any]:
    waiting_model(tenant)
    ready_connector(tenant)
    return tenant.when(MODEL_KIND, "people", "Ready")


def fresh_workspace(tenant: Tenant) -> dict[str, Any]:
    return tenant.workspace()


def waiting_workspace(tenant: Tenant) -> dict[str, Any]:
    tenant.workspace()
    return tenant.when(WORKSPACE_KIND, "default", "Reconciling", reason="WorkspaceNotReady")


def ready_workspace(tenant: Tenant) -> dict[str, Any]:
    tenant.connect()
    return tenant.when(WORKSPACE_KIND, "default", "Ready")


def suspended_workspace(tenant: Tenant) -> dict[str, Any]:
    tenant.secret()
    tenant.workspace(suspend=True)
    return tenant.when(WORKSPACE_KIND, "default", "Ready", reason="Suspended")


def stalled_workspace(tenant: Tenant) -> dict[str, Any]:
    tenant.secret()
    tenant.workspace(url="http://not-allowed.example.com")
    return tenant.when(WORKSPACE_KIND, "default", "Stalled", reason="InvalidSpec")


def deleted_workspace(tenant: Tenant) -> dict[str, Any]:
    tenant.connect()
    tenant.kube.patch(WORKSPACE_KIND, "default", tenant.namespace, HOLD)
    tenant.kube.resource(WORKSPACE_KIND).delete(name="default", namespace=tenant.namespace)
    return tenant.kube.get(WORKSPACE_KIND, "default", tenant.namespace)


@pytest.fixture
def let_go(tenant: Tenant) -> Iterator[None]:
    """Nothing that a test held keeps its namespace."""
    yield
    tenant.sandbox.clear_faults()
    for item in tenant.kube.resource(WORKSPACE_KIND).get(namespace=tenant.namespace).items:
        tenant.kube.patch(WORKSPACE_KIND, item.metadata.name, tenant.namespace, {"metadata": {"finalizers": None}})


@pytest.mark.parametrize(
    ("state", "kstatus", "health"),
    [
        (fresh_sync, "InProgress", "Progressing"),
        (waiting_sync, "InProgress", "Progressing"),
        (ready_sync, "Current", "Healthy"),
        (suspended_sync, "Current", "Suspended"),
        (edited_sync, "InProgress", "Progressing"),
        (stalled_sync, "Failed", "Degraded"),
    ],
)
def test_a_sync_is_read_as_it_is(
    connected: Tenant, gitops: GitOps, state: Callable[[Tenant], dict[str, Any]], kstatus: str, health: str
) -> None:
    sync = state(connected)

    assert gitops.kstatus(sync) == kstatus
    seen = sync["status"]["observedGeneration"] == sync["metadata"]["generation"]
    message = condition(sync)["message"] if seen else "waits for the operator"
    assert gitops.health(sync) == {"status": health, "message": message}


@pytest.mark.parametrize(
    ("state", "kstatus", "health"),
    [
        (fresh_workspace, "InProgress", "Progressing"),
        (waiting_workspace, "InProgress", "Progressing"),
        (ready_workspace, "Current", "Healthy"),
        (suspended_workspace, "Current", "Suspended"),
        (stalled_workspace, "Failed", "Degraded"),
    ],
)
def test_a_workspace_is_read_as_it_is(
    tenant: Tenant, gitops: GitOps, state: Callable[[Tenant], dict[str, Any]], kstatus: str, health: str
) -> None:
    workspace = state(tenant)

    assert gitops.kstatus(workspace) == kstatus
    assert gitops.health(workspace)["status"] == health


@pytest.mark.parametrize(
    ("state", "kstatus", "health"),
    [
        (waiting_connector, "InProgress", "Progressing"),
        (ready_connector, "Current", "Healthy"),
        (stalled_connector, "Failed", "Degraded"),
        (waiting_model, "InProgress", "Progressing"),
        (ready_model, "Current", "Healthy"),
    ],
)
def test_connectors_and_models_are_read_as_they_are(
    connected: Tenant, gitops: GitOps, state: Callable[[Tenant], dict[str, Any]], kstatus: str, health: str
) -> None:
    held = state(connected)

    assert gitops.kstatus(held) == kstatus
    assert gitops.health(held)["status"] == health


@pytest.mark.usefixtures("let_go")
@pytest.mark.parametrize("state", [deleted_sync, deleted_workspace])
def test_what_is_being_deleted_is_terminating(
    tenant: Tenant, gitops: GitOps, state: Callable[[Tenant], dict[str, Any]]
) -> None:
    # Argo CD asks no script about an object with a deletion timestamp: it is Progressing.
    if state is deleted_sync:
        tenant.connect()

    assert gitops.kstatus(state(tenant)) == "Terminating"


def test_the_actions_do_what_their_names_say(connected: Tenant, gitops: GitOps) -> None:
    sync = connected.ready(scheduleType="cron_expression", cronExpression="0 1 * * *")
    assert gitops.actions(sync) == {"run-now", "suspend"}

    def act(sync: dict[str, Any], action: str) -> None:
        connected.kube.patch(SYNC_KIND, "orders", connected.namespace, gitops.act(sync, action))

    act(sync, "suspend")
    suspended = connected.when(SYNC_KIND, "orders", "Scheduled", reason="Suspended")
    assert suspended["spec"] == sync["spec"] | {"suspend": True}
    assert gitops.actions(suspended) == {"run-now", "resume"}

    act(suspended, "run-now")
    ran = connected.ran("Request")
    assert ran["status"]["lastRun"]["status"] == "success"

    act(ran, "resume")
    resumed = connected.when(SYNC_KIND, "orders", "Scheduled", reason="Scheduled")
    assert resumed["spec"] == sync["spec"]
