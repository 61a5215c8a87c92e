"""Pods that die anywhere: no run is left unfollowed, and none is made twice. One loop, a clock that the test moves.

A pod has a step before each request is carried out, and one after it (the answer is lost with the pod, which is what a
death in the sleep that follows comes to). The tests kill it at every one of them in turn, and start its Job's next pod
some time later.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain, count
from typing import Any

import pytest
from aiohttp import web
from tests.support.pods import job_of, plan, run_pod
from tests.support.served import BODY, START, Served, served

from sync_operator.runner.outcome import ExitCode, RunOutcome
from sync_operator.sandbox.state import Ending as RunEnding
from sync_operator.sandbox.state import Run
from sync_operator.syncapi.types import Dialect

AUTOMATED = {"schedule_type": "automated", "sync_interval": 600, "sync_interval_unit": "minutes"}
FAILED = {"ending": RunEnding.FAILED}


async def nothing(_: Served) -> None:
    """No preparation."""


@dataclass(frozen=True)
class Scenario:
    """What the server does, and what must come of it whenever pods die."""

    plans: tuple[dict[str, Any], ...] = ({},)
    settings: dict[str, Any] = field(default_factory=dict)
    fault: dict[str, Any] | None = None
    prepare: Callable[[Served], Awaitable[None]] = nothing
    dialect: Dialect = Dialect.MULTIWOVEN
    code: ExitCode = ExitCode.DELIVERED
    runs: int = 1


async def under_way(api: Served) -> None:
    """Somebody's run, begun before this Job's time."""
    api.clock.advance(-30)
    plan(api, seconds=33)
    await api.client.trigger("1")
    api.clock.advance(30)


async def left_behind(api: Served) -> None:
    """A row of long ago, left by a sync that was disabled and enabled again."""
    api.clock.advance(-10_000)
    await api.client.trigger("1")
    api.clock.advance(30)
    await api.client.set_enabled("1", False)
    await api.client.set_enabled("1", True)
    api.clock.advance(9_970)


SCENARIOS = {
    "plain": Scenario(),
    "late": Scenario(({"appears_after": 30},)),
    "over at once": Scenario(({"seconds": 0.1},)),
    "swallowed": Scenario(({"appears_after": None}, {})),
    "lost answer": Scenario(fault={"method": "POST", "lose": "after"}),
    "lost trigger": Scenario(fault={"method": "POST", "lose": "before"}),
    "dead token": Scenario(fault={"times": 2, "status": 401}),
    "throttled": Scenario(fault={"path": "/schedule_syncs", "status": 429, "retry_after": "50"}),
    "failed": Scenario((FAILED,), code=ExitCode.FAILED),
    "rows refused": Scenario(({"failed_rows": 50},), code=ExitCode.FAILED),
    "failed, then repeated": Scenario((FAILED, {}), {"retries": 1}, runs=2),
    "too long": Scenario(({"stuck": True},), {"timeout": timedelta(seconds=6)}, code=ExitCode.CANCELED),
    "another's run under way": Scenario(prepare=under_way),
    "another's row left behind": Scenario(prepare=left_behind),
    "documented": Scenario(dialect=Dialect.DOCUMENTED),
    "documented, late": Scenario(({"appears_after": 9},), dialect=Dialect.DOCUMENTED),
    "documented, failed": Scenario((FAILED,), dialect=Dialect.DOCUMENTED, code=ExitCode.FAILED),
}


async def pod(api: Served, scenario: Scenario, *, dies_at: int) -> RunOutcome | None:
    """Run a pod; None when it died at that step (0: it does not)."""
    steps = count(1)

    async def on_request(_: str, __: web.Request) -> bool:
        dies = next(steps) == dies_at
        if dies:
            task.cancel()
        return dies

    task = asyncio.create_task(run_pod(api, job_of(START), **scenario.settings))
    api.on_request = on_request
    with suppress(asyncio.CancelledError):
        return await task
    return None


async def job(api: Served, scenario: Scenario, deaths: list[tuple[int, float]]) -> tuple[RunOutcome, int]:
    """Run pods until one is not replaced; its ending, and how many of the deaths took place."""
    died = 0
    retries = scenario.settings.get("retries", 0)
    for dies_at, gap in [*deaths, *[(0, 1.0)] * (retries + 1)]:
        ending = await pod(api, scenario, dies_at=dies_at)
        if ending is None:
            died += 1
        elif ending.code is not ExitCode.FAILED or retries == 0:
            return ending, died
        else:
            retries -= 1
        api.clock.advance(gap)
    raise AssertionError("no pod came to an end")


async def check(scenario: Scenario, deaths: list[tuple[int, float]]) -> int:
    """Run a Job whose pods die so, and look at what the server was left with; how many deaths took place."""
    async with served(scenario.dialect) as api:
        api.store.default_outcome = replace(api.store.default_outcome, seconds=8)
        await api.client.syncs.create(BODY | (AUTOMATED if scenario.dialect is Dialect.DOCUMENTED else {}))
        await scenario.prepare(api)
        for changes in scenario.plans:
            plan(api, **changes)
        if scenario.fault:
            api.fault(**scenario.fault)
        ending, died = await job(api, scenario, deaths)
        own = [run for run in api.store.runs.values() if run.created_at >= START]
        told = f"deaths {deaths}: {ending}, {api.store.runs}"
        assert ending.code is scenario.code, told
        assert ending.run is not None, told
        assert not [run for run in api.store.runs.values() if unfollowed(run)], told
        if scenario.prepare is under_way:
            assert len(own) == (ending.run.id - 1), told
        else:
            assert (len(own), own[-1].id) == (scenario.runs, ending.run.id), told
        return died


def unfollowed(run: Run) -> bool:
    return run.status not in {"success", "failed", "canceled"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", list(SCENARIOS))
async def test_a_pod_that_dies_at_any_step_is_made_up_for(name: str) -> None:
    # At the first steps, where the trigger is, with both gaps; where one poll follows the other, not at every one.
    for step in chain(range(1, 25), count(25, 5)):
        gaps = (1.0, 400.0) if step <= 8 else (1.0 if step % 4 < 2 else 400.0,)
        if sum([await check(SCENARIOS[name], [(step, gap)]) for gap in gaps]) == 0:
            break
    assert step > 8


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", list(SCENARIOS))
async def test_pods_that_die_again_and_again_are_made_up_for(name: str) -> None:
    dice = random.Random(name)  # noqa: S311 (a fixed seed is the point)
    for _ in range(6):
        await check(SCENARIOS[name], [(dice.randint(1, 25), dice.choice([0.5, 3.0, 45.0])) for _ in range(4)])
