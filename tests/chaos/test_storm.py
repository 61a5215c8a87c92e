"""Everything goes wrong at once and at random, on the way to both servers, while the controller has much to do.

Fixed seeds: what happens to the n-th request of a kind follows from the seed alone. `CHAOS_ROUNDS=10` takes ten times
as many seeds.
"""

import random
import time
from collections.abc import Callable
from typing import Final

import pytest
from tests.support.invariants import spec_of
from tests.support.kubeproxy import EXPIRED_WATCH
from tests.support.ledger import Ledger
from tests.support.manifests import BY_NAME
from tests.support.operations import names_of
from tests.support.rounds import ROUNDS
from tests.support.storm import Storm
from tests.support.world import World

pytestmark = pytest.mark.timeout(2400)

_SHARE: Final = 0.18
_FAULTS: Final = 110
"""Faults of one storm at the least."""
_KILLS: Final = 8
"""Kills of one storm at the least: with those of `test_kills`, never fewer than 100."""
_GAVE_UP: Final = 3
"""Exit code of a controller that the cluster's API server did not let start or go on."""


@pytest.mark.parametrize("seed", range(1, 4 * ROUNDS + 1))
def test_after_the_storm_all_is_as_it_must_be(
    world: World, ledger: Ledger, restart_plane: Callable[[], None], seed: int
) -> None:
    storm, chance = Storm(seed, _SHARE), random.Random(seed)  # noqa: S311 - fixed on purpose
    stages: list[str] = []
    kills = 0
    world.sandbox.name_all()
    world.judge(storm)
    while storm.counted.total() < _FAULTS or kills < _KILLS:
        stages.append(f"storm-{seed}-{len(stages)}")
        work(world, stages)
        if seed == 1 and len(stages) == 3:
            restart_plane()
        for _ in range(3):
            time.sleep(0.4)
            world.keep_running()
            if chance.random() < 0.5:
                world.to_cluster.end_watches(EXPIRED_WATCH if chance.random() < 0.5 else None)
            if chance.random() < 0.2:
                world.kill()
                kills += 1
    world.judge(None)

    ledger.kills["storm"] += kills
    ledger.faults += storm.counted
    ledger.seeds.append(f"storm {seed}")
    world.settle(seconds=300, confirms=True)
    ledger.exits.update(world.exits)
    assert set(world.exits) <= {_GAVE_UP}, "a controller ends by itself only where the cluster gives it no answers"
    world.exits.clear()
    for stage in stages:
        world.clear(stage)


def work(world: World, stages: list[str]) -> None:
    """A new stage of Syncs, and changes to the stages before."""
    *_, oldest, older, newest = ["", "", *stages]
    for name in names_of(newest):
        adopted = {"externalId": world.make_on_server(spec_of(name))} if "-b" in name and len(stages) % 2 else {}
        # Of a pair that is alike in every field on the server, one says by name what the other says by id.
        world.create(name, **adopted, **(BY_NAME if name.endswith("2") else {}))
    for name in [name for name in names_of(older) if world.registered(name)]:
        world.update(name, syncMode="incremental")
    for name in [name for name in names_of(oldest) if name in world.wanted]:
        if name.endswith("1"):
            world.delete(name)
        elif world.registered(name) and not world.wanted[name].adopts:
            world.delete_on_server(name)
            world.update(name, cursorField=None)
