"""The sandbox against the contract, section 11: what lists cost, and rows that no list can show."""

import asyncio

import pytest
from tests.support.caller import Caller, detail
from tests.support.served import Served

from sync_operator.errors import ServerFaultError
from sync_operator.syncapi.paging import MAX_UNLISTED
from sync_operator.syncapi.types import Dialect

COST = 0.02


async def make(api: Served, count: int) -> None:
    sync = await api.client.syncs.create(
        {
            "source_id": 1,
            "destination_id": 2,
            "model_id": 3,
            "schedule_type": "manual" if api.client.dialect is Dialect.MULTIWOVEN else "automated",
            "configuration": [{"from": "id", "to": "key", "mapping_type": "standard"}],
            "stream_name": "orders",
            "sync_mode": "full_refresh",
            "sync_interval": 30,
            "sync_interval_unit": "minutes",
        }
    )
    pattern = api.store.syncs[int(sync.id)]
    for number in range(2, count + 1):
        api.store.syncs[number] = type(pattern)(number, 1, dict(pattern.attributes), api.clock(), api.clock())
    api.store.next_sync = count + 1


async def seconds(call: Caller, path: str) -> float:
    begun = asyncio.get_running_loop().time()
    await call("GET", path)
    return asyncio.get_running_loop().time() - begun


async def test_11_a_list_costs_its_rows_and_other_calls_cost_nothing(call: Caller) -> None:
    await make(call.api, 20)
    await call.control("PUT", "/lists", {"cost_ms": COST * 1000})
    assert await seconds(call, "/syncs?per_page=20") >= 20 * COST
    assert await seconds(call, "/syncs?per_page=5") < 20 * COST
    assert await seconds(call, "/syncs/1") < 5 * COST


async def test_11_a_list_given_up_on_goes_on_being_worked_on(call: Caller) -> None:
    await make(call.api, 20)
    call.api.store.list_cost = COST
    asking = asyncio.create_task(call("GET", "/syncs?per_page=20"))
    while not call.api.store.worker.locked():  # noqa: ASYNC110 (the sandbox tells nobody)
        await asyncio.sleep(0)
    asking.cancel()
    assert await seconds(call, "/syncs?per_page=1") >= 10 * COST


async def test_11_one_broken_row_makes_every_page_with_it_400(call: Caller) -> None:
    await make(call.api, 3)
    await call.control("PATCH", "/syncs/2", {"broken": True})
    refused = await call("GET", "/syncs")
    assert refused.status_code == 400
    assert detail(refused).endswith("undefined method 'read_attribute_for_serialization' for nil")
    assert [(await call("GET", f"/syncs?per_page=1&page={page}")).status_code for page in (1, 2, 3)] == [200, 400, 200]
    assert [(await call("GET", f"/syncs/{number}")).status_code for number in (1, 2, 3)] == [200, 400, 200]
    await call.control("PATCH", "/syncs/2", {"broken": False})
    assert (await call("GET", "/syncs")).status_code == 200


async def test_a_list_is_whole_but_for_the_broken_rows(either: Served) -> None:
    await make(either, 1500)
    either.store.broken = {700, 701}
    listing = await either.client.syncs.list()
    assert {sync.id for sync in listing.rows} == {str(number) for number in range(1, 1501)} - {"700", "701"}
    assert listing.unlisted == (800, 801)
    assert len(either.seen()) < 80


async def test_a_list_with_many_broken_rows_is_refused(either: Served) -> None:
    await make(either, 200)
    either.store.broken = set(range(1, MAX_UNLISTED + 2))
    with pytest.raises(ServerFaultError, match="read_attribute_for_serialization"):
        await either.client.syncs.list()


async def test_a_list_that_moves_is_whole(either: Served) -> None:
    await make(either, 1200)
    moved = iter(range(1, 1200))

    async def move(when: str, _request: object) -> bool:
        if when == "before":
            either.clock.advance(1)
            for _ in range(3):
                either.store.syncs[next(moved)].updated_at = either.clock()
        return False

    either.on_request = move
    assert len((await either.client.syncs.list()).rows) == 1200
