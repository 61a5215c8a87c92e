"""The sandbox against the contract, claim by claim. Section 7: trigger and cancel."""

from tests.support.caller import SEED, Caller, detail

INTERVAL = {"schedule_type": "interval", "sync_interval": 5, "sync_interval_unit": "minutes"}


async def test_7_the_424s_and_their_order(call: Caller) -> None:
    await call.create()
    assert detail(await call.cancel()) == "Sync cannot be cancelled due to no active sync run"
    await call.trigger()
    call.later(2)
    assert detail(await call.trigger()) == "Sync cannot be scheduled due to active sync run"
    assert (await call.trigger(token="viewer")).status_code == 403, "the role is looked at before active runs"
    assert (await call.cancel()).json() == {"message": "Sync cancelled successfully"}
    await call.enable(False)
    assert detail(await call.trigger()) == "Sync is disabled"
    assert detail(await call.trigger(token="viewer")) == "Sync is disabled", "and the state before the role"
    await call.enable(True)
    await call.put(**INTERVAL)
    assert detail(await call.trigger()) == "Sync Schedule type should be manual"
    assert detail(await call.cancel()) == "Sync Schedule type should be manual"
    assert detail(await call("POST", "/schedule_syncs", {"schedule_sync": {"sync_id": 9}})) == "Sync not found"
    missing = (await call("POST", "/schedule_syncs", {})).json()
    assert missing["errors"]["schedule_sync"]["sync_id"] == ["is missing"]


async def test_7_a_trigger_may_be_swallowed(call: Caller) -> None:
    await call.create()
    call.plan(appears_after=None)
    assert (await call.trigger()).json() == {"message": "Sync scheduled successfully"}, "no run id comes back"
    call.later(3600)
    assert await call.runs() == []
    await call.trigger()
    call.later(2)
    assert len(await call.runs()) == 1


async def test_7_nothing_comes_of_calls_while_the_engine_is_away(call: Caller) -> None:
    await call.create()
    await call.trigger()
    call.later(5)
    assert (await call.control("PUT", "/engine", {"temporal_away": True})).status_code == 200
    assert (await call.cancel()).status_code == 200
    assert [run["status"] for run in await call.runs()] == ["started"], "200, and nothing changes"
    call.later(60)
    assert (await call.trigger()).status_code == 200
    call.later(60)
    assert len(await call.runs()) == 1


async def test_7_a_second_trigger_before_the_row_is_200_and_starts_nothing(call: Caller) -> None:
    await call.create()
    call.plan(appears_after=30)
    for _ in range(3):
        assert (await call.trigger()).status_code == 200
        call.later(9)
    assert await call.runs() == [], "the row appears late"
    call.later(200)
    assert len(await call.runs()) == 1


async def test_7_runs_are_not_tagged_and_others_add_runs_too(call: Caller) -> None:
    await call.create()
    ids = []
    for _ in range(2):
        await call.trigger()
        call.later(70)
        ids.append((await call.runs())[0]["id"])
    assert ids == ["1", "2"], "a greater id is all there is to tell a new run by"


async def test_7_cancel_marks_the_newest_active_row_and_one_a_call(call: Caller) -> None:
    await call.create()
    for _ in range(2):
        await call.trigger()
        call.later(70)
    for run in (1, 2):
        await call.control("PATCH", f"/runs/{run}", {"status": "in_progress"})
    await call.cancel()
    assert {run["id"]: run["status"] for run in await call.runs()} == {"1": "in_progress", "2": "canceled"}
    await call.cancel()
    assert {run["status"] for run in await call.runs()} == {"canceled"}


async def test_7_a_trigger_right_after_a_cancel_may_be_swallowed(call: Caller) -> None:
    await call.create()
    await call.control("PUT", "/engine", {"cancel_lag": 5})
    await call.trigger()
    call.later(5)
    await call.cancel()
    assert (await call.trigger()).status_code == 200
    call.later(6)
    assert len(await call.runs()) == 1, "the old workflow still held the id"
    await call.trigger()
    call.later(2)
    assert len(await call.runs()) == 2


async def test_7_disabling_leaves_the_row_behind(call: Caller) -> None:
    await call.create()
    await call.trigger()
    call.later(15)
    await call.enable(False)
    call.later(3600)
    [run] = await call.runs()
    assert run["status"] == "querying"
    assert detail(await call.cancel()) == "Sync is disabled"
    await call.enable(True)
    for _ in range(3):
        assert "due to active sync run" in detail(await call.trigger())
        call.later(3600)
    assert (await call.runs())[0]["updated_at"] == run["updated_at"], "enabling does not touch the row"
    await call.cancel()
    assert (await call.trigger()).status_code == 200
    call.later(2)
    assert len(await call.runs()) == 2


async def test_7_a_run_that_was_about_to_appear_does_not_once_disabled(call: Caller) -> None:
    await call.create()
    call.plan(appears_after=30)
    await call.trigger()
    await call.enable(False)
    call.later(60)
    assert await call.runs() == []


async def test_7_canceling_first_leaves_nothing_behind(call: Caller) -> None:
    await call.create()
    await call.trigger()
    call.later(15)
    await call.cancel()
    await call.enable(False)
    await call.enable(True)
    assert (await call.trigger()).status_code == 200


async def test_7_manual_by_update_does_not_stop_the_servers_schedule(call: Caller) -> None:
    await call.create(**INTERVAL)
    assert (await call.put(schedule_type="manual")).status_code == 200
    assert (await call.trigger()).status_code == 200
    call.later(60)
    assert await call.runs() == [], "its workflow keeps the id, so triggers are void"
    call.later(250)
    assert len(await call.runs()) == 1, "and the schedule goes on"
    call.later(292)
    assert len(await call.runs()) == 2


async def test_7_disable_update_enable_takes_over(call: Caller) -> None:
    await call.create(**INTERVAL)
    await call.enable(False)
    await call.put(schedule_type="manual")
    await call.enable(True)
    call.later(3600)
    assert await call.runs() == []
    await call.trigger()
    call.later(2)
    assert len(await call.runs()) == 1


async def test_7_the_servers_own_scheduler_fires_in_both_dialects(call: Caller, doc: Caller) -> None:
    await call.create(**INTERVAL)
    await doc.create(**SEED)
    for caller in (call, doc):
        caller.later(3602)
        runs = await caller.runs("?per_page=100&page_size=100")
        assert [run["created_at"][14:19] for run in reversed(runs)][:3] == ["05:01", "10:01", "15:01"]
        assert len(runs) == 12


async def test_7_the_servers_own_scheduler_waits_for_a_long_run(call: Caller) -> None:
    await call.create(**INTERVAL)
    call.plan(seconds=11 * 60)
    call.later(3602)
    runs = await call.runs("?per_page=100")
    assert [run["created_at"][14:16] for run in reversed(runs)][:3] == ["05", "20", "25"]


async def test_7_cron_lines_fire_too_and_stop_while_disabled(call: Caller) -> None:
    await call.create(schedule_type="cron_expression", cron_expression="*/10 * * * *")
    call.later(1202)
    assert len(await call.runs()) == 2
    await call.enable(False)
    call.later(3600)
    assert len(await call.runs()) == 2
    await call.enable(True)
    call.later(600)
    assert len(await call.runs()) == 3, "enabling registers the schedule again"


async def test_7_documented_triggers_run_beside_the_servers_schedule(doc: Caller) -> None:
    await doc.create(**SEED)
    await doc.trigger()
    doc.later(2)
    assert len(await doc.runs()) == 1
    doc.later(300)
    assert len(await doc.runs()) == 2, "which is how a slot could run twice"
