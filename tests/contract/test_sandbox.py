"""The sandbox against the contract, claim by claim, with a plain HTTP client. § names the contract's sections."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
from tests.support.served import BODY, Served

from sync_operator.sandbox.state import Ending, Token


class Caller:
    """Calls with the right headers, unless a test says otherwise."""

    def __init__(self, api: Served) -> None:
        self.api = api
        self._http = httpx.AsyncClient(base_url=f"{api.url}/api/v1", trust_env=False)

    async def __call__(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        token: str = "good",
        workspace: str | None = "1",
        content: str | None = None,
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} | ({"Workspace-Id": workspace} if workspace else {})
        if content is not None:
            headers["Content-Type"] = "application/json"
        return await self._http.request(method, path, headers=headers, json=json, content=content)

    async def create(self, **changes: Any) -> httpx.Response:
        return await self("POST", "/syncs", {"sync": {**BODY, **changes}})

    async def close(self) -> None:
        await self._http.aclose()


@pytest.fixture
async def call(api: Served) -> AsyncIterator[Caller]:
    caller = Caller(api)
    yield caller
    await caller.close()


@pytest.fixture
async def doc(documented_api: Served) -> AsyncIterator[Caller]:
    caller = Caller(documented_api)
    yield caller
    await caller.close()


def detail(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["detail"])


async def test_1_the_order_of_checks(call: Caller) -> None:
    wrong: Mapping[str, Any] = {"sync": {"schedule_type": "manual"}}
    assert (await call("POST", "/syncs", wrong, token="dead", workspace="9")).status_code == 401
    assert "model_id" in (await call("POST", "/syncs", wrong, workspace="9")).json()["errors"]["sync"]
    assert detail(await call("POST", "/syncs", {"sync": BODY}, workspace="9")).endswith("Workspace not found")
    assert (await call("PUT", "/syncs/7", {"sync": {"stream_name": "x"}}, token="viewer")).status_code == 404
    assert (await call("POST", "/syncs", {"sync": BODY}, token="viewer")).status_code == 403


async def test_1_another_workspace_does_not_know_the_sync(call: Caller) -> None:
    await call.create()
    call.api.store.tokens["good"] = Token(workspaces=frozenset({1, 2}))
    assert (await call("GET", "/syncs/1", workspace="2")).status_code == 404


@pytest.mark.parametrize("workspace", [None, "", "x", "2", "9"])
async def test_1_a_workspace_that_is_not_ours_is_400(call: Caller, workspace: str | None) -> None:
    response = await call("GET", "/syncs", workspace=workspace)
    assert response.status_code == 400
    assert detail(response).endswith("Workspace not found")


async def test_1_bodies_that_are_no_json(call: Caller) -> None:
    malformed = await call("POST", "/syncs", content="{")
    assert (malformed.status_code, malformed.text) == (400, "")
    unknown = await call("GET", "/nowhere")
    assert (unknown.status_code, unknown.text) == (404, "")
    assert (await call("PUT", "/schedule_syncs", {})).status_code == 404


async def test_1_login_ends_the_earlier_session_and_lives_30_minutes(call: Caller) -> None:
    call.api.store.passwords["a@example.com"] = "right"

    async def login() -> str:
        answer = await call("POST", "/login", {"email": "a@example.com", "password": "right"})
        return str(answer.json()["data"]["attributes"]["token"])

    first, second = await login(), await login()
    assert (await call("GET", "/users/me", token=first)).status_code == 401
    assert (await call("GET", "/users/me", token=second)).status_code == 200
    call.api.clock.advance(30 * 60)
    assert (await call("GET", "/users/me", token=second)).status_code == 401
    third = await login()
    assert (await call("DELETE", "/logout", token=third)).status_code == 200
    assert (await call("GET", "/users/me", token=third)).status_code == 401


async def test_1_five_wrong_passwords_lock_and_five_logins_in_20_s_throttle(call: Caller) -> None:
    call.api.store.passwords["a@example.com"] = "right"
    for _ in range(5):
        wrong = await call("POST", "/login", {"email": "a@example.com", "password": "wrong"})
        assert wrong.status_code == 401
    throttled = await call("POST", "/login", {"email": "b@example.com", "password": "x"})
    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "20")
    call.api.clock.advance(21)
    right = {"email": "a@example.com", "password": "right"}
    assert (await call("POST", "/login", right)).status_code == 401, "locked"
    call.api.clock.advance(3600)
    assert (await call("POST", "/login", right)).status_code == 200


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
    store = call.api.store
    assert (await call.create(source_id=None)).json()["errors"][0]["source"] == {"source": "must exist"}
    store.missing.add(("model", 3))
    assert (await call.create()).json()["errors"][0]["source"] == {"model": "must exist"}
    store.missing.clear()
    store.catalogs[2] = None
    assert (await call.create()).json()["errors"][0]["source"] == {"catalog": "Catalog is missing"}
    store.catalogs[2] = ["other"]
    wrong = await call.create()
    assert (wrong.status_code, detail(wrong)) == (422, "Sync creation failed")
    store.catalogs[2] = ["orders"]
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
    put = await call("PUT", "/syncs/1", {"sync": {"cursor_field": "other", "configuration": "words"}})
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


async def test_6_enable_and_disable(call: Caller) -> None:
    await call.create()
    assert "cannot transition" in detail(await call("PATCH", "/syncs/1/enable", {"enable": True}))
    assert (await call("PATCH", "/syncs/1/enable", {"enable": False})).status_code == 200
    assert "cannot transition from 'disabled'" in detail(await call("PATCH", "/syncs/1/enable", {"enable": False}))
    word = await call("PATCH", "/syncs/1/enable", {"enable": "false"})
    assert word.json()["data"]["attributes"]["status"] == "pending", "S9: a string enables"


async def trigger(call: Caller) -> httpx.Response:
    return await call("POST", "/schedule_syncs", {"schedule_sync": {"sync_id": 1}})


async def runs(call: Caller) -> list[dict[str, Any]]:
    return [entry["attributes"] for entry in (await call("GET", "/syncs/1/sync_runs")).json()["data"]]


async def test_6_a_run_goes_through_its_states(call: Caller) -> None:
    await call.create()
    assert (await trigger(call)).status_code == 200
    assert await runs(call) == [], "S7: no row yet"
    call.api.clock.advance(1)
    seen = []
    for _ in range(61):
        [run] = await runs(call)
        if run["status"] not in seen:
            seen.append(run["status"])
            assert (run["successful_rows"] > 0) == (run["status"] == "success"), "counters are 0 until the end"
        call.api.clock.advance(1)
    assert seen == ["pending", "started", "querying", "queued", "in_progress", "success"]
    assert (await runs(call))[0]["duration"] == 60
    assert (await call("GET", "/syncs/1")).json()["data"]["attributes"]["status"] == "healthy"


async def test_6_failed_is_sticky_until_disabled_and_enabled(call: Caller) -> None:
    await call.create()
    store = call.api.store
    for ending, status in ((Ending.FAILED, "failed"), (Ending.SUCCESS, "failed")):
        store.planned[1] = [replace(store.default_outcome, ending=ending)]
        await trigger(call)
        call.api.clock.advance(62)
        assert (await call("GET", "/syncs/1")).json()["data"]["attributes"]["status"] == status
    await call("PATCH", "/syncs/1/enable", {"enable": False})
    await call("PATCH", "/syncs/1/enable", {"enable": True})
    assert (await call("GET", "/syncs/1")).json()["data"]["attributes"]["status"] == "pending"


async def test_6_success_does_not_mean_that_rows_arrived(call: Caller) -> None:
    await call.create()
    store = call.api.store
    store.planned[None] = [replace(store.default_outcome, failed_rows=100, reason="no such list")]
    await trigger(call)
    call.api.clock.advance(62)
    [run] = await runs(call)
    assert (run["status"], run["failed_rows"], run["successful_rows"]) == ("success", 100, 0)
    records = (await call("GET", "/syncs/1/sync_runs/1/sync_records?status=failed")).json()["data"]
    assert records[0]["attributes"]["logs"]["response"] == "no such list"


async def test_7_the_424s_and_their_order(call: Caller) -> None:
    await call.create()
    cancel = ("DELETE", "/schedule_syncs/1")
    assert detail(await call(*cancel)) == "Sync cannot be cancelled due to no active sync run"
    await trigger(call)
    call.api.clock.advance(2)
    assert detail(await trigger(call)) == "Sync cannot be scheduled due to active sync run"
    assert (await call("POST", "/schedule_syncs", {"schedule_sync": {"sync_id": 1}}, token="viewer")).status_code == 403
    assert (await call(*cancel)).json() == {"message": "Sync cancelled successfully"}
    [run] = await runs(call)
    assert (run["status"], run["finished_at"], run["duration"]) == ("canceled", None, None)
    await call("PATCH", "/syncs/1/enable", {"enable": False})
    assert detail(await trigger(call)) == "Sync is disabled"
    await call("PATCH", "/syncs/1/enable", {"enable": True})
    await call(
        "PUT", "/syncs/1", {"sync": {"schedule_type": "interval", "sync_interval": 5, "sync_interval_unit": "days"}}
    )
    assert detail(await trigger(call)) == "Sync Schedule type should be manual"
    assert detail(await call("POST", "/schedule_syncs", {"schedule_sync": {"sync_id": 9}})) == "Sync not found"
    missing = (await call("POST", "/schedule_syncs", {})).json()
    assert missing["errors"]["schedule_sync"]["sync_id"] == ["is missing"]


async def test_7_two_triggers_before_the_row_are_one_run_and_a_trigger_may_be_swallowed(call: Caller) -> None:
    await call.create()
    await trigger(call)
    await trigger(call)
    call.api.clock.advance(2)
    assert len(await runs(call)) == 1
    await call("DELETE", "/schedule_syncs/1")
    store = call.api.store
    store.planned[1] = [replace(store.default_outcome, appears_after=None)]
    assert (await trigger(call)).status_code == 200
    call.api.clock.advance(3600)
    assert len(await runs(call)) == 1


async def test_7_disabling_leaves_the_row_behind(call: Caller) -> None:
    await call.create()
    await trigger(call)
    call.api.clock.advance(15)
    await call("PATCH", "/syncs/1/enable", {"enable": False})
    call.api.clock.advance(3600)
    assert (await runs(call))[0]["status"] == "querying"
    await call("PATCH", "/syncs/1/enable", {"enable": True})
    assert (await trigger(call)).status_code == 424
    await call("DELETE", "/schedule_syncs/1")
    assert (await trigger(call)).status_code == 200


async def test_7_manual_by_update_does_not_stop_the_servers_schedule(call: Caller) -> None:
    await call.create(schedule_type="interval", sync_interval=5, sync_interval_unit="minutes")
    await call("PUT", "/syncs/1", {"sync": {"schedule_type": "manual"}})
    call.api.clock.advance(301)
    assert len(await runs(call)) == 1
    await call("PATCH", "/syncs/1/enable", {"enable": False})
    await call("PATCH", "/syncs/1/enable", {"enable": True})
    call.api.clock.advance(3600)
    assert len(await runs(call)) == 1


@pytest.mark.parametrize(
    ("interval", "unit", "minutes"),
    [(45, "minutes", [45, 60, 105]), (5, "hours", [180, 480, 720]), (36, "hours", [720])],
)
async def test_8_s6_intervals_become_crude_cron_lines(
    call: Caller, interval: int, unit: str, minutes: list[int]
) -> None:
    await call.create(schedule_type="interval", sync_interval=interval, sync_interval_unit=unit)
    call.api.clock.advance(minutes[-1] * 60 + 1)
    started = sorted(run["created_at"] for run in await runs(call))
    assert len(started) == len(minutes)


async def test_8_s4_delete_is_soft_and_for_good(call: Caller) -> None:
    await call.create()
    gone = await call("DELETE", "/syncs/1")
    assert (gone.status_code, gone.text) == (204, "")
    assert (await call("DELETE", "/syncs/1")).json()["error"].startswith("Couldn't find Sync")
    assert (await call("GET", "/syncs/1/sync_runs")).status_code == 404
    assert (await call("GET", "/syncs")).json()["data"] == []
    assert (await call.create()).json()["data"]["id"] == "2"
    assert (await call("GET", "/syncs/words")).json()["errors"]["id"] == ["must be an integer"]


async def test_4_the_other_resources(call: Caller) -> None:
    assert (await call("GET", "/users/me")).json()["data"]["attributes"]["role"] == "Admin"
    assert len((await call("GET", "/workspaces", workspace=None)).json()["data"]) == 1
    assert len((await call("GET", "/connectors?type=source")).json()["data"]) == 10
    assert (await call("GET", "/connectors?type=lamp")).status_code == 400
    assert (await call("GET", "/connectors/3")).json()["data"]["id"] == "3"
    assert (await call("GET", "/models?per_page=3")).json()["data"][0]["type"] == "models"
    assert (await call("GET", "/models/3")).json()["data"]["attributes"]["query_type"] == "raw_sql"
    call.api.store.missing |= {("connector", 3), ("model", 3)}
    assert detail(await call("GET", "/connectors/3")) == "Connector not found"
    assert "Couldn't find Model" in (await call("GET", "/models/3")).json()["error"]
    assert (await call("GET", "/models/x")).status_code == 400
    assert (await call("GET", "/syncs/1/sync_runs?status=odd")).status_code == 400
