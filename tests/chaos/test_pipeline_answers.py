"""Each answer to a request of a pipeline's life goes wrong once, in each way: exactly one of each all the same.

Every request to the server meets some of these, which the seed chooses: `CHAOS_ROUNDS=3` meets most of them.
"""

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import zip_longest
from typing import Final

import pytest
from tests.support.faults import Answer, Call, Fault, Moment
from tests.support.kills import Point, Reach, common_points
from tests.support.ledger import Ledger
from tests.support.pipeline_world import LIFE, PipelineWorld, in_turns, names_in, points_of_life
from tests.support.rounds import ROUNDS
from tests.support.running import eventually
from tests.support.wanted_pipelines import creates, resources_of

pytestmark = pytest.mark.timeout(2400)

_LEAST: Final = 50
"""Faults at the least."""
_EACH: Final = 3
"""Faults that one request meets in a round, each in a life of its own."""
_TROUBLE: Final = {"errors": [{"status": 400, "title": "Bad Request", "detail": "connection pool timeout"}]}
"""The server's answer to any trouble in an action (contract E2): it may have been carried out."""

type Planned = tuple[Point, Fault]

_ANSWERS: Final = (
    Fault("request lost", lose=Moment.BEFORE),
    Fault("answer lost", lose=Moment.AFTER),
    Fault("answer cut in the middle", cut=True),
    Fault("answer of half a JSON text", garble=lambda body: body[: len(body) // 2]),
    Fault("page of HTML for an answer", garble=lambda _: b"<html><body><h1>Welcome</h1></body></html>"),
    Fault("answer without data", garble=lambda _: b'{"data":null}'),
    Fault("500 for an answer", answer=Answer(500, {"status": 500, "error": "Internal"}), carried_out=True),
    Fault("502 page for an answer", answer=Answer(502), carried_out=True),
    Fault("400 for an answer", answer=Answer(400, _TROUBLE), carried_out=True),
    Fault("503 instead", answer=Answer(503)),
    Fault("answer too late", linger=2.5),
)
_LATE: Final = tuple(Fault(f"carried out {seconds:.0f} s later", delay=seconds) for seconds in (3.0, 8.0))
"""The client gives up after two seconds, and makes it anew after two more."""
_REPEATED: Final = Fault("request repeated", twice=True)
"""Of a create of a connector the second answer is 422: the name is taken."""


@pytest.mark.parametrize("seed", range(1, ROUNDS + 1))
def test_each_answer_of_a_pipeline_goes_wrong(worlds: list[PipelineWorld], ledger: Ledger, seed: int) -> None:
    first, second = in_turns(worlds, ("first", "second"), points_of_life)
    plans = {name: list(faults_at(common_points(first[name], second[name]), f"{seed}/{name}")) for name, _ in LIFE}
    lives = [dict(zip(plans, each, strict=True)) for each in zip_longest(*plans.values())]
    work = [(f"life-{seed}-{number}", life) for number, life in enumerate(lives)]
    met = [fault for each in in_turns(worlds, work, lived) for fault in each]

    ledger.faults.update(f"pipeline: {fault.kind}" for fault in met)
    ledger.seeds.append(f"pipeline answers {seed}")
    assert len(met) >= _LEAST


def faults_at(points: list[Point], seed: str) -> Iterator[Planned]:
    """Some faults of each request to the server; of each create all that are special to it."""
    for point in [point for point in points if point.label.startswith("server: ")]:
        chance = random.Random(f"{seed}/{point}")  # noqa: S311 - a choice, no secret
        yield from ((point, fault) for fault in chance.sample(_ANSWERS, _EACH))
        if ": GET" not in point.label:
            yield from ((point, fault) for fault in _LATE)
        if point.label == "server: POST connectors":
            yield point, _REPEATED


class Once:
    """A rule that lets a fault happen to one request.

    Attributes:
        hit: whether it has.
        over_at: by the monotonic clock, when the server has carried it out.
    """

    def __init__(self, planned: Planned, stage: str) -> None:
        self.planned = planned
        self._reach = Reach(planned[0], 1, names_in(stage))
        self.hit = False
        self.over_at = 0.0

    def __call__(self, call: Call) -> Fault | None:
        if self.hit or not self._reach(call):
            return None
        self.hit, delay = True, self.planned[1].delay
        self.over_at = time.monotonic() + delay + 1 if delay else 0.0
        return self.planned[1]


def lived(world: PipelineWorld, life: tuple[str, dict[str, Planned | None]]) -> list[Fault]:
    """A life with its faults; which of them happened.

    In the end the four resources are deleted at once; Workspace and Secrets go last.
    """
    stage, plans = life
    met = []
    for name, begin in LIFE:
        planned, wanted = plans[name], world.pipelines.get(stage)
        if planned is None:
            begin(world, stage)
            world.settle()
        elif disturbed(world, Once(planned, stage), partial(begin, world, stage)):
            met.append(planned[1])
        if name == "apply":
            assert wrong_creates(world, stage, planned) == []
    world.depart(wanted)
    return met


def disturbed(world: PipelineWorld, rule: Once, begin: Callable[[], object]) -> bool:
    """Let this happen; whether it did. All is as it must be before a late request arrives, and after that."""
    world.judge(rule)
    begin()
    try:
        world.settle()
        eventually(lambda: time.monotonic() > rule.over_at, "what was under way to arrive")
        world.settle()
    except AssertionError as error:
        raise AssertionError(f"{rule.planned}: {error}") from None
    world.judge(None)
    return rule.hit


def wrong_creates(world: PipelineWorld, stage: str, planned: Planned | None) -> list[str]:
    """What was not created exactly once; a model or sync whose create was carried out after its repetition: twice."""
    made, late = creates(world.sandbox.requests()), planned is not None and planned[1] in _LATE
    assert len(made) == len(resources_of(stage)), made
    return [
        f"{what}: {count} creates, {planned}"
        for what, count in made.items()
        if count != 1 and not (late and not what.startswith("connectors") and count == 2)
    ]
