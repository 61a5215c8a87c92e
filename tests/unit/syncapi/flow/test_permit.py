"""When a reconcile holds a slot of its server, and when it lets the next one in."""

import pytest
from tests.support.gates import make_gate
from tests.support.timers import FakeTimers

from sync_operator.errors import NotAdmittedError, ServerFaultError, ThrottledError
from sync_operator.syncapi.flow.circuit_breaker import CallOutcome
from sync_operator.syncapi.flow.permit import Permit, Route

DEADLINE = 5.0


class Rig:
    """A Workspace's gate of its own and one that it shares, with one slot each, and which keys were woken."""

    def __init__(self, requests_per_minute: int = 100_000) -> None:
        self.time = FakeTimers()
        self.woken: list[object] = []
        self.own, self.shared = (
            make_gate(self.time, self.woken.append, requests_per_minute, max_concurrency=1) for _ in range(2)
        )
        self.route: Route | None = Route("owner", self.own)

    def permit(self, key: str, *, urgent: bool = False) -> Permit:
        return Permit(lambda: self.route, key, deadline=DEADLINE, urgent=urgent)

    def free(self) -> bool:
        """Whether a slot of the Workspace's own gate is free."""
        try:
            self.own.take_slot("anybody")
        except NotAdmittedError:
            self.own.forget("anybody")
            return False
        self.own.release_slot()
        return True

    def refuse(self, permit: Permit) -> NotAdmittedError:
        with pytest.raises(NotAdmittedError) as refused:
            permit.acquire()
        return refused.value


async def test_a_slot_is_held_from_the_first_request_until_the_permit_is_released() -> None:
    rig = Rig()
    async with rig.permit("a") as permit:
        assert rig.free()
        permit.acquire()
        permit.acquire()
        assert not rig.free(), "one slot, however often it is asked for"
        permit.release()
        permit.release()
        assert rig.free(), "given back once"
        assert permit.was_granted
        permit.acquire()
        assert not rig.free(), "taken once more"
    assert rig.free()


async def test_a_slot_is_given_back_by_a_reconcile_that_fails() -> None:
    rig = Rig()

    async def reconcile() -> None:
        async with rig.permit("a") as permit:
            permit.acquire()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await reconcile()
    assert rig.free()


async def test_a_refused_permit_was_not_granted_and_its_key_is_woken_when_it_may_be() -> None:
    rig = Rig()
    async with rig.permit("a") as first, rig.permit("b") as second:
        first.acquire()
        refused = rig.refuse(second)
        assert (refused.circuit_open, refused.throttled, refused.position) == (False, True, 1)
        assert second.ends_soon(refused)
        assert not second.was_granted
        assert (rig.own.waits("b"), rig.woken) == (True, [])
    assert (rig.own.waits("b"), rig.woken) == (False, ["b"])


async def test_a_woken_key_holds_its_slot_from_the_start_and_nobody_else_gets_it() -> None:
    rig = Rig()
    async with rig.permit("a") as first:
        first.acquire()
        rig.refuse(rig.permit("b"))
        rig.refuse(rig.permit("c"))
    assert not rig.free(), "it is reserved"
    async with rig.permit("b") as permit:
        assert permit.was_granted
        permit.acquire()
        assert rig.woken == ["b"]
        permit.release()
        assert rig.woken == ["b", "c"]


async def test_a_slot_that_was_reserved_in_the_middle_of_the_reconcile_counts() -> None:
    rig = Rig()
    async with rig.permit("a") as first:
        first.acquire()
        async with rig.permit("b") as second:
            rig.refuse(second)
            first.release()
            assert rig.woken == ["b"]
            second.acquire()
            assert second.was_granted
            assert not rig.own.waits("b")
    assert rig.free()


async def test_the_wait_of_a_new_key_begins_before_its_reconcile_only_where_it_is_short() -> None:
    rig = Rig(requests_per_minute=10)
    rig.own.limit_burst(1)
    assert not rig.permit("a").try_enqueue(), "there is a slot"
    async with rig.permit("a") as permit:
        permit.acquire()
        assert rig.permit("b").try_enqueue()
        await rig.own.admit_request()
        assert not rig.permit("c").try_enqueue(), "it would wait for longer than the deadline, untold"
        assert not rig.permit("c").ends_soon(rig.refuse(rig.permit("c")))


async def test_an_urgent_key_goes_before_the_others() -> None:
    rig = Rig()
    async with rig.permit("a") as permit:
        permit.acquire()
        rig.refuse(rig.permit("b"))
        assert rig.refuse(rig.permit("home", urgent=True)).position == 1
    assert rig.woken == ["home"]


async def test_it_is_known_that_the_circuit_is_open_and_until_when() -> None:
    rig = Rig()
    rig.own.record_result(await rig.own.admit_request(), CallOutcome.THROTTLED, 20)
    refused = rig.refuse(rig.permit("a"))
    assert (refused.circuit_open, refused.throttled, refused.position, refused.seconds) == (True, True, 0, 20)


async def test_a_key_waits_again_after_a_request_that_has_to_wait_and_after_no_other() -> None:
    rig = Rig()
    async with rig.permit("a") as permit:
        permit.acquire()
        for error in (ServerFaultError("500"), ThrottledError("429")):
            permit.wait_again(error)
            assert not rig.own.waits("a"), "the circuit is closed: it is retried by time"
        rig.own.record_result(await rig.own.admit_request(), CallOutcome.THROTTLED, 20)
        permit.wait_again(ThrottledError("429"))
        assert rig.own.waits("a")


async def test_slots_are_given_back_to_the_gate_that_gave_them() -> None:
    rig = Rig()
    assert rig.route is not None
    async with rig.permit("a") as permit:
        permit.acquire()
        rig.route.share(rig.shared, 60)
        async with rig.permit("b") as other:
            other.acquire()
        assert not rig.free()
    assert rig.free()


async def test_a_slot_that_the_former_gate_reserved_is_used() -> None:
    rig = Rig()
    assert rig.route is not None
    async with rig.permit("a") as permit:
        permit.acquire()
        rig.refuse(rig.permit("b"))
    rig.route.share(rig.shared, 60)
    async with rig.permit("b") as permit:
        assert permit.was_granted


async def test_a_key_that_is_gone_neither_waits_nor_keeps_a_slot() -> None:
    rig = Rig()
    assert rig.route is not None
    async with rig.permit("a") as permit:
        permit.acquire()
        for key in ("gone", "gone too", "next"):
            rig.refuse(rig.permit(key))
        rig.route.forget("gone too")
    assert rig.woken == ["gone"]
    rig.route.forget("gone")
    assert rig.woken == ["gone", "next"]


async def test_without_a_route_nothing_is_limited() -> None:
    rig = Rig()
    rig.route = None
    permit = rig.permit("a")
    assert not permit.try_enqueue()
    async with permit:
        permit.acquire()
        assert permit.was_granted
        permit.wait_again(ThrottledError("429"))
    assert rig.free()
