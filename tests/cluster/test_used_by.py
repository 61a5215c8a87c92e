"""``status.usedBy`` with the real controller: who uses a Connector or Model, and what that forbids."""

from typing import Any, Final

import pytest
from tests.support.manifests import REMOVED
from tests.support.pipeline import DESTINATION, SOURCE, create
from tests.support.plane import Plane, Refusal
from tests.support.running import eventually
from tests.support.syncs import Tenant

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND

pytestmark = pytest.mark.timeout(300)

QUERY: Final = "SELECT id, email FROM customers ORDER BY id"
REFS: Final[dict[str, Any]] = {
    **dict.fromkeys(("sourceId", "destinationId", "modelId"), REMOVED),
    "sourceRef": {"name": "warehouse"},
    "destinationRef": {"name": "crm"},
    "modelRef": {"name": "customers"},
    "streamName": "contacts",
    "scheduleType": "manual",
}
MANY: Final = 60


def connected(shop: Tenant) -> None:
    """Two Connectors and a Model, Ready."""
    create(shop, MODEL_KIND, "customers", connectorRef={"name": "warehouse"}, query=QUERY, primaryKey="id")
    create(shop, CONNECTOR_KIND, "crm", **DESTINATION)
    create(shop, CONNECTOR_KIND, "warehouse", **SOURCE)
    shop.when(MODEL_KIND, "customers", "Ready")
    shop.when(CONNECTOR_KIND, "crm", "Ready")


def counted(shop: Tenant, kind: str, name: str, **counts: int) -> None:
    """Wait until it says so many users."""

    def says_so() -> bool:
        return bool(shop.kube.get(kind, name, shop.namespace)["status"].get("usedBy") == counts)

    eventually(says_so, f"{kind} {name} to be used by {counts}", seconds=60)


def test_users_are_counted_as_they_come_and_go(shop: Tenant) -> None:
    connected(shop)
    counted(shop, CONNECTOR_KIND, "warehouse", models=1, syncs=0)
    for name in ("orders", "refunds"):
        shop.ready(name, **REFS | {"streamName": {"orders": "contacts", "refunds": "companies"}[name]})
    counted(shop, MODEL_KIND, "customers", syncs=2)
    counted(shop, CONNECTOR_KIND, "warehouse", models=1, syncs=2)
    counted(shop, CONNECTOR_KIND, "crm", models=0, syncs=2)

    number = shop.kube.get(MODEL_KIND, "customers", shop.namespace)["status"]["id"]
    refs = {name: value for name, value in REFS.items() if name != "modelRef"}
    by_id = refs | {"modelId": int(number), "sourceRef": {"serverName": "warehouse"}, "streamName": "deals"}
    shop.ready("by-id", **by_id)
    counted(shop, MODEL_KIND, "customers", syncs=3)
    counted(shop, CONNECTOR_KIND, "warehouse", models=1, syncs=3)

    for name in ("orders", "by-id"):
        shop.delete(name)
    counted(shop, MODEL_KIND, "customers", syncs=1)
    counted(shop, CONNECTOR_KIND, "crm", models=0, syncs=1)


def test_the_primary_key_of_a_model_in_use_is_fixed_until_nothing_uses_it(shop: Tenant) -> None:
    connected(shop)
    shop.ready(**REFS)
    counted(shop, MODEL_KIND, "customers", syncs=1)
    with pytest.raises(Refusal, match=r"is fixed while syncs use the model \(status.usedBy\)") as refused:
        shop.kube.patch(MODEL_KIND, "customers", shop.namespace, {"spec": {"primaryKey": "email"}})
    assert refused.value.fields == ("spec.primaryKey",)
    shop.kube.patch(MODEL_KIND, "customers", shop.namespace, {"spec": {"query": f"{QUERY}, email"}})
    shop.when(MODEL_KIND, "customers", "Ready")

    shop.delete()
    counted(shop, MODEL_KIND, "customers", syncs=0)
    shop.kube.patch(MODEL_KIND, "customers", shop.namespace, {"spec": {"primaryKey": "email"}})
    shop.when(MODEL_KIND, "customers", "Ready")
    [row] = shop.sandbox.state()["models"]
    assert row["primary_key"] == "email"


def test_many_at_once_are_counted_by_few_writes(shop: Tenant, plane: Plane) -> None:
    connected(shop)
    counted(shop, CONNECTOR_KIND, "warehouse", models=1, syncs=0)
    since = plane.audit_log.stat().st_size
    for number in range(MANY):
        shop.sync(f"sync-{number}", **REFS, adoptionPolicy="Create")
    counted(shop, MODEL_KIND, "customers", syncs=MANY)
    counted(shop, CONNECTOR_KIND, "warehouse", models=1, syncs=MANY)

    writes = [entry["objectRef"]["resource"] for entry in plane.operator_writes(since, shop.namespace)]
    assert writes.count("models") < MANY / 2
    assert writes.count("connectors") < MANY
    assert writes.count("syncs") == 2 * MANY, "finalizer and status"
