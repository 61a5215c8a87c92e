"""What the benchmark says of its figures: a promise that is not kept must not look kept."""

from dataclasses import asdict, replace
from typing import Any

import pytest
from benchmarks.figures import (
    Bar,
    Figure,
    bench_bars,
    churn_bars,
    growth,
    per_hour,
    percentile,
    pipeline_bars,
    read_figures,
)

FIGURE = Figure("operator", 2000, "create", 10.0, 5.0, 100.0, 90.0, {}, {}, 1.0, {})


def figures(size: int, **seconds: float) -> list[Figure]:
    """A phase that took each contender so long."""
    return [replace(FIGURE, contender=who, syncs=size, seconds=taken) for who, taken in seconds.items()]


def bars(*measured: Figure) -> dict[str, Bar]:
    return {bar.promise: bar for bar in bench_bars(measured)}


@pytest.mark.parametrize(("seconds", "found", "reached"), [(10.0, 0.8, True), (10.1, 0.792, False), (4.0, 2.0, True)])
def test_throughput_is_compared_with_the_floor(seconds: float, found: float, reached: bool) -> None:
    bar = bars(*figures(2000, operator=seconds, floor=8.0))["create 2,000: Syncs a second, of the floor's"]

    assert bar.found == pytest.approx(found, abs=0.001)
    assert bar.reached is reached


@pytest.mark.parametrize(("seconds", "reached"), [(14.0, True), (13.9, False)])
def test_throughput_is_compared_with_the_plain_operator(seconds: float, reached: bool) -> None:
    bar = bars(*figures(2000, operator=10.0, plain=seconds))["create 2,000: Syncs a second, of the plain operator's"]

    assert bar.reached is reached


@pytest.mark.parametrize("phase", ["create", "update", "delete"])
@pytest.mark.parametrize(("cpu", "reached"), [(7.5, True), (7.6, False)])
def test_cpu_is_compared_with_the_floor(phase: str, cpu: float, reached: bool) -> None:
    ours = replace(FIGURE, phase=phase, cpu=cpu)
    floor = replace(FIGURE, phase=phase, contender="floor", cpu=5.0)

    assert bars(ours, floor)[f"{phase} 2,000: CPU a Sync, of the floor's"].reached is reached


@pytest.mark.parametrize(("seconds", "reached"), [(8.0, True), (8.1, False)])
def test_a_restart_has_its_bar_from_the_floor(seconds: float, reached: bool) -> None:
    measured = [replace(entry, phase="restart") for entry in figures(10_000, operator=seconds, floor=2.0)]
    [bar] = [bar for promise, bar in bars(*measured).items() if promise.startswith("restart")]

    assert bar.limit == 8.0
    assert bar.reached is reached


def test_those_who_met_a_slower_machine_are_not_taken_for_slower() -> None:
    ours = replace(FIGURE, seconds=20.0, cpu=10.0, yardstick=2.0)
    floor = replace(FIGURE, contender="floor", seconds=8.0, cpu=4.0)
    restart = [replace(entry, syncs=10_000, phase="restart") for entry in (ours, floor)]
    found = bars(ours, floor, *restart)

    assert found["create 2,000: Syncs a second, of the floor's"].found == pytest.approx(0.8)
    assert found["create 2,000: CPU a Sync, of the floor's"].found == pytest.approx(1.25)
    assert next(bar for promise, bar in found.items() if promise.startswith("restart")).limit == 2 * 12 + 5


def test_memory_is_the_most_of_all_phases() -> None:
    create = replace(FIGURE, syncs=10_000, peak=299.0, settled=251.0)
    update = replace(create, phase="update", peak=301.0, settled=240.0)
    floor = replace(create, contender="floor", peak=999.0, settled=999.0)
    found = bars(create, update, floor)

    assert found["10,000: memory at its peak"].found == 301.0
    assert not found["10,000: memory at its peak"].reached
    assert found["10,000: memory once idle"].found == 251.0
    assert not found["10,000: memory once idle"].reached


@pytest.mark.parametrize(("longest", "reached"), [(50.0, True), (50.1, False)])
def test_the_latest_turn_of_the_event_loop_is_that_of_all_phases(longest: float, reached: bool) -> None:
    create = replace(FIGURE, syncs=10_000, longest_lag=12.0, most_lag=5.0)
    restart = replace(create, phase="restart", longest_lag=longest)
    silent = replace(create, contender="floor", longest_lag=None)
    bar = bars(create, restart, silent)["10,000: latest turn of the event loop"]

    assert (bar.found, bar.reached) == (longest, reached)


