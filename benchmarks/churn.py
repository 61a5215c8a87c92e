"""`make churn`: many Syncs that are changed and run for half an hour, while one Workspace answers slowly."""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.contenders import Contender, Running, running
from benchmarks.crowd import Crowd, Ref, UnfinishedError, crowd, why
from benchmarks.figures import machine, percentile
from benchmarks.measure import until_done, until_quiet
from benchmarks.meter import usage
from benchmarks.pace import Turns, at_moments, moments
from benchmarks.publish import keep
from benchmarks.report import churn_report
from benchmarks.runs import Runs
from benchmarks.stage import Stage, staged
from benchmarks.witness import Witness

_PATIENCE: Final = 600.0
_SAMPLES: Final = 10.0
"""Seconds between two looks at memory."""
_SEED: Final = 20261124
_SLOW: Final = "slow"
_RUN_SECONDS: Final = "5"


@dataclass(frozen=True, slots=True)
class Load:
    """What is done to the operator.

    Attributes:
        syncs: in all, spread evenly over the Workspaces.
        workspaces: the last one is the slow one, each in a namespace of its own.
        idle: minutes in which one Sync of a healthy Workspace is changed each second, and nothing else happens.
        minutes: of churn.
        changes: Syncs that are changed a minute.
        runs: that end a minute.
        delay: seconds that the slow Workspace takes for each answer, from the churn on.
    """

    syncs: int
    workspaces: int
    idle: int
    minutes: int
    changes: int
    runs: int
    delay: float

    @property
    def healthy(self) -> list[str]:
        """Namespaces of the healthy Workspaces."""
        return [f"team-{number}" for number in range(self.workspaces - 1)]

    def refs(self) -> list[Ref]:
        """All Syncs."""
        namespaces = [*self.healthy, _SLOW]
        return [Ref(namespaces[number % self.workspaces], f"sync-{number:05}") for number in range(self.syncs)]


async def churn(stage: Stage, load: Load) -> dict[str, Any]:
    """Measure the operator under a load.

    Raises:
        UnfinishedError: it did not do its work.
    """
    refs = load.refs()
    with ExitStack() as servers:
        servers.enter_context(stage.sandbox(load.healthy, f"--run-seconds={_RUN_SECONDS}"))
        slow = servers.enter_context(stage.sandbox([_SLOW], f"--run-seconds={_RUN_SECONDS}"))
        async with crowd(stage.plane.kubeconfig, refs) as many:
            witness = Witness()
            many.listeners.append(witness.see)
            await many.create()
            await stage.settle()
            process = servers.enter_context(running(Contender.OPERATOR, stage))
            await until_done(process, many, lambda: many.ready == load.syncs)
            await until_quiet(process)
            hands = _Hands(load, many, witness)
            begun, settled = time.monotonic(), usage(process.pid).resident
            idle, idle_samples = await _sampled(process, begun, load.idle, hands.idle())
            slow.fault(delay=load.delay, times=-1)
            busy, samples = await _sampled(process, begun, load.minutes, hands.churn())
            return {
                "load": asdict(load),
                "idle": {"healthy": idle},
                "churn": busy,
                "memory": {"peak": round(usage(process.pid).peak, 1), "settled": round(settled, 1)},
                "samples": {"idle": idle_samples, "churn": samples},
            }


