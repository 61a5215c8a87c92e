"""Which key is next: everybody has turns, whatever others do."""

import time
from collections import Counter
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND
from sync_operator.controller.workqueue.fair_queue import FairQueue, Key

WORKERS = 16
HEALTHY = Key(SYNC_KIND, "healthy", "orders")
SERVERS = {"healthy": "healthy-server"}


def queue(keys: Iterable[Key] = (), *, workers: int = WORKERS) -> FairQueue:
    """A queue of keys, whose names begin with the names of their servers."""
    made = FairQueue(workers, lambda key: SERVERS.get(key.namespace) or key.name.partition("/")[0] or None)
    for key in keys:
        made.add(key)
    return made


def sync(namespace: int, server: int = 0, number: int = 0) -> Key:
    return Key(SYNC_KIND, f"namespace-{namespace}", f"server-{server}/{number}")


def popped(waiting: FairQueue) -> list[Key]:
    """All that is begun now."""
    found = []
    while (key := waiting.pop()) is not None:
        found.append(key)
    return found


def served(waiting: FairQueue) -> list[Key]:
    """The order in which keys are worked on, one after the other."""
    found = []
    while (key := waiting.pop()) is not None:
        found.append(key)
        waiting.done(key)
    return found


KEYS = st.lists(
    st.builds(sync, st.integers(0, 5), st.integers(0, 3), st.integers(0, 20)) | st.just(HEALTHY),
    max_size=60,
    unique=True,
)


@given(KEYS)
def test_every_key_has_one_turn_and_namespaces_take_turns(keys: list[Key]) -> None:
    waiting = queue(keys, workers=1)
    assert len(waiting) == len(keys)
    order = served(waiting)
    assert sorted(order) == sorted(keys)
    assert len(waiting) == 0
    left = Counter(key.namespace for key in keys)
    begun: Counter[str] = Counter()
    for key in order:
        begun[key.namespace] += 1
        left[key.namespace] -= 1
        still = [begun[namespace] for namespace, number in left.items() if number]
        assert not still or begun[key.namespace] - min(still) <= 1


@given(KEYS)
def test_within_a_namespace_the_order_is_that_of_their_coming(keys: list[Key]) -> None:
    order = served(queue(keys, workers=1))
    for namespace in {key.namespace for key in keys}:
        expected = [key for key in keys if key.namespace == namespace]
        assert [key for key in order if key.namespace == namespace] == expected


@given(KEYS, st.integers(1, 40), st.data())
def test_whatever_hangs_a_tenant_with_a_server_of_its_own_is_served(
    keys: list[Key], workers: int, data: st.DataObject
) -> None:
    """All others' reconciles hang for ever: each gives its worker up when its time has come, in any order."""
    waiting = queue([key for key in keys if key != HEALTHY], workers=workers)
    begun = popped(waiting)
    waiting.add(HEALTHY)
    for _ in range(len(keys) + 1):
        now = popped(waiting)
        if HEALTHY in now:
            return
        begun += now
        assert begun, "nothing is under way, and yet somebody waits"
        waiting.release_worker(begun.pop(data.draw(st.integers(0, len(begun) - 1))))
    raise AssertionError("starved")


@given(KEYS, st.integers(1, 8), st.data())
def test_nothing_is_lost_in_any_order_of_events(keys: list[Key], workers: int, data: st.DataObject) -> None:
    waiting, begun, slow, done = queue(keys, workers=workers), set[Key](), set[Key](), list[Key]()
    while len(done) < len(keys):
        for key in popped(waiting):
            assert key not in begun | slow
            begun.add(key)
        assert len(begun) <= workers
        assert begun | slow, "somebody waits though all workers are free"
        key = data.draw(st.sampled_from(sorted(begun | slow)))
        if key in begun and data.draw(st.booleans()):
            waiting.release_worker(key)
            begun.discard(key)
            slow.add(key)
        else:
            waiting.done(key)
            begun.discard(key)
            slow.discard(key)
            done.append(key)
    assert sorted(done) == sorted(keys)
    assert popped(waiting) == []


