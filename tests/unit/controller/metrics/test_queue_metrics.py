"""The metrics of the work queue are client-go's: the names, the labels, and what counts as what."""

import asyncio

import pytest
from tests.support.clockwork import run, until_idle
from tests.unit.controller.working import FAILED, HOME, A, B, C, Work, working

from sync_operator.controller.workqueue.workqueue import DONE, Key, Result


def test_what_waits_and_what_is_worked_on() -> None:
    work = Work(workers=1)
    work.hold(A)

    async def story() -> None:
        for key in (A, B, C, HOME):
            work.queue.add(key)
        work.queue.add(B)
        assert work.metric("workqueue_depth") == 3
        assert work.metric("workqueue_depth", "workspace") == 1
        assert work.metric("workqueue_adds_total") == 3
        work.queue.forget(C)
        async with working(work):
            await asyncio.sleep(1)
            assert work.metric("workqueue_depth", "workspace") == 0
            assert work.metric("workqueue_longest_running_processor_seconds") == pytest.approx(1)
            work.queue.add(A)
            work.queue.add(A)
            assert work.metric("workqueue_adds_total") == 4, "one that is worked on comes once more"
            await asyncio.sleep(49)
            assert work.metric("workqueue_longest_running_processor_seconds") == pytest.approx(50)
            assert work.metric("workqueue_unfinished_work_seconds") == pytest.approx(50)
            work.held.pop(A).set()
            await until_idle()
        assert work.metric("workqueue_depth") == 0
        assert work.metric("workqueue_unfinished_work_seconds") == 0
        assert work.metric("workqueue_work_duration_seconds_count") == 4
        assert work.metric("workqueue_work_duration_seconds_sum") == pytest.approx(50)
        assert work.metric("workqueue_queue_duration_seconds_count", "workspace") == 1

    run(story())


def test_what_fails_is_put_back_and_a_defect_is_a_panic() -> None:
    def odd(key: Key) -> Result:
        if key == B:
            raise ZeroDivisionError
        return FAILED if key == A else DONE

    work = Work(odd)

    async def story() -> None:
        async with working(work):
            for key in (A, B, C):
                work.queue.add(key)
            await until_idle()

    run(story())

    assert work.metric("workqueue_retries_total") == 2
    assert work.registry.get_sample_value("sync_operator_reconcile_panics_total", {"controller": "sync"}) == 1
    assert work.registry.get_sample_value("sync_operator_reconcile_panics_total", {"controller": "workspace"}) == 0
