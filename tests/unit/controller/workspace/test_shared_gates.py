"""Whose calls share a budget and a circuit, and whose do not."""

import asyncio
from collections.abc import Hashable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clockwork import run
from tests.support.gates import make_gate
from tests.support.timers import FakeTimers

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND
from sync_operator.api.kinds.workspace import RemoteWorkspace, remote_workspace_of
from sync_operator.api.scope import Scope, scope_of
from sync_operator.controller.workqueue.workqueue import Key
from sync_operator.controller.workspace.shared_gates import GateRegistry
from sync_operator.errors import NotAdmittedError
from sync_operator.syncapi.flow.circuit_breaker import CallOutcome, RequestKind
from sync_operator.syncapi.flow.permit import Permit, Route
from sync_operator.syncapi.flow.request_gate import RequestGate

HERE = remote_workspace_of("https://api.example.com", None)
A = Key(WORKSPACE_KIND, "team-a", "default")
B = Key(WORKSPACE_KIND, "team-b", "default")
MANY = 100_000


def of_token(token: str, remote_workspace: RemoteWorkspace = HERE) -> Scope:
    return scope_of(remote_workspace, account="", credential=token)


class Rig:
    """Routes on a clock of their own, who was woken, and how many traffics are alive."""

    def __init__(self) -> None:
        self.time = FakeTimers()
        self.woken: list[Hashable] = []
        self.routes = GateRegistry(self._make)
        self.made: list[RequestGate] = []

    def _make(self, remote_workspace: RemoteWorkspace, requests_per_minute: int) -> RequestGate:
        gate = make_gate(self.time, self.woken.append, requests_per_minute, server=remote_workspace.url)
        self.made.append(gate)
        gate.limit_burst(
            max(1, requests_per_minute // 10)
        )  # as if its first minute, when all may go out at once, were over
        return gate

    def join(self, owner: Key, scope: Scope, limit: int | None = MANY) -> Route:
        """A Workspace whose credentials were proven."""
        route = self.routes.make_route(owner, scope.remote_workspace, limit)
        self.routes.set_route(owner, route, scope, limit)
        return route

    def try_out(self, owner: Key, remote_workspace: RemoteWorkspace = HERE, limit: int | None = MANY) -> Route:
        """A Workspace whose credentials were refused, or never reached the server."""
        route = self.routes.make_route(owner, remote_workspace, limit)
        self.routes.set_route(owner, route, None, limit)
        return route


async def call(
    route: Route, outcome: CallOutcome = CallOutcome.SUCCESS, retry_after: float | None = None, words: str = ""
) -> RequestKind:
    admission = await route.admit_request()
    route.record_result(admission, outcome, retry_after, words=words)
    return admission.kind


async def calls(route: Route) -> int:
    """How many calls go out at once."""
    sent = 0
    try:
        while sent < 1000:
            await asyncio.wait_for(call(route), 0.001)
            sent += 1
    except (TimeoutError, NotAdmittedError):
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
        rig.routes.set_route(B, other, None, 1)
        rig.time.advance(1)
        assert await calls(mine) > 500

    run(story())


def test_a_deleted_workspace_gives_its_share_back_at_once_also_while_it_waits() -> None:
    async def story() -> None:
        rig = Rig()
        mine = rig.join(A, of_token("t"))
        other = rig.join(B, of_token("t"), 1)
        assert await calls(mine) <= 1
        waiting = asyncio.create_task(other.admit_request())
        await asyncio.sleep(0)
        rig.routes.set_rate(B, None)
        rig.time.advance(1)
        assert await waiting
        assert await calls(mine) > 500

    run(story())


def test_what_fails_before_the_server_is_reached_stops_that_workspace_alone() -> None:
    async def story() -> None:
        rig = Rig()
        mine, other = rig.join(A, of_token("t")), rig.join(B, of_token("t"))
        for _ in range(10):
            with_trouble = await asyncio.gather(
                call(other, CallOutcome.UNREACHABLE, words="no route"), return_exceptions=True
            )
            await call(mine)
        assert isinstance(with_trouble[0], NotAdmittedError)
        assert "no route" in str(with_trouble[0])
        assert (mine.gate.circuit_closed, other.gate.circuit_closed) == (True, False)
        assert B in rig.woken, "it makes probes of its own"
        rig.time.advance(120)
        assert await call(other) is RequestKind.HALF_OPEN_TRIAL
        assert other.gate.circuit_closed

    run(story())


def test_an_unreached_probe_leaves_the_probe_to_the_next_owner() -> None:
    async def story() -> None:
        rig = Rig()
        mine, other = rig.join(A, of_token("t")), rig.join(B, of_token("t"))
        for _ in range(3):
            await call(mine, CallOutcome.FAILURE)
        assert (mine.gate.circuit_closed, other.gate.circuit_closed) == (False, False)
        assert await call(other, CallOutcome.UNREACHABLE) is RequestKind.HALF_OPEN_TRIAL
        assert await call(mine) is RequestKind.HALF_OPEN_TRIAL
        assert (mine.gate.circuit_closed, other.gate.circuit_closed) == (True, True)

    run(story())


def test_probes_are_asked_of_all_owners_in_turn() -> None:
    async def story() -> None:
        rig = Rig()
        owners = [Key(WORKSPACE_KIND, f"team-{number}", "default") for number in range(5)]
        route = {owner: rig.join(owner, of_token("t")) for owner in owners}
        for _ in range(3):
            await call(route[owners[0]], CallOutcome.FAILURE)
        await call(route[owners[0]], CallOutcome.FAILURE)
        asked = []
        for _ in range(10):
            rig.woken.clear()
            while not rig.woken:
                rig.time.advance(1)
            assert len(rig.woken) == 1
            asked.append(rig.woken[0])
            await call(route[asked[-1]], CallOutcome.FAILURE)  # type: ignore[index]
        assert set(asked[:5]) == set(asked[5:]) == set(owners)

    run(story())


def test_an_owner_who_makes_no_probe_does_not_keep_it_from_the_others() -> None:
    async def story() -> None:
        rig = Rig()
        first, _ = rig.join(A, of_token("t")), rig.join(B, of_token("t"))
        for _ in range(4):
            await call(first, CallOutcome.FAILURE)
        rig.woken.clear()
        rig.time.advance(45)
        assert set(rig.woken) == {A, B}

    run(story())


def test_a_429_of_one_account_pauses_no_other() -> None:
    async def story() -> None:
        rig = Rig()
        mine, other = rig.join(A, of_token("mine")), rig.join(B, of_token("other"))
        await call(other, CallOutcome.THROTTLED, 3600, words="names of the other account")
        with pytest.raises(NotAdmittedError):
            await call(other)
        assert await calls(mine) == 1000

    run(story())


def test_a_rotated_token_takes_budget_pause_and_line_along() -> None:
    async def story() -> None:
        rig = Rig()
        waiting = Key(SYNC_KIND, "team-a", "orders")
        old = rig.join(A, of_token("old"))
        await call(old, CallOutcome.THROTTLED, 60)
        old.gate.enqueue(waiting)
        new = rig.routes.make_route(A, HERE, MANY)
        assert await calls(new) == 1000, "the new token is tried out at once"
        rig.routes.set_route(A, new, of_token("new"), MANY)
        assert not new.gate.circuit_closed, "the server asked this account for a pause"
        rig.woken.clear()
        rig.time.advance(60)
        assert A in rig.woken
        assert await call(new) is RequestKind.HALF_OPEN_TRIAL
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
            old.gate.enqueue(key)
        new = rig.try_out(A)
        await under_way
        for _ in range(120):
            rig.time.advance(1)
            for key in [key for key in rig.woken if key in waiting]:
                async with Permit(lambda: new, key, deadline=5):
                    pass
        assert set(waiting) <= set(rig.woken)

    run(story())


def test_everything_is_given_back_with_the_last_workspace() -> None:
    async def story() -> None:
        rig = Rig()
        for number in range(100):
            owner = Key(WORKSPACE_KIND, f"team-{number}", "default")
            route = rig.join(owner, of_token(f"token-{number % 7}"))
            with suppress(NotAdmittedError):
                await call(route, CallOutcome.THROTTLED, 3600)
        for number in range(100):
            rig.routes.forget(Key(WORKSPACE_KIND, f"team-{number}", "default"))
        assert not rig.routes.entry_count
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
                rig.routes.set_rate(owner, None)
            elif deed == "forget":
                rig.routes.forget(owner)
                route.pop(owner, None)
            elif deed == "wait":
                rig.time.advance(30)
            elif owner in route:
                outcome = {
                    "good": CallOutcome.SUCCESS,
                    "bad": CallOutcome.FAILURE,
                    "unreached": CallOutcome.UNREACHABLE,
                }[deed]
                await asyncio.wait([asyncio.create_task(call(route[owner], outcome))], timeout=0.001)
        newcomer = Key(WORKSPACE_KIND, "newcomer", "default")
        assert await calls(rig.join(newcomer, of_token("another"))) == 1000
        for owner in (A, B, newcomer):
            rig.routes.forget(owner)
        assert not rig.routes.entry_count

    run(story())
