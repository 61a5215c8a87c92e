"""What was measured, as tables to read: on the terminal, and between two marks in README.md. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from benchmarks.contenders import Contender
from benchmarks.figures import Bar, Figure, bench_bars, churn_bars, growth, per_hour, pipeline_bars, read_figures
from benchmarks.work import Phase

__all__ = ["BEGIN", "END", "bench_report", "churn_report", "pipelines_report", "with_report"]

BEGIN: Final = "<!-- figures: `python -m benchmarks.publish` writes what follows -->"
END: Final = "<!-- /figures -->"
_NUMBER: Final = re.compile(r"-|[0-9.,]+( [A-Za-z]+)?")
_COSTS: Final = (
    *("Syncs", "phase", "who", "seconds", "x floor", "CPU ms a Sync", "x floor", "peak MiB", "settled"),
    *("writes a Sync", "asked a Sync", "lag ms, 99 %", "longest", "yardstick"),
)


def bench_report(kept: Mapping[str, Any]) -> Iterator[str]:
    """All of a `figures.json`: promises, what each phase costs, and which requests it takes."""
    figures = read_figures(kept)
    order = [(phase, who) for phase in Phase for who in Contender]
    figures.sort(key=lambda figure: (figure.syncs, order.index((Phase(figure.phase), Contender(figure.contender)))))
    yield _machine(kept["machine"])
    yield from _promises(bench_bars(figures))
    yield from _table(_COSTS, _costs(figures))
    sizes = Counter(figure.syncs for figure in figures)
    most = max(sizes, key=lambda syncs: (sizes[syncs], syncs))  # the largest of which everything was measured
    yield f"CPU a Sync in ms with {most:,} Syncs, of all who take part; two cores do the work of all of them:\n"
    those = [figure for figure in figures if figure.syncs == most]
    yield from _table(("phase", "who", "itself", *those[0].around, "all"), _everybody(those))
    yield f"Requests a Sync with {most:,} Syncs, as API server and sync server count them:\n"
    yield from _table(("phase", "request", *Contender), _requests(those, list(Contender)))


def pipelines_report(kept: Mapping[str, Any]) -> Iterator[str]:
    """All of a `pipelines.json`, whose figures are of pipelines instead of Syncs."""
    figures = sorted(read_figures(kept), key=lambda figure: list(Phase).index(Phase(figure.phase)))
    yield _machine(kept["machine"])
    yield from _promises(pipeline_bars(figures))
    yield from _table([name.replace("Sync", "pipeline") for name in _COSTS], _costs(figures))
    yield f"Requests a pipeline with {figures[0].syncs:,} pipelines, as API server and sync server count them:\n"
    whom = [who for who in Contender if any(figure.contender == who for figure in figures)]
    yield from _table(("phase", "request", *whom), _requests(figures, whom))


def churn_report(kept: Mapping[str, Any]) -> Iterator[str]:
    """All of a `churn.json`."""
    load, memory, samples = kept["load"], kept["memory"], kept["samples"]["churn"]
    yield _machine(kept["machine"])
    yield (
        f"{load['syncs']:,} Syncs in {load['workspaces']} Workspaces, one of which takes {load['delay']:g} s for each "
        f"answer; {load['changes']} changes and {load['runs']} ends of runs a minute, for {load['minutes']} minutes:\n"
    )
    yield from _promises(churn_bars(kept))
    yield from _table(
        ("seconds", "", "how many", "50 %", "99 %", "most"),
        [
            (what, when, f"{entry['count']:,}", *(f"{entry[name]:.2f}" for name in ("p50", "p99", "most")))
            for what, when, entry in (
                ("from change to Ready", "idle", kept["idle"]["healthy"]),
                ("from change to Ready", "churn", kept["churn"]["healthy"]),
                ("the same, in the slow Workspace", "churn", kept["churn"]["slow"]),
                ("from the end of a Job to `lastRun`", "churn", kept["churn"]["runs"]),
            )
        ],
    )
    yield (
        f"Memory: {memory['settled']:.0f} MiB before the churn, {samples[-1][1]:.0f} MiB at its end, "
        f"{memory['peak']:.0f} MiB at the peak; last third less first third {growth(samples):+.1f} MiB, "
        f"slope {per_hour(samples):+.1f} MiB an hour."
    )
    yield ""


def with_report(page: str, lines: Iterable[str]) -> str:
    """A page with these lines between its marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return "\n".join([head + BEGIN, "", *lines, END + tail])


