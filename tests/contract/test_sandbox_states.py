"""The sandbox against the contract, claim by claim. Section 6: what syncs and runs go through."""

import pytest
from tests.support.caller import Caller, detail

from sync_operator.sandbox.state import Ending


async def test_6_enable_and_disable(call: Caller) -> None:
    await call.create()
    assert "Event 'enable' cannot transition from 'pending'." in detail(await call.enable(True))
    assert (await call.enable(False)).json()["data"]["attributes"]["status"] == "disabled"
    assert "Event 'disable' cannot transition from 'disabled'." in detail(await call.enable(False))
    assert (await call.enable(True)).json()["data"]["attributes"]["status"] == "pending"


async def test_6_enabling_a_manual_sync_starts_nothing(call: Caller) -> None:
    await call.create()
    await call.enable(False)
    await call.enable(True)
    call.later(3600)
    assert await call.runs() == []


async def test_6_a_run_goes_through_its_states(call: Caller) -> None:
    await call.create()
    await call.trigger()
    call.later(1)
    seen = []
    for _ in range(61):
        [run] = await call.runs()
        if run["status"] not in seen:
            seen.append(run["status"])
            counted = {"total_rows", "successful_rows", "failed_rows"}
            assert any(run[name] for name in counted) == (run["status"] == "success"), "0 until the end"
            assert bool(run["total_query_rows"]) == (len(seen) > 2), "but for what querying counts"
        call.later(1)
    assert seen == ["pending", "started", "querying", "queued", "in_progress", "success"]
    [run] = await call.runs()
    assert run["started_at"] < run["finished_at"] == run["updated_at"]
    assert run["duration"] == 57
    assert run["error"] is None, "never written"
    assert (await call.sync())["status"] == "healthy"


@pytest.mark.parametrize("abrupt", [False, True])
async def test_6_a_failed_run_fails_its_sync_unless_it_died_in_the_loader(call: Caller, *, abrupt: bool) -> None:
    await call.create()
    call.plan(ending=Ending.FAILED, abrupt=abrupt)
    await call.trigger()
    call.later(70)
    [run] = await call.runs()
    assert run["status"] == "failed"
    assert (run["finished_at"], run["duration"]) == (None, None) or not abrupt
    assert (await call.sync())["status"] == ("pending" if abrupt else "failed")


async def test_6_failed_is_sticky_until_disabled_and_enabled(call: Caller) -> None:
    await call.create()
    for ending in (Ending.FAILED, Ending.SUCCESS):
        call.plan(ending=ending)
        assert (await call.trigger()).status_code == 200, "a failed sync can still be triggered"
        call.later(70)
        assert (await call.runs())[0]["status"] == ending
        assert (await call.sync())["status"] == "failed"
    await call.enable(False)
    await call.enable(True)
    assert (await call.sync())["status"] == "pending"


async def test_6_a_run_that_fails_later_fails_even_a_disabled_sync(call: Caller) -> None:
    await call.create()
    call.plan(ending=Ending.FAILED, outlives=True)
    await call.trigger()
    call.later(30)
    await call.enable(False)
    call.later(60)
    assert (await call.sync())["status"] == "failed"
    assert "cannot transition from 'failed'" in detail(await call.enable(True))


async def test_6_canceled_has_one_l_and_no_end(call: Caller) -> None:
    await call.create()
    await call.trigger()
    call.later(30)
    await call.cancel()
    call.later(600)
    [run] = await call.runs()
    assert (run["status"], run["finished_at"], run["duration"]) == ("canceled", None, None)
    assert (await call.sync())["status"] == "pending"


async def test_6_paused_is_not_active(call: Caller) -> None:
    await call.create()
    await call.trigger()
    call.later(30)
    await call.control("PATCH", "/runs/1", {"status": "paused"})
    assert "due to no active sync run" in detail(await call.cancel())
    assert (await call.trigger()).status_code == 200, "though its workflow still holds the id"
    call.later(600)
    assert [run["status"] for run in await call.runs()] == ["paused"]


async def test_6_success_does_not_mean_that_rows_arrived(call: Caller) -> None:
    await call.create()
    call.plan(failed_rows=100, reason="no such list")
    await call.trigger()
    call.later(70)
    [run] = await call.runs()
    assert (run["status"], run["total_rows"], run["failed_rows"], run["successful_rows"]) == ("success", 100, 100, 0)
    records = (await call("GET", "/syncs/1/sync_runs/1/sync_records?status=failed")).json()["data"]
    assert records[0]["attributes"]["logs"]["response"] == "no such list"


async def test_6_nothing_new_is_a_success_with_0_rows(call: Caller) -> None:
    await call.create()
    call.plan(rows=100, skipped_rows=100)
    await call.trigger()
    call.later(70)
    [run] = await call.runs()
    assert (run["status"], run["total_query_rows"], run["total_rows"]) == ("success", 100, 0)
