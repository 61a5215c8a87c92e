"""Candidates contend for a Lease through a bad network, in a time that leaps: never do two of them lead."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import accumulate
from typing import Any, Final, NoReturn, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.clockwork import run

from sync_operator.controller.leader_election import TIMES, LeaderElector
from sync_operator.domain.lease_record import LeaseTimes, LeaseView, ObservedRecord
from sync_operator.errors import KubernetesError


class LostError(Exception):
    """What ends a process here."""


class Shelf:
    """Where the Lease lies: one of two writers of the same version is too late."""

    def __init__(self) -> None:
        self.lease: LeaseView | None = None
        self.writes = 0

    def write(self, version: str | None, lease: LeaseView) -> LeaseView | None:
        if (self.lease.version if self.lease else None) != version:
            return None
        self.writes += 1
        self.lease = replace(lease, version=str(self.writes), renewed=str(self.writes))
        return self.lease


type Way = tuple[float, float, bool]
"""Seconds to the shelf, seconds back, and whether the answer arrives."""


class OnShelf:
    """A candidate's way to the shelf, in place of `kubernetes.lease_client.Lease`."""

    def __init__(self, shelf: Shelf, way: Callable[[], Way]) -> None:
        self._shelf = shelf
        self._way = way

    def __str__(self) -> str:
        return "the-lease"

    async def read(self) -> LeaseView | None:
        return await self._go(lambda: self._shelf.lease)

    async def acquire(self, seen: ObservedRecord, me: str, times: LeaseTimes) -> LeaseView | None:
        version = seen.lease.version if seen.lease and seen.there else None
        return await self._go(lambda: self._shelf.write(version, LeaseView(me, times.duration, "", 0, "")))

    async def renew(self, version: str) -> LeaseView | None:
        return await self._go(lambda: self._shelf.lease and self._shelf.write(version, self._shelf.lease))

    async def release(self, version: str) -> bool:
        lease = LeaseView("", 1, "", 0, "")
        return await self._go(lambda: self._shelf.write(version, lease)) is not None

    async def _go(self, do: Callable[[], LeaseView | None]) -> LeaseView | None:
        there, back, answered = self._way()
        # The request goes its way whether or not anybody still waits for the answer.
        arrived = asyncio.get_running_loop().create_task(self._arrive(there, do))
        found = await asyncio.shield(arrived)
        await asyncio.sleep(back)
        if not answered:
            raise KubernetesError(0, "NoAnswer", "the API server gave no answer")
        return found

    async def _arrive(self, seconds: float, do: Callable[[], LeaseView | None]) -> LeaseView | None:
        await asyncio.sleep(seconds)
        return do()


SHORT: Final[Way] = (0.01, 0.01, True)


def lost(words: str) -> NoReturn:
    raise LostError(words)


def candidate(shelf: Shelf, name: str, way: Callable[[], Way] = lambda: SHORT) -> LeaderElector:
    clock = asyncio.get_running_loop().time
    return LeaderElector(cast("Any", OnShelf(shelf, way)), name, lost, clock=clock)


async def live(leader: LeaderElector) -> None:
    """Be elected, and keep the Lease until it is lost."""
    if await leader.acquire(asyncio.Event()):
        assert leader._renewal is not None
        await asyncio.wait([leader._renewal])


async def contend(ways: list[list[Way]], deletions: list[float]) -> Shelf:
    """Let candidates contend for a while, and see that never two lead at once."""
    shelf, loop = Shelf(), asyncio.get_running_loop()
    coming = [iter(way) for way in ways]
    leaders = [candidate(shelf, f"process-{n}", partial(next, way, SHORT)) for n, way in enumerate(coming)]
    for when in deletions:
        loop.call_later(when, setattr, shelf, "lease", None)
    lives = [asyncio.create_task(live(leader)) for leader in leaders]
    led = 0
    for _ in range(400):
        await asyncio.sleep(0.25)
        leading = [leader.is_leader for leader in leaders].count(True)
        assert leading <= 1
        led += leading
    assert led, "somebody leads"
    for task in lives:
        task.cancel()
    await asyncio.gather(*lives, return_exceptions=True)
    for leader in leaders:
        await leader.release()
    return shelf


WAYS: Final = st.lists(st.tuples(st.floats(0, 12), st.floats(0, 12), st.booleans()), max_size=10)


