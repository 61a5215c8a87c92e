import asyncio
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, nullcontext, suppress

import pytest
from tests.support.gates import make_gate
from tests.support.timers import FakeTimers

from sync_operator.errors import NotAdmittedError
from sync_operator.syncapi.flow.circuit_breaker import CallOutcome, RequestKind


class Rig:
    """Traffic on a clock of its own, by default after its first minute, and who was woken."""

    def __init__(self, requests_per_minute: int = 100_000, max_concurrency: int = 8, *, after: float = 60) -> None:
        self.time = FakeTimers()
        self.woken: list[Hashable] = []
        self.gate = make_gate(
            self.time,
            self.woken.append,
            requests_per_minute,
            server="workspace 1 of http://server",
            max_concurrency=max_concurrency,
        )
        self.gate.register_owner("owner", requests_per_minute)
        self.time.advance(after)

    async def call(self, outcome: CallOutcome = CallOutcome.SUCCESS, retry_after: float | None = None) -> RequestKind:
        kind = await self.gate.admit_request()
        self.gate.record_result(kind, outcome, retry_after)
        return kind

    def refused(self, key: str) -> NotAdmittedError | None:
        """None for a key that gets a slot, which it gives back at once."""
        try:
            with self.slot(key):
                return None
        except NotAdmittedError as error:
            return error

    @contextmanager
    def slot(self, key: str, *, urgent: bool = False) -> Iterator[None]:
        """The slot of a key: the one that is reserved for it, or a free one."""
        if not self.gate.redeem_slot(key):
            self.gate.take_slot(key, urgent=urgent)
        try:
            yield
        finally:
            self.gate.release_slot()


async def break_down(rig: Rig) -> None:
    for _ in range(3):
        await rig.call(CallOutcome.FAILURE)
    assert not rig.gate.circuit_closed


async def test_many_syncs_are_worked_through_in_the_order_of_their_coming_and_within_the_budget() -> None:
    rig = Rig(requests_per_minute=100)
    times: list[float] = []

    async def work(key: str) -> bool:
        try:
            with rig.slot(key):
                await rig.call()
        except NotAdmittedError:
            return False
        times.append(rig.time.now)
        return True

    keys = [f"sync-{number}" for number in range(200)]
    done = [key for key in keys if await work(key)]
    assert len(done) == 10
    while len(done) < 200:
        rig.time.advance(0.5)
        woken = [str(key) for key in rig.woken]
        rig.woken.clear()
        done += [key for key in woken if await work(key)]
    assert done == keys
    assert max(sum(start <= time < start + 60 for time in times) for start in times) <= 50
    assert times[-1] - times[0] < 60 * 200 / 40


async def test_who_waits_is_told_why_and_how_long() -> None:
    rig = Rig(requests_per_minute=100)
    for _ in range(10):
        await rig.call()
    first, second = rig.refused("a"), rig.refused("b")
    assert first is not None
    assert second is not None
    assert "workspace 1 of http://server takes 100 requests a minute (spec.requestsPerMinute" in str(first)
    assert str(first).startswith("waits for its turn, which is number 1 and comes in about 2s: ")
    assert str(second).startswith("waits for its turn, which is number 2 and comes in about 3s: ")
    assert first.throttled
    assert 0 < first.seconds < second.seconds < 5


async def test_newcomers_go_behind_those_who_wait() -> None:
    rig = Rig(max_concurrency=1)
    with rig.slot("inside"):
        assert rig.refused("first")
    assert rig.woken == ["first"]
    assert rig.refused("second")
    assert rig.refused("first") is None
    assert rig.woken == ["first", "second"]


async def test_who_is_sure_to_need_admission_waits_for_it_from_the_start() -> None:
    rig = Rig(max_concurrency=1)
    assert not rig.gate.try_enqueue("first", deadline=5), "there is room"
    with rig.slot("inside"):
        assert rig.gate.try_enqueue("first", deadline=5)
        assert rig.refused("second")
        assert rig.gate.try_enqueue("first", deadline=5), "once more, in its own place"
    assert rig.woken == ["first"]
    assert rig.gate.try_enqueue("newcomer", deadline=5), "it does not overtake"
    assert not rig.gate.try_enqueue("first", deadline=5), "it is its turn"
    assert rig.refused("first") is None
    assert rig.woken == ["first", "second"]


async def test_nobody_waits_untold_for_long() -> None:
    rig = Rig(requests_per_minute=10)
    await rig.call()
    assert not rig.gate.try_enqueue("first", deadline=14)
    assert rig.refused("second"), "nobody stood in the line"
    assert rig.gate.try_enqueue("third", deadline=31)

    rig = Rig(max_concurrency=1)
    await break_down(rig)
    assert not rig.gate.try_enqueue("first", deadline=5), "of an outage all are told"


async def test_newcomers_do_not_snatch_what_has_just_become_free() -> None:
    rig = Rig(requests_per_minute=10)
    await rig.call()
    assert rig.refused("first")
    rig.time.now += 60  # before the timer is seen to
    assert rig.refused("newcomer")
    rig.time.advance(0)
    assert rig.woken == ["first"]


