"""One contender taken through all phases, and what each phase cost."""

import asyncio
import os
import subprocess
import time
from collections.abc import Callable
from typing import Final

from tests.support.counters import api_requests, server_requests

from benchmarks.contenders import Contender, running
from benchmarks.meter import Cost, Usage, usage
from benchmarks.stage import Crowd, Stage, crowd
from benchmarks.work import Phase

__all__ = ["measure"]

_PATIENCE: Final = 1800.0
_QUIET: Final = 1.0
"""Seconds with hardly any work after which a process counts as idle."""
_QUIET_SHARE: Final = 0.05
_LOOK: Final = 0.1
_PERIOD: Final = 30
"""Seconds between two comparisons with the server, where these are measured."""
_NEVER: Final = 3600


async def measure(stage: Stage, contender: Contender, syncs: int) -> dict[Phase, Cost]:
    """What each phase cost; the plain operator has no part in those in which nothing changes."""
    async with crowd(stage, syncs) as many:
        costs = {}
        for phase in Phase:
            if contender is not Contender.PLAIN or phase not in {Phase.RESTART, Phase.COMPARE}:
                costs[phase] = await _phase(stage, contender, many, phase)
        return costs


async def _phase(stage: Stage, contender: Contender, many: Crowd, phase: Phase) -> Cost:
    done = await _prepare(many, phase)
    period = _PERIOD if phase is Phase.COMPARE else _NEVER
    environment = stage.environment | {"SYNC_OPERATOR_RESYNC_SECONDS": str(period)}
    cluster = api_requests(stage.plane)
    stage.sandbox.forget_requests()
    start = time.monotonic()
    with running(contender, phase, stage.folder / f"{contender}.log", environment) as process:
        if contender is Contender.FLOOR:
            used = await asyncio.to_thread(_wait, process)
            end = time.monotonic()
        elif phase is Phase.COMPARE:
            await _until_quiet(process.pid)
            cluster, before = api_requests(stage.plane), usage(process.pid).cpu
            stage.sandbox.forget_requests()
            start, end = 0.0, 0.0  # a period is as long as it is
            await asyncio.sleep(_PERIOD)
            found = usage(process.pid)
            used = Usage(found.cpu - before, found.peak, found.resident)
        elif done is None:
            end = await _until_quiet(process.pid)
            used = usage(process.pid)
        else:
            end = await many.until(done, seconds=_PATIENCE)
            await _until_quiet(process.pid)
            used = usage(process.pid)
        asked = api_requests(stage.plane) - cluster
        return Cost(end - start, used, asked, server_requests(stage.sandbox))


async def _prepare(many: Crowd, phase: Phase) -> Callable[[], bool] | None:
    """Change the cluster while no contender runs; what must be so when the phase is done, where that can be seen."""
    everything = len(many.names)
    match phase:
        case Phase.CREATE:
            await many.create()
            await many.until(lambda: many.left == everything, seconds=_PATIENCE)
            return lambda: many.ready == everything
        case Phase.UPDATE:
            await many.update()
            await many.until(lambda: many.ready == 0, seconds=_PATIENCE)
            return lambda: many.ready == everything
        case Phase.DELETE:
            await many.delete()
            return lambda: many.left == 0
        case _:
            return None


def _wait(process: subprocess.Popen[bytes]) -> Usage:
    """Wait until a process has ended well; what it used in all."""
    _, code, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(code)
    if process.returncode:
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
    peak = used.ru_maxrss / 1024
    return Usage(cpu=used.ru_utime + used.ru_stime, peak=peak, resident=peak)


async def _until_quiet(pid: int) -> float:
    """Wait until a process has hardly worked for a second; the moment at which that second began.

    Raises:
        TimeoutError: it goes on working.
    """
    async with asyncio.timeout(_PATIENCE):
        since, cpu = time.monotonic(), usage(pid).cpu
        while time.monotonic() - since < _QUIET:
            await asyncio.sleep(_LOOK)
            now = usage(pid).cpu
            if now - cpu > _QUIET * _QUIET_SHARE:
                since, cpu = time.monotonic(), now
        return since
