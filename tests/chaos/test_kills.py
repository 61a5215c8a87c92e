"""The controller is killed at every request of everything it does, and started again: the world must not show it.

`CHAOS_ROUNDS=10 .venv/bin/python -m pytest tests/chaos` goes through it ten times, with another choice each time of
the Sync that is under way when the controller dies.
"""

import pytest
from tests.support.kills import Kill, Point, Trap, common_points, kills_at, points_of
from tests.support.ledger import Ledger
from tests.support.operations import OPERATIONS, Operation, names_of
from tests.support.rounds import ROUNDS
from tests.support.running import eventually
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
    before = {proxy: len(proxy.calls) for proxy in (world.to_cluster, world.to_server)}
    operation.begin(world, stage)
    world.settle()
    calls = [call for proxy, start in before.items() for call in proxy.calls[start:]]
    world.clear(stage)
    return points_of(calls, names_of(stage))


def killed(world: World, operation: Operation, kill: Kill, stage: str) -> bool:
    """Kill it there; False where it does not come there. What is left of the stage before goes meanwhile."""
    operation.prepare(world, stage)
    trap = Trap(kill, names_of(stage), world.controller.kill)
    world.judge(trap)
    operation.begin(world, stage)
    eventually(lambda: trap.sprung.wait(0.5) or not world.wrongs(), f"kill or end: {kill}", seconds=120)
    world.judge(None)
    struck = trap.over()
    if struck:
        world.controller.await_end()
        world.controller.begin()
    try:
        world.settle()
    except AssertionError as error:
        raise AssertionError(f"{operation.name}, killed {kill}: {error}") from None
    world.clear(stage)
    return struck
