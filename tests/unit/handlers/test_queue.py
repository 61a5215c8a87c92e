"""The work queue, in a loop whose time leaps from timer to timer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clockwork import run, until_idle

from sync_operator.handlers.queue import DONE, Key, Outcome, WorkQueue

A, B, C = (Key("Sync", "team", name) for name in "abc")
HOME = Key("Workspace", "team", "default")
FAILED = Outcome(failed=True)


class Work:
    """Notes when each key was worked on, and ends as it was told to: at once, or when let go."""

    def __init__(self, outcome: Callable[[Key], Outcome] = lambda _: DONE, *, workers: int = 2) -> None:
        self.queue = WorkQueue(self._do, workers=workers)
        self.done: list[tuple[Key, float]] = []
        self.busy: set[Key] = set()
        self.held: dict[Key, asyncio.Event] = {}
        self._outcome = outcome

    async def _do(self, key: Key) -> Outcome:
        assert key not in self.busy, "a key is worked on by one worker at a time"
        self.busy.add(key)
        self.done.append((key, asyncio.get_running_loop().time()))
        try:
            if key in self.held:
                await self.held[key].wait()
            return self._outcome(key)
        finally:
            self.busy.discard(key)

    def hold(self, *keys: Key) -> None:
        self.held |= {key: asyncio.Event() for key in keys}

    @property
    def order(self) -> list[Key]:
        return [key for key, _ in self.done]

    def gaps(self, key: Key) -> list[float]:
        times = [time for other, time in self.done if other == key]
        return [later - time for time, later in pairwise(times)]


@asynccontextmanager
async def working(work: Work) -> AsyncIterator[None]:
    task = asyncio.create_task(work.queue.run())
    try:
        yield
    finally:
        for event in work.held.values():
            event.set()
        task.cancel()
        await asyncio.wait([task])


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


def test_who_has_waited_elsewhere_goes_first_and_only_once() -> None:
    work = Work(workers=1)

    async def story() -> None:
        for key in (A, B, C, HOME):
            work.queue.add(key)
        work.queue.add(C, first=True)
        async with working(work):
            await until_idle()

    run(story())
    assert work.order == [HOME, C, A, B]


def test_a_turn_that_comes_while_the_key_is_worked_on_is_not_lost() -> None:
    work = Work(workers=1)
    work.hold(A)

    async def story() -> None:
        for key in (A, B, C):
            work.queue.add(key)
        async with working(work):
            await until_idle()
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


def test_failures_are_retried_ever_more_slowly_with_jitter() -> None:
    work = Work(lambda _: FAILED)

    async def story() -> None:
        async with working(work):
            work.queue.add(A)
            await asyncio.sleep(4000)

    run(story())
    gaps = work.gaps(A)
    assert len(gaps) > 12
    for number, gap in enumerate(gaps):
        ceiling = min(300.0, 2.0**number)
        assert 0.5 * ceiling <= gap <= ceiling
    ratios = {round(gap / min(300.0, 2.0**number), 3) for number, gap in enumerate(gaps)}
    assert len(ratios) > 3, "the jitter spreads them"


def test_a_success_forgets_the_failures_before() -> None:
    outcomes = [FAILED] * 6 + [Outcome(again_after=1000)] + [FAILED] * 3
    work = Work(lambda _: outcomes.pop(0) if outcomes else DONE)

    async def story() -> None:
        async with working(work):
            work.queue.add(A)
            await asyncio.sleep(3000)

    run(story())
    gaps = work.gaps(A)
    assert gaps[6] == pytest.approx(1000)
    assert 0.5 <= gaps[7] <= 1.0


def test_an_exception_is_a_failure_like_any_other(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Key) -> Outcome:
        if len(work.done) == 1:
            raise ValueError("a defect")
        return DONE

    work = Work(broken, workers=1)

    async def story() -> None:
        async with working(work):
            work.queue.add(A)
            await asyncio.sleep(10)
            work.queue.add(B)
            await until_idle()

    run(story())
    assert work.order == [A, A, B]
    assert "reconcile of Sync team/a failed unexpectedly" in caplog.text
    assert "a defect" in caplog.text


def test_an_event_comes_before_the_retry_it_makes_needless() -> None:
    outcomes = [Outcome(again_after=100)]
    work = Work(lambda _: outcomes.pop() if outcomes else DONE)

    async def story() -> None:
        async with working(work):
            work.queue.add(A)
            await asyncio.sleep(10)
            work.queue.add(A)
            await asyncio.sleep(1000)

    run(story())
    assert work.gaps(A) == pytest.approx([10.0])


@pytest.mark.parametrize(("first", "second"), [(10, 50), (50, 10)])
def test_of_two_looks_later_on_the_earlier_counts(first: float, second: float) -> None:
    work = Work()

    async def story() -> float:
        async with working(work):
            work.queue.add_after(A, first)
            work.queue.add_after(A, second)
            start = asyncio.get_running_loop().time()
            await asyncio.sleep(1000)
            return start

    start = run(story())
    assert [time - start for _, time in work.done] == pytest.approx([10.0])


def test_a_look_later_on_is_nothing_to_a_key_that_waits() -> None:
    work = Work()

    async def story() -> None:
        work.queue.add(A)
        work.queue.add_after(A, 10)
        async with working(work):
            await asyncio.sleep(1000)

    run(story())
    assert work.order == [A]


@pytest.mark.parametrize("outcome", [FAILED, Outcome(again_after=5)])
def test_what_is_forgotten_does_not_come_again(outcome: Outcome) -> None:
    work = Work(lambda _: outcome)

    async def story() -> None:
        async with working(work):
            work.queue.add(A)
            await until_idle()
            work.queue.forget(A)
            await asyncio.sleep(1000)

    run(story())
    assert work.order == [A]


def test_what_is_forgotten_and_comes_anew_starts_anew() -> None:
    outcomes = [FAILED] * 5
    work = Work(lambda _: outcomes.pop() if outcomes else DONE)

    async def story() -> None:
        async with working(work):
            work.queue.add(A)
            await asyncio.sleep(8)
            failed = len(work.done)
            assert failed >= 3
            work.queue.forget(A)
            outcomes.append(FAILED)
            work.queue.add(A)
            await asyncio.sleep(1.01)
            assert len(work.done) >= failed + 2, "the first retry comes within a second"

    run(story())


def test_what_is_under_way_ends_before_the_queue_does() -> None:
    work = Work()
    work.hold(A)
    ended: list[str] = []

    async def story() -> None:
        task = asyncio.create_task(work.queue.run())
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


def test_a_queue_that_stops_waits_no_longer_than_its_grace() -> None:
    work = Work()
    work.hold(A)

    async def story() -> float:
        task = asyncio.create_task(work.queue.run())
        work.queue.add(A)
        await until_idle()
        start = asyncio.get_running_loop().time()
        task.cancel()
        await asyncio.wait([task])
        stopped = asyncio.get_running_loop().time()
        work.held[A].set()
        await until_idle()
        return stopped - start

    assert run(story()) == pytest.approx(20.0)


DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from([A, B, HOME])),
        st.tuples(st.just("later"), st.sampled_from([A, B, HOME])),
        st.tuples(st.just("forget"), st.sampled_from([A, B, HOME])),
        st.tuples(st.just("let go"), st.sampled_from([A, B, HOME])),
        st.tuples(st.just("wait"), st.just(A)),
    ),
    max_size=25,
)


@given(DEEDS, st.integers(1, 3), st.lists(st.sampled_from([DONE, FAILED, Outcome(again_after=3)]), max_size=6))
def test_no_request_is_lost_and_no_key_is_done_twice_at_once(
    deeds: list[tuple[str, Key]], workers: int, outcomes: list[Outcome]
) -> None:
    work = Work(lambda _: outcomes.pop() if outcomes else DONE, workers=workers)
    asked: dict[Key, int] = {}

    async def story() -> None:
        work.hold(A, B, HOME)
        async with working(work):
            for deed, key in deeds:
                await DOING[deed](work, key)
                if deed == "add":
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
    "later": _later,
    "forget": _forget,
    "let go": _let_go,
    "wait": _wait,
}
