"""What was measured, as it is kept in `figures.json` and `churn.json`, and what was promised of it. Pure."""

import math
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import fmean, linear_regression
from typing import Any, Final

from tests.support.counters import writes

__all__ = [
    "Bar",
    "Figure",
    "bench_bars",
    "churn_bars",
    "growth",
    "machine",
    "per_hour",
    "percentile",
    "pipeline_bars",
    "read_figures",
]

_LEAST_OF_FLOOR: Final = 0.8
_LEAST_OF_PLAIN: Final = 1.4
_MOST_OF_FLOOR: Final = 1.3
_MOST_CPU: Final = 1.5
_MOST_RESTART: Final = 1.5
_RESTART_MORE: Final = 5.0
_PEAK: Final = 300.0
_SETTLED: Final = 250.0
_LONGEST_LAG: Final = 50.0
_MOST_SLOWER: Final = 3.0
_GROWTH: Final = 5.0
"""MiB by which the last third of the churn may be above the first: what an allocator keeps of one listing."""
_MANY: Final = 10_000
_SOME: Final = 2_000


@dataclass(frozen=True, slots=True)
class Figure:
    """What one phase cost one contender.

    Attributes:
        seconds: from the start of the process until the phase was done; 0 where it is as long as it is.
        cpu: seconds of the process.
        peak: most memory that the process ever had, in MiB.
        settled: its memory once it was idle, or had ended, in MiB.
        cluster: requests to the API server, by verb and resource.
        server: requests to the sync server, by method and path without ids.
        yardstick: what one and the same piece of work cost meanwhile, in ms of CPU: the slowness of the machine.
        around: seconds of CPU of the other processes meanwhile, by name.
        longest_lag: the latest that a turn of its event loop came, in ms; None for one that does not tell.
        most_lag: what 99 % of the turns did not exceed.
    """

    contender: str
    syncs: int
    phase: str
    seconds: float
    cpu: float
    peak: float
    settled: float
    cluster: Mapping[str, int]
    server: Mapping[str, int]
    yardstick: float
    around: Mapping[str, float]
    longest_lag: float | None = None
    most_lag: float | None = None

    @property
    def length(self) -> float:
        """How long it took, in what can be compared: in thousands of pieces of work."""
        return self.seconds / self.yardstick

    @property
    def work(self) -> float:
        """What it cost the process, in the same measure."""
        return self.cpu / self.yardstick

    @property
    def cpu_each(self) -> float:
        """Milliseconds a Sync."""
        return 1000 * self.cpu / self.syncs

    @property
    def writes_each(self) -> float:
        """Writes to the API server a Sync, events apart."""
        return sum(count for name, count in writes(self.cluster).items() if "events" not in name) / self.syncs

    @property
    def asked_each(self) -> float:
        """Requests to the sync server a Sync."""
        return sum(self.server.values()) / self.syncs


@dataclass(frozen=True, slots=True)
class Bar:
    """Something promised, and what was found.

    Attributes:
        promise: in words, with the size at which it holds.
        limit: the bar.
        found: what was measured.
        least: True when it must be at least the bar, False when at most.
        unit: of both.
    """

    promise: str
    limit: float
    found: float
    least: bool
    unit: str

    @property
    def reached(self) -> bool:
        """Whether the promise is kept."""
        return self.found >= self.limit if self.least else self.found <= self.limit


def read_figures(kept: Mapping[str, Any]) -> list[Figure]:
    """Those of a `figures.json`."""
    return [Figure(**entry) for entry in kept["figures"]]


