"""A whole pipeline at once with the real controller: it waits in order, is deleted in order, and is found again."""

import random
from functools import partial
from secrets import token_hex
from typing import Any, Final

import pytest
from kubernetes import client
from tests.support.manifests import REMOVED
from tests.support.pipeline import DESTINATION, PASSWORD, SOURCE, create, is_gone
from tests.support.plane import Kube, Plane
from tests.support.running import Sandbox, eventually
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND

pytestmark = pytest.mark.timeout(300)

QUERY: Final = "SELECT id, email FROM customers ORDER BY id"
PIPELINE: Final = (
    (CONNECTOR_KIND, "warehouse"),
    (CONNECTOR_KIND, "crm"),
    (MODEL_KIND, "customers"),
    (SYNC_KIND, "orders"),
)
REFS: Final[dict[str, Any]] = {
    "sourceId": REMOVED,
    "sourceRef": {"name": "warehouse"},
    "destinationId": REMOVED,
    "destinationRef": {"name": "crm"},
    "modelId": REMOVED,
    "modelRef": {"name": "customers"},
}


def apply(shop: Tenant, name: str) -> None:
    """Apply one manifest of the pipeline."""
    kind = {each: kind for kind, each in PIPELINE}[name]
    if name == "warehouse":
        create(shop, kind, name, **SOURCE)
    elif name == "crm":
        create(shop, kind, name, **DESTINATION)
    elif kind == MODEL_KIND:
        create(shop, kind, name, query=QUERY, primaryKey="id", connectorRef={"name": "warehouse"})
    else:
        shop.sync(name, **REFS)


def ready(shop: Tenant) -> None:
    """The whole pipeline, applied in the wrong order and Ready."""
    for _, name in reversed(PIPELINE):
        apply(shop, name)
    for kind, name in PIPELINE:
        shop.when(kind, name, "Ready")


def posts(shop: Tenant) -> list[str]:
    return sorted(entry["path"].removeprefix("/api/v1") for entry in shop.sandbox.requests("POST"))


def deletions(shop: Tenant) -> list[str]:
    """The collections of what was deleted, in order."""
    found = [entry["path"].removeprefix("/api/v1").split("/")[1] for entry in shop.sandbox.requests("DELETE")]
    return [name for name in found if name != "schedule_syncs"]


def left(shop: Tenant) -> list[dict[str, Any]]:
    state = shop.sandbox.state()
    return [row for kind in ("syncs", "models", "connectors") for row in state[kind] if not row.get("deleted")]


def delete(shop: Tenant, *names: str) -> None:
    for kind, name in PIPELINE:
        if name in names:
            shop.kube.resource(kind).delete(name=name, namespace=shop.namespace)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_the_order_all_become_ready_with_one_create_each(shop: Tenant, seed: int) -> None:
    names = [name for _, name in PIPELINE]
    random.Random(seed).shuffle(names)  # noqa: S311 - any order will do
    for name in names:
        apply(shop, name)
    found = {name: shop.when(kind, name, "Ready")["status"] for kind, name in PIPELINE}

    assert posts(shop) == ["/connectors", "/connectors", "/models", "/syncs"]
    wanted = [int(found[name]["id"]) for name in ("warehouse", "crm", "customers")]
    assert [found["orders"][field] for field in ("sourceId", "destinationId", "modelId")] == wanted


def test_what_comes_later_is_waited_for_by_its_event_alone(shop: Tenant) -> None:
    for name in ("orders", "customers"):
        apply(shop, name)
    told = condition(shop.when(SYNC_KIND, "orders", "Ready", "False", "ReferenceNotReady"))
    assert "there is no Connector 'warehouse'" in told["message"]
    apply(shop, "warehouse")
    shop.when(MODEL_KIND, "customers", "Ready")

    def waits_for_the_destination() -> bool:
        return "'crm'" in condition(shop.get())["message"]

    eventually(waits_for_the_destination, "the Sync to wait for its destination")
    apply(shop, "crm")
    shop.when(SYNC_KIND, "orders", "Ready")


def test_all_deleted_at_once_goes_in_the_order_sync_model_connectors(shop: Tenant) -> None:
    ready(shop)
    shop.sandbox.forget_requests()
    delete(shop, *(name for _, name in PIPELINE))
    for kind, name in PIPELINE:
        eventually(partial(is_gone, shop, kind, name), f"{kind} {name} is gone")

    assert left(shop) == []
    order = deletions(shop)
    assert sorted(order) == ["connectors", "connectors", "models", "syncs"]
    assert order[0] == "syncs"
    assert order.index("models") < len(order) - 1, "the source goes after its model"


def test_a_namespace_deleted_as_a_whole_leaves_nothing(shop: Tenant, kube: Kube, server: Sandbox) -> None:
    name = f"pipeline-{token_hex(4)}"
    kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    other = Tenant(kube, name, server)
    other.connect()
    other.secret(PASSWORD, "warehouse", "password")
    ready(other)
    kube.core.delete_namespace(other.namespace)

    def is_over() -> bool:
        return other.namespace not in {each.metadata.name for each in kube.resource("Namespace", "v1").get().items}

    eventually(is_over, "the namespace to be gone", seconds=90)
    assert left(shop) == []


@pytest.mark.parametrize("cascade", ["background", "foreground", "orphan"])
def test_one_in_use_waits_whatever_the_cascade(shop: Tenant, plane: Plane, cascade: str) -> None:
    ready(shop)
    shop.sandbox.forget_requests()
    words = ("delete", "connector", "warehouse", "-n", shop.namespace, f"--cascade={cascade}", "--wait=false")
    assert plane.kubectl(*words).returncode == 0
    told = condition(shop.when(CONNECTOR_KIND, "warehouse", "Ready", "False", "InUse"))
    assert "is used by Model customers, Sync orders" in told["message"]
    assert deletions(shop) == []

    delete(shop, "orders", "customers")
    eventually(partial(is_gone, shop, CONNECTOR_KIND, "warehouse"), "Connector warehouse is gone")
    assert deletions(shop) == ["syncs", "models", "connectors"]


def test_a_cluster_made_anew_from_git_creates_nothing(shop: Tenant) -> None:
    ready(shop)
    for kind, name in reversed(PIPELINE):
        shop.kube.patch(kind, name, shop.namespace, {"spec": {"deletionPolicy": "Retain"}})
        delete(shop, name)
        eventually(partial(is_gone, shop, kind, name), f"{kind} {name} is gone")
    shop.sandbox.forget_requests()
    ready(shop)

    assert posts(shop) == []
    assert {shop.kube.get(kind, name, shop.namespace)["status"]["origin"] for kind, name in PIPELINE} == {"Adopted"}
