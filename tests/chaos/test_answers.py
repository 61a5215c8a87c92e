"""Single answers that go wrong in a way that chance rarely finds, each with what must not come of it."""

from collections.abc import Callable
from functools import partial
from typing import Final

import pytest
from tests.support.faults import Answer, Call, Fault, Moment
from tests.support.kubeproxy import CONFLICT, EXPIRED, EXPIRED_WATCH
from tests.support.running import eventually
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


_REFUSED: Final = {"type": "ERROR", "object": {"kind": "Status", "status": "Failure", "code": 500}}
_LISTS_AGAIN: Final[dict[str, tuple[Callable[[Call], bool], Fault]]] = {
    "a page has expired": (lambda call: "continue" in call.query, Fault("", answer=EXPIRED)),
    "the token is not accepted": (lambda call: not call.watches, Fault("", answer=Answer(401))),
    "a watch finds nobody who knows it": (lambda call: call.watches, Fault("", answer=Answer(401))),
    "a proxy does not know the way": (lambda call: not call.watches, Fault("", answer=Answer(404))),
    "a watch comes to a page": (lambda call: call.watches, Fault("", answer=Answer(200))),
    "a watch is told that it is expired": (lambda call: call.watches, Fault("", answer=EXPIRED)),
    "a time to wait that is a date": (
        lambda call: not call.watches,
        Fault("", answer=Answer(429, None, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})),
    ),
    "a list is cut": (lambda call: not call.watches, Fault("", cut=True)),
    "a list is a page": (lambda call: not call.watches, Fault("", garble=lambda _: b"<html></html>")),
    "a list is half": (lambda call: not call.watches, Fault("", garble=lambda body: body[: len(body) // 2])),
}
"""What happens to one of kopf's requests for Syncs after its watch has ended with "expired"."""


def test_what_goes_wrong_once_on_the_way_to_kopf_ends_no_watch(world: World) -> None:
    world.create("kopf-b1")
    world.create("kopf-b2")
    world.settle()
    for number, (what, (concerns, fault)) in enumerate(_LISTS_AGAIN.items()):
        hit = First(fault, "GET", "/syncs")
        world.to_cluster.judge(partial(_small_pages, hit, concerns))
        last_line = _REFUSED if number % 2 else EXPIRED_WATCH
        eventually(partial(world.to_cluster.end_watches, last_line), "no watch is open")
        eventually(partial(_has_hit, hit), f"{what}: nothing was asked")
    world.to_cluster.judge(None)
    world.create("kopf-b3")
    world.update("kopf-b1", syncMode="incremental")
    world.delete("kopf-b2")
    world.settle()

    assert world.exits == []


def _small_pages(hit: First, concerns: Callable[[Call], bool], call: Call) -> Fault | None:
    found = hit(call) if call.to == "cluster" and concerns(call) else None
    return found or (Fault("", query={"limit": "1"}) if "limit" in call.query else None)


def _has_hit(hit: First) -> bool:
    return not hit.left


def test_a_cut_answer_at_the_start_is_asked_for_again(world: World) -> None:
    cut = First(Fault("cut", cut=True), "GET", "/api")
    world.to_cluster.judge(cut)
    world.controller.stop()
    world.controller.start()

    eventually(partial(_has_hit, cut), "nothing was asked")
    world.create("start-b1")
    world.settle()
    assert world.exits == []
