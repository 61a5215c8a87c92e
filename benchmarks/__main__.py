"""`make bench`: measures operator, floor and plain operator in turn, and writes the figures and a picture of them."""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.contenders import Contender
from benchmarks.measure import measure
from benchmarks.report import lines
from benchmarks.stage import staged


def main() -> int:
    """Run all phases for all sizes, and write what was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--syncs", type=int, nargs="+", default=[500, 2000, 10000], help="how many, one run each")
    parser.add_argument("--only", type=Contender, nargs="+", default=list(Contender), help="who is measured")
    parser.add_argument("--out", type=Path, help="a folder for figures.json; none is written when left out")
    arguments = parser.parse_args()
    figures: list[dict[str, Any]] = []
    for syncs in arguments.syncs:
        for contender in arguments.only:
            with tempfile.TemporaryDirectory(prefix="sync-operator-bench-") as folder, staged(Path(folder)) as stage:
                for phase, cost in asyncio.run(measure(stage, contender, syncs)).items():
                    figures.append({"contender": contender, "syncs": syncs, "phase": phase, **cost.figures()})
        sys.stdout.write("".join(f"{line}\n" for line in lines(figures, syncs)))
    if arguments.out:
        machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "kopf": version("kopf")}
        written = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **machine, "figures": figures}
        (arguments.out / "figures.json").write_text(json.dumps(written, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
