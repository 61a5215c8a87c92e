"""The pace of the churn, and what is taken for the end of a change."""

import asyncio
import random
from collections import Counter
from typing import Any

import pytest
from benchmarks.churn import Load
from benchmarks.crowd import Ref, UnfinishedError, why
from benchmarks.pace import Turns, at_moments, moments
from benchmarks.witness import Witness

ORDERS = Ref("team", "orders")


def seen(generation: int, *, ready: bool = True, at: int | None = None, **status: Any) -> dict[str, Any]:
    """The Sync `orders`, Ready or not as of a generation."""
    condition = {"type": "Ready", "status": str(ready), "observedGeneration": generation if at is None else at}
    metadata = {"namespace": ORDERS.namespace, "name": ORDERS.name, "generation": generation}
    return {"metadata": metadata, "status": {"id": "7", "conditions": [condition], **status}}


async def is_open(waiting: asyncio.Task[float]) -> bool:
    """Whether it still waits once all that can go on has gone on."""
    for _ in range(5):
        await asyncio.sleep(0)
    return not waiting.done()


def test_each_minute_has_its_number_of_moments_and_chance_the_place() -> None:
    found = moments(100, 30, random.Random(1))  # noqa: S311 - a choice, no secret

    assert found == sorted(found)
    assert Counter(int(moment // 60) for moment in found) == dict.fromkeys(range(30), 100)
    assert len({round(moment % 60, 3) for moment in found}) > 2900, "not at the same second of each minute"


def test_syncs_are_spread_evenly_and_one_workspace_is_slow() -> None:
    refs = Load(syncs=100, workspaces=5, idle=1, minutes=1, changes=1, runs=1, delay=1).refs()

    assert len(set(refs)) == 100
    assert Counter(ref.namespace for ref in refs) == dict.fromkeys(["team-0", "team-1", "team-2", "team-3", "slow"], 20)


async def test_work_begins_at_its_moment_whatever_became_of_the_one_before() -> None:
    let_go = asyncio.Event()

    async def work(number: int) -> int:
        if number == 0:
            await let_go.wait()
        else:
            let_go.set()
        return number

    async with asyncio.timeout(10):
        assert await at_moments([0.0, 0.0], work) == [0, 1]


async def test_no_sync_is_worked_on_twice_at_a_time() -> None:
    turns = Turns([ORDERS])
    at_work = 0

    async def work(_: Ref) -> float:
        nonlocal at_work
        at_work += 1
        assert at_work == 1
        await asyncio.sleep(0)
        at_work -= 1
        return 1.0

    assert sum(await asyncio.gather(*(turns.work(work) for _ in range(3)))) == 3


@pytest.mark.parametrize("not_yet", [seen(2), seen(3, at=2), seen(3, ready=False)])
async def test_a_change_ends_when_its_own_generation_is_ready(not_yet: dict[str, Any]) -> None:
    witness = Witness()
    witness.see(seen(2))
    waiting = asyncio.create_task(witness.ready(ORDERS, 3))

    witness.see(not_yet)
    assert await is_open(waiting)
    witness.see(seen(3))
    first = await waiting

    witness.see(seen(3, lastRun={"job": "one"}))
    assert await witness.ready(ORDERS, 3) == first, "the first time counts"


async def test_a_run_is_told_of_when_its_own_job_has_an_end() -> None:
    witness = Witness()
    waiting = asyncio.create_task(witness.told(ORDERS, "two"))

    witness.see(seen(1, lastRun={"job": "one", "finishedAt": "…"}))
    witness.see(seen(1, lastRun={"job": "two"}))
    assert await is_open(waiting)
    witness.see(seen(1, lastRun={"job": "two", "finishedAt": "…"}))

    assert await waiting > 0
    assert witness.sync_id(ORDERS) == "7"


def test_what_went_wrong_is_found_however_deep_it_is() -> None:
    wrong = UnfinishedError("3 of 4 Ready")

    assert why(ExceptionGroup("outer", [ExceptionGroup("inner", [wrong])])) is wrong