class _Hands:
    """Those who change Syncs and let them run."""

    def __init__(self, load: Load, many: Crowd, witness: Witness) -> None:
        self._load = load
        self._many = many
        self._witness = witness
        self._chance = random.Random(_SEED)  # noqa: S311 - a choice, no secret
        self._count = 0
        refs = self._chance.sample(many.refs, len(many.refs))
        healthy = [ref for ref in refs if ref.namespace != _SLOW]
        slow = [ref for ref in refs if ref.namespace == _SLOW]
        self._changed = Turns(healthy), Turns(slow)
        # Few of them run, and each often: so the Jobs that are kept are soon as many as they will ever be.
        self._run = Turns(healthy[: 2 * load.runs]), Turns(slow[: 2 * load.runs])

    async def idle(self) -> dict[str, Any]:
        """One change each second."""
        turns, _ = self._changed
        found = await at_moments(range(60 * self._load.idle), lambda _: turns.work(self._change))
        return _summary(found)

    async def churn(self) -> dict[str, Any]:
        """Changes and runs at random moments; all that was begun is seen to its end."""
        namespaces = [*self._load.healthy, _SLOW]
        servers = {name: await self._many.cluster.server_of(name) for name in namespaces}
        runs = Runs(self._many.cluster, self._witness, servers)
        whens = [moments(count, self._load.minutes, self._chance) for count in (self._load.changes, self._load.runs)]
        changed, told = await asyncio.gather(
            at_moments(whens[0], lambda number: self._changed[self._is_slow(number)].work(self._change)),
            at_moments(whens[1], lambda number: self._run[self._is_slow(number)].work(runs.run)),
        )
        for server in servers.values():
            await server.close()
        of_slow = [seconds for number, seconds in enumerate(changed) if self._is_slow(number)]
        of_healthy = [seconds for number, seconds in enumerate(changed) if not self._is_slow(number)]
        return {"healthy": _summary(of_healthy), "slow": _summary(of_slow), "runs": _summary(told)}

    def _is_slow(self, number: int) -> bool:
        """Each Workspace has its share of what happens."""
        return number % self._load.workspaces == 0

    async def _change(self, ref: Ref) -> float:
        """Seconds from the change of a Sync until it is Ready with it."""
        self._count += 1
        begun = time.monotonic()
        generation = await self._many.change(ref, f"key_{self._count}")
        return await self._witness.ready(ref, generation) - begun


async def _sampled(
    process: Running, begun: float, minutes: int, work: Coroutine[Any, Any, dict[str, Any]]
) -> tuple[dict[str, Any], list[tuple[float, float]]]:
    """Do some work; what it gave, and the memory of a process meanwhile, as minutes since the start and MiB.

    Raises:
        UnfinishedError: the process ended, or its work is not done long after these minutes.
    """
    samples = []

    async def look() -> None:
        while True:
            process.check()
            samples.append((round((time.monotonic() - begun) / 60, 2), round(usage(process.pid).resident, 1)))
            await asyncio.sleep(_SAMPLES)

    async with asyncio.TaskGroup() as group:
        looking = group.create_task(look())
        try:
            async with asyncio.timeout(60 * minutes + _PATIENCE):
                found = await work
        except TimeoutError:
            raise UnfinishedError("not all changes became Ready, or not all runs were told of") from None
        looking.cancel()
    return found, samples


def _summary(seconds: Sequence[float]) -> dict[str, Any]:
    rounded = {
        name: round(percentile(seconds, percent), 3) for name, percent in (("p50", 50), ("p99", 99), ("most", 100))
    }
    return {"count": len(seconds), **rounded}


def main() -> int:
    """Run it; 1 when the operator did not do its work, never for a figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.churn", description=__doc__)
    parser.add_argument("--syncs", type=int, default=10_000, help="how many (default: %(default)s)")
    parser.add_argument("--workspaces", type=int, default=5, help="one of which is slow (default: %(default)s)")
    parser.add_argument("--idle", type=int, default=5, help="minutes before the churn (default: %(default)s)")
    parser.add_argument("--minutes", type=int, default=30, help="of churn (default: %(default)s)")
    parser.add_argument("--changes", type=int, default=100, help="a minute (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=50, help="that end a minute (default: %(default)s)")
    parser.add_argument("--delay", type=float, default=10.0, help="seconds a slow answer takes (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="a folder for churn.json and churn.svg; none when left out")
    arguments = vars(parser.parse_args())
    if not 2 <= arguments["workspaces"] <= arguments["syncs"]:  # noqa: PLR2004 - one of each sort
        parser.error("--workspaces: at least 2, one of which is slow, and each with a Sync")
    out, load = arguments.pop("out"), Load(**arguments)
    with staged() as stage:
        kept: dict[str, Any] = {}
        try:
            kept = {"machine": machine(stage.version), **asyncio.run(churn(stage, load))}
        except* UnfinishedError as errors:
            sys.stderr.write(f"churn: {why(errors)}\n")
    if not kept:
        return 1
    sys.stdout.write("".join(f"{line}\n" for line in churn_report(kept)))
    if out:
        keep(out, "churn", kept)
    return 0


if __name__ == "__main__":
    sys.exit(main())
