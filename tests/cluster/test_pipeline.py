"""A whole pipeline with the real controller: Connectors and Models beside Syncs, by watches alone."""

import json
from functools import partial
from typing import Any

import pytest
from kubernetes import client
from tests.support.manifests import REMOVED
from tests.support.pipeline import DESTINATION, MASK, PASSWORD, SOURCE, create, is_gone
from tests.support.plane import Kube, Plane
from tests.support.running import Controller, Sandbox, eventually
from tests.support.syncs import MAPPING, Tenant, condition

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND

pytestmark = pytest.mark.timeout(300)

QUERY = "SELECT id, email FROM customers ORDER BY id"


def ready(shop: Tenant, kind: str, name: str, **spec: Any) -> dict[str, Any]:
    create(shop, kind, name, **spec)
    return shop.when(kind, name, "Ready")


def test_a_pipeline_becomes_ready_with_one_create_each(shop: Tenant) -> None:
    source = ready(shop, CONNECTOR_KIND, "warehouse", **SOURCE)["status"]["id"]
    destination = ready(shop, CONNECTOR_KIND, "crm", **DESTINATION)["status"]["id"]
    model = ready(shop, MODEL_KIND, "customers", connectorId=int(source), query=QUERY, primaryKey="id")["status"]["id"]
    shop.ready(
        sourceId=int(source), destinationId=int(destination), modelId=int(model), streamName="contacts",
        configuration=MAPPING,
    )  # fmt: skip

    posts = [entry["path"].removeprefix("/api/v1") for entry in shop.sandbox.requests("POST")]
    assert sorted(posts) == ["/connectors", "/connectors", "/models", "/syncs"]


REFS: dict[str, Any] = {
    **dict.fromkeys(("sourceId", "destinationId", "modelId"), REMOVED),
    "sourceRef": {"name": "warehouse"},
    "destinationRef": {"name": "crm"},
    "modelRef": {"name": "customers"},
    "streamName": "contacts",
}


def apply_all(shop: Tenant) -> None:
    """Create a whole pipeline, in an order in which everything has to wait."""
    shop.sync(**REFS)
    create(shop, MODEL_KIND, "customers", connectorRef={"name": "warehouse"}, query=QUERY, primaryKey="id")
    create(shop, CONNECTOR_KIND, "crm", **DESTINATION)
    create(shop, CONNECTOR_KIND, "warehouse", **SOURCE)


def test_a_pipeline_that_is_applied_at_once_becomes_ready_by_itself(shop: Tenant) -> None:
    apply_all(shop)
    for kind, name in (*PIPELINE, (CONNECTOR_KIND, "crm"), (SYNC_KIND, "orders")):
        shop.when(kind, name, "Ready")

    posts = [entry["path"].removeprefix("/api/v1") for entry in shop.sandbox.requests("POST")]
    assert sorted(posts) == ["/connectors", "/connectors", "/models", "/syncs"]
    assert len(shop.sandbox.syncs()) == 1
    shop.told("Manual")
    events = shop.kube.core.list_namespaced_event(shop.namespace).items
    assert {event.reason for event in events} >= {"ReferenceNotReady", "Registered", "Manual"}
    assert [event.message for event in events if event.type != "Normal"] == []


def test_a_namespace_that_is_deleted_takes_the_pipeline_along_in_order(shop: Tenant, kube: Kube) -> None:
    apply_all(shop)
    source = shop.when(SYNC_KIND, "orders", "Ready")["status"]["sourceId"]
    shop.sandbox.forget_requests()
    kube.core.delete_namespace(shop.namespace)
    eventually(lambda: not shop.sandbox.state()["connectors"], "no connector is left on the server")

    deleted = [
        entry["path"].split("/", 3)[3] for entry in shop.sandbox.requests("DELETE") if "schedule" not in entry["path"]
    ]
    assert sorted(path.split("/")[0] for path in deleted) == ["connectors", "connectors", "models", "syncs"]
    assert deleted[0].startswith("syncs/")
    [model] = [path for path in deleted if path.startswith("models/")]
    assert deleted.index(model) < deleted.index(f"connectors/{source}"), "the destination goes once the Sync is gone"
    assert shop.sandbox.syncs() == shop.sandbox.state()["models"] == []


