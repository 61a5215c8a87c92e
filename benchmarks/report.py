"""What was measured, as lines to read: each phase beside the floor of the same run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.support.counters import writes

from benchmarks.work import Phase

__all__ = ["lines"]


def lines(figures: Sequence[Mapping[str, Any]], syncs: int) -> Iterator[str]:
    """A table of one size.

    Args:
        figures: of all sizes; see `meter.Cost` for what they hold.
        syncs: the size.
    """
    mine = [figure for figure in figures if figure["syncs"] == syncs]
    floors = {figure["phase"]: figure for figure in mine if figure["contender"] == "floor"}
    yield f"{syncs} Syncs"
    yield "  phase    who       seconds  x floor  CPU ms/Sync  x floor  peak MiB  settled  writes/Sync  asked/Sync"
    for figure in sorted(mine, key=lambda figure: list(Phase).index(figure["phase"])):
        floor = floors.get(figure["phase"], figure)
        cpu, floor_cpu = figure["usage"]["cpu"], floor["usage"]["cpu"]
        yield (
            f"  {figure['phase']:8} {figure['contender']:8} {figure['seconds']:8.1f} "
            f"{_ratio(figure['seconds'], floor['seconds']):>8} {1000 * cpu / syncs:12.2f} {_ratio(cpu, floor_cpu):>8} "
            f"{figure['usage']['peak']:9.0f} {figure['usage']['resident']:8.0f} "
            f"{_writes(figure['cluster']) / syncs:12.2f} {sum(figure['server'].values()) / syncs:11.2f}"
        )


def _ratio(one: float, other: float) -> str:
    return f"{one / other:.2f}" if one and other else "-"


def _writes(requests: Mapping[str, int]) -> int:
    """Writes to the API server, events apart."""
    return sum(count for name, count in writes(requests).items() if "events" not in name)
