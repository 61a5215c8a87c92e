"""The controller is killed at every request of everything it does, and started again: the world must not show it.

`CHAOS_ROUNDS=10 .venv/bin/python -m pytest tests/chaos` goes through it ten times, with another choice each time of
the Sync that is under way when the controller dies.
"""

import pytest
from tests.support.kills import Kill, Point, common_points, kills_at
from tests.support.ledger import Ledger
from tests.support.operations import OPERATIONS, Operation, names_of
from tests.support.rounds import ROUNDS
from tests.support.world import World

pytestmark = pytest.mark.timeout(2400)


@pytest.mark.parametrize("seed", range(1, ROUNDS + 1))
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_killed_at_every_request(world: World, ledger: Ledger, operation: Operation, seed: int) -> None:
    prefix = f"{operation.name}-{seed}"
    points = common_points(
        undisturbed(world, operation, f"{prefix}-first"), undisturbed(world, operation, f"{prefix}-second")
    )
    kills = list(kills_at(points, str(seed)))[seed % operation.every :: operation.every]
    struck = [kill for number, kill in enumerate(kills) if killed(world, operation, kill, f"{prefix}-{number}")]

    ledger.kills[operation.name] += len(struck)
    ledger.missed += [f"{operation.name}: {kill}" for kill in kills if kill not in struck]
    ledger.seeds.append(f"{operation.name} {seed}")
    assert len(struck) >= operation.least


def undisturbed(world: World, operation: Operation, stage: str) -> list[Point]:
    """What the controller asks for when nothing happens to it."""
    world.settle()
    operation.prepare(world, stage)
    points = world.points(names_of(stage), lambda: operation.begin(world, stage))
    world.clear(stage)
    return points


def killed(world: World, operation: Operation, kill: Kill, stage: str) -> bool:
    """Kill it there; False where it does not come there. What is left of the stage before goes meanwhile."""
    operation.prepare(world, stage)
    struck = world.killed(kill, names_of(stage), lambda: operation.begin(world, stage))
    world.clear(stage)
    return struck
