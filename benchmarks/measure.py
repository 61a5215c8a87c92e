"""One contender taken through all phases of a load, and what each phase cost."""

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from tests.support.counters import api_requests, server_requests
from tests.support.nursery import free_port
from tests.support.running import Sandbox

from benchmarks.contenders import Contender, Running, running
from benchmarks.crowd import Crowd, Ref, UnfinishedError, crowd
from benchmarks.figures import Figure
from benchmarks.lag import look_at_lag
from benchmarks.load import Load
from benchmarks.meter import Usage, around, usage
from benchmarks.stage import Stage
from benchmarks.work import CRONJOBS, NAMESPACE, Phase
from benchmarks.yardstick import yardstick

__all__ = ["load_of_syncs", "measure", "prepare", "refs_of", "until_done", "until_quiet"]

_PATIENCE: Final = 1800.0
_QUIET: Final = 1.0
"""Seconds with hardly any work after which a process counts as idle."""
_QUIET_SHARE: Final = 0.1
"""Of one core. The operator goes on looking at Syncs that need nothing, at a pace that stays below."""
_LOOK: Final = 0.05
_SETTLING: Final = 2.0
"""Seconds between two looks at a whole cluster."""
_SHORTEST_PERIOD: Final = 10
_SYNCS_A_SECOND: Final = 100
"""Both make the time between two comparisons with the server, where these are measured."""
_NEVER: Final = 3600
_CHANGED: Final = "identity"


async def measure(stage: Stage, contender: Contender, load: Load, phases: Iterable[Phase]) -> list[Figure]:
    """What each phase cost, of which the first is to be ``create``; the plain operator compares nothing.

    Raises:
        UnfinishedError: the contender did not do its work.
    """
    with stage.sandbox([NAMESPACE]) as sandbox:
        load.prepare(stage, sandbox)
        async with crowd(stage.plane.kubeconfig, load.refs, load.manifest_of) as many:
            figures = []
            for phase in phases:
                if contender is not Contender.PLAIN or phase is not Phase.COMPARE:
                    figures.append(await _phase(stage, sandbox, contender, load, many, phase))
                    load.check(stage, sandbox, phase)
            return figures


def refs_of(syncs: int) -> list[Ref]:
    """So many Syncs, by their names."""
    return [Ref(NAMESPACE, f"sync-{number:05}") for number in range(syncs)]


def load_of_syncs(syncs: int) -> Load:
    """So many Syncs."""
    return Load(count=syncs, refs=refs_of(syncs), check=partial(_check, syncs))


