"""A deletion that the API server admitted before our finalizer was there: the resource is gone at once, all the same.

The API server asks webhooks about a deletion after it looked for finalizers, and does not look again. Where a webhook
takes its time, anything may happen in between.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from tests.support.admission import bind
from tests.support.pipeline import SOURCE
from tests.support.plane import Kube
from tests.support.running import eventually
from tests.support.slow_webhook import SlowWebhook, running_slow_webhook
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import API_VERSION, CONNECTOR_KIND, SYNC_KIND


@pytest.fixture
def webhook(kube: Kube, tenant: Tenant) -> Iterator[SlowWebhook]:
    """A webhook that is asked about every deletion of a Sync or Connector in the namespace."""
    with running_slow_webhook() as running:
        configuration = running.configuration(f"slow-{tenant.namespace}", tenant.namespace, ["syncs", "connectors"])
        [(resource, name)] = bind(kube, configuration)
        yield running
        resource.delete(name=name)


@pytest.fixture
def tenant(tenant: Tenant) -> Tenant:
    """With a Sync that waits for its Workspace."""
    tenant.sync()
    tenant.when(SYNC_KIND, "orders", "Ready", "False", "WorkspaceNotFound")
    return tenant


@contextmanager
def admitted(tenant: Tenant, webhook: SlowWebhook, kind: str, name: str) -> Iterator[None]:
    """A deletion is under way, and past the place where finalizers are looked for; it ends with the block."""
    resource = tenant.kube.resource(kind)
    with ThreadPoolExecutor(1) as pool:
        # A webhook is asked a moment after it was configured.
        eventually(lambda: asked_in_dry_run(tenant, webhook, kind, name), "the webhook to be in force")
        deletion = pool.submit(resource.delete, name=name, namespace=tenant.namespace)
        assert webhook.asked.wait(20)
        yield
        webhook.answer.set()
        deletion.result(20)
    assert name not in {item.metadata.name for item in resource.get(namespace=tenant.namespace).items}


def asked_in_dry_run(tenant: Tenant, webhook: SlowWebhook, kind: str, name: str) -> bool:
    before = webhook.rehearsed
    tenant.kube.resource(kind).delete(name=name, namespace=tenant.namespace, dry_run="All")
    return webhook.rehearsed > before


def reason(tenant: Tenant) -> Any:
    return condition(tenant.get(), "Registered").get("reason")


def test_what_was_registered_meanwhile_is_deleted_on_the_server(tenant: Tenant, webhook: SlowWebhook) -> None:
    with admitted(tenant, webhook, SYNC_KIND, "orders"):
        tenant.connect()
        tenant.when(SYNC_KIND, "orders", "Ready")
        assert len(tenant.sandbox.syncs()) == 1

    eventually(lambda: not tenant.sandbox.syncs(), "the server's sync to be gone")
    tenant.told("Deleted")
    assert not tenant.cronjobs()


def test_so_is_the_result_of_a_create_without_an_answer(tenant: Tenant, webhook: SlowWebhook) -> None:
    tenant.sandbox.fault(method="POST", path="/syncs$", lose="after")
    with admitted(tenant, webhook, SYNC_KIND, "orders"):
        tenant.connect(timeoutSeconds=1)
        eventually(tenant.sandbox.syncs, "the create to be carried out")
        # So that it is not found before the resource is gone.
        tenant.sandbox.fault(method="GET", path="/syncs$", times=-1, status=503)
        eventually(lambda: reason(tenant) in {"OutcomeUnknown", "ServerUnavailable"}, "the answer to be lost")
    assert len(tenant.sandbox.syncs()) == 1
    tenant.sandbox.clear_faults()

    eventually(lambda: not tenant.sandbox.syncs(), "the server's sync to be gone")


def test_a_server_that_cannot_answer_is_asked_again(tenant: Tenant, webhook: SlowWebhook) -> None:
    with admitted(tenant, webhook, SYNC_KIND, "orders"):
        tenant.connect()
        tenant.when(SYNC_KIND, "orders", "Ready")
        tenant.sandbox.fault(method="DELETE", path="/syncs/1", times=2, status=503)

    eventually(lambda: not tenant.sandbox.syncs(), "the server's sync to be gone")


def test_the_same_name_is_free_at_once(tenant: Tenant, webhook: SlowWebhook) -> None:
    with admitted(tenant, webhook, SYNC_KIND, "orders"):
        tenant.connect()
        tenant.when(SYNC_KIND, "orders", "Ready")
    eventually(lambda: not tenant.sandbox.syncs(), "the server's sync to be gone")

    made = tenant.ready()

    assert [str(sync["id"]) for sync in tenant.sandbox.syncs()] == [made["status"]["id"]]


def test_a_connector_is_deleted_too(tenant: Tenant, webhook: SlowWebhook) -> None:
    tenant.secret("hunter2", "warehouse", "password")
    manifest = {"apiVersion": API_VERSION, "kind": CONNECTOR_KIND, "metadata": {"name": "warehouse"}, "spec": SOURCE}
    tenant.kube.create(manifest, tenant.namespace)
    tenant.when(CONNECTOR_KIND, "warehouse", "Ready", "False", "WorkspaceNotFound")
    with admitted(tenant, webhook, CONNECTOR_KIND, "warehouse"):
        tenant.connect()
        made = tenant.when(CONNECTOR_KIND, "warehouse", "Ready")["status"]["id"]

    deleted = f"/connectors/{made}"
    eventually(lambda: tenant.sandbox.requests("DELETE", deleted), "the server's connector to be gone")
