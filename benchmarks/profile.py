"""`make profile`: in which part of the operator the time of a create goes, by samples of its stack (py-spy)."""

import argparse
import asyncio
import re
import signal
import sys
from asyncio.subprocess import DEVNULL
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from benchmarks.contenders import Contender, running
from benchmarks.crowd import crowd
from benchmarks.measure import prepare, refs_of, until_done, until_quiet
from benchmarks.stage import Stage, staged
from benchmarks.work import NAMESPACE, Phase

__all__ = ["areas", "collapsed", "main"]

_SPY: Final = Path(sys.executable).with_name("py-spy")
_RATE: Final = 200
"""Samples a second."""
_OFTEN: Final = 5
"""How often a stack must have been seen to be kept: the many others are half a megabyte."""
_LINE: Final = re.compile(r":\d+\)")
_WAITS: Final = re.compile(r"(select|poll|wait)\b[^;]*$")
_AREAS: Final = (
    ("start of Python, imports", "<frozen importlib"),
    ("events", "sync_operator/kubernetes/event_recorder.py"),
    ("requests to the API server", "sync_operator/kubernetes/kube_client.py"),
    ("requests to the sync server", "sync_operator/syncapi/"),
    ("kopf: watches", "kopf/"),
    ("cache", "sync_operator/controller/informer/store.py"),
    ("observe", "observe (sync_operator/controller/sync/sync_reconciler.py)"),
    ("decide", "sync_operator/domain/"),
    ("act, report, queue", "sync_operator/controller/"),
)
"""What a sample counts as: the first whose text is in a frame of it."""
_LOOP: Final = "Runner.run (asyncio/runners.py)"
"""Above this frame all stacks are alike, and begin in a module of the operator's."""
_REST: Final = "event loop, and what it runs of others"


def collapsed(samples: str) -> Counter[str]:
    """Stacks without line numbers, and how often each was seen; those that wait are left out.

    Args:
        samples: what py-spy writes as ``raw``: a line for each stack, with frames between semicolons, and a count.
    """
    stacks: Counter[str] = Counter()
    for line in samples.splitlines():
        stack, _, count = line.rpartition(" ")
        if not _WAITS.search(stack):
            stacks[_LINE.sub(")", stack)] += int(count)
    return stacks


def areas(stacks: Counter[str]) -> Iterator[tuple[str, float]]:
    """Parts of the operator, and their shares of all samples in percent, the largest first."""
    counts: Counter[str] = Counter()
    for stack, count in stacks.items():
        _, loop, work = stack.partition(_LOOP)
        where = work if loop else stack
        counts[next((name for name, text in _AREAS if text in where), _REST)] += count
    for name, count in counts.most_common():
        yield name, 100 * count / counts.total()


async def _sampled(stage: Stage, syncs: int, out: Path) -> None:
    with stage.sandbox([NAMESPACE]):
        async with crowd(stage.plane.kubeconfig, refs_of(syncs)) as many:
            await prepare(stage, many, Phase.CREATE)
            with running(Contender.OPERATOR, stage) as process:
                options = ("-p", str(process.pid), "--nonblocking", "-r", str(_RATE), "-f", "raw", "-o", out)
                spy = await asyncio.create_subprocess_exec(_SPY, "record", *options, stdout=DEVNULL, stderr=DEVNULL)
                await until_done(process, many, lambda: many.ready == syncs)
                await until_quiet(process)
                spy.send_signal(signal.SIGINT)
                await spy.wait()


def _lines(stacks: Counter[str], syncs: int) -> Iterable[str]:
    yield f"create, {syncs:,} Syncs: {stacks.total():,} samples of the operator at work, {_RATE} a second"
    yield from (f"{share:5.1f} %  {name}" for name, share in areas(stacks))


def main() -> int:
    """Profile one create, print the shares, and write them with the stacks that were seen most often."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("--syncs", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks"), help="a folder for profile.txt")
    arguments = parser.parse_args()
    with staged() as stage:
        samples = stage.folder / "samples"
        asyncio.run(_sampled(stage, arguments.syncs, samples))
        stacks = collapsed(samples.read_text())
    head = list(_lines(stacks, arguments.syncs))
    sys.stdout.write("".join(f"{line}\n" for line in head))
    seen = (f"{stack} {count}" for stack, count in stacks.most_common() if count >= _OFTEN)
    arguments.out.joinpath("profile.txt").write_text("\n".join([*(f"# {line}" for line in head), *seen, ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