def bench_bars(figures: Sequence[Figure]) -> Iterator[Bar]:
    """The promises about phases, each at the size it was made for, or else at the largest that was measured.

    A promise is left out when one of those whom it compares was not measured.
    """
    by = {(figure.contender, figure.syncs, figure.phase): figure for figure in figures}
    sizes = {figure.syncs for figure in figures}

    def at(size: int) -> int:
        return size if size in sizes else max(sizes)

    size = at(_SOME)
    ours, floor, plain = (by.get((who, size, "create")) for who in ("operator", "floor", "plain"))
    others = (("the floor's", floor, _LEAST_OF_FLOOR), ("the plain operator's", plain, _LEAST_OF_PLAIN))
    for name, other, least in others:
        if ours and other:
            yield Bar(f"create {size:,}: Syncs a second, of {name}", least, other.length / ours.length, True, "x")
    for phase in ("create", "update", "delete"):
        ours, floor = (by.get((who, size, phase)) for who in ("operator", "floor"))
        if ours and floor:
            yield Bar(f"{phase} {size:,}: CPU a Sync, of the floor's", _MOST_CPU, ours.work / floor.work, False, "x")
    size = at(_MANY)
    ours, floor = (by.get((who, size, "restart")) for who in ("operator", "floor"))
    if ours and floor:
        limit = _MOST_RESTART * floor.length * ours.yardstick + _RESTART_MORE
        words = f"restart {size:,}: until idle; {_MOST_RESTART} x list and decode + {_RESTART_MORE:.0f} s"
        yield Bar(words, limit, ours.seconds, False, "s")
    mine = [figure for figure in figures if figure.contender == "operator" and figure.syncs == size]
    if mine:
        yield Bar(f"{size:,}: memory at its peak", _PEAK, max(figure.peak for figure in mine), False, "MiB")
        yield Bar(f"{size:,}: memory once idle", _SETTLED, max(figure.settled for figure in mine), False, "MiB")
    lags = [figure.longest_lag for figure in mine if figure.longest_lag is not None]
    if lags:
        yield Bar(f"{size:,}: latest turn of the event loop", _LONGEST_LAG, max(lags), False, "ms")


def pipeline_bars(figures: Sequence[Figure]) -> Iterator[Bar]:
    """The promises about pipelines, as far as those whom they compare were measured."""
    by = {(figure.contender, figure.phase): figure for figure in figures}
    ours, floor = by.get(("operator", "create")), by.get(("floor", "create"))
    if ours and floor:
        words = f"create {ours.syncs:,} pipelines: time, of the floor's"
        yield Bar(words, _MOST_OF_FLOOR, ours.length / floor.length, False, "x")
    restarted = by.get(("operator", "restart"))
    if restarted:
        words = f"restart {restarted.syncs:,} pipelines: writes to cluster and server"
        yield Bar(words, 0, _all_writes(restarted), False, "requests")
    idle = by.get(("operator", "compare"))
    if idle:
        lists = {f"GET /api/vN/{name}" for name in ("connectors", "models", "syncs")}
        others = sum(count for name, count in idle.server.items() if name not in lists)
        words = f"compare {idle.syncs:,} pipelines: requests to the server, but for three lists a period"
        yield Bar(words, 0, others, False, "requests")


def _all_writes(figure: Figure) -> int:
    to_server = sum(count for name, count in figure.server.items() if not name.startswith("GET "))
    return to_server + writes(figure.cluster).total()


def churn_bars(kept: Mapping[str, Any]) -> Iterator[Bar]:
    """The promises about churn, from a `churn.json`."""
    size, memory = kept["load"]["syncs"], kept["memory"]
    ratio = kept["churn"]["healthy"]["p99"] / kept["idle"]["healthy"]["p99"]
    yield Bar(f"churn {size:,}: change to Ready, 99 %, of its value when idle", _MOST_SLOWER, ratio, False, "x")
    yield Bar(f"churn {size:,}: memory at its peak", _PEAK, memory["peak"], False, "MiB")
    yield Bar(f"churn {size:,}: memory once idle, before it", _SETTLED, memory["settled"], False, "MiB")
    samples = kept["samples"]["churn"]
    yield Bar(f"churn {size:,}: memory, last third less first third", _GROWTH, growth(samples), False, "MiB")


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of all do not exceed."""
    return sorted(values)[max(0, math.ceil(percent / 100 * len(values)) - 1)]


def growth(samples: Sequence[Sequence[float]]) -> float:
    """How much more memory the last third of the samples (minute, MiB) shows than the first, on average."""
    third = max(1, len(samples) // 3)
    return fmean(memory for _, memory in samples[-third:]) - fmean(memory for _, memory in samples[:third])


def per_hour(samples: Sequence[Sequence[float]]) -> float:
    """Slope of memory over time by least squares, in MiB an hour."""
    return 60 * linear_regression([minute for minute, _ in samples], [memory for _, memory in samples]).slope


def machine(kubernetes: str) -> dict[str, Any]:
    """When, on what machine, and with which versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    names = ("kopf", "aiohttp", "httpcore", "uvloop")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "memory": f"{memory:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "kubernetes": kubernetes,
        "python": platform.python_version(),
        **{name: version(name) for name in names},
    }
