"""Two Syncs alike in every field, each with a create whose answer was lost: each gets its own, and deletes no other."""

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from secrets import token_hex

import pytest
from kubernetes import client
from tests.support.plane import Kube
from tests.support.running import Controller, Sandbox, eventually
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import SYNC_KIND

REFUSED = {"status": 400, "times": -1}
"""A fault that does not count as an outage, so that it is over at once."""
STEP = timedelta(seconds=4)
"""A sync this much older than a create intent is certain not to come from that create."""


@pytest.fixture
def neighbor(kube: Kube, sandbox: Sandbox) -> Iterator[Tenant]:
    """Another namespace, whose Workspace speaks to the same account."""
    namespace = f"team-{token_hex(4)}"
    kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))
    yield Tenant(kube, namespace, sandbox)
    kube.drop_namespace(namespace)


def lose_both(first: Tenant, second: Tenant) -> None:
    """The first's create is carried out, the second's is not, and neither is answered; no list shows it yet.

    What the first's create has made is older than the second's create intent.
    """
    sandbox = first.sandbox
    sandbox.fault(method="GET", path="/syncs$", **REFUSED)
    sandbox.fault(method="POST", path="/syncs$", lose="after")
    first.sync("first")
    [made] = eventually(sandbox.syncs, "the first's create to arrive")
    born = datetime.fromisoformat(made["created_at"])
    sandbox.rebuilt(made | {"created_at": (born - STEP).isoformat()})
    first.delete("first")
    eventually(lambda: datetime.now(UTC) > born + STEP, "the second to be younger")
    sandbox.fault(method="POST", path="/syncs$", lose="before")
    second.sync("second")
    second.when(SYNC_KIND, "second", "Ready", "False", "OutcomeUnknown")


@pytest.mark.parametrize("how", ["in one process", "from another namespace, with a restart"])
def test_a_sync_takes_nothing_that_a_deleted_one_has_still_to_delete(
    tenant: Tenant, neighbor: Tenant, controller: Controller, how: str
) -> None:
    sandbox, apart = tenant.sandbox, how != "in one process"
    second = neighbor if apart else tenant
    for each in (tenant, neighbor):
        each.connect(timeoutSeconds=2)
    lose_both(tenant, second)
    if apart:
        controller.stop(signal.SIGKILL)
    sandbox.clear_faults()
    sandbox.fault(method="DELETE", path="/syncs/1$", **REFUSED)
    if apart:
        controller.start()

    told = condition(second.when(SYNC_KIND, "second", "Ready", seconds=60), "Registered")
    assert (told["reason"], second.get("second")["status"]["origin"]) == ("Registered", "Created")
    assert second.get("second")["status"]["id"] == "2"
    way_out = condition(tenant.when(SYNC_KIND, "first", "Ready", "False", "DeleteFailed"))["message"]
    assert "set spec.deletionPolicy to Retain" in way_out

    sandbox.clear_faults()
    tenant.gone("first")
    assert [sync["id"] for sync in sandbox.syncs()] == [2]
    second.delete("second")
    second.gone("second")
    assert sandbox.syncs() == []
