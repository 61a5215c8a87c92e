"""What runs for as long as the process does is supervised, whatever ends it."""

import asyncio

import pytest

from sync_operator.controller.workqueue.core_tasks import CoreTasks


async def broken() -> None:
    raise KeyError("metadata")


async def quick() -> None:
    pass


async def test_the_end_of_a_task_by_any_cause_is_an_order_to_stop(caplog: pytest.LogCaptureFixture) -> None:
    for running, why in ((broken(), "KeyError: 'metadata'"), (quick(), "it returned")):
        caplog.clear()
        told = asyncio.Event()
        core = CoreTasks(told)
        core.start(running, "relist")
        await told.wait()

        assert core.failed
        assert caplog.messages == [
            f"stopping: the core task 'relist' ended ({why}); the controller cannot work without it"
        ]


async def test_a_task_that_somebody_else_cancels_counts_too(caplog: pytest.LogCaptureFixture) -> None:
    told = asyncio.Event()
    core = CoreTasks(told)
    core.adopt(asyncio.create_task(asyncio.Event().wait(), name="lease")).cancel()  # type: ignore[arg-type]
    await told.wait()

    assert core.failed
    assert "'lease' ended (it was cancelled)" in caplog.text


async def test_ends_after_the_order_are_expected(caplog: pytest.LogCaptureFixture) -> None:
    told = asyncio.Event()
    core = CoreTasks(told)
    ended, failed = core.start(asyncio.sleep(3600), "queue"), core.start(broken(), "events")
    told.set()
    ended.cancel()
    await asyncio.wait([ended, failed])
    await asyncio.sleep(0)

    assert not core.failed
    assert caplog.messages == ["the core task 'events' failed while it was stopped: KeyError: 'metadata'"]
