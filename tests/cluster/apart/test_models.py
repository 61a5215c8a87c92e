"""Models through the real reconcile loop: a real API server on one side, the sandbox on the other."""

from datetime import timedelta
from typing import Any, Final

import pytest
from tests.support.pipeline import SOURCE, Process

from sync_operator.api.constants import MODEL_FINALIZER, MODEL_KIND, SYNC_KIND
from sync_operator.kubernetes.resources import SYNCS

pytestmark = pytest.mark.timeout(180)

QUERY: Final = "SELECT id, email FROM customers ORDER BY id"
HERE: Final = (MODEL_KIND, "orders")


async def source(world: Process) -> int:
    """Id of a source on the server."""
    await world.connector(**SOURCE)
    await world.reconcile()
    [row] = world.stored()
    world.forget()
    number: int = row["id"]
    return number


async def settled(world: Process, **spec: Any) -> dict[str, Any]:
    """A Model that is registered, as the server has it."""
    number = await source(world)
    await world.model(connectorId=number, primaryKey="id", **({"query": QUERY} | spec))
    await world.reconcile(*HERE)
    assert (await world.told("Ready", *HERE))[0] == "True", await world.told("Ready", *HERE)
    [row] = world.stored("models")
    return row


async def test_it_is_created_once_with_its_mark_and_the_text_that_is_sent(world: Process) -> None:
    row = await settled(world, query=f"  {QUERY} ;\n")
    await world.reconcile(*HERE)
    obj = await world.get(*HERE)

    assert obj is not None
    assert world.calls() == ["POST /models"]
    assert (row["name"], row["query"], row["query_type"], row["primary_key"]) == ("orders", QUERY, "raw_sql", "id")
    assert row["description"] == f"Managed by sync-operator: {obj['metadata']['uid']} of cluster here"
    assert obj["metadata"]["finalizers"] == [MODEL_FINALIZER]
    assert obj["status"]["connectorId"] == row["connector_id"]


async def test_a_restart_and_resyncs_write_nothing(world: Process) -> None:
    await settled(world)
    world.forget()
    await world.resync(*HERE)
    world.start()
    await world.reconcile(*HERE)
    await world.resync(*HERE)

    assert world.calls() == []


async def test_drift_is_put_back(world: Process) -> None:
    row = await settled(world)
    world.sandbox.call("PUT", f"/models/{row['id']}", model={"query": "SELECT 1"})
    await world.resync(*HERE)

    assert world.stored("models")[0]["query"] == QUERY
    assert (await world.told("Registered", *HERE))[1] == "DriftCorrected"


async def test_the_key_is_fixed_while_a_sync_uses_the_model(world: Process) -> None:
    row = await settled(world)
    await world.model(primaryKey="email")
    await world.reconcile(*HERE)
    assert world.stored("models")[0]["primary_key"] == "email", "nothing uses it"

    await world.sync("sends", sourceId=row["connector_id"], destinationId=2, modelId=row["id"])
    sync = {"status": {"id": "7", "url": world.sandbox.url, "workspaceId": "1", "modelId": row["id"]}}
    obj = await world.kube.merge_patch(SYNCS, world.namespace, "sends", sync, subresource="status")
    assert obj is not None
    world.context.store.put(SYNC_KIND, obj)
    await world.model(primaryKey="id")
    await world.reconcile(*HERE)

    status, reason, message = await world.told("Ready", *HERE)
    assert (status, reason) == ("False", "InvalidSpec")
    assert message.startswith(f"spec.primaryKey: model {row['id']} has 'email'")
    assert world.stored("models")[0]["primary_key"] == "email"
    await world.reconcile(*HERE)
    assert (await world.told("Ready", *HERE))[0] == "False", "also once it was told"
    await world.model(primaryKey="email")
    await world.reconcile(*HERE)
    assert (await world.told("Ready", *HERE))[0] == "True"


async def test_a_change_of_the_query_says_what_it_means_for_syncs(world: Process) -> None:
    await settled(world)
    assert not any("in force from the next run" in event.message for event in world.events.told)
    await world.model(query="SELECT id FROM customers ORDER BY id")
    await world.reconcile(*HERE)
    await world.reconcile(*HERE)

    assert world.stored("models")[0]["query"] == "SELECT id FROM customers ORDER BY id"
    told = [event for event in world.events.told if "in force from the next run" in event.message]
    assert [event.reason for event in told] == ["Reconciled"]