async def test_a_place_is_not_kept_for_ever_for_who_does_not_come() -> None:
    rig = Rig(max_concurrency=1)
    with rig.slot("inside"):
        assert rig.refused("gone")
        assert rig.refused("next")
    assert rig.woken == ["gone"]
    rig.time.advance(30)
    assert rig.woken == ["gone", "next"]


async def test_who_needs_the_turn_no_more_gives_it_to_the_next() -> None:
    rig = Rig(max_concurrency=1)
    with rig.slot("inside"):
        assert rig.refused("first")
        assert rig.refused("second")
        assert not rig.gate.redeem_slot("second")
    assert rig.woken == ["first"]
    assert rig.gate.redeem_slot("first")
    assert rig.refused("newcomer")
    rig.gate.release_slot()
    assert rig.woken == ["first", "second"]


async def test_a_hanging_server_takes_no_more_than_its_share_of_workers() -> None:
    rig = Rig(max_concurrency=2)
    with rig.slot("a"), rig.slot("b"):
        held = rig.refused("c")
        assert held is not None
        assert held.seconds < 5
    assert rig.woken == ["c"]


async def test_work_inside_waits_for_its_further_calls() -> None:
    rig = Rig(requests_per_minute=10)
    with rig.slot("a"):
        await rig.call()
        second = asyncio.create_task(rig.call())
        third = asyncio.create_task(rig.call())
        await asyncio.sleep(0)
        rig.time.advance(14)
        await asyncio.sleep(0)
        assert not second.done()
        rig.time.advance(1)
        assert await second is RequestKind.NORMAL
        third.cancel()
        await asyncio.gather(third, return_exceptions=True)
        rig.time.advance(60)
        assert await rig.call() is RequestKind.NORMAL


async def test_an_outage_costs_one_probe_at_a_time_and_wakes_everybody_once() -> None:
    rig = Rig()
    await break_down(rig)
    assert set(rig.woken) == {"owner"}
    probe = await rig.gate.admit_request()
    assert probe is RequestKind.HALF_OPEN_TRIAL
    with pytest.raises(NotAdmittedError, match="gives no usable answers"):
        await rig.gate.admit_request()
    for number in range(1000):
        held = rig.refused(f"sync-{number}")
        assert held is not None
        assert not held.throttled
    before = rig.gate.has_tripped
    rig.gate.record_result(probe, CallOutcome.FAILURE)
    assert (before, rig.gate.has_tripped) == (False, True)

    rig.woken.clear()
    rig.time.advance(0.9)
    assert rig.woken == []
    rig.time.advance(0.1)
    assert rig.woken == ["owner"]
    assert await rig.call() is RequestKind.HALF_OPEN_TRIAL
    assert rig.gate.circuit_closed
    assert rig.woken.count("owner") == 2  # for the probe, and because calls go through again
    for _ in range(200):
        for key in [key for key in rig.woken if key != "owner"]:
            rig.woken.remove(key)
            assert rig.refused(str(key)) is None
        rig.time.advance(1)
    assert not [key for key in rig.woken if key != "owner"]
    assert rig.refused("newcomer") is None


async def test_a_thousand_syncs_bear_hours_of_outage_and_are_worked_through_soon_after() -> None:
    rig = Rig(
        requests_per_minute=6_000, max_concurrency=100
    )  # the tests look once a second, workers do so all the time
    hours, sent, done = 6, list[float](), set[str]()
    back = rig.time.now + hours * 3600

    async def work(key: str) -> None:
        with suppress(NotAdmittedError), nullcontext() if key == "owner" else rig.slot(key):
            kind = await rig.gate.admit_request()
            sent.append(rig.time.now)
            rig.gate.record_result(kind, CallOutcome.SUCCESS if rig.time.now >= back else CallOutcome.FAILURE)
            if rig.time.now >= back:
                done.add(key)
        if key not in done and key != "owner":
            rig.gate.enqueue(key)

    waiting = {f"sync-{number}" for number in range(1000)}
    for key in sorted(waiting):
        await work(key)
    while not waiting <= done and rig.time.now < back + 300:
        rig.time.advance(1)
        woken, rig.woken[:] = [str(key) for key in rig.woken], []
        for key in woken:
            await work(key)
    assert waiting <= done

    outage = [time for time in sent if time < back]
    assert hours * 60 / 2 < len(outage), "the server is asked again all the time"
    assert max(sum(start <= time < start + 60 for time in outage) for start in outage) <= 15
    assert max(sum(start <= time < start + 60 for time in outage) for start in outage[30:]) <= 5
    assert max(sum(start <= time < start + 60 for time in sent) for start in [*outage[::30], back]) <= 3_000
    assert rig.time.now - back < 60 + 60 * 1000 / 2_400 + 5, "a pause, and then as fast as the budget allows"


async def test_without_an_owner_the_first_in_line_makes_the_probe() -> None:
    rig = Rig()
    await break_down(rig)
    await rig.call(CallOutcome.FAILURE)
    rig.gate.unregister_owner("owner")
    rig.woken.clear()
    assert rig.refused("deleted-1")
    assert rig.refused("deleted-2")
    rig.time.advance(1)
    assert rig.woken == ["deleted-1"]
    assert rig.refused("deleted-1") is None
    assert await rig.call() is RequestKind.HALF_OPEN_TRIAL
    assert "deleted-2" in rig.woken


