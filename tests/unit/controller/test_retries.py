"""When the work queue tries again, in a loop whose time leaps from timer to timer."""

import asyncio

import pytest
from tests.support.clockwork import run, until_idle
from tests.unit.controller.working import FAILED, A, B, Work, working

from sync_operator.controller.workqueue.workqueue import DONE, Key, Result


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
    outcomes = [FAILED] * 6 + [Result(requeue_after=1000)] + [FAILED] * 3
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
    def broken(_: Key) -> Result:
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
    outcomes = [Result(requeue_after=100)]
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


@pytest.mark.parametrize("outcome", [FAILED, Result(requeue_after=5)])
def test_what_is_forgotten_does_not_come_again(outcome: Result) -> None:
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
