"""Whose calls share a budget and a circuit, and whose do not."""

import asyncio
from collections.abc import Hashable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clockwork import run
from tests.support.timers import FakeTimers

from sync_operator.errors import HeldBackError
from sync_operator.handlers.queue import Key
from sync_operator.handlers.routes import Routes
from sync_operator.model.names import SYNC_KIND, WORKSPACE_KIND
from sync_operator.model.scope import Scope, scope_of
from sync_operator.model.workspace import Place, place_of
from sync_operator.remote.pressure import Passage, Sign
from sync_operator.remote.route import Route
from sync_operator.remote.traffic import Traffic

HERE = place_of("https://api.example.com", None)
A = Key(WORKSPACE_KIND, "team-a", "default")
B = Key(WORKSPACE_KIND, "team-b", "default")
MANY = 100_000


def of_token(token: str, place: Place = HERE) -> Scope:
    return scope_of(place, account="", credential=token)


class Rig:
    """Routes on a clock of their own, who was woken, and how many traffics are alive."""

    def __init__(self) -> None:
        self.time = FakeTimers()
        self.woken: list[Hashable] = []
        self.routes = Routes(self._make)
        self.made: list[Traffic] = []

    def _make(self, place: Place, requests_per_minute: int) -> Traffic:
        traffic = Traffic(
            place.url,
            requests_per_minute,
            most_inside=8,
            clock=self.time,
            later=self.time.later,
            wake=self.woken.append,
            jitter=lambda: 1.0,
        )
        self.made.append(traffic)
        traffic.cut(max(1, requests_per_minute // 10))  # as if its first minute, when all may go out at once, were over
        return traffic

    def join(self, owner: Key, scope: Scope, limit: int | None = MANY) -> Route:
        """A Workspace whose credentials were proven."""
        route = self.routes.begin(owner, scope.place, limit)
        self.routes.keep(owner, route, scope, limit)
        return route

    def try_out(self, owner: Key, place: Place = HERE, limit: int | None = MANY) -> Route:
        """A Workspace whose credentials were refused, or never reached the server."""
        route = self.routes.begin(owner, place, limit)
        self.routes.keep(owner, route, None, limit)
        return route


async def call(route: Route, sign: Sign = Sign.GOOD, wish: float | None = None, words: str = "") -> Passage:
    ticket = await route.turn()
    route.answered(ticket, sign, wish, words=words)
    return ticket.passage


async def calls(route: Route) -> int:
    """How many calls go out at once."""
    sent = 0
    try:
        while sent < 1000:
            await asyncio.wait_for(call(route), 0.001)
            sent += 1
    except (TimeoutError, HeldBackError):
        pass
    return sent


def test_proven_workspaces_of_one_account_share_a_budget_and_the_lowest_limit_holds() -> None:
    async def story() -> None:
        rig = Rig()
        first = rig.join(A, of_token("t"), 1000)
        second = rig.join(B, of_token("t"), 100)
        assert await calls(first) == 10
        assert await calls(second) == 0
        rig.routes.forget(B)
        rig.time.advance(60)
        assert await calls(first) > 50

    run(story())


@pytest.mark.parametrize("limit", [1, 60])
def test_another_account_or_an_unproven_one_lowers_nobodys_budget(limit: int) -> None:
    async def story() -> None:
        rig = Rig()
        mine = rig.join(A, of_token("mine"))
        other = rig.join(B, of_token("other"), limit)
        refused = rig.try_out(Key(WORKSPACE_KIND, "team-c", "default"), limit=limit)
        assert await calls(other) <= 6
        assert await calls(refused) <= 6
        assert await calls(mine) == 1000

    run(story())


def test_a_workspace_whose_token_is_refused_gives_its_share_back() -> None:
    async def story() -> None:
        rig = Rig()
        mine = rig.join(A, of_token("t"))
        other = rig.join(B, of_token("t"), 1)
        assert await calls(mine) <= 1
        rig.routes.keep(B, other, None, 1)
        rig.time.advance(1)
        assert await calls(mine) > 500

    run(story())


def test_a_deleted_workspace_gives_its_share_back_at_once_also_while_it_waits() -> None:
    async def story() -> None:
        rig = Rig()
        mine = rig.join(A, of_token("t"))
        other = rig.join(B, of_token("t"), 1)
        assert await calls(mine) <= 1
        waiting = asyncio.create_task(other.turn())
        await asyncio.sleep(0)
        rig.routes.limit(B, None)
        rig.time.advance(1)
        assert await waiting
        assert await calls(mine) > 500

    run(story())


def test_what_fails_before_the_server_is_reached_stops_that_workspace_alone() -> None:
    async def story() -> None:
        rig = Rig()
        mine, other = rig.join(A, of_token("t")), rig.join(B, of_token("t"))
        for _ in range(10):
            with_trouble = await asyncio.gather(call(other, Sign.UNREACHED, words="no route"), return_exceptions=True)
            await call(mine)
        assert isinstance(with_trouble[0], HeldBackError)
        assert "no route" in str(with_trouble[0])
        assert (mine.open, other.open) == (True, False)
        assert B in rig.woken, "it makes probes of its own"
        rig.time.advance(120)
        assert await call(other) is Passage.PROBE
        assert other.open

    run(story())


def test_an_unreached_probe_leaves_the_probe_to_the_next_owner() -> None:
    async def story() -> None:
        rig = Rig()
        mine, other = rig.join(A, of_token("t")), rig.join(B, of_token("t"))
        for _ in range(3):
            await call(mine, Sign.BAD)
        assert (mine.open, other.open) == (False, False)
        assert await call(other, Sign.UNREACHED) is Passage.PROBE
        assert await call(mine) is Passage.PROBE
        assert (mine.open, other.open) == (True, True)

    run(story())


def test_probes_are_asked_of_all_owners_in_turn() -> None:
    async def story() -> None:
        rig = Rig()
        owners = [Key(WORKSPACE_KIND, f"team-{number}", "default") for number in range(5)]
        route = {owner: rig.join(owner, of_token("t")) for owner in owners}
        for _ in range(3):
            await call(route[owners[0]], Sign.BAD)
        await call(route[owners[0]], Sign.BAD)
        asked = []
        for _ in range(10):
            rig.woken.clear()
            while not rig.woken:
                rig.time.advance(1)
            assert len(rig.woken) == 1
            asked.append(rig.woken[0])
            await call(route[asked[-1]], Sign.BAD)  # type: ignore[index]
        assert set(asked[:5]) == set(asked[5:]) == set(owners)

    run(story())


def test_an_owner_who_makes_no_probe_does_not_keep_it_from_the_others() -> None:
    async def story() -> None:
        rig = Rig()
        first, _ = rig.join(A, of_token("t")), rig.join(B, of_token("t"))
        for _ in range(4):
            await call(first, Sign.BAD)
        rig.woken.clear()
        rig.time.advance(45)
        assert set(rig.woken) == {A, B}

    run(story())


def test_a_429_of_one_account_pauses_no_other() -> None:
    async def story() -> None:
        rig = Rig()
        mine, other = rig.join(A, of_token("mine")), rig.join(B, of_token("other"))
        await call(other, Sign.THROTTLED, 3600, words="names of the other account")
        with pytest.raises(HeldBackError):
            await call(other)
        assert await calls(mine) == 1000

    run(story())


def test_a_rotated_token_takes_budget_pause_and_line_along() -> None:
    async def story() -> None:
        rig = Rig()
        waiting = Key(SYNC_KIND, "team-a", "orders")
        old = rig.join(A, of_token("old"))
        await call(old, Sign.THROTTLED, 60)
        old.park(waiting)
        new = rig.routes.begin(A, HERE, MANY)
        assert await calls(new) == 1000, "the new token is tried out at once"
        rig.routes.keep(A, new, of_token("new"), MANY)
        assert not new.open, "the server asked this account for a pause"
        rig.woken.clear()
        rig.time.advance(60)
        assert A in rig.woken
        assert await call(new) is Passage.PROBE
        rig.time.advance(1)
        assert waiting in rig.woken

    run(story())


def test_who_shared_with_others_leaves_them_their_traffic() -> None:
    async def story() -> None:
        rig = Rig()
        first, _ = rig.join(A, of_token("old"), 100), rig.join(B, of_token("old"), 100)
        assert await calls(first) == 10
        second = rig.join(B, of_token("new"), 100)
        assert await calls(first) == 0
        assert await calls(second) == 0, "no token more, only because it was replaced"
        rig.join(A, of_token("new"), 100)
        assert await calls(second) == 0

    run(story())


def test_calls_under_way_and_keys_in_line_survive_a_change_of_credentials() -> None:
    async def story() -> None:
        rig = Rig()
        old = rig.join(A, of_token("old"), 60)
        assert await calls(old) == 6
        under_way = asyncio.create_task(call(old))
        await asyncio.sleep(0)
        waiting = [Key(SYNC_KIND, "team-a", f"sync-{number}") for number in range(20)]
        for key in waiting:
            old.park(key)
        new = rig.try_out(A)
        await under_way
        for _ in range(120):
            rig.time.advance(1)
            for key in [key for key in rig.woken if key in waiting]:
                with new.arrive(key):
                    pass
        assert set(waiting) <= set(rig.woken)

    run(story())


def test_everything_is_given_back_with_the_last_workspace() -> None:
    async def story() -> None:
        rig = Rig()
        for number in range(100):
            owner = Key(WORKSPACE_KIND, f"team-{number}", "default")
            route = rig.join(owner, of_token(f"token-{number % 7}"))
            with suppress(HeldBackError):
                await call(route, Sign.THROTTLED, 3600)
        for number in range(100):
            rig.routes.forget(Key(WORKSPACE_KIND, f"team-{number}", "default"))
        assert not rig.routes.kept
        rig.woken.clear()
        rig.time.advance(7200)
        assert rig.woken == []

    run(story())


DEEDS = st.lists(
    st.tuples(
        st.sampled_from([A, B]),
        st.sampled_from(["join", "try", "suspend", "gone", "forget", "good", "bad", "unreached", "wait"]),
        st.sampled_from(["t", "u"]),
    ),
    max_size=30,
)


@given(DEEDS)
def test_only_those_in_a_scope_decide_its_limit(deeds: list[tuple[Key, str, str]]) -> None:
    async def story() -> None:
        rig = Rig()
        route: dict[Key, Route] = {}
        for owner, deed, token in deeds:
            if deed == "join":
                route[owner] = rig.join(owner, of_token(token), 60)
            elif deed == "try":
                route[owner] = rig.try_out(owner, limit=1)
            elif deed == "suspend":
                route[owner] = rig.join(owner, of_token(token), None)
            elif deed == "gone":
                rig.routes.limit(owner, None)
            elif deed == "forget":
                rig.routes.forget(owner)
                route.pop(owner, None)
            elif deed == "wait":
                rig.time.advance(30)
            elif owner in route:
                sign = {"good": Sign.GOOD, "bad": Sign.BAD, "unreached": Sign.UNREACHED}[deed]
                await asyncio.wait([asyncio.create_task(call(route[owner], sign))], timeout=0.001)
        newcomer = Key(WORKSPACE_KIND, "newcomer", "default")
        assert await calls(rig.join(newcomer, of_token("another"))) == 1000
        for owner in (A, B, newcomer):
            rig.routes.forget(owner)
        assert not rig.routes.kept

    run(story())
