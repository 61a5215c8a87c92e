"""The sandbox against the contract, claim by claim. Sections 3 and 4: the two dialects, the endpoints."""

from typing import Any

import pytest
from tests.support.caller import Caller, detail


async def test_3_the_dialects_wrap_differently(call: Caller, doc: Caller) -> None:
    made = await call.create()
    assert (made.status_code, made.json()["data"]["id"]) == (201, "1")
    assert (await call("GET", "/syncs/1")).json()["data"]["type"] == "syncs"
    seed = {"schedule_type": "automated", "sync_interval": 5, "sync_interval_unit": "minutes"}
    bare = await doc.create(**seed)
    assert (bare.status_code, bare.json()["id"]) == (200, "1")
    assert "created_at" not in bare.json()["attributes"]
    updated = (await doc("PUT", "/syncs/1", {"sync": seed})).json()
    assert (updated["success"], updated["data"]["id"]) == (True, "1")
    assert [entry["id"] for entry in (await doc("GET", "/syncs")).json()["data"]] == ["1"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/users/me"), ("PATCH", "/syncs/1/enable"), ("GET", "/workspaces")]
)
async def test_3_the_documented_dialect_lacks_calls(doc: Caller, method: str, path: str) -> None:
    await doc.create(schedule_type="automated", sync_interval=5, sync_interval_unit="minutes")
    response = await doc(method, path, {"enable": False} if method == "PATCH" else None)
    assert (response.status_code, response.text) == (404, "")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"schedule_type": "manual"}, "schedule_type"),
        ({"sync_mode": "incremental"}, "sync_mode"),
        ({"sync_interval_unit": "hours"}, "sync_interval_unit"),
        ({"sync_interval": None}, "sync_interval"),
        ({"source_id": None}, "source_id"),
    ],
)
async def test_3_the_documented_dialect_knows_fewer_words(doc: Caller, changes: dict[str, Any], field: str) -> None:
    seed = {"schedule_type": "automated", "sync_interval": 5, "sync_interval_unit": "minutes"}
    response = await doc.create(**seed | changes)
    assert response.status_code == 400
    assert field in response.json()["errors"]["sync"]


async def test_3_the_documented_404_of_runs_and_triggering_an_automated_sync(doc: Caller) -> None:
    assert (await doc("GET", "/syncs/9/sync_runs")).json() == {"message": "Sync not found", "status": "not_found"}
    await doc.create(schedule_type="automated", sync_interval=50, sync_interval_unit="minutes")
    assert (await doc("POST", "/schedule_syncs", {"schedule_sync": {"sync_id": 1}})).status_code == 200


async def test_4_lists_the_last_moved_first_in_pages_of_ten(call: Caller) -> None:
    for _ in range(12):
        call.api.clock.advance(1)
        await call.create()
    first = (await call("GET", "/syncs")).json()
    assert [entry["id"] for entry in first["data"]] == [str(number) for number in range(12, 2, -1)]
    assert "page=2" in first["links"]["next"]
    assert first["links"]["prev"] is None
    past = (await call("GET", "/syncs?page=5")).json()
    assert past["data"] == []
    assert past["links"]["next"] is not None, "S3: past the end next is set again"
    assert len((await call("GET", "/syncs?per_page=1000")).json()["data"]) == 12
    assert len((await call("GET", "/syncs?per_page=-3&page=-1")).json()["data"]) == 10
    assert (await call("GET", "/syncs?per_page=0")).json()["errors"][0]["source"] == {"pointer": "/request/payload"}
    assert (await call("GET", "/syncs?page[number]=1")).status_code == 400


async def test_4_the_other_resources(call: Caller) -> None:
    assert (await call("GET", "/users/me")).json()["data"]["attributes"]["role"] == "Admin"
    assert len((await call("GET", "/workspaces", workspace=None)).json()["data"]) == 1
    assert len((await call("GET", "/connectors?per_page=3")).json()["data"]) == 3
    assert (await call("GET", "/connectors?type=lamp")).status_code == 400
    assert (await call("GET", "/connectors/3")).json()["data"]["id"] == "3"
    assert (await call("GET", "/models?per_page=3")).json()["data"][0]["type"] == "models"
    assert (await call("GET", "/models/3")).json()["data"]["attributes"]["query_type"] == "raw_sql"
    await call.control("DELETE", "/connectors/3")
    await call.control("DELETE", "/models/3")
    assert detail(await call("GET", "/connectors/3")) == "Connector not found"
    assert "Couldn't find Model" in (await call("GET", "/models/3")).json()["error"]
    assert (await call("GET", "/models/x")).status_code == 400
    assert (await call("GET", "/syncs/words")).json()["errors"]["id"] == ["must be an integer"]
    assert (await call("GET", "/syncs/1/sync_runs?status=odd")).status_code == 400
