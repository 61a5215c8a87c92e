"""The sandbox against the contract, part two. Sections 5 and 10: definitions, and the check of a connection."""

from typing import Any

import pytest
from tests.support.caller import POSTGRESQL, Caller, detail

CHECK = "/connector_definitions/check_connection"
SPEC = {"type": "source", "name": "Postgresql", "connection_spec": POSTGRESQL}


async def test_10_all_definitions_come_bare_and_in_one_page(call: Caller, doc: Caller) -> None:
    everything = (await call("GET", "/connector_definitions?page=1")).json()

    assert set(everything) == {"source", "destination"}
    assert (await doc("GET", "/connector_definitions")).json() == everything
    for kind, listed in everything.items():
        assert (await call("GET", f"/connector_definitions?type={kind}")).json() == listed
        for entry in listed:
            schema = entry["connector_spec"]["connection_specification"]
            assert (entry["connector_type"], schema["$schema"][-8:]) == (kind, "/schema#")
            assert set(schema["required"]) <= set(schema["properties"])
    assert (await call("GET", "/connector_definitions?page=x")).status_code == 400


async def test_10_a_type_has_to_be_in_lower_case(call: Caller) -> None:
    assert (await call("GET", "/connector_definitions?type=Source")).json() is None
    assert (await call("GET", "/connector_definitions?type=lamp")).status_code == 400
    assert (await call("GET", "/connector_definitions/Http?type=Source")).status_code == 400


async def test_1_one_definition_by_its_name_in_any_case(call: Caller) -> None:
    shown = await call("GET", "/connector_definitions/postgresql?type=destination")
    assert (shown.json()["name"], shown.json()["connector_type"]) == ("Postgresql", "destination")
    unknown = await call("GET", "/connector_definitions/nothing?type=source")
    assert (unknown.status_code, unknown.json()) == (200, {"data": []})
    assert (await call("GET", "/connector_definitions/Http")).json()["errors"] == {"type": ["is missing"]}


@pytest.mark.parametrize(
    ("kind", "name", "secrets"),
    [
        ("source", "Postgresql", {"password"}),
        ("source", "Snowflake", {"password"}),
        ("source", "Bigquery", {"private_key"}),
        ("source", "Databricks", {"access_token"}),
        ("source", "AmazonS3", {"secret_access"}),
        ("source", "Http", set()),
        ("destination", "Http", set()),
        ("destination", "Hubspot", {"access_token"}),
        ("destination", "SalesforceCrm", {"access_token", "refresh_token", "client_secret"}),
        ("destination", "GoogleSheets", {"private_key"}),
    ],
)
async def test_10_secrets_are_those_of_the_contracts_table(
    call: Caller, kind: str, name: str, secrets: set[str]
) -> None:
    assert call.api.store.definitions.secret_names(kind, name) == secrets


async def test_10_soql_is_told_by_the_definition(call: Caller) -> None:
    shown = (await call("GET", "/connector_definitions/SalesforceConsumerGoodsCloud?type=source")).json()
    assert shown["connector_spec"]["connector_query_type"] == "soql"


async def test_5_a_check_is_200_either_way(call: Caller, doc: Caller) -> None:
    works = (await call("POST", CHECK, SPEC)).json()
    assert works == {"type": "connection_status", "connection_status": {"status": "succeeded"}}
    assert (await doc("POST", CHECK, SPEC)).json()["result"] == "success"
    for caller in (call, doc):
        await caller.control("PUT", "/release", {"connections_work": False})
    fails = await call("POST", CHECK, SPEC)
    assert (fails.status_code, fails.json()["connection_status"]["status"]) == (200, "failed")
    assert (await doc("POST", CHECK, SPEC)).json()["result"] == "failure"


async def test_5_a_check_does_not_look_at_the_schema_and_checks_names_in_lower_case_only(call: Caller) -> None:
    odd: dict[str, Any] = SPEC | {"connection_spec": {"any": "thing"}}
    assert (await call("POST", CHECK, odd)).status_code == 200
    unknown = await call("POST", CHECK, SPEC | {"name": "Hubspot"})
    assert unknown.json()["errors"] == {"[:name, :type]": ["invalid connector source name"]}
    assert "uninitialized constant" in detail(await call("POST", CHECK, SPEC | {"name": "Hubspot", "type": "Source"}))
    assert (await call("POST", CHECK, SPEC | {"connection_spec": {}})).status_code == 400
    assert (await call("POST", CHECK, {})).status_code == 400


async def test_1_a_viewer_may_not_check(call: Caller) -> None:
    assert (await call("POST", CHECK, SPEC, token="viewer")).status_code == 403
    assert (await call("POST", CHECK, SPEC, token="viewer", workspace="9")).status_code == 400
    assert (await call("GET", "/connector_definitions", token="viewer")).status_code == 200