def test_a_restart_writes_nothing(shop: Tenant, controller: Controller) -> None:
    apply_all(shop)
    everything = (*PIPELINE, (CONNECTOR_KIND, "crm"), (SYNC_KIND, "orders"))
    for kind, name in everything:
        shop.when(kind, name, "Ready")
    wanted = [{"models": 1, "syncs": 1}, {"syncs": 1}, {"models": 0, "syncs": 1}]

    def is_counted() -> bool:
        found = [shop.kube.get(kind, name, shop.namespace) for kind, name in everything if kind != SYNC_KIND]
        return [each["status"].get("usedBy") for each in found] == wanted

    eventually(is_counted, "all users to be counted")
    controller.stop()
    before = [shop.kube.get(kind, name, shop.namespace)["metadata"]["resourceVersion"] for kind, name in everything]
    shop.sandbox.forget_requests()
    controller.start()
    eventually(lambda: len(shop.sandbox.requests("GET", "/models")) >= 2, "two comparisons")

    assert {entry["method"] for entry in shop.sandbox.requests()} == {"GET"}
    after = [shop.kube.get(kind, name, shop.namespace)["metadata"]["resourceVersion"] for kind, name in everything]
    assert after == before


def test_a_changed_secret_is_sent_exactly_once_by_its_event_alone(shop: Tenant) -> None:
    ready(shop, CONNECTOR_KIND, "warehouse", **SOURCE)
    shop.sandbox.forget_requests()
    shop.secret("tr0ub4dor", "warehouse", "password")

    def is_sent() -> bool:
        [row] = shop.sandbox.state()["connectors"]
        return bool(row["configuration"]["credentials"]["password"] == "tr0ub4dor")

    eventually(is_sent, "the new password on the server")
    shop.when(CONNECTOR_KIND, "warehouse", "Ready")
    assert len(shop.sandbox.requests("PUT")) == 1


def test_a_changed_config_map_is_sent_by_its_event_alone(shop: Tenant, kube: Kube) -> None:
    body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="queries"), data={"q": "SELECT 1"})
    kube.core.create_namespaced_config_map(shop.namespace, body)
    source = ready(shop, CONNECTOR_KIND, "warehouse", **SOURCE)["status"]["id"]
    reference = {"configMapKeyRef": {"name": "queries", "key": "q"}}
    ready(shop, MODEL_KIND, "customers", connectorId=int(source), queryFrom=reference, primaryKey="id")
    kube.core.patch_namespaced_config_map("queries", shop.namespace, {"data": {"q": QUERY}})

    eventually(lambda: shop.sandbox.state()["models"][0]["query"] == QUERY, "the new query on the server")


def test_what_the_edit_page_of_the_server_stored_is_put_back(shop: Tenant) -> None:
    number = ready(shop, CONNECTOR_KIND, "warehouse", **SOURCE)["status"]["id"]
    shown = shop.sandbox.call("GET", f"/connectors/{number}").json()["data"]["attributes"]["configuration"]
    assert shown["credentials"]["password"] == MASK
    shop.sandbox.call("PUT", f"/connectors/{number}", connector={"configuration": shown})

    def is_whole() -> bool:
        [row] = shop.sandbox.state()["connectors"]
        return bool(row["configuration"]["credentials"]["password"] == PASSWORD)

    eventually(is_whole, "the password on the server")


@pytest.mark.usefixtures("controller")
def test_a_workspace_that_comes_later_is_waited_for(kube: Kube, namespace: str, server: Sandbox) -> None:
    late = Tenant(kube, namespace, server)
    late.secret(PASSWORD, "warehouse", "password")
    create(late, CONNECTOR_KIND, "warehouse", **SOURCE)
    late.when(CONNECTOR_KIND, "warehouse", "Ready", "False", "WorkspaceNotFound")
    late.connect()
    late.when(CONNECTOR_KIND, "warehouse", "Ready")


