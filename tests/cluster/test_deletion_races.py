"""A deletion that the API server admitted before our finalizer was there: the resource is gone at once, all the same.

The API server asks webhooks about a deletion after it looked for finalizers, and does not look again. Where a webhook
takes its time, anything may happen in between.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.admission import bind
from tests.support.plane import Kube
from tests.support.running import eventually
from tests.support.slow_webhook import SlowWebhook, running_slow_webhook
from tests.support.syncs import Tenant

from sync_operator.api.constants import SYNC_KIND


@pytest.fixture
def webhook(kube: Kube, tenant: Tenant) -> Iterator[SlowWebhook]:
    """A webhook that is asked about every deletion of a Sync in the namespace."""
    with running_slow_webhook() as running:
        [(resource, name)] = bind(
            kube, running.configuration(f"slow-{tenant.namespace}", tenant.namespace, ["syncs"])
        )
        yield running
        resource.delete(name=name)


def test_x(tenant: Tenant, webhook: SlowWebhook) -> None:
    tenant.sync()
    tenant.when(SYNC_KIND, "orders", "Ready", "False", "WorkspaceNotFound")
    with ThreadPoolExecutor(1) as pool:
        deletion = pool.submit(tenant.delete)
        assert webhook.asked.wait(20)
        tenant.connect()
        tenant.when(SYNC_KIND, "orders", "Ready")
        assert len(tenant.sandbox.syncs()) == 1
        webhook.answer.set()
        deletion.result(20)

    tenant.gone()
    eventually(lambda: not tenant.sandbox.syncs(), "the server's sync to be gone")
    tenant.told("Deleted")
