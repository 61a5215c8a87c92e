"""The controller is killed at every request of a whole pipeline's life; there is exactly one of each all the same.

A life: two Secrets, a Workspace, two Connectors, a Model and a Sync applied at once, the Secret rotated, a field of
each changed, and all of them deleted. In each life the controller is killed once in each of these.
"""

from functools import partial
from itertools import zip_longest

import pytest
from tests.support.kills import Kill, common_points, kills_at
from tests.support.ledger import Ledger
from tests.support.pipeline_world import LIFE, PipelineWorld, in_turns, names_in, points_of_life
from tests.support.rounds import ROUNDS
from tests.support.wanted_pipelines import creates

pytestmark = pytest.mark.timeout(2400)

_LEAST = 60
"""Kills at the least: a suite that has lost its points must not pass."""


@pytest.mark.parametrize("seed", range(1, ROUNDS + 1))
def test_killed_at_every_request_of_a_pipeline(worlds: list[PipelineWorld], ledger: Ledger, seed: int) -> None:
    first, second = in_turns(worlds, ("first", "second"), points_of_life)
    kills = {name: list(kills_at(common_points(first[name], second[name]), f"{seed}/{name}")) for name, _ in LIFE}
    lives = [dict(zip(kills, each, strict=True)) for each in zip_longest(*kills.values())]
    plan = [(f"life-{seed}-{number}", life) for number, life in enumerate(lives)]
    struck = [kill for each in in_turns(worlds, plan, lived) for kill in each]

    counted = {name: sum(kill in struck for kill in each) for name, each in kills.items()}
    for name, count in counted.items():
        ledger.kills[f"pipeline {name}"] += count
    ledger.missed += [f"pipeline {name}: {kill}" for name, each in kills.items() for kill in each if kill not in struck]
    ledger.seeds.append(f"pipeline {seed}")
    assert len(struck) >= _LEAST


def lived(world: PipelineWorld, life: tuple[str, dict[str, Kill | None]]) -> list[Kill]:
    """A life with its kills; which of them struck."""
    stage, kills = life
    struck = []
    for name, begin in LIFE:
        kill, wanted = kills[name], world.pipelines.get(stage)
        if kill is None:
            begin(world, stage)
            world.settle()
        elif world.killed(kill, names_in(stage), partial(begin, world, stage)):
            struck.append(kill)
        if name == "apply":
            made = creates(world.sandbox.requests())
            assert len(made) == 4, f"{made}, killed {kill}"
            assert set(made.values()) == {1}, f"{made}, killed {kill}"
    world.depart(wanted)
    return struck