def test_a_namespace_alone_has_most_of_the_workers_and_many_share_them() -> None:
    assert len(popped(queue(sync(0, number, number) for number in range(40)))) == 12
    two = popped(queue(sync(number % 2, number % 2, number) for number in range(40)))
    assert Counter(key.namespace for key in two) == {"namespace-0": 7, "namespace-1": 7}
    many = popped(queue(sync(number % 20, number, number) for number in range(200)))
    assert len(many) == len({key.namespace for key in many}) == WORKERS


def test_namespaces_of_one_server_leave_workers_to_other_servers() -> None:
    waiting = queue(sync(number, 0, number) for number in range(40))
    assert len(popped(waiting)) == 14
    waiting.add(HEALTHY)
    assert popped(waiting) == [HEALTHY]


def test_who_waits_for_a_server_goes_on_when_its_share_is_free() -> None:
    waiting = queue(sync(number, 0, number) for number in range(20))
    begun = popped(waiting)
    assert len(begun) == 14
    waiting.done(begun[0])
    assert len(popped(waiting)) == 1
    waiting.release_worker(begun[1])
    assert len(popped(waiting)) == 1


def test_a_server_that_hangs_takes_no_worker_for_long() -> None:
    waiting = queue(sync(number % 3, 0, number) for number in range(1000))
    for _ in range(100):
        for key in popped(waiting):
            waiting.release_worker(key)
    waiting.add(HEALTHY)
    assert popped(waiting) == [HEALTHY]
    assert len(waiting) > 800, "and what hangs is bounded"


def test_a_newcomer_of_a_server_that_hangs_for_others_may_try_it() -> None:
    waiting = queue(sync(number % 8, 0, number) for number in range(1000))
    for _ in range(100):
        for key in popped(waiting):
            waiting.release_worker(key)
    newcomer = sync(9, 0)
    waiting.add(newcomer)
    assert popped(waiting) == [newcomer]


def test_first_overtakes_also_those_who_wait_for_their_server() -> None:
    waiting = queue(sync(number, 0, number) for number in range(14))
    begun = popped(waiting)
    for number in range(3):
        waiting.add(sync(99, 0, number))
    assert popped(waiting) == []
    waiting.add(sync(99, 0, 2), first=True)
    waiting.add(sync(99, 0, 2), first=True)
    assert len(waiting) == 3
    for key in begun:
        waiting.done(key)
    assert popped(waiting) == [sync(99, 0, 2), sync(99, 0, 0), sync(99, 0, 1)]
    assert len(waiting) == 0


def test_workspaces_go_before_syncs_of_their_namespace_only() -> None:
    home = Key(WORKSPACE_KIND, "namespace-1", "default")
    waiting = queue([sync(0, 0, 1), sync(1, 0, 1), sync(0, 0, 2), home], workers=1)
    assert served(waiting) == [sync(0, 0, 1), home, sync(0, 0, 2), sync(1, 0, 1)]


def test_a_key_costs_the_same_however_many_wait_and_in_however_many_namespaces() -> None:
    def microseconds(keys: int, namespaces: int) -> float:
        waiting, active, begin = (
            queue(sync(n % namespaces, 0, n) for n in range(keys)),
            list[Key](),
            time.process_time(),
        )
        while True:  # as many as may be are worked on at any time, so that all others wait for their server
            active += popped(waiting)
            if not active:
                return (time.process_time() - begin) / keys * 1e6
            waiting.done(active.pop(0))

    few = min(microseconds(500, 500) for _ in range(3))
    assert min(microseconds(10_000, 10_000) for _ in range(2)) < 5 * few
    assert min(microseconds(10_000, 1) for _ in range(2)) < 5 * few
