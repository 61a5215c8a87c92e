"""The sandbox against the contract, claim by claim. Section 8: further surprises, S1 to S15."""

from typing import Any

import pytest
from tests.support.caller import Caller, detail
from tests.support.served import BODY

from sync_operator.sandbox.state import Ending


async def test_8_s1_a_repeated_create_makes_a_twin(call: Caller) -> None:
    call.api.fault(method="POST", path="/syncs", lose="after")
    with pytest.raises(Exception, match="disconnected"):
        await call.create()
    await call.create()
    assert [entry["id"] for entry in (await call("GET", "/syncs")).json()["data"]] == ["2", "1"]


async def test_8_s1_a_mark_in_a_list_configuration_is_kept(call: Caller) -> None:
    item = {"from": "id", "to": "key", "mapping_type": "standard", "template": "mark", "value": "mark"}
    extra = {"from": "mark", "to": "mark", "mapping_type": "none"}
    made = await call.create(configuration=[item, extra])
    assert made.json()["data"]["attributes"]["configuration"] == [item, extra]


async def test_8_s2_lists_move_while_one_pages(call: Caller) -> None:
    for _ in range(20):
        call.later(1)
        await call.create()

    async def page(number: int) -> set[str]:
        return {entry["id"] for entry in (await call("GET", f"/syncs?page={number}")).json()["data"]}

    first = await page(1)
    call.later(1)
    await call("PUT", "/syncs/3", {"sync": {"stream_name": "other"}})
    second = await page(2)
    assert first & second == {"11"}, "repeated"
    assert "3" not in first | second, "missing"
    assert len((await call("GET", "/syncs?per_page=100000")).json()["data"]) == 20, "per_page has no cap"


async def test_8_s2_lists_of_runs_move_too(call: Caller) -> None:
    await call.create()
    for _ in range(2):
        await call.trigger()
        call.later(70)
    assert [run["id"] for run in await call.runs()] == ["2", "1"]
    await call.control("PATCH", "/runs/1", {"status": "failed"})
    assert [run["id"] for run in await call.runs()] == ["1", "2"], "not the newest first, but the last moved"


async def test_8_s3_past_the_end_next_is_set_again(call: Caller) -> None:
    await call.create()
    only = (await call("GET", "/syncs")).json()
    assert set(only) == {"data", "links"}
    assert set(only["links"]) == {"self", "first", "prev", "next", "last"}
    assert only["links"]["next"] is None
    assert only["links"]["self"].startswith(call.api.url), "absolute"
    past = (await call("GET", "/syncs?page=5")).json()
    assert past["data"] == []
    assert past["links"]["next"] is not None
    assert detail(await call("GET", "/syncs?per_page=0")).endswith("divided by 0")


@pytest.mark.parametrize("size", ["-3", "many"])
async def test_8_s3_odd_page_sizes_mean_ten(call: Caller, size: str) -> None:
    for _ in range(11):
        await call.create()
    assert len((await call("GET", f"/syncs?per_page={size}&page=-1")).json()["data"]) == 10


async def test_8_s4_delete_is_soft_and_for_good(call: Caller) -> None:
    await call.create()
    gone = await call("DELETE", "/syncs/1")
    assert (gone.status_code, gone.text) == (204, "")
    assert (await call("DELETE", "/syncs/1")).json()["error"].startswith("Couldn't find Sync")
    assert (await call("GET", "/syncs/1/sync_runs")).status_code == 404, "its runs are hidden with it"
    assert (await call("GET", "/syncs")).json()["data"] == []
    assert (await call.create()).json()["data"]["id"] == "2", "ids are never used again"


@pytest.mark.parametrize("outlives", [False, True])
async def test_8_s5_a_running_run_may_finish_after_its_sync_is_deleted(call: Caller, *, outlives: bool) -> None:
    await call.create()
    call.plan(outlives=outlives, seconds=60)
    await call.trigger()
    call.later(30)
    await call("DELETE", "/syncs/1")
    call.later(60)
    [run] = (await call.control("GET", "/state")).json()["runs"]
    assert run["status"] == ("success" if outlives else "in_progress")


