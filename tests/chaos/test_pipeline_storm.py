"""Everything goes wrong at once and at random, on the way to both servers, around whole pipelines.

Fixed seeds, one for each of the worlds; `CHAOS_ROUNDS=10` takes ten times as many.
"""

import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from uuid import uuid4

import pytest
from tests.support.ledger import Ledger
from tests.support.pipeline_world import PipelineWorld, in_turns
from tests.support.rounds import ROUNDS
from tests.support.running import Sandbox, eventually
from tests.support.storm import Storm
from tests.support.syncs import condition
from tests.support.wanted_pipelines import COLLECTIONS, WantedPipeline, creates, resources_of

from sync_operator.api.constants import API_VERSION, SYNC_KIND

pytestmark = pytest.mark.timeout(2400)

_SHARE: Final = 0.2
_FAULTS: Final = 40
"""Faults of one storm at the least."""
_GAVE_UP: Final = 3
"""Exit code of a controller that the cluster's API server did not let start or go on."""
_USERS: Final = [{"models": 1, "syncs": 1}, {"models": 0, "syncs": 1}, {"syncs": 1}]
"""What uses the two Connectors and the Model of a stage, as their statuses count it."""
_WRITES: Final = {"POST", "PUT", "PATCH", "DELETE"}


@pytest.fixture(params=range(1, ROUNDS + 1))
def seeds(request: pytest.FixtureRequest, worlds: list[PipelineWorld]) -> list[int]:
    """As many as there are worlds."""
    first = request.param * 100
    return list(range(first, first + len(worlds)))


def stormy(world: PipelineWorld, storm: Storm, work: Callable[[int], object]) -> None:
    """Work in a storm until enough has gone wrong; the controller is killed now and then."""
    chance = random.Random(storm.seed)  # noqa: S311 - fixed on purpose
    world.judge(storm)
    turn = 0
    while storm.counted.total() < _FAULTS:
        work(turn)
        time.sleep(0.3)
        world.keep_running()
        if chance.random() < 0.2:
            world.kill()
            storm.counted["controller killed"] += 1
        turn += 1
    world.judge(None)


def calm(world: PipelineWorld) -> None:
    """All is as it must be, and no controller has ended by itself but for want of an API server."""
    world.settle(seconds=60)
    assert set(world.exits) <= {_GAVE_UP}, world.exits
    world.exits.clear()


def note(ledger: Ledger, storms: list[Storm], what: str) -> None:
    for storm in storms:
        ledger.faults += storm.counted
        ledger.seeds.append(f"{what} {storm.seed}")


def look_again(world: PipelineWorld, stage: str) -> None:
    """Each resource changes, in what nobody reads, so that the controller looks at it."""
    word = {"metadata": {"annotations": {"example.com/touched": uuid4().hex}}}
    for kind, name in resources_of(stage):
        if name in world.listed(kind, API_VERSION):
            world.kube.patch(kind, name, world.tenant.namespace, word)


def test_lives_in_a_storm(worlds: list[PipelineWorld], seeds: list[int], ledger: Ledger) -> None:
    def lived(world: PipelineWorld, seed: int) -> Storm:
        storm = Storm(seed, _SHARE)

        def work(turn: int) -> None:
            """A pipeline more, and the next part of the life of those before."""
            for age, part in enumerate((world.apply, world.rotate, world.edit, world.remove)):
                if turn >= age:
                    part(f"storm-{seed}-{turn - age}")

        stormy(world, storm, work)
        calm(world)
        for stage in list(world.pipelines):
            world.remove(stage)
        calm(world)
        return storm

    note(ledger, in_turns(worlds, seeds, lived), "pipeline storm")


def test_what_is_in_use_is_not_deleted_in_a_storm(
    worlds: list[PipelineWorld], seeds: list[int], ledger: Ledger
) -> None:
    def lived(world: PipelineWorld, seed: int) -> Storm:
        stage, storm = f"used-{seed}", Storm(seed, _SHARE)
        world.apply(stage)
        world.settle()
        wanted = world.pipelines[stage]
        warehouse, crm, customers, orders = resources_of(stage)
        by_hand = made_by_hand(world, wanted)
        before = rows(world.sandbox)
        for kind, name in (warehouse, crm, customers):
            world.kube.resource(kind).delete(name=name, namespace=world.tenant.namespace)
        for kind, name in (warehouse, crm, customers):
            in_use(world, kind, name, "Sync " + orders[1])
        world.kube.resource(SYNC_KIND).delete(name=orders[1], namespace=world.tenant.namespace)
        world.tenant.gone(orders[1])
        before["syncs"].remove(wanted.ids[orders[1]])
        stormy(world, storm, lambda _: look_again(world, stage))
        in_use(world, *customers, f"sync {by_hand}")
        in_use(world, *crm, f"sync {by_hand}")
        in_use(world, *warehouse, f"Model {customers[1]}")

        assert rows(world.sandbox) == before
        assert set(deleted(world.sandbox)) <= {
            f"syncs/{wanted.ids[orders[1]]}",
            f"schedule_syncs/{wanted.ids[orders[1]]}",
        }
        world.exits.clear()
        assert world.sandbox.call("DELETE", f"/syncs/{by_hand}").status_code == 204
        world.survivors.clear()
        del world.pipelines[stage]
        look_again(world, stage)
        world.settle()
        world.depart(wanted)
        return storm

    note(ledger, in_turns(worlds, seeds, lived), "in use")


