"""A whole pipeline through the real reconcile loop: who waits for whom, and in which order it is deleted."""

from datetime import timedelta
from typing import Any, Final

import pytest
from tests.support.pipeline import DESTINATION, SOURCE, Process

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND
from sync_operator.controller.workqueue.workqueue import Key
from sync_operator.kubernetes.resources import CRONJOBS

pytestmark = pytest.mark.timeout(180)

WAREHOUSE: Final = (CONNECTOR_KIND, "warehouse")
CRM: Final = (CONNECTOR_KIND, "crm")
MODEL: Final = (MODEL_KIND, "customers")
SYNC: Final = (SYNC_KIND, "orders")
REFS: Final[dict[str, Any]] = {
    "sourceRef": {"name": "warehouse"},
    "destinationRef": {"name": "crm"},
    "modelRef": {"name": "customers"},
}
QUERY: Final = "SELECT id, email FROM customers ORDER BY id"


async def applied(world: Process, **model: Any) -> None:
    """All manifests at once, as the watch tells of them."""
    await world.connector("warehouse", **SOURCE)
    await world.connector("crm", **DESTINATION)
    await world.model("customers", query=QUERY, primaryKey="id", **({"connectorRef": {"name": "warehouse"}} | model))
    await world.sync("orders", **REFS)
    for kind, name in (WAREHOUSE, CRM, MODEL, SYNC):
        obj = await world.get(kind, name)
        assert obj is not None
        world.context.store.put(kind, obj)
    world.forget()


async def ready(world: Process) -> None:
    """The whole pipeline, Ready."""
    await applied(world)
    for each in (WAREHOUSE, CRM, MODEL, SYNC):
        await world.reconcile(*each)
    assert (await world.told("Ready", *SYNC))[0] == "True", await world.told("Ready", *SYNC)
    world.forget()


def queued(world: Process, which: tuple[str, str]) -> bool:
    """True if it was queued since the last look."""
    found = Key(which[0], world.namespace, which[1]) in world.queue.added
    world.queue.added.clear()
    return found


async def test_each_waits_for_what_it_refers_to_and_goes_on_by_itself(world: Process) -> None:
    await applied(world)
    for each in (SYNC, MODEL):
        result = await world.reconcile(*each)
        assert result.requeue_after == pytest.approx(60, abs=5)
        assert "conditions" not in await world.status(*each), "what was applied with it may be next"
    assert world.events.told == []
    world.ahead += timedelta(seconds=61)
    await world.reconcile(*SYNC)
    await world.reconcile(*MODEL)
    status, reason, words = await world.told("Ready", *SYNC)
    assert (status, reason) == ("False", "ReferenceNotReady")
    assert "spec.sourceRef.name: Connector 'warehouse' is not Ready, and this Sync waits for it" in words
    assert (await world.told("Ready", *MODEL))[1] == "ReferenceNotReady"
    assert world.calls() == []

    world.queue.added.clear()
    await world.reconcile(*WAREHOUSE)
    assert {Key(kind, world.namespace, name) for kind, name in (MODEL, SYNC)} <= set(world.queue.added)
    await world.reconcile(*SYNC)
    assert "spec.destinationRef.name: Connector 'crm'" in (await world.told("Ready", *SYNC))[2]
    world.queue.added.clear()
    await world.reconcile(*CRM)
    assert queued(world, SYNC)
    await world.reconcile(*MODEL)
    assert queued(world, SYNC)
    await world.reconcile(*SYNC)

    assert (await world.told("Ready", *SYNC))[0] == "True"
    creates = [call for call in world.calls() if call.startswith("POST")]
    assert creates == ["POST /connectors", "POST /connectors", "POST /models", "POST /syncs"]
    [sync], connectors = world.stored("syncs"), {row["name"]: row["id"] for row in world.stored()}
    [model] = world.stored("models")
    ids = (connectors["warehouse"], connectors["crm"], model["id"])
    assert (sync["attributes"]["source_id"], sync["attributes"]["destination_id"], sync["attributes"]["model_id"]) == (
        ids
    )
    found = await world.status(*SYNC)
    assert (found["sourceId"], found["destinationId"], found["modelId"]) == ids


async def test_a_stream_that_the_catalog_lacks_stalls(world: Process) -> None:
    await applied(world)
    await world.sync("orders", streamName="contakts", **REFS)
    for each in (WAREHOUSE, CRM, MODEL, SYNC):
        await world.reconcile(*each)

    status, reason, words = await world.told("Ready", *SYNC)
    assert (status, reason) == ("False", "InvalidSpec")
    assert "Connector 'crm' has no stream 'contakts'; did you mean 'contacts'?" in words
    assert world.stored("syncs") == []


async def test_a_destination_is_no_source(world: Process) -> None:
    await applied(world, connectorRef={"name": "crm"})
    for each in (CRM, MODEL):
        await world.reconcile(*each)

    status, reason, words = await world.told("Ready", *MODEL)
    assert (status, reason) == ("False", "InvalidSpec")
    assert "spec.connectorRef.name: Connector 'crm' is a destination, and a source is needed" in words


