"""Resources that are gone in the cluster while their deletion is still to be carried out."""

import asyncio
from typing import Any

import pytest
from tests.support.pipeline import SOURCE, Process

from sync_operator.api.constants import CONNECTOR_KIND
from sync_operator.controller.connector.connector_reconciler import CONNECTOR_STEPS
from sync_operator.controller.informer.event_handlers import make_registry
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.registration.reconcile_loop import reconcile_registered
from sync_operator.controller.workqueue.workqueue import Key

pytestmark = pytest.mark.timeout(180)


async def vanished(world: Process) -> dict[str, Any]:
    """A registered Connector is gone, with our finalizer; the object as the watch has shown it last."""
    await world.connector(**SOURCE)
    await world.reconcile()
    assert len(world.stored()) == 1
    held = world.context.store.get(CONNECTOR_KIND, NamespacedName(world.namespace, "shop"))
    assert held is not None
    await world.release(CONNECTOR_KIND, "shop")
    # The watch tells of a deletion with a resource version of its own.
    version = str(int(held["metadata"]["resourceVersion"]) + 1)
    last = {**held, "metadata": {**held["metadata"], "resourceVersion": version}}
    make_registry(world.context)
    await world.watched(CONNECTOR_KIND, "DELETED", last)
    assert held["metadata"]["uid"] in world.context.vanished
    return last


async def reconcile(world: Process) -> None:
    key = Key(CONNECTOR_KIND, world.namespace, "shop")
    await asyncio.wait_for(reconcile_registered(CONNECTOR_STEPS, world.context, key), 60)


async def test_a_list_that_does_not_show_it_ends_nothing(world: Process) -> None:
    gone = await vanished(world)
    await world.context.relist()

    await reconcile(world)

    assert world.stored() == []
    assert not world.context.store.has(CONNECTOR_KIND, NamespacedName(world.namespace, "shop"))
    assert gone["metadata"]["uid"] not in world.context.vanished


async def test_nothing_is_written_to_it_while_its_server_is_away(world: Process) -> None:
    gone = await vanished(world)
    world.sandbox.fault(method="DELETE", path="/connectors", times=1, status=503)

    await reconcile(world)
    assert len(world.stored()) == 1
    assert gone["metadata"]["uid"] in world.context.vanished
    await reconcile(world)

    assert world.stored() == []


async def test_a_new_one_of_its_name_takes_its_place(world: Process) -> None:
    gone = await vanished(world)
    await world.connector(**SOURCE)
    made = await world.get(CONNECTOR_KIND, "shop")
    assert made is not None

    await world.watched(CONNECTOR_KIND, "ADDED", made)
    await world.watched(CONNECTOR_KIND, "DELETED", gone)

    assert gone["metadata"]["uid"] not in world.context.vanished
    held = world.context.store.get(CONNECTOR_KIND, NamespacedName(world.namespace, "shop"))
    assert held is not None
    assert held["metadata"]["uid"] == made["metadata"]["uid"]
    await world.reconcile()
    assert (await world.told())[0] == "True"
    assert len(world.stored()) == 1


async def test_one_whose_finalizer_somebody_removed_stays_on_the_server(world: Process) -> None:
    await world.connector(**SOURCE)
    await world.reconcile()
    held = world.context.store.get(CONNECTOR_KIND, NamespacedName(world.namespace, "shop"))
    assert held is not None
    await world.release(CONNECTOR_KIND, "shop")

    await world.watched(CONNECTOR_KIND, "DELETED", {**held, "metadata": {**held["metadata"], "finalizers": []}})

    assert held["metadata"]["uid"] not in world.context.vanished
    assert len(world.stored()) == 1