def made_by_hand(world: PipelineWorld, wanted: WantedPipeline) -> str:
    """Somebody makes a sync over our connectors and model on the server; its id."""
    [sync] = [each for each in world.sandbox.syncs() if str(each["id"]) == wanted.ids[f"{wanted.stage}-orders"]]
    body = {key: value for key, value in sync["attributes"].items() if value is not None}
    made = world.sandbox.call("POST", "/syncs", sync=body | {"stream_name": "companies"})
    assert made.status_code == 201, made.text
    sync_id = str(made.json()["data"]["id"])
    world.survivors.add(sync_id)
    return sync_id


def rows(sandbox: Sandbox) -> dict[str, list[str]]:
    """Ids of everything that is on the server."""
    state = sandbox.state()
    return {
        each: sorted(str(row["id"]) for row in state[each] if not row.get("deleted")) for each in COLLECTIONS.values()
    }


def deleted(sandbox: Sandbox) -> list[str]:
    return [entry["path"].removeprefix("/api/v1/") for entry in sandbox.requests("DELETE")]


def in_use(world: PipelineWorld, kind: str, name: str, words: str) -> None:
    """Wait until it says who uses it."""

    def look() -> bool:
        world.keep_running()
        ready = condition(world.kube.get(kind, name, world.tenant.namespace))
        return ready.get("reason") == "InUse" and words in ready["message"]

    eventually(look, f"{kind} {name} is in use: {words}", seconds=120)


def test_restarted_and_rebuilt_it_makes_nothing(worlds: list[PipelineWorld], seeds: list[int], ledger: Ledger) -> None:
    def lived(world: PipelineWorld, seed: int) -> Storm:
        stage, storm = f"rebuilt-{seed}", Storm(seed, _SHARE)
        world.apply(stage)
        world.settle()
        eventually(lambda: counted(world, stage) == _USERS, "what uses each to be counted")
        before, versions = rows(world.sandbox), stored(world, stage)
        world.sandbox.forget_requests()
        world.controller.stop()
        world.controller.start()
        eventually(partial(has_listed, world), "the restarted controller to have compared", seconds=90)
        assert writes(world.sandbox) == []
        assert stored(world, stage) == versions

        world.controller.stop()
        world.release(stage)
        world.controller.begin()
        world.reapply(stage)
        stormy(world, storm, lambda _: look_again(world, stage))
        calm(world)
        assert creates(world.sandbox.requests()) == {}
        assert not [call for call in writes(world.sandbox) if call.startswith(("POST", "DELETE"))]
        assert rows(world.sandbox) == before
        world.remove(stage)
        eventually(lambda: not any(world.listed(kind, API_VERSION) for kind in COLLECTIONS), "all to be gone")
        assert rows(world.sandbox) == before, "what was adopted is retained"
        world.empty_server()
        return storm

    note(ledger, in_turns(worlds, seeds, lived), "rebuilt")


def counted(world: PipelineWorld, stage: str) -> list[Any]:
    """What uses the Connectors and the Model, by their statuses: that is counted a few seconds after they are Ready."""
    *used, _ = resources_of(stage)
    return [world.kube.get(kind, name, world.tenant.namespace)["status"].get("usedBy") for kind, name in used]


def stored(world: PipelineWorld, stage: str) -> list[Any]:
    return [
        world.kube.get(kind, name, world.tenant.namespace)["metadata"]["resourceVersion"]
        for kind, name in resources_of(stage)
    ]


def has_listed(world: PipelineWorld) -> bool:
    return all(len(world.sandbox.requests("GET", f"/{each}")) >= 2 for each in COLLECTIONS.values())


def writes(sandbox: Sandbox) -> list[str]:
    return [f"{entry['method']} {entry['path']}" for entry in sandbox.requests() if entry["method"] in _WRITES]