async def test_a_query_type_that_the_source_does_not_take_is_refused_before_it_is_sent(world: Process) -> None:
    await applied(world, queryType="soql")
    for each in (WAREHOUSE, MODEL):
        await world.reconcile(*each)

    status, reason, words = await world.told("Ready", *MODEL)
    assert (status, reason) == ("False", "InvalidSpec")
    assert "spec.queryType: must be raw_sql or dbt or table_selector for a source of definition Postgresql" in words
    assert world.stored("models") == []
    await world.model("customers", queryType="dbt")
    await world.reconcile(*MODEL)
    assert (await world.told("Ready", *MODEL))[0] == "True"


async def test_a_source_by_an_id_that_the_server_does_not_have_is_named(world: Process) -> None:
    await applied(world, connectorRef=None, connectorId=999)
    result = await world.reconcile(*MODEL)

    status, reason, words = await world.told("Ready", *MODEL)
    assert (status, reason) == ("False", "CatalogMissing")
    assert "spec.connectorId: this workspace has no connector 999; write one that is there; it is tried again" in words
    assert result.requeue_after is not None, "it may be made there"


async def test_a_model_finds_its_source_by_the_name_on_the_server(world: Process) -> None:
    await applied(world, connectorRef={"name": None, "serverName": "warehouse"})
    await world.reconcile(*MODEL)
    status, reason, words = await world.told("Ready", *MODEL)
    assert (status, reason) == ("False", "InvalidSpec")
    assert "spec.connectorRef.serverName: the server has no source 'warehouse'" in words
    await world.reconcile(*WAREHOUSE)
    world.ahead += timedelta(minutes=2)
    await world.reconcile(*MODEL)

    assert (await world.told("Ready", *MODEL))[0] == "True"
    [row] = world.stored()
    assert (await world.status(*MODEL))["connectorId"] == row["id"]


async def test_a_connector_in_use_is_not_deleted_and_says_who_uses_it(world: Process) -> None:
    await ready(world)
    await world.delete(*WAREHOUSE)
    await world.reconcile(*WAREHOUSE)

    status, reason, words = await world.told("Ready", *WAREHOUSE)
    assert (status, reason) == ("False", "InUse")
    assert "is used by Model customers, Sync orders, which the server would delete with it" in words
    assert not [call for call in world.calls() if call.startswith("DELETE")]


async def test_all_at_once_is_deleted_in_the_order_sync_model_connectors(world: Process) -> None:
    await ready(world)
    for each in (WAREHOUSE, CRM, MODEL, SYNC):
        await world.delete(*each)
        await world.tell(*each)
    for each in (WAREHOUSE, CRM, MODEL):
        result = await world.reconcile(*each)
        assert result.requeue_after == pytest.approx(60, abs=5)
        assert (await world.told("Ready", *each))[0] == "True", "what uses it is being deleted too"
    world.ahead += timedelta(seconds=61)
    await world.reconcile(*WAREHOUSE)
    assert (await world.told("Ready", *WAREHOUSE))[1] == "InUse", "it takes longer than that usually takes"
    world.queue.added.clear()
    await world.reconcile(*SYNC)
    await world.gone(*SYNC)
    assert queued(world, MODEL), "it waited for that"
    await world.reconcile(*CRM)
    await world.reconcile(*MODEL)
    await world.gone(*MODEL)
    assert queued(world, WAREHOUSE)
    await world.reconcile(*WAREHOUSE)

    deleted = [call.split("/")[1] for call in world.calls() if call.startswith("DELETE")]
    assert [each for each in deleted if each != "schedule_syncs"] == ["syncs", "connectors", "models", "connectors"]
    left = [row for kind in ("syncs", "models", "connectors") for row in world.stored(kind) if not row.get("deleted")]
    assert left == []


async def test_what_somebody_made_on_the_server_blocks_the_deletion(world: Process) -> None:
    await ready(world)
    [sync] = world.stored("syncs")
    body = {key: value for key, value in sync["attributes"].items() if value is not None}
    made = world.sandbox.call("POST", "/syncs", sync=body | {"stream_name": "companies"})
    assert made.status_code == 201, made.text
    await world.delete(*SYNC)
    await world.reconcile(*SYNC)
    await world.gone(*SYNC)
    await world.delete(*MODEL)
    result = await world.reconcile(*MODEL)

    status, reason, words = await world.told("Ready", *MODEL)
    assert (status, reason) == ("False", "InUse")
    assert f"is used by sync {made.json()['data']['id']}, which" in words
    assert result.requeue_after is not None, "no watch tells of what is on the server alone"
    world.sandbox.call("DELETE", f"/syncs/{made.json()['data']['id']}")
    world.ahead += timedelta(minutes=5)
    await world.reconcile(*MODEL)
    assert await world.get(*MODEL) is None
    assert world.stored("models") == []


