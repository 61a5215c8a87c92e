"""Single answers that go wrong in a way that chance rarely finds, each with what must not come of it."""

from typing import Final

import pytest
from tests.support.faults import Answer, Call, Fault, Moment
from tests.support.kubeproxy import CONFLICT, EXPIRED
from tests.support.world import World

pytestmark = pytest.mark.timeout(600)

_LOST: Final = Fault("lost", lose=Moment.AFTER)
_CONFLICT: Final = Fault("conflict", answer=CONFLICT)
_MISSHAPEN: Final = Fault("misshapen", answer=Answer(200, {"data": None}))


class First:
    """A rule that hits the first requests of a kind, and no others."""

    def __init__(self, fault: Fault, method: str, end: str, *, times: int = 1) -> None:
        self._fault = fault
        self._method = method
        self._end = end
        self.left = times

    def __call__(self, call: Call) -> Fault | None:
        if not self.left or call.method != self._method or not call.path.endswith(self._end):
            return None
        self.left -= 1
        return self._fault


def test_a_status_that_was_not_written_makes_no_twin(world: World) -> None:
    # Looking for a create that never arrived, the controller gets a list, which does not show what is made after it.
    world.to_server.judge(First(Fault("lost", lose=Moment.BEFORE), "POST", "/syncs"))
    world.create("status-a1")
    world.settle()

    refused = First(_CONFLICT, "PATCH", "/status-a2/status", times=2)
    world.to_cluster.judge(refused)
    world.create("status-a2")
    world.settle()

    assert refused.left == 0


def test_a_list_without_syncs_is_not_taken_for_an_empty_one(world: World) -> None:
    lost, misshapen = First(_LOST, "POST", "/syncs"), First(_MISSHAPEN, "GET", "/syncs", times=2)
    world.to_server.judge(lambda call: lost(call) or misshapen(call))
    world.create("list-b1")
    world.settle()

    assert misshapen.left == 0


def test_pages_that_expired_are_read_anew(world: World) -> None:
    world.create("pages-b1")
    world.create("pages-b2")
    world.settle()
    expired = First(Fault("expired", answer=EXPIRED), "GET", "/syncs")

    def small_pages(call: Call) -> Fault | None:
        fault = expired(call) if "continue" in call.query else None
        return fault or (Fault("", query={"limit": "1"}) if "limit" in call.query else None)

    world.to_cluster.judge(small_pages)
    world.controller.stop()
    world.controller.start()
    world.settle()

    assert expired.left == 0
    assert world.exits == []


def test_the_end_of_a_watch_before_the_start_ends_the_process(world: World) -> None:
    world.to_cluster.judge(First(Fault("cut", cut=True), "GET", "/api"))
    world.controller.stop()
    world.controller.begin()

    assert world.controller.await_end() == 5
    assert "the core task 'watch' ended" in world.controller.log.read_text()
    world.controller.start()