def _machine(facts: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {facts[name]}" for name in ("kopf", "aiohttp", "httpcore", "uvloop"))
    return (
        f"{facts['at']}, {facts['cores']} cores, {facts['memory']}, {facts['kernel']}, "
        f"Kubernetes {facts['kubernetes']}, Python {facts['python']}, {versions}\n"
    )


def _promises(bars: Iterable[Bar]) -> Iterator[str]:
    """A table of bars; when it has no rows, nothing."""
    rows = [
        (
            bar.promise,
            f"{'>=' if bar.least else '<='} {_number(bar.limit)} {bar.unit}",
            f"{_number(bar.found)} {bar.unit}",
            "reached" if bar.reached else "**not reached**",
        )
        for bar in bars
    ]
    if rows:
        yield from _table(("promise", "bar", "found", ""), rows)


def _costs(figures: Sequence[Figure]) -> Iterator[tuple[str, ...]]:
    floors = {(figure.syncs, figure.phase): figure for figure in figures if figure.contender == Contender.FLOOR}
    for figure in figures:
        floor = floors.get((figure.syncs, figure.phase))
        yield (
            f"{figure.syncs:,}",
            figure.phase,
            figure.contender,
            f"{figure.seconds:.1f}" if figure.seconds else "-",
            _ratio(figure.length, floor.length if floor else 0),
            f"{figure.cpu_each:.2f}",
            _ratio(figure.work, floor.work if floor else 0),
            f"{figure.peak:.0f}",
            f"{figure.settled:.0f}",
            f"{figure.writes_each:.2f}",
            f"{figure.asked_each:.2f}",
            *("-" if lag is None else f"{lag:.1f}" for lag in (figure.most_lag, figure.longest_lag)),
            f"{figure.yardstick:.2f}",
        )


def _everybody(figures: Sequence[Figure]) -> Iterator[tuple[str, ...]]:
    for figure in figures:
        used = (figure.cpu, *figure.around.values())
        yield (figure.phase, figure.contender, *(f"{1000 * cpu / figure.syncs:.2f}" for cpu in (*used, sum(used))))


def _requests(figures: Sequence[Figure], whom: Sequence[Contender]) -> Iterator[tuple[str, ...]]:
    """Of one size: a row for each request of which there is at least one in a hundred Syncs."""
    by = {(figure.phase, figure.contender): figure for figure in figures}
    for phase in Phase:
        mine = {who: by[phase, who] for who in whom if (phase, who) in by}
        for name in sorted({name for figure in mine.values() for name in (*figure.cluster, *figure.server)}):
            counts = {who: figure.cluster.get(name, figure.server.get(name, 0)) for who, figure in mine.items()}
            each = {who: count / mine[who].syncs for who, count in counts.items()}
            if max(each.values()) >= 0.01:  # noqa: PLR2004 (as the docstring says)
                yield (phase, name, *(f"{each[who]:.2f}" if who in each else "-" for who in whom))


def _ratio(one: float, other: float) -> str:
    return f"{one / other:.2f}" if one and other else "-"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}"  # noqa: PLR2004 (three digits either way)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Markdown, with columns in line; numbers to the right."""
    cells = [list(row) for row in rows]
    widths = [max(len(row[column]) for row in [list(head), *cells]) for column in range(len(head))]
    right = [all(_NUMBER.fullmatch(row[column]) for row in cells) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        fitted = zip(row, widths, right, strict=True)
        return f"| {' | '.join(cell.rjust(width) if number else cell.ljust(width) for cell, width, number in fitted)} |"

    yield line(head)
    rules = ("-" * (width + 1) + (":" if number else "-") for width, number in zip(widths, right, strict=True))
    yield f"|{'|'.join(rules)}|"
    yield from map(line, cells)
    yield ""