async def test_deletions_at_once_share_a_list_that_is_younger_than_each_of_them(world: Process) -> None:
    names = [f"warehouse-{number}" for number in range(4)]
    for name in names:
        await world.connector(name, **SOURCE)
        await world.reconcile(CONNECTOR_KIND, name)
    await world.compare()
    world.forget()
    for name in names[:2]:
        await world.delete(CONNECTOR_KIND, name)
        await world.tell(CONNECTOR_KIND, name)
    for name in names[:2]:
        await world.reconcile(CONNECTOR_KIND, name)
        assert await world.get(CONNECTOR_KIND, name) is None
    assert lists(world) == ["/models", "/syncs"], "those of the comparison are older than the deletion"

    await world.delete(CONNECTOR_KIND, names[2])
    await world.reconcile(CONNECTOR_KIND, names[2])
    assert len(lists(world)) == 4, "what was deleted later needs its own"

    await world.delete(CONNECTOR_KIND, names[3])
    await world.tell(CONNECTOR_KIND, names[3])
    world.ahead += timedelta(seconds=2)
    await world.compare()
    row = next(row for row in world.stored() if row["name"] == names[3])
    body = {"connector_id": row["id"], "name": "theirs", "query": QUERY, "query_type": "raw_sql", "primary_key": "id"}
    assert world.sandbox.call("POST", "/models", model=body).is_success
    world.ahead += timedelta(seconds=10)
    await world.reconcile(CONNECTOR_KIND, names[3])
    assert (await world.told("Ready", CONNECTOR_KIND, names[3]))[1] == "InUse", "that of the comparison is too old"


def lists(world: Process) -> list[str]:
    """Lists of what may use a connector that were requested."""
    paths = [entry["path"].removeprefix("/api/v1") for entry in world.sandbox.requests("GET")]
    return sorted(path for path in paths if path in {"/models", "/syncs"})


async def test_a_primary_key_by_which_syncs_made_by_hand_know_their_rows_is_not_changed(world: Process) -> None:
    await ready(world)
    [sync] = world.stored("syncs")
    body = {key: value for key, value in sync["attributes"].items() if value is not None}
    made = world.sandbox.call("POST", "/syncs", sync=body | {"stream_name": "companies"}).json()["data"]["id"]
    await world.delete(*SYNC)
    await world.reconcile(*SYNC)
    await world.gone(*SYNC)
    await world.reconcile(*MODEL)
    await world.model("customers", primaryKey="email")
    await world.reconcile(*MODEL)

    status, reason, words = await world.told("Ready", *MODEL)
    assert (status, reason) == ("False", "InvalidSpec")
    assert f"spec.primaryKey: model {world.stored('models')[0]['id']} has 'id', by which sync {made} know" in words
    assert world.stored("models")[0]["primary_key"] == "id"
    world.sandbox.call("DELETE", f"/syncs/{made}")
    assert await world.resync(*MODEL, minutes=5)
    assert (await world.told("Ready", *MODEL))[0] == "True"
    assert world.stored("models")[0]["primary_key"] == "email"


async def test_a_primary_key_that_was_changed_on_the_server_is_put_back(world: Process) -> None:
    await ready(world)
    [model] = world.stored("models")
    world.sandbox.call("PUT", f"/models/{model['id']}", model={"primary_key": "email"})
    await world.reconcile(*MODEL)
    assert await world.resync(*MODEL)

    assert (await world.told("Ready", *MODEL))[0] == "True"
    assert world.stored("models")[0]["primary_key"] == "id"


async def test_retain_lets_it_go_and_leaves_the_server_alone(world: Process) -> None:
    await ready(world)
    await world.delete(*WAREHOUSE)
    await world.reconcile(*WAREHOUSE)
    await world.connector("warehouse", deletionPolicy="Retain")
    await world.reconcile(*WAREHOUSE)

    assert await world.get(*WAREHOUSE) is None
    assert len(world.stored()) == 2
    await world.gone(*WAREHOUSE)
    await world.reconcile(*SYNC)
    assert (await world.told("Ready", *SYNC))[0] == "True", "what is registered goes on"


async def test_a_retained_sync_holds_back_what_it_uses_on_the_server(world: Process) -> None:
    await ready(world)
    await world.sync("orders", deletionPolicy="Retain", **REFS)
    for each in (SYNC, MODEL):
        await world.delete(*each)
    await world.reconcile(*SYNC)
    await world.gone(*SYNC)
    await world.reconcile(*MODEL)

    [sync] = world.stored("syncs")
    status, reason, words = await world.told("Ready", *MODEL)
    assert (status, reason) == ("False", "InUse")
    assert f"is used by sync {sync['id']}, which" in words


async def test_a_cluster_made_anew_finds_the_whole_pipeline(world: Process) -> None:
    await ready(world)
    for kind, name in (SYNC, MODEL, CRM, WAREHOUSE):
        await world.release(kind, name)
    await world.kube.delete(CRONJOBS, world.namespace, "orders")
    world.start()
    await applied(world)
    for each in (WAREHOUSE, CRM, MODEL, SYNC):
        await world.reconcile(*each)

    for each in (WAREHOUSE, CRM, MODEL, SYNC):
        assert (await world.told("Ready", *each))[0] == "True", await world.told("Ready", *each)
        assert (await world.status(*each))["origin"] == "Adopted"
    assert not [call for call in world.calls() if call.startswith("POST")]