async def test_a_query_in_a_config_map_is_sent_again_when_it_changes(world: Process) -> None:
    await world.config_map("SELECT 1;")
    number = await source(world)
    reference = {"configMapKeyRef": {"name": "queries", "key": "query"}}
    await world.model(connectorId=number, primaryKey="id", queryFrom=reference)
    await world.reconcile(*HERE)
    assert world.stored("models")[0]["query"] == "SELECT 1"
    await world.config_map(QUERY)
    await world.resync(*HERE)
    await world.resync(*HERE)

    assert world.stored("models")[0]["query"] == QUERY
    assert len([call for call in world.calls() if call.startswith("PUT")]) == 1


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT 1 LIMIT 5", "key 'query' of ConfigMap 'queries' has LIMIT or OFFSET"),
        ("SELECT 1 -- all", "key 'query' of ConfigMap 'queries' ends in a comment"),
    ],
)
async def test_a_query_on_which_runs_would_break_is_not_sent(world: Process, query: str, words: str) -> None:
    await world.config_map(query)
    number = await source(world)
    reference = {"configMapKeyRef": {"name": "queries", "key": "query"}}
    await world.model(connectorId=number, primaryKey="id", queryFrom=reference)
    await world.reconcile(*HERE)

    status, reason, message = await world.told("Ready", *HERE)
    assert (status, reason) == ("False", "InvalidSpec")
    assert words in message
    assert world.stored("models") == []


async def test_a_config_map_that_is_missing_is_told(world: Process) -> None:
    number = await source(world)
    reference = {"configMapKeyRef": {"name": "absent", "key": "query"}}
    await world.model(connectorId=number, primaryKey="id", queryFrom=reference)
    await world.reconcile(*HERE)

    assert "there is no ConfigMap 'absent'" in (await world.told("Ready", *HERE))[2]


async def test_a_lost_create_is_found_by_its_mark_and_taken(world: Process) -> None:
    number = await source(world)
    world.sandbox.fault(method="POST", path="/models", lose="after")
    await world.model(connectorId=number, primaryKey="id", query=QUERY)
    assert (await world.reconcile(*HERE)).failed
    world.start()
    world.ahead = timedelta(minutes=1)
    await world.reconcile(*HERE)

    assert len(world.stored("models")) == 1
    assert (await world.told("Ready", *HERE))[0] == "True"


async def test_what_we_made_is_deleted_with_it(world: Process) -> None:
    await settled(world)
    await world.delete(*HERE)
    await world.reconcile(*HERE)

    assert await world.get(*HERE) is None
    assert world.stored("models") == []


async def test_a_preview_tells_the_columns(world: Process) -> None:
    row = await settled(world, preview="OnChange")

    assert world.calls() == ["POST /models", f"POST /connectors/{row['connector_id']}/query_source"]
    assert (await world.told("QueryValid", *HERE))[0] == "True"
    status = await world.status(*HERE)
    assert (status["columns"], status["columnCount"]) == (["id", "email"], 2)
    world.forget()
    await world.reconcile(*HERE)
    assert world.calls() == []


async def test_a_preview_finds_a_query_that_is_refused_and_a_key_that_is_no_column(world: Process) -> None:
    row = await settled(world, preview="OnChange", query="SELECT email FROM customers")
    status, reason, message = await world.told("QueryValid", *HERE)
    assert (status, reason) == ("False", "InvalidSpec")
    assert "spec.primaryKey: the query returns no column 'id'" in message
    assert (await world.told("Ready", *HERE))[0] == "True", "it is no part of Ready"

    refusal = {"error": 'relation "customer" does not exist'}
    world.sandbox.control("PUT", f"/queries/{row['connector_id']}", refusal)
    await world.model(query="SELECT id FROM customer")
    await world.reconcile(*HERE)
    status, reason, message = await world.told("QueryValid", *HERE)
    assert (status, reason) == ("False", "Rejected")
    assert 'relation "customer" does not exist' in message