async def _phase(stage: Stage, sandbox: Sandbox, contender: Contender, load: Load, many: Crowd, phase: Phase) -> Figure:
    done = await prepare(stage, many, phase)
    period = max(_SHORTEST_PERIOD, len(many.refs) // _SYNCS_A_SECOND)
    port = free_port()
    settings = {
        "SYNC_OPERATOR_RELIST_SECONDS": str(period if phase is Phase.COMPARE else _NEVER),
        "SYNC_OPERATOR_METRICS_PORT": str(port),
    }
    cluster, others = api_requests(stage.plane), around(stage.folder)
    sandbox.forget_requests()
    with running(contender, stage, phase, settings, floor=load.floor) as process:
        async with yardstick() as rod:
            start = time.monotonic()
            if contender is Contender.FLOOR:
                used = await asyncio.to_thread(_ended, process)
                end = time.monotonic()
            elif phase is Phase.COMPARE:
                await asyncio.sleep(period)  # the first one holds the start
                process.check()
                cluster, before = api_requests(stage.plane), usage(process.pid).cpu
                others = around(stage.folder)
                sandbox.forget_requests()
                start, end = 0.0, 0.0  # a period is as long as it is
                await asyncio.sleep(period)
                process.check()
                found = usage(process.pid)
                used = Usage(found.cpu - before, found.peak, found.resident)
            else:
                end = await until_done(process, many, done) if done else await until_quiet(process)
                if phase is Phase.CREATE:
                    await _until_settled(stage, process, load)
                await until_quiet(process)
                used = usage(process.pid)
        after = around(stage.folder)
        asked = api_requests(stage.plane) - cluster
        # Last of all: to write the page is work that is not to be measured.
        lag = await look_at_lag(port) if contender is Contender.OPERATOR else None
        return Figure(
            contender=contender,
            syncs=load.count,
            phase=phase,
            seconds=round(end - start, 2),
            cpu=round(used.cpu, 2),
            peak=round(used.peak, 1),
            settled=round(used.resident, 1),
            cluster=dict(sorted(asked.items())),
            server=dict(sorted(server_requests(sandbox).items())),
            yardstick=round(rod.mean, 3),
            around={name: round(after[name] - others[name], 2) for name in after},
            longest_lag=lag.longest if lag else None,
            most_lag=lag.p99 if lag else None,
        )


async def prepare(stage: Stage, many: Crowd, phase: Phase) -> Callable[[], bool] | None:
    """Change the cluster while no contender runs; what must be so when the phase is done, where that can be seen."""
    everything = len(many.refs)
    match phase:
        case Phase.CREATE:
            await many.create()
            await many.until(lambda: many.left == everything, "the Syncs to be seen", seconds=_PATIENCE)
            await stage.settle()
            return lambda: many.ready == everything
        case Phase.UPDATE:
            await many.change_all(_CHANGED)
            await many.until(lambda: many.ready == 0, "the changes to be seen", seconds=_PATIENCE)
            return lambda: many.ready == everything
        case Phase.DELETE:
            await many.delete()
            return lambda: many.left == 0
        case _:
            return None


def _check(syncs: int, stage: Stage, sandbox: Sandbox, phase: Phase) -> None:
    """Look at cluster and server: each Sync has one CronJob and one sync as it asks for, or none once it is deleted."""
    wanted = 0 if phase is Phase.DELETE else syncs
    listed = json.loads(stage.plane.kubectl("get", "--raw", f"{CRONJOBS}?limit=1").stdout)
    found = len(listed["items"]) + listed["metadata"].get("remainingItemCount", 0)
    there = [sync["attributes"]["configuration"][0]["to"] for sync in sandbox.syncs()]
    current = sum((to == _CHANGED) == (phase in {Phase.UPDATE, Phase.COMPARE}) for to in there)
    if (found, len(there), current) != (wanted, wanted, wanted):
        words = f"{found} CronJobs and {len(there)} syncs on the server, {current} of them as they are to be"
        raise UnfinishedError(f"{phase} left {words}, instead of {wanted} each")


def _ended(process: Running) -> Usage:
    """Wait until a process has ended well; what it used in all.

    Raises:
        UnfinishedError: it did not end well.
    """
    peak = 0.0  # looked at from outside: of a child, the system counts the parent's memory before the start too
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        peak = max(peak, usage(process.pid).peak)
        time.sleep(_LOOK)
    _, code, used = os.wait4(process.pid, 0)
    process.process.returncode = os.waitstatus_to_exitcode(code)
    if process.process.returncode:
        raise process.failure()
    return Usage(cpu=used.ru_utime + used.ru_stime, peak=peak, resident=peak)


async def until_done(process: Running, many: Crowd, done: Callable[[], bool]) -> float:
    """Wait until a process has done its work; the moment (`time.monotonic`) at which that was seen.

    Raises:
        UnfinishedError: it takes too long, or has ended.
    """

    def look() -> bool:
        process.check()
        return done()

    return await many.until(look, "the contender's work", seconds=_PATIENCE)


async def _until_settled(stage: Stage, process: Running, load: Load) -> None:
    """Wait until all is written that comes some time after all are Ready.

    Raises:
        UnfinishedError: it takes too long, or the process has ended.
    """
    deadline = time.monotonic() + _PATIENCE
    while not await asyncio.to_thread(load.is_settled, stage):
        process.check()
        if time.monotonic() > deadline:
            raise UnfinishedError(f"has not written all after {_PATIENCE:.0f} s")
        await asyncio.sleep(_SETTLING)


async def until_quiet(process: Running) -> float:
    """Wait until a process has hardly worked for a second; the moment at which that second began.

    Raises:
        UnfinishedError: it goes on working, or has ended.
    """
    begun = since = time.monotonic()
    cpu = usage(process.pid).cpu
    while time.monotonic() - since < _QUIET:
        await asyncio.sleep(_LOOK)
        process.check()
        now = usage(process.pid).cpu
        if now - cpu > _QUIET * _QUIET_SHARE:
            since, cpu = time.monotonic(), now
        if since - begun > _PATIENCE:
            raise UnfinishedError(f"is not idle after {_PATIENCE:.0f} s")
    return since
