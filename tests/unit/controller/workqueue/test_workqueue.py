"""The work queue: each key once at a time, repeats merged, nothing lost."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clockwork import run, until_idle
from tests.unit.controller.working import FAILED, HOME, A, B, C, Work, working

from sync_operator.controller.drift.drift_reconciler import schedule_drift_check
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.workqueue.workqueue import (
    DONE,
    MAX_WORKER_SECONDS,
    SHUTDOWN_SECONDS,
    Key,
    Result,
    WorkQueue,
)


def test_repeats_are_merged_while_they_wait() -> None:
    work = Work()

    async def story() -> None:
        for key in (A, B, A, A, B):
            work.queue.add(key)
        assert work.queue.depth == 2
        async with working(work):
            await until_idle()

    run(story())
    assert work.order == [A, B]
    assert work.queue.depth == 0
    assert work.queue.finished == 2


def test_a_key_that_is_added_while_it_is_worked_on_is_done_once_more_and_alone() -> None:
    work = Work(workers=3)
    work.hold(A)

    async def story() -> None:
        async with working(work):
            work.queue.add(A)
            await until_idle()
            for _ in range(3):
                work.queue.add(A)
            await until_idle()
            assert work.order == [A]
            work.held.pop(A).set()
            await until_idle()

    run(story())
    assert work.order == [A, A]


def test_workspaces_go_first() -> None:
    work = Work(workers=1)

    async def story() -> None:
        for key in (A, B, HOME, C):
            work.queue.add(key)
        async with working(work):
            await until_idle()

    run(story())
    assert work.order == [HOME, A, B, C]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(("waiting", "order"), [((A, B, C), [C, A, B]), ((A, B, C, HOME), [HOME, C, A, B])])
def test_who_has_waited_elsewhere_goes_first_and_only_once(
    waiting: tuple[Key, ...], order: list[Key], times: int
) -> None:
    work = Work(workers=1)

    async def story() -> None:
        for key in waiting:
            work.queue.add(key)
        for _ in range(times):
            work.queue.add(C, first=True)
        assert work.queue.depth == len(waiting)
        async with working(work):
            await until_idle()

    run(story())
    assert work.order == order
    assert work.queue.depth == 0


@pytest.mark.parametrize(("before", "meanwhile"), [((A, B, C), ()), ((A,), (B, C))])
def test_a_turn_that_comes_while_the_key_is_worked_on_is_the_next(
    before: tuple[Key, ...], meanwhile: tuple[Key, ...]
) -> None:
    work = Work(workers=1)
    work.hold(A)

    async def story() -> None:
        for key in before:
            work.queue.add(key)
        async with working(work):
            await until_idle()
            for key in meanwhile:
                work.queue.add(key)
            work.queue.add(A, first=True)
            work.queue.add(A)
            work.held.pop(A).set()
            await until_idle()

    run(story())
    assert work.order == [A, A, B, C]


def test_others_go_on_while_one_is_busy() -> None:
    work = Work(workers=2)
    work.hold(A)

    async def story() -> None:
        async with working(work):
            for key in (A, B, C):
                work.queue.add(key)
            await until_idle()
            assert work.order == [A, B, C]
            assert work.busy == {A}

    run(story())


def test_what_is_under_way_ends_before_the_queue_does() -> None:
    work = Work()
    work.hold(A)
    ended: list[str] = []

    async def story() -> None:
        task = asyncio.create_task(work.run())
        work.queue.add(A)
        await until_idle()
        work.queue.add(B)
        task.cancel()
        await until_idle()
        assert not task.done()
        work.queue.add(C)
        work.held[A].set()
        await asyncio.wait([task])
        ended.extend(key.name for key in work.busy)

    run(story())
    assert work.order[0] == A
    assert work.queue.finished >= 1
    assert ended == []


def test_a_queue_that_stops_gives_reconciles_their_time_and_cancels_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    """Tasks that live on would hold up kopf, and with it the whole process."""
    work = Work()
    work.hold(A, B)

    async def story() -> float:
        task = asyncio.create_task(work.run())
        work.queue.add(A)
        work.queue.add(B)
        await until_idle()
        start = asyncio.get_running_loop().time()
        asyncio.get_running_loop().call_later(SHUTDOWN_SECONDS - 1, work.held[B].set)
        task.cancel()
        await asyncio.wait([task])
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return asyncio.get_running_loop().time() - start

    assert run(story()) == pytest.approx(SHUTDOWN_SECONDS)
    assert work.busy == set()
    assert not work.queue.idle, "the request of the cancelled one may be under way: the Lease must expire"
    assert work.queue.finished == 1
    assert [record.getMessage() for record in caplog.records] == [
        "stopping: reconciles cancelled after 20 s: 1; the next start goes on with them"
    ]


DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from([A, B, HOME])),
        st.tuples(st.just("first"), st.sampled_from([A, B, HOME])),
        st.tuples(st.just("later"), st.sampled_from([A, B, HOME])),
        st.tuples(st.just("forget"), st.sampled_from([A, B, HOME])),
        st.tuples(st.just("let go"), st.sampled_from([A, B, HOME])),
        st.tuples(st.just("wait"), st.just(A)),
    ),
    max_size=25,
)


@given(DEEDS, st.integers(1, 3), st.lists(st.sampled_from([DONE, FAILED, Result(requeue_after=3)]), max_size=6))
def test_no_request_is_lost_and_no_key_is_done_twice_at_once(
    deeds: list[tuple[str, Key]], workers: int, outcomes: list[Result]
) -> None:
    work = Work(lambda _: outcomes.pop() if outcomes else DONE, workers=workers)
    asked: dict[Key, int] = {}

    async def story() -> None:
        work.hold(A, B, HOME)
        async with working(work):
            for deed, key in deeds:
                await DOING[deed](work, key)
                if deed in {"add", "first"}:
                    asked[key] = len(work.done)
            for event in work.held.values():
                event.set()
            await asyncio.sleep(1000)
            assert work.queue.depth == 0

    run(story())
    for key, number in asked.items():
        assert key in work.order[number:], "whoever asks is served afterwards"


async def _add(work: Work, key: Key) -> None:
    work.queue.add(key)


async def _first(work: Work, key: Key) -> None:
    work.queue.add(key, first=True)


async def _later(work: Work, key: Key) -> None:
    work.queue.add_after(key, 5)


async def _forget(work: Work, key: Key) -> None:
    work.queue.forget(key)


async def _let_go(work: Work, key: Key) -> None:
    work.held[key].set()
    await until_idle()
    work.hold(key)


async def _wait(_: Work, __: Key) -> None:
    await asyncio.sleep(7)


DOING: dict[str, Callable[[Work, Key], Awaitable[None]]] = {
    "add": _add,
    "first": _first,
    "later": _later,
    "forget": _forget,
    "let go": _let_go,
    "wait": _wait,
}


def test_who_is_in_no_hurry_comes_one_by_one() -> None:
    work = Work(workers=3)

    async def story() -> None:
        async with working(work):
            work.queue.add_low_priority([A, B, C], within=300)
            await asyncio.sleep(60)

    run(story())
    assert work.order == [A, B, C]
    times = [time - work.done[0][1] for _, time in work.done]
    assert times == pytest.approx([0, 0.05, 0.1])


def test_many_in_no_hurry_have_their_turns_within_the_time_given() -> None:
    work, keys = Work(), [Key("Sync", "team", f"sync-{number}") for number in range(1000)]

    async def story() -> None:
        async with working(work):
            work.queue.add_low_priority([*keys, *keys], within=5)
            await asyncio.sleep(60)

    run(story())
    assert work.order == keys
    assert work.done[-1][1] - work.done[0][1] <= 5


def test_who_was_asked_for_earlier_or_is_gone_has_no_second_turn() -> None:
    work = Work(workers=1)

    async def story() -> None:
        async with working(work):
            work.queue.add_low_priority([A, B, C], within=300)
            work.queue.add(C)
            work.queue.forget(B)
            await asyncio.sleep(60)

    run(story())
    assert work.order == [A, C]


def test_who_waits_for_long_gives_the_worker_to_others() -> None:
    work = Work(workers=1)
    work.hold(A)

    async def story() -> None:
        async with working(work):
            work.queue.add(A)
            work.queue.add(B)
            await asyncio.sleep(MAX_WORKER_SECONDS - 0.1)
            assert work.order == [A]
            await asyncio.sleep(0.2)
            assert work.order == [A, B]
            assert work.busy == {A}
            work.queue.add(A)
            await until_idle()
            assert work.order == [A, B], "it is still worked on"

    run(story())
    assert work.queue.idle


def test_a_stall_is_told_and_its_end_and_what_is_none_is_not() -> None:
    work = Work(workers=1)
    work.hold(A, B)

    async def story() -> None:
        assert work.queue.stalled() == ""
        async with working(work):
            await asyncio.sleep(1000)
            assert work.queue.stalled() == "", "idle"
            work.queue.add(A)
            await asyncio.sleep(1000)
            assert work.queue.stalled() == "", "one takes its time, and nobody waits"
            for number in range(20):
                work.hold(key := Key("Sync", "team", str(number)))
                work.queue.add(key)
            await asyncio.sleep(299)
            assert work.queue.stalled() == ""
            await asyncio.sleep(2)
            assert work.queue.stalled() == "no reconcile has finished for 301 s while 19 wait"
            work.held.pop(A).set()
            await until_idle()
            assert work.queue.stalled() == ""

    run(story())


def test_a_defect_of_the_queue_ends_it() -> None:
    def odd(_: Key) -> Result:
        return None  # type: ignore[return-value]  # a defect outside of any reconcile

    work = Work(odd)

    async def story() -> None:
        work.queue.add(A)
        with pytest.raises(AttributeError):
            await work.run()

    run(story())


def test_what_a_reconcile_waits_for_may_be_cancelled_without_harm() -> None:
    def cancelled(key: Key) -> Result:
        if key == A:
            raise asyncio.CancelledError
        return DONE

    work = Work(cancelled, workers=1)

    async def story() -> None:
        work.queue.add(A)
        work.queue.add(B)
        async with working(work):
            await asyncio.sleep(0)
            await until_idle()
            assert work.order == [A, B]

    run(story())


def test_it_is_known_which_keys_are_still_to_come() -> None:
    work = Work(workers=1)
    work.hold(A)

    async def story() -> list[bool]:
        async with working(work):
            assert not work.queue.is_scheduled(A)
            work.queue.add(A)
            waits = work.queue.is_scheduled(A)
            await until_idle()
            active = work.queue.is_scheduled(A)
            work.held[A].set()
            await until_idle()
            done = work.queue.is_scheduled(A)
            work.queue.add_after(A, 100)
            return [waits, active, done, work.queue.is_scheduled(A)]

    assert run(story()) == [True, True, False, True]


def test_a_look_that_is_due_stays_at_its_time_whatever_comes_and_goes() -> None:
    """A Workspace is reconciled each time that Syncs of it come or go; that compares it no more often."""
    looked: list[float] = []
    period = timedelta(seconds=300)

    async def story() -> None:
        loop = asyncio.get_running_loop()

        async def look(_: Key) -> Result:
            looked.append(loop.time())
            return Result(requeue_after=period.total_seconds())

        queue = WorkQueue(workers=1)
        context = cast("Any", SimpleNamespace(queue=queue, drift_period=period))
        task = asyncio.create_task(queue.run(defaultdict(lambda: look)))
        for _ in range(1800):
            schedule_drift_check(context, NamespacedName("team", "default"))
            await asyncio.sleep(2)
        task.cancel()
        await asyncio.wait([task])

    run(story())
    assert 12 <= len(looked) <= 13


def test_each_reconcile_is_counted_by_its_result() -> None:
    outcomes = {A: DONE, B: Result(requeue_after=1000), C: FAILED}
    work = Work(lambda key: outcomes[key], workers=1)

    async def story() -> None:
        async with working(work):
            for key in outcomes:
                work.queue.add(key)
            await until_idle()

    run(story())
    counted = {
        result: work.registry.get_sample_value(
            "sync_operator_reconcile_total", {"controller": "sync", "result": result}
        )
        for result in ("success", "requeue_after", "error")
    }
    assert counted == {"success": 1, "requeue_after": 1, "error": 1}
    assert work.registry.get_sample_value("sync_operator_reconcile_duration_seconds_count", {"controller": "sync"}) == 3