def test_idle_resources_are_written_no_more(shop: Tenant) -> None:
    source = ready(shop, CONNECTOR_KIND, "warehouse", **SOURCE)["status"]["id"]
    ready(shop, MODEL_KIND, "customers", connectorId=int(source), query=QUERY, primaryKey="id")
    compared = shop.when("Workspace", "default", "Compared")
    assert condition(compared, "Compared")["message"].startswith("all its Connectors")

    def is_counted() -> bool:
        status = shop.kube.get(CONNECTOR_KIND, "warehouse", shop.namespace)["status"]
        return bool(status.get("usedBy") == {"models": 1, "syncs": 0})

    eventually(is_counted, "the Model to be counted")
    before = [shop.kube.get(kind, name, shop.namespace) for kind, name in PIPELINE]
    shop.sandbox.forget_requests()
    eventually(lambda: len(shop.sandbox.requests("GET", "/connectors")) >= 3, "three more comparisons")

    after = [shop.kube.get(kind, name, shop.namespace) for kind, name in PIPELINE]
    assert [obj["metadata"]["resourceVersion"] for obj in after] == [
        obj["metadata"]["resourceVersion"] for obj in before
    ]
    assert {entry["method"] for entry in shop.sandbox.requests()} == {"GET"}
    paths = {entry["path"].removeprefix("/api/v1") for entry in shop.sandbox.requests()}
    assert paths <= {"/connectors", "/models", "/users/me"}


PIPELINE = ((CONNECTOR_KIND, "warehouse"), (MODEL_KIND, "customers"))


def test_deleted_resources_are_deleted_on_the_server(shop: Tenant) -> None:
    source = ready(shop, CONNECTOR_KIND, "warehouse", **SOURCE)["status"]["id"]
    ready(shop, MODEL_KIND, "customers", connectorId=int(source), query=QUERY, primaryKey="id")
    for kind, name in reversed(PIPELINE):
        shop.kube.resource(kind).delete(name=name, namespace=shop.namespace)
        eventually(partial(is_gone, shop, kind, name), f"{kind} {name} is gone")

    assert shop.sandbox.state()["models"] == []
    assert shop.sandbox.state()["connectors"] == []


def test_no_secret_is_told_anywhere(shop: Tenant, controller: Controller, kube: Kube) -> None:
    ready(shop, CONNECTOR_KIND, "crm", **DESTINATION)
    create(shop, CONNECTOR_KIND, "bad", **{**SOURCE, "configuration": {"host": "db"}})
    shop.when(CONNECTOR_KIND, "bad", "Ready", "False")
    shop.secret("tr0ub4dor", "warehouse", "password")
    eventually(lambda: shop.sandbox.requests("PUT"), "the new token on the server")
    shop.when(CONNECTOR_KIND, "crm", "Ready")

    told = [shop.kube.get(CONNECTOR_KIND, name, shop.namespace) for name in ("crm", "bad")]
    events = kube.core.list_namespaced_event(shop.namespace).to_str()
    for planted in (PASSWORD, "tr0ub4dor"):
        assert planted not in json.dumps(told)
        assert planted not in events
        assert planted not in controller.log.read_text()


def test_the_reference_page_shows_commands_that_work(shop: Tenant, plane: Plane) -> None:
    ready(shop, CONNECTOR_KIND, "warehouse", **SOURCE)
    for plural, singular in (("connectors", "connector"), ("models", "model")):
        explained = plane.kubectl("explain", f"{singular}.spec", "--recursive")
        assert explained.returncode == 0, explained.stderr
        for name, found in (("default", True), ("other", False)):
            listed = plane.kubectl(
                "get", plural, "-n", shop.namespace, "--field-selector", f"spec.workspaceRef.name={name}"
            )
            assert ("warehouse" in listed.stdout) is (found and plural == "connectors"), listed.stderr
        assert plane.kubectl("get", plural, "-n", shop.namespace).returncode == 0
