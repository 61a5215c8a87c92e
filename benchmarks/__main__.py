"""`make bench`: measures operator, floor and plain operator in turn, and writes the figures and a picture of them."""

import argparse
import asyncio
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks.contenders import Contender
from benchmarks.crowd import UnfinishedError, why
from benchmarks.figures import Figure, machine
from benchmarks.measure import load_of_syncs, measure
from benchmarks.publish import keep
from benchmarks.report import bench_report
from benchmarks.stage import staged
from benchmarks.work import Phase

_MOST_PLAIN: Final = 2_000
"""What is promised beside the plain operator is promised at this size, and it would take a third of all the time."""


def main() -> int:
    """Run all phases for all sizes; 1 when a contender did not do its work, never for a figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--syncs", type=int, nargs="+", default=[500, 2000, 10000], help="how many, one run each")
    parser.add_argument("--only", type=Contender, nargs="+", help=f"who is measured; plain up to {_MOST_PLAIN:,} Syncs")
    parser.add_argument("--phases", type=Phase, nargs="+", default=list(Phase), help="what is done, in this order")
    parser.add_argument("--out", type=Path, help="a folder for figures.json and figures.svg; none when left out")
    arguments = parser.parse_args()
    figures: list[Figure] = []
    failed = False
    for syncs in arguments.syncs:
        for contender in arguments.only or _who(syncs):
            sys.stderr.write(f"bench: {contender}, {syncs} Syncs\n")
            with staged() as stage:
                facts = machine(stage.version)
                try:
                    figures += asyncio.run(measure(stage, contender, load_of_syncs(syncs), arguments.phases))
                except* UnfinishedError as errors:
                    sys.stderr.write(f"bench: {contender}, {syncs} Syncs: {why(errors)}\n")
                    failed = True
    if failed:
        return 1
    kept: dict[str, Any] = {"machine": facts, "figures": [asdict(figure) for figure in figures]}
    sys.stdout.write("".join(f"{line}\n" for line in bench_report(kept)))
    if arguments.out:
        keep(arguments.out, "figures", kept)
    return 0


def _who(syncs: int) -> list[Contender]:
    return [contender for contender in Contender if contender is not Contender.PLAIN or syncs <= _MOST_PLAIN]


if __name__ == "__main__":
    sys.exit(main())