@settings(max_examples=40)
@given(WAYS, WAYS, WAYS)
def test_two_never_lead_at_once_however_bad_the_network(first: list[Way], second: list[Way], third: list[Way]) -> None:
    run(contend([first, second, third], []))


@settings(max_examples=20)
@given(st.lists(st.floats(25, 35), min_size=1, max_size=3), st.floats(3, 10))
def test_nor_where_somebody_deletes_the_lease(pauses: list[float], first: float) -> None:
    """Each time when all have seen it: who has not seen a Lease cannot know that it had a holder."""
    run(contend([[], [], []], list(accumulate(pauses, initial=first))))


def test_the_one_that_resigns_is_followed_at_once_and_sends_nothing_more() -> None:
    async def story() -> None:
        shelf, loop = Shelf(), asyncio.get_running_loop()
        first = candidate(shelf, "first")
        assert await first.acquire(asyncio.Event())
        second = candidate(shelf, "second")
        following = asyncio.create_task(second.acquire(asyncio.Event()))
        await asyncio.sleep(60)
        assert (first.is_leader, second.is_leader, second.standby_error()) == (True, False, "")

        await first.release()
        began = loop.time()
        assert await following
        assert loop.time() - began < TIMES.retry * 1.3
        with pytest.raises(LostError, match="given back; another process may lead"):
            first.assert_leading()
        second.assert_leading()
        await second.release()

    run(story())


class Sleeper:
    """A clock of a process that is stopped at times, while the time goes on."""

    def __init__(self) -> None:
        self.slept = 0.0

    def __call__(self) -> float:
        return asyncio.get_running_loop().time() + self.slept


@pytest.mark.parametrize(("slept", "ends"), [(7.0, False), (10.0, True), (3600.0, True)])
def test_one_that_was_paused_for_long_ends_before_it_does_anything(slept: float, ends: bool) -> None:
    async def story() -> None:
        shelf, clock = Shelf(), Sleeper()
        leader = LeaderElector(cast("Any", OnShelf(shelf, lambda: SHORT)), "me", lost, clock=clock)
        assert await leader.acquire(asyncio.Event())
        await asyncio.sleep(3)
        writes = shelf.writes

        clock.slept = slept

        if ends:
            with pytest.raises(LostError, match=r"was last confirmed .* s ago, and counts for 10 s; another process"):
                leader.assert_leading()
            assert leader.standby_error().startswith("the-lease is lost: it was last confirmed ")
            assert leader._renewal is not None
            await asyncio.wait([leader._renewal])
            assert isinstance(leader._renewal.exception(), LostError)
            assert shelf.writes == writes, "it does not even renew what it may have lost"
        else:
            leader.assert_leading()
            await asyncio.sleep(3)
            assert shelf.writes > writes
        await leader.release()

    run(story())


def test_one_that_cannot_renew_ends_at_the_deadline() -> None:
    async def story() -> None:
        shelf, way = Shelf(), [SHORT]
        leader, loop = candidate(shelf, "me", lambda: way[0]), asyncio.get_running_loop()
        assert await leader.acquire(asyncio.Event())
        way[0] = (100.0, 0.0, True)
        began = loop.time()

        assert leader._renewal is not None
        await asyncio.wait([leader._renewal])

        assert isinstance(leader._renewal.exception(), LostError)
        assert TIMES.deadline - 0.1 < loop.time() - began < TIMES.deadline + 0.1

    run(story())


def test_one_that_stands_by_blindly_says_so() -> None:
    async def story() -> None:
        leader = candidate(Shelf(), "me", lambda: (0.0, 0.0, False))
        standing = asyncio.create_task(leader.acquire(asyncio.Event()))
        await asyncio.sleep(45)
        assert leader.standby_error() == ""
        await asyncio.sleep(10)
        assert leader.standby_error().startswith("the-lease could not be read for ")
        standing.cancel()
        await asyncio.wait([standing])

    run(story())


def test_one_that_is_told_to_stop_stands_by_no_longer() -> None:
    async def story() -> None:
        shelf, told = Shelf(), asyncio.Event()
        first, second = candidate(shelf, "first"), candidate(shelf, "second")
        assert await first.acquire(asyncio.Event())
        asyncio.get_running_loop().call_later(60, told.set)

        assert not await second.acquire(told)
        assert shelf.lease is not None
        assert shelf.lease.holder == "first"
        await first.release()

    run(story())
