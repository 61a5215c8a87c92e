"""Comparisons run one at a time for each Workspace, and a defect in one ends no other."""

import asyncio
from datetime import timedelta

from tests.support.clockwork import run
from tests.support.snapshots import NOW

from sync_operator.controller.drift.comparisons import Comparisons
from sync_operator.controller.informer.store import NamespacedName

HOME, OTHER = NamespacedName("team", "default"), NamespacedName("team", "other")
PERIOD = timedelta(seconds=300)


def test_one_at_a_time_for_each_workspace() -> None:
    comparisons = Comparisons(lambda: NOW, PERIOD)
    begun: list[str] = []

    async def story() -> None:
        async def compare() -> None:
            begun.append("begun")
            await asyncio.sleep(10)

        for workspace in (HOME, HOME, OTHER):
            comparisons.begin(workspace, compare)
        await asyncio.sleep(1)
        assert len(begun) == 2
        await asyncio.sleep(10)
        comparisons.begin(HOME, compare)
        await asyncio.sleep(1)
        assert len(begun) == 3
        await comparisons.stop()

    run(story())


def test_it_is_known_how_the_last_one_ended() -> None:
    comparisons = Comparisons(lambda: NOW, PERIOD)
    assert comparisons.get(HOME) is None
    comparisons.failed(HOME, "lost")
    held = comparisons.get(HOME)
    assert held is not None
    assert (held.failure, held.completed_at, held.due_from) == ("lost", None, NOW)
    assert list(comparisons) == [(HOME, NOW)]
    comparisons.completed(HOME, NOW + PERIOD, "by list")
    held = comparisons.get(HOME)
    assert held is not None
    assert (held.failure, held.message) == ("", "by list")
    assert list(comparisons) == [(HOME, NOW + PERIOD)]
    comparisons.completed(OTHER, NOW, "by list")
    assert comparisons.get(OTHER) is None, "it was forgotten meanwhile"


def test_a_defect_is_told_and_does_not_end_later_comparisons() -> None:
    comparisons = Comparisons(lambda: NOW, PERIOD)
    begun: list[str] = []

    async def story() -> None:
        async def compare() -> None:
            begun.append("begun")
            raise KeyError("defect")

        for _ in range(2):
            comparisons.begin(HOME, compare)
            await asyncio.sleep(1)

    run(story())
    held = comparisons.get(HOME)
    assert held is not None
    assert "see its log" in held.failure
    assert len(begun) == 2


def test_what_is_forgotten_ends() -> None:
    comparisons = Comparisons(lambda: NOW, PERIOD)

    async def story() -> bool:
        done = False

        async def compare() -> None:
            nonlocal done
            await asyncio.sleep(10)
            done = True

        comparisons.begin(HOME, compare)
        await asyncio.sleep(1)
        comparisons.forget(HOME)
        await asyncio.sleep(20)
        return done

    assert run(story()) is False
    assert list(comparisons) == []