def test_no_lag_is_promised_where_none_was_told() -> None:
    assert not [promise for promise in bars(FIGURE) if "event loop" in promise]


def test_a_promise_is_judged_at_its_size_and_not_at_a_better_one() -> None:
    measured = [*figures(500, operator=1.0, floor=9.0), *figures(2000, operator=9.0, floor=1.0)]

    assert not bars(*measured)["create 2,000: Syncs a second, of the floor's"].reached


def test_without_its_size_a_promise_is_judged_at_the_largest_and_says_so() -> None:
    measured = [*figures(50, operator=1.0, floor=9.0), *figures(200, operator=9.0, floor=1.0)]

    assert not bars(*measured)["create 200: Syncs a second, of the floor's"].reached


def test_nothing_is_said_of_whom_was_not_measured() -> None:
    assert not [promise for promise in bars(*figures(2000, operator=1.0)) if "of the" in promise]
    assert bars(*figures(2000, floor=1.0)) == {}


def test_requests_are_counted_a_sync_and_reads_and_events_are_no_writes() -> None:
    cluster = {"PATCH syncs": 2000, "APPLY cronjobs": 2000, "POST events": 4000, "LIST syncs": 8, "WATCH syncs": 3}
    figure = replace(FIGURE, cluster=cluster, server={"POST /api/vN/syncs": 2000, "GET /api/vN/users/me": 200})

    assert figure.writes_each == 2.0
    assert figure.asked_each == 1.1
    assert figure.cpu_each == 2.5


def test_figures_are_read_as_they_were_kept() -> None:
    assert read_figures({"figures": [asdict(FIGURE)]}) == [FIGURE]
    before_lags = {name: value for name, value in asdict(FIGURE).items() if "lag" not in name}
    assert read_figures({"figures": [before_lags]}) == [FIGURE]


def churn(*, idle: float = 0.1, busy: float = 0.2, last: float = 100.0) -> dict[str, Any]:
    return {
        "load": {"syncs": 10_000},
        "idle": {"healthy": {"p99": idle}},
        "churn": {"healthy": {"p99": busy}},
        "memory": {"peak": 200.0, "settled": 100.0},
        "samples": {"churn": [[minute, 100.0 if minute < 20 else last] for minute in range(30)]},
    }


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({}, []),
        ({"busy": 0.3}, []),
        ({"busy": 0.31}, ["change to Ready, 99 %, of its value when idle"]),
        ({"last": 105.0}, []),
        ({"last": 106.0}, ["memory, last third less first third"]),
        ({"last": 60.0}, []),
    ],
)
def test_churn_may_be_slower_by_so_much_and_grow_by_so_much(changes: dict[str, float], missed: list[str]) -> None:
    found = [bar.promise.removeprefix("churn 10,000: ") for bar in churn_bars(churn(**changes)) if not bar.reached]

    assert found == missed


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(200, 0, -1)]

    assert percentile(values, 99) == 198.0
    assert percentile(values, 50) == 100.0
    assert percentile(values, 100) == 200.0
    assert percentile([7.0], 99) == 7.0


def test_growth_is_seen_in_thirds_and_as_a_slope() -> None:
    rising = [[float(minute), 100.0 + minute] for minute in range(30)]

    assert growth(rising) == 20.0
    assert per_hour(rising) == pytest.approx(60.0)
    assert growth([[minute, 100.0] for minute in range(30)]) == 0.0


@pytest.mark.parametrize(
    ("phase", "seconds", "cluster", "server", "reached"),
    [
        ("create", 13.0, {}, {}, True),
        ("create", 13.1, {}, {}, False),
        ("restart", 1.0, {"LIST syncs": 3}, {"GET /api/vN/users/me": 1}, True),
        ("restart", 1.0, {"PATCH syncs/status": 1}, {}, False),
        ("restart", 1.0, {}, {"POST /api/vN/syncs": 1}, False),
        ("compare", 0.0, {}, {"GET /api/vN/syncs": 2, "GET /api/vN/models": 2, "GET /api/vN/connectors": 4}, True),
        ("compare", 0.0, {}, {"GET /api/vN/syncs": 2, "GET /api/vN/connectors/N": 1}, False),
    ],
)
def test_what_is_promised_of_pipelines(
    phase: str, seconds: float, cluster: dict[str, int], server: dict[str, int], reached: bool
) -> None:
    ours = replace(FIGURE, phase=phase, seconds=seconds, cluster=cluster, server=server)
    floor = replace(FIGURE, phase=phase, contender="floor")

    [bar] = pipeline_bars([ours, floor])

    assert bar.promise.startswith(f"{phase} 2,000 pipelines")
    assert bar.reached is reached