async def test_a_probe_that_nobody_makes_is_asked_for_again() -> None:
    rig = Rig()
    await break_down(rig)
    rig.woken.clear()
    rig.time.advance(61)
    assert rig.woken == ["owner"]


async def test_a_pause_that_the_server_asks_for_holds_for_all() -> None:
    rig = Rig()
    await rig.call(CallOutcome.THROTTLED, 20)
    assert rig.woken == ["owner"]  # who may have to tell of a long pause
    held = rig.refused("a")
    assert held is not None
    assert held.throttled
    assert held.seconds == 20
    assert "asked for a pause" in str(held)
    rig.time.advance(19)
    with pytest.raises(NotAdmittedError):
        await rig.gate.admit_request()
    rig.time.advance(1)
    assert await rig.call() is RequestKind.HALF_OPEN_TRIAL


async def test_calls_in_line_are_sent_home_when_the_server_fails() -> None:
    rig = Rig(requests_per_minute=30)
    under_way = [await rig.gate.admit_request() for _ in range(3)]
    waiting = asyncio.create_task(rig.gate.admit_request())
    await asyncio.sleep(0)
    for kind in under_way:
        rig.gate.record_result(kind, CallOutcome.FAILURE)
    assert await waiting is RequestKind.HALF_OPEN_TRIAL  # the first one in line is as good a probe as any
    with pytest.raises(NotAdmittedError):
        await rig.gate.admit_request()


async def test_what_was_held_back_in_the_middle_is_woken_too() -> None:
    rig = Rig()
    await break_down(rig)
    rig.gate.enqueue("half-done")
    await rig.call()
    assert "half-done" in rig.woken


async def test_the_lowest_of_the_owners_limits_holds() -> None:
    rig = Rig(requests_per_minute=100)
    rig.gate.register_owner("stricter", 10)
    assert await rig.call() is RequestKind.NORMAL
    assert rig.refused("a")
    rig.gate.unregister_owner("stricter")
    rig.gate.unregister_owner("stricter")
    rig.time.advance(2)
    assert rig.woken == ["a"]


async def test_how_it_stands_is_told() -> None:
    rig = Rig(requests_per_minute=100)  # half of it is the operator's, a fifth of that at once
    await rig.call()
    assert rig.gate.state == (True, 50.0, 9, 0)
    for _ in range(9):
        await rig.call()
    assert rig.refused("a")
    assert rig.gate.state == (True, 50.0, 0, 1)
    broken = Rig()
    await break_down(broken)
    assert not broken.gate.state.circuit_closed


async def test_nobody_is_called_after_closing() -> None:
    rig = Rig(requests_per_minute=2)
    await rig.call()
    assert rig.refused("a")
    rig.gate.close()
    rig.time.advance(1000)
    assert rig.woken == []


async def test_a_call_gives_up_when_its_turn_does_not_come() -> None:
    rig = Rig(requests_per_minute=60)  # half a call a second for the operator, less what may go out at once
    for _ in range(6):
        await rig.call()
    waiting = [asyncio.create_task(rig.gate.admit_request()) for _ in range(20)]
    await asyncio.sleep(0)
    rig.time.advance(29)
    await asyncio.sleep(0)
    assert sum(task.done() for task in waiting) == 11
    rig.time.advance(2)
    with pytest.raises(NotAdmittedError, match="takes 60 requests a minute") as held:
        await waiting[-1]
    assert held.value.throttled
    assert all(task.done() for task in waiting)
    for task in waiting:
        with suppress(NotAdmittedError):
            await task
    rig.time.advance(10)
    assert await rig.call() is RequestKind.NORMAL, "who gave up stands in nobody's way"


async def test_work_that_was_let_in_is_not_cut_short_by_the_smallest_budget() -> None:
    rig = Rig(requests_per_minute=1)
    await rig.call()
    waiting = asyncio.create_task(rig.gate.admit_request())
    await asyncio.sleep(0)
    rig.time.advance(149)
    await asyncio.sleep(0)
    assert not waiting.done()
    rig.time.advance(1)
    assert await waiting is RequestKind.NORMAL


async def test_a_workspace_goes_before_the_syncs_that_wait() -> None:
    rig = Rig(max_concurrency=1)
    with rig.slot("inside"):
        assert rig.refused("first")
        assert rig.refused("second")
        rig.gate.enqueue("workspace", urgent=True)
    assert rig.woken == ["workspace"]
    assert rig.refused("workspace") is None
    assert rig.woken == ["workspace", "first"]

    rig = Rig(requests_per_minute=20)
    await rig.call()
    await rig.call()
    assert rig.refused("sync")
    rig.time.now += 60  # before the timer is seen to
    with rig.slot("workspace", urgent=True):
        assert rig.refused("another sync")
    rig.gate.enqueue("sync", urgent=True)
    assert rig.woken[0] == "sync", "who has waited is not behind itself"
