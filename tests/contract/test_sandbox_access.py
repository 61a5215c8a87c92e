"""The sandbox against the contract, claim by claim. Sections 1 and 2: transport, tokens, logins, order of checks."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.support.caller import SEED, Caller, detail
from tests.support.served import BODY

from sync_operator.sandbox.fault_injection import Fault
from sync_operator.sandbox.state import Token


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


@pytest.mark.parametrize("workspace", ["00001", "1abc"])
async def test_12_p4_leading_digits_are_read_as_the_workspace(call: Caller, workspace: str) -> None:
    assert (await call("GET", "/syncs", workspace=workspace)).status_code == 200


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
    call.api.clock.advance(1800)
    assert (await call("POST", "/login", right)).status_code == 401, "for an hour"
    call.api.clock.advance(1800)
    assert (await call("POST", "/login", right)).status_code == 200


async def test_1_answers_tell_the_servers_time(call: Caller) -> None:
    assert (await call("GET", "/users/me")).headers["Date"] == "Sun, 01 Mar 2026 12:00:00 GMT"


async def test_accounts_of_the_documented_dialect_see_only_their_own_and_share_one_counter(doc: Caller) -> None:
    store = doc.api.store
    store.tokens["other"] = Token(email="b@example.com", workspaces=frozenset({7}))
    store.add_named("source", 901, "Warehouse", 7)
    store.add_named("model", 902, "Customers", 7)

    first = await doc("POST", "/syncs", {"sync": {**BODY, **SEED}}, workspace=None)
    second = await doc("POST", "/syncs", {"sync": {**BODY, **SEED}}, workspace=None, token="other")
    assert (first.json()["id"], second.json()["id"]) == ("1", "2")

    async def ids(path: str, token: str) -> list[str]:
        listed = (await doc("GET", path, workspace=None, token=token)).json()["data"]
        return [entry["id"] for entry in listed]

    assert await ids("/syncs", "good") == ["1"]
    assert await ids("/syncs", "other") == ["2"]
    at_the_start = {str(number) for number in range(1, 11)}
    for path, own in (("/connectors", "901"), ("/models", "902")):
        assert set(await ids(path, "good")) == at_the_start
        assert set(await ids(path, "other")) == at_the_start | {own}
    assert (await doc("GET", "/syncs/1", workspace=None, token="other")).status_code == 404


async def test_users_of_one_workspace_see_the_same_syncs_and_are_told_apart(call: Caller) -> None:
    call.api.store.tokens["other"] = Token(email="b@example.com")
    await call.create()
    assert (await call("GET", "/syncs/1", token="other")).status_code == 200
    mine, others = [(await call("GET", "/users/me", token=token)).json()["data"]["id"] for token in ("good", "other")]
    assert mine != others


async def test_a_fault_may_concern_one_token_alone(call: Caller) -> None:
    call.api.store.tokens["other"] = Token(email="b@example.com")
    call.api.faults.waiting.append(Fault(times=-1, status=429, token="other"))
    assert (await call("GET", "/syncs", token="other")).status_code == 429
    assert (await call("GET", "/syncs")).status_code == 200