@pytest.mark.parametrize(
    ("interval", "unit", "hours", "fires"),
    [
        (45, "minutes", 2, ["12:45", "13:00", "13:45", "14:00"]),
        (5, "hours", 24, ["15:00", "20:00", "00:00", "05:00", "10:00"]),
        (90, "minutes", 3, ["13:00", "14:00", "15:00"]),
        (36, "hours", 48, ["00:00", "00:00"]),
        (1, "weeks", 31 * 24, ["08", "15", "22", "29", "01"]),
    ],
)
async def test_8_s6_intervals_become_crude_cron_lines(
    call: Caller, interval: int, unit: str, hours: int, fires: list[str]
) -> None:
    await call.create(schedule_type="interval", sync_interval=interval, sync_interval_unit=unit)
    call.later(hours * 3600 + 30)
    at = slice(8, 10) if unit == "weeks" else slice(11, 16)
    assert [run["created_at"][at] for run in reversed(await call.runs("?per_page=50"))] == fires


@pytest.mark.parametrize(
    "line", ["30 0 * * * *", "0 9 * * * Europe/Berlin", "0 0 L * *", "0 0 * * mon#2", "0 24 * * *"]
)
async def test_8_s7_lines_that_are_accepted_and_never_run(call: Caller, line: str) -> None:
    assert (await call.create(schedule_type="cron_expression", cron_expression=line)).status_code == 201
    call.later(45 * 86400)
    assert await call.runs() == []


async def test_8_s7_words_run(call: Caller) -> None:
    await call.create(schedule_type="cron_expression", cron_expression="@daily")
    call.later(86400)
    assert len(await call.runs()) == 1


async def test_8_s8_without_schedule_type_nothing_is_checked(call: Caller) -> None:
    await call.create()
    odd = await call.put(sync_interval=-5, cron_expression="zzz")
    assert odd.status_code == 200
    kept = odd.json()["data"]["attributes"]
    assert (kept["schedule_type"], kept["sync_interval"], kept["cron_expression"]) == ("manual", -5, "zzz")
    assert (await call.put(schedule_type="cron_expression", cron_expression="zzz")).status_code == 400
    await call.put(schedule_type="cron_expression", cron_expression="0 0 1 1 *")
    assert (await call.put(cron_expression="zzz")).status_code == 200
    assert (await call.put(sync_interval_unit=None)).status_code == 200
    call.later(400 * 86400)
    assert await call.runs() == []


@pytest.mark.parametrize("value", ["false", 0, None, "off"])
async def test_8_s9_anything_but_a_json_false_enables(call: Caller, value: Any) -> None:
    await call.create()
    await call.enable(False)
    assert (await call.enable(value)).json()["data"]["attributes"]["status"] == "pending"


async def test_8_s10_everything_may_be_changed(call: Caller) -> None:
    await call.create()
    changed = {"source_id": 7, "destination_id": 8, "model_id": 9, "stream_name": "x", "sync_mode": "incremental"}
    kept = (await call.put(**changed)).json()["data"]["attributes"]
    assert {name: kept[name] for name in changed} == changed


async def test_8_s11_read_only_keys_are_ignored(call: Caller) -> None:
    await call.create()
    before = await call.sync()
    answer = await call.put(status="disabled", id=9, created_at="2020-01-01", workspace_id=2, lamp=True)
    assert answer.status_code == 200
    assert answer.json()["data"]["attributes"] == before


@pytest.mark.parametrize(
    ("method", "path", "json"),
    [("PATCH", "/syncs/1/enable", {"enable": False}), ("PUT", "/syncs/1", {"sync": BODY})],
)
async def test_8_s12_who_may_not_update_may_not_disable(call: Caller, method: str, path: str, json: Any) -> None:
    await call.create()
    assert (await call(method, path, json, token="viewer")).status_code == 403


