"""A Sync with values from Secrets that finds its sync on the server, while its process dies in between."""

from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import pytest
from tests.support.pipeline import DESTINATION, SOURCE, Process

from sync_operator.api.constants import CONNECTOR_KIND, CREATE_STARTED_ANNOTATION, FINALIZER, MODEL_KIND, SYNC_KIND
from sync_operator.kubernetes.resources import CRONJOBS, SYNCS

pytestmark = pytest.mark.timeout(180)

VECTOR: Final[dict[str, Any]] = {
    "from": "text",
    "to": "vector",
    "mapping_type": "vector",
    "embedding_config": {"mode": "openai"},
}
SECRETS: Final = [{"pointer": "/0/embedding_config/api_key", "secretKeyRef": {"name": "vectors", "key": "password"}}]
SPEC: Final[dict[str, Any]] = {
    "sourceRef": {"name": "warehouse"},
    "destinationRef": {"name": "crm"},
    "modelRef": {"name": "customers"},
    "configuration": [VECTOR],
    "configurationSecrets": SECRETS,
}
HERE: Final = (SYNC_KIND, "vectors")
PIPELINE: Final = ((CONNECTOR_KIND, "warehouse"), (CONNECTOR_KIND, "crm"), (MODEL_KIND, "customers"))


async def pipeline(world: Process) -> None:
    """Two Connectors and a Model, Ready."""
    await world.secret("key-of-vectors", "vectors")
    await world.connector("warehouse", **SOURCE)
    await world.connector("crm", **DESTINATION)
    query = "SELECT id, text FROM customers ORDER BY id"
    await world.model("customers", query=query, primaryKey="id", connectorRef={"name": "warehouse"})
    for kind, name in PIPELINE:
        await world.reconcile(kind, name)


async def rebuilt(world: Process) -> str:
    """The cluster is lost, and made anew from the same manifests; its process dies once the create intent is written.

    Returns:
        The id of the sync that the first cluster made.
    """
    await pipeline(world)
    await world.sync("vectors", **SPEC)
    await world.reconcile(*HERE)
    assert (await world.told("Ready", *HERE))[0] == "True"
    await world.release(*HERE)
    await world.kube.delete(CRONJOBS, world.namespace, "vectors")
    world.settle = timedelta(minutes=5)
    world.start()
    for kind, name in PIPELINE:
        await world.reconcile(kind, name)
    await world.sync("vectors", **SPEC)
    started = f"{world.now().isoformat(timespec='seconds')}/{uuid4().hex}"
    intent = {"annotations": {CREATE_STARTED_ANNOTATION: started}, "finalizers": [FINALIZER]}
    await world.kube.merge_patch(SYNCS, world.namespace, "vectors", {"metadata": intent})
    world.forget()
    [row] = world.stored("syncs")
    return str(row["id"])


async def test_one_that_died_with_its_create_intent_written_takes_what_is_there(world: Process) -> None:
    number = await rebuilt(world)
    await world.reconcile(*HERE)

    assert (await world.told("Ready", *HERE))[0] == "True"
    assert (await world.status(*HERE))["id"] == number
    assert "POST /syncs" not in world.calls()


async def test_one_whose_secret_has_changed_meanwhile_says_which_it_may_be_and_takes_it_by_its_id(
    world: Process,
) -> None:
    number = await rebuilt(world)
    await world.secret("another", "vectors")
    result = await world.reconcile(*HERE)

    status, reason, words = await world.told("Ready", *HERE)
    assert (status, reason) == ("False", "OutcomeUnknown")
    assert f"an earlier create may have created sync {number}, but the spec, a Secret in it," in words
    assert result.requeue_after is not None, "somebody may delete it there"
    await world.sync("vectors", **SPEC, externalId=number)
    await world.reconcile(*HERE)
    assert (await world.told("Ready", *HERE))[0] == "True"
    assert [str(row["id"]) for row in world.stored("syncs")] == [number]
    assert "POST /syncs" not in world.calls()


async def test_one_whose_secret_has_changed_goes_on_once_what_it_may_be_is_gone(world: Process) -> None:
    number = await rebuilt(world)
    await world.secret("another", "vectors")
    await world.reconcile(*HERE)
    world.sandbox.call("DELETE", f"/syncs/{number}")
    for _ in range(3):
        world.ahead += timedelta(minutes=5)
        await world.reconcile(*HERE)

    assert (await world.told("Ready", *HERE))[0] == "True"
    assert world.calls().count("POST /syncs") == 1
