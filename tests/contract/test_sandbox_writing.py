"""The sandbox against the contract, claim by claim. Section 5: writing a sync."""

from typing import Any

import pytest
from tests.support.caller import Caller, detail
from tests.support.served import BODY


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"model_id": None}, "model_id", "is missing"),
        ({"model_id": "x"}, "model_id", "must be an integer"),
        ({"model_id": True}, "model_id", "must be an integer"),
        ({"schedule_type": "automated"}, "schedule_type", "must be one of"),
        ({"configuration": {}}, "configuration", "must be filled"),
        ({"schedule_type": "interval"}, "sync_interval", "must be greater than 0"),
        ({"schedule_type": "interval", "sync_interval": 5}, "sync_interval_unit", "must be filled"),
        ({"schedule_type": "cron_expression", "cron_expression": "x"}, "cron_expression", "invalid"),
    ],
)
async def test_5_gate_one(call: Caller, changes: dict[str, Any], field: str, words: str) -> None:
    response = await call.create(**changes)
    assert response.status_code == 400
    assert words in response.json()["errors"]["sync"][field][0]


async def test_5_an_enumeration_in_the_wrong_case_passes_gate_one_and_dies_as_e2(call: Caller) -> None:
    assert detail(await call.create(schedule_type="Manual")).endswith("'Manual' is not a valid schedule_type")


async def test_5_gate_two(call: Caller) -> None:
    assert (await call.create(source_id=None)).json()["errors"][0]["source"] == {"source": "must exist"}
    assert (await call.create(model_id=30)).json()["errors"][0]["source"] == {"model": "must exist"}
    call.api.store.catalogs.pop(2)
    assert (await call.create()).json()["errors"][0]["source"] == {"catalog": "Catalog is missing"}
    await call.control("PUT", "/catalogs/2", ["other"])
    wrong = await call.create()
    assert (wrong.status_code, detail(wrong)) == (422, "Sync creation failed")
    await call.control("PUT", "/catalogs/2", ["orders"])
    assert (await call.create()).status_code == 201
    assert (await call.create(configuration="words")).status_code == 422


async def test_5_what_is_stored_is_not_what_was_sent(call: Caller) -> None:
    item = {"from": "a", "to": "b", "mapping_type": "vector", "note": 1, "value": {"x": 1}}
    item["embedding_config"] = {"mode": "m", "api_key": "k", "more": 1}
    made = await call.create(
        configuration=[item, "words"], name="mine", sync_interval=5, sync_interval_unit="minutes", cursor_field="at"
    )
    kept = made.json()["data"]["attributes"]
    expected = {"from": "a", "to": "b", "mapping_type": "vector", "embedding_config": {"mode": "m", "api_key": "k"}}
    assert kept["configuration"] == [expected]
    assert (kept["sync_interval"], kept["sync_interval_unit"], kept["cursor_field"]) == (None, None, "at")
    assert "name" not in kept
    put = await call.put(cursor_field="other", configuration="words")
    assert put.status_code == 200
    assert put.json()["data"]["attributes"]["cursor_field"] == "at"
    assert put.json()["data"]["attributes"]["configuration"] == [expected]


async def test_5_an_unwrapped_body_is_taken_and_an_update_that_changes_nothing_leaves_updated_at(call: Caller) -> None:
    assert (await call("POST", "/syncs", BODY)).status_code == 201
    before = (await call("GET", "/syncs/1")).json()["data"]["attributes"]["updated_at"]
    call.api.clock.advance(5)
    same = await call("PATCH", "/syncs/1", {"sync": {"stream_name": "orders"}})
    assert same.json()["data"]["attributes"]["updated_at"] == before
    assert (await call("PUT", "/syncs/1", {"sync": {}})).json()["error"].startswith("param is missing")


async def test_5_an_object_is_stored_whole_but_the_order_of_its_keys_is_not_kept(call: Caller) -> None:
    sent = {"longest": 1, "b": {"zz": 1, "y": 2}, "a": [{"to": "x", "id": 1}]}
    kept = (await call.create(configuration=sent)).json()["data"]["attributes"]["configuration"]
    assert kept == sent
    assert (list(kept), list(kept["b"])) == (["a", "b", "longest"], ["y", "zz"])


@pytest.mark.parametrize(
    "changes", [{"configuration": {"a": ["x\0"]}}, {"configuration": {"\0": 1}}, {"stream_name": "a\0"}]
)
async def test_11_a_nul_is_an_e2_each_time(call: Caller, changes: dict[str, Any]) -> None:
    assert (await call.create(configuration={"a": "\\u0000"})).status_code == 201, "a backslash is none"
    refused = (await call.create(**changes), await call.put(**changes))

    assert [answer.status_code for answer in refused] == [400, 400]
    assert all("\\u0000 cannot be converted to text" in detail(answer) for answer in refused)


async def test_5_an_item_without_mapping_type_is_accepted(call: Caller) -> None:
    assert (await call.create(configuration=[{"from": "id", "to": "key"}])).status_code == 201


async def test_5_references_are_not_checked_against_the_workspace(call: Caller) -> None:
    for kind, number in (("source", 21), ("destination", 22), ("model", 23)):
        call.api.store.add_named(kind, number, "theirs", 2)
    assert (await call.create(source_id=22, destination_id=22, model_id=23)).status_code == 201