async def test_8_s13_a_step_of_0_crashes_the_first_gate(call: Caller) -> None:
    crashed = await call.create(schedule_type="cron_expression", cron_expression="*/0 * * * *")
    assert (crashed.status_code, crashed.text) == (500, "")


async def test_8_s14_a_failed_refresh_loses_the_catalog(call: Caller) -> None:
    await call.control("PUT", "/catalogs/2", ["orders"])
    assert (await call("GET", "/connectors/2/discover")).json()["data"]["type"] == "catalogs"
    await call.control("PUT", "/discovers/2", {"failure": "swallowed"})
    assert (await call("GET", "/connectors/2/discover?refresh=true")).status_code == 422
    assert (await call.create()).json()["errors"][0]["source"] == {"catalog": "Catalog is missing"}
    found = (await call("GET", "/connectors/2/discover")).json()["data"]["attributes"]
    assert found["catalog"] == {"streams": [{"name": "orders"}]}, "made and stored if absent"
    assert (await call.create()).status_code == 201


async def test_8_s15_runs_are_at_least_once(call: Caller) -> None:
    await call.create()
    call.plan(tries=3)
    await call.trigger()
    call.later(70)
    [run] = await call.runs()
    assert run["successful_rows"] == 100, "the counters do not tell"
    [stored] = (await call.control("GET", "/state")).json()["runs"]
    assert stored["rows_sent"] == 300


async def a_run(call: Caller, **outcome: Any) -> dict[str, Any]:
    """The counters of one run, from its trigger to its end."""
    call.plan(**outcome)
    await call.trigger()
    call.later(70)
    return {name: value for name, value in (await call.runs())[0].items() if name.endswith("_rows")}


async def test_11_a_success_may_hold_rows_that_are_neither_delivered_nor_refused(call: Caller) -> None:
    await call.create()
    assert await a_run(call, pending_rows=11) == {
        "total_query_rows": 100,
        "skipped_rows": 0,
        "total_rows": 100,
        "successful_rows": 89,
        "failed_rows": 0,
    }
    records = (await call("GET", "/syncs/1/sync_runs/1/sync_records?status=pending&per_page=100")).json()["data"]
    assert len(records) == 11


async def test_11_rows_of_a_failed_load_never_arrive(call: Caller) -> None:
    await call.create()
    assert (await a_run(call, ending=Ending.FAILED, keeps_rows=True))["total_query_rows"] == 100
    after = await a_run(call)
    assert after == {
        "total_query_rows": 100,
        "skipped_rows": 0,
        "total_rows": 0,
        "successful_rows": 0,
        "failed_rows": 0,
    }
    assert (await a_run(call, rows=105))["total_rows"] == 5, "new ones do"


async def test_11_batches_hide_refused_rows_unless_all_are_refused(call: Caller) -> None:
    await call.control("PUT", "/catalogs/2", [{"name": "orders", "batch_support": True}, "other"])
    await call.create()
    found = (await call("GET", "/connectors/2/discover")).json()["data"]["attributes"]["catalog"]
    assert found == {"streams": [{"name": "orders", "batch_support": True}, {"name": "other"}]}
    hidden = await a_run(call, failed_rows=11)
    assert (hidden["successful_rows"], hidden["failed_rows"]) == (100, 0)
    assert [run["rows_sent"] for run in (await call.control("GET", "/state")).json()["runs"]] == [89]
    assert (await a_run(call, failed_rows=100))["failed_rows"] == 100


async def test_11_rows_without_a_primary_key_vanish(call: Caller) -> None:
    await call.create()
    counted = await a_run(call, rows=4, unkeyed_rows=3)
    assert (counted["total_query_rows"], counted["total_rows"], counted["successful_rows"]) == (4, 1, 1)
