"""The sandbox against the contract, part two. Section 6: models, and the query that is tried out."""

from typing import Any

import pytest
from tests.support.caller import Caller, detail

from sync_operator.sandbox.state import Token

AI: dict[str, Any] = {
    "name": "AI",
    "connector_name": "OpenAI",
    "configuration": {"api_key": "k", "request_format": "{}", "response_format": "{}"},
}
HARVESTERS: dict[str, Any] = {"query_type": "ai_ml", "configuration": {"harvesters": []}, "query": None}


def problems(response: Any) -> dict[str, Any]:
    """The messages of gate one, by field."""
    assert response.status_code == 400
    found: dict[str, Any] = response.json()["errors"]["model"]
    return found


async def test_1_a_create_answers_201_in_data_with_its_connector(call: Caller) -> None:
    made = await call.model(description="by hand", workspace_id=2)
    assert (made.status_code, made.json()["data"]["id"]) == (201, "11")
    kept = made.json()["data"]["attributes"]
    assert (kept["query_type"], kept["primary_key"], kept["description"]) == ("raw_sql", "id", "by hand")
    assert (kept["connector"]["id"], "connector_id" in kept) == (1, False)
    assert (await call("GET", "/models/11")).json() == made.json()


async def test_11_the_documented_dialect_shows_connector_id_and_wants_three_fields_of_a_put(doc: Caller) -> None:
    made = await doc.model()
    assert (made.status_code, made.json()["data"]["attributes"]["connector_id"]) == (201, 1)
    assert set(problems(await doc("PUT", "/models/11", {"model": {"name": "x"}}))) == {"connector_id", "query_type"}
    whole = {"name": "x", "connector_id": 1, "query_type": "raw_sql"}
    assert (await doc("PUT", "/models/11", {"model": whole})).status_code == 200


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"connector_id": "x"}, "connector_id"),
        ({"query_type": "semistructured"}, "query_type"),
        ({"query_type": "RAW_SQL"}, "query_type"),
        ({"query": None}, "query"),
        ({"query": " "}, "query"),
        ({"primary_key": None}, "primary_key"),
        ({"primary_key": ""}, "primary_key"),
        ({"configuration": {}}, "configuration"),
        ({"query_type": "ai_ml", "configuration": {"other": 1}}, "configuration"),
        ({"query_type": "dynamic_sql", "configuration": {"harvesters": []}}, "configuration"),
        ({"query_type": "vector_search"}, "configuration"),
    ],
)
async def test_6_gate_one(call: Caller, changes: dict[str, Any], field: str) -> None:
    assert set(problems(await call.model(**changes))) == {field}


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("SELECT * FROM a LIMIT 5", True),
        ("SELECT * FROM a limit 5 ;  ", True),
        ("SELECT * FROM a OFFSET", True),
        ("SELECT * FROM a ORDER BY limit", True),
        ("SELECT * FROM a LIMIT 5\n-- the end", True),
        ("SELECT * FROM (SELECT * FROM a LIMIT 5) b", False),
        ("SELECT * FROM a -- no comment", False),
        ("SELECT * FROM limits", False),
    ],
)
async def test_6_a_query_must_not_end_in_limit_or_offset(call: Caller, query: str, *, refused: bool) -> None:
    made = await call.model(query=query)
    assert made.status_code == (400 if refused else 201)
    await call.model(name="other")
    put = await call("PUT", f"/models/{11 if refused else 12}", {"model": {"query": query}})
    assert put.status_code == (400 if refused else 200)


async def test_6_a_query_of_another_type_may_end_in_limit_until_it_is_updated(call: Caller) -> None:
    assert (await call.model(query_type="table_selector", query="orders limit")).status_code == 201
    assert (await call("PUT", "/models/11", {"model": {"query": "orders limit"}})).status_code == 400
    nothing = await call.model(query_type="table_selector", query=None)
    assert (nothing.status_code, nothing.json()["errors"][0]["source"]) == (422, {"query": "can't be blank"})
    emptied = await call("PUT", "/models/11", {"model": {"query": None}})
    assert emptied.json()["errors"][0]["source"] == {"query": "can't be blank"}


async def test_6_names_are_not_unique_and_a_primary_key_may_be_emptied(call: Caller) -> None:
    assert [(await call.model()).json()["data"]["id"] for _ in range(2)] == ["11", "12"]
    for nothing in (None, ""):
        put = await call("PUT", "/models/11", {"model": {"primary_key": nothing}})
        assert put.json()["data"]["attributes"]["primary_key"] == nothing


async def test_6_which_connectors_a_model_takes(call: Caller) -> None:
    assert (await call.model(connector_id="2")).status_code == 201, "digits, a destination"
    gone = await call.model(connector_id=99)
    assert (gone.status_code, gone.json()["error"][:24]) == (404, "Couldn't find Connector ")
    await call.control("PUT", "/connectors/20", {"name": "Theirs", "workspace_id": 2})
    assert (await call.model(connector_id=20)).status_code == 404
    assert (await call("PUT", "/models/11", {"model": {"connector_id": 20}})).status_code == 200, "of any workspace"
    unknown = await call("PUT", "/models/11", {"model": {"connector_id": 99}})
    assert unknown.json()["errors"][0]["source"] == {"connector": "must exist"}


async def test_6_a_put_that_changes_nothing_leaves_updated_at_alone(call: Caller) -> None:
    made = (await call.model()).json()["data"]["attributes"]
    call.later(5)
    same = await call("PUT", "/models/11", {"model": {"name": "Orders", "connector_id": "1"}})
    assert same.json()["data"]["attributes"] == made
    moved = await call("PUT", "/models/11", {"model": {"query": "SELECT 1"}})
    assert moved.json()["data"]["attributes"]["updated_at"] > made["updated_at"]


async def test_1_refusals_of_models(call: Caller) -> None:
    call.api.store.tokens["both"] = Token(workspaces=frozenset({1, 2}))
    await call.model()
    for method, body in (("GET", None), ("PUT", {"model": {"name": "x"}}), ("DELETE", None)):
        assert (await call(method, "/models/99", body)).json()["error"].startswith("Couldn't find Model")
        assert (await call(method, "/models/11", body, token="both", workspace="2")).status_code == 404
    assert "is missing" in (await call("PUT", "/models/11", {"model": {}})).json()["error"]
    assert (await call.model(token="viewer")).status_code == 403
    assert (await call.model(token="viewer", connector_id=99)).status_code == 404
    for method in ("PUT", "DELETE"):
        assert (await call(method, "/models/11", {"model": {"name": "x"}}, token="viewer")).status_code == 403


async def test_1_lists_may_be_of_some_query_types(call: Caller) -> None:
    await call.model(query_type="dbt")
    found = (await call("GET", "/models?query_type=dbt,soql")).json()["data"]
    assert [row["id"] for row in found] == ["11"]
    assert (await call("GET", "/models?query_type=lamp")).json()["data"] == []
    assert (await call("GET", "/models?page=x")).json()["errors"] == {"page": ["must be an integer"]}


async def test_12_p2_an_ai_model_whose_connector_has_no_catalog_breaks_every_list(call: Caller) -> None:
    await call.connect()
    made = await call.model(connector_id=11, **HARVESTERS)
    assert made.status_code == 400, "the row is made all the same"
    await call.create(model_id=11)
    for path in ("/models", "/models/11", "/syncs", "/syncs/1"):
        assert (await call("GET", path)).status_code == 400, path
    assert (await call("GET", "/models/1")).status_code == 200
    assert (await call("DELETE", "/models/11")).status_code == 204
    assert (await call("GET", "/models")).status_code == 200
    assert (await call("GET", "/syncs")).status_code == 200


async def test_6_an_ai_connector_needs_a_catalog_first(call: Caller) -> None:
    await call.connect(**AI)
    refused = await call.model(connector_id=11, **HARVESTERS)
    assert (refused.status_code, detail(refused)) == (422, "Catalog is not present for the connector")
    assert (await call.model(connector_id=11, token="viewer", **HARVESTERS)).status_code == 422, "before the role"
    schema: dict[str, Any] = {"input": [], "output": []}
    await call("POST", "/catalogs", {"connector_id": 11, "catalog": {"json_schema": schema}})
    await call("PUT", "/connectors/11", {"connector": {"name": "OpenAI"}})
    await call("POST", "/catalogs", {"connector_id": 11, "catalog": {"json_schema": schema}})
    made = await call.model(connector_id=11, **HARVESTERS)
    kept = made.json()["data"]["attributes"]["configuration"]
    assert kept == {"harvesters": [], "json_schema": schema}, "of the stream that is named like the definition"


async def test_6_unstructured_needs_whole_numbers(call: Caller) -> None:
    chunks = {"chunk_size": 10, "chunk_overlap": 0}
    base: dict[str, Any] = {"query_type": "unstructured", "query": None, "primary_key": None}
    right = {"harvesters": [], "embedding_config": {}, "chunk_config": chunks}
    assert (await call.model(**base, configuration=right)).status_code == 201
    wrong = right | {"chunk_config": chunks | {"chunk_size": "10"}}
    assert (await call.model(**base, configuration=wrong)).status_code == 422


async def test_1_query_source_is_the_only_test_of_a_query(call: Caller, doc: Caller) -> None:
    tried = {"query": "SELECT id, o.name AS title FROM orders o"}
    found = (await call("POST", "/connectors/1/query_source", tried, token="viewer")).json()["data"]
    assert (set(found[0]), len(found)) == ({"id", "title"}, 50)
    one = await call("POST", "/connectors/1/query_source", tried | {"limit": 1})
    assert len(one.json()["data"]) == 1
    ends = {"query": "SELECT * FROM orders LIMIT 7", "limit": 1}
    assert len((await call("POST", "/connectors/1/query_source", ends)).json()["data"]) == 7
    assert isinstance((await doc("POST", "/connectors/1/query_source", tried)).json(), list)

    words = 'ERROR:  relation "order" does not exist'
    await call.control("PUT", "/queries/1", {"error": words})
    refused = await call("POST", "/connectors/1/query_source", tried)
    assert (refused.status_code, detail(refused)) == (422, words)
    await call.control("PUT", "/queries/1", {"rows": []})
    assert (await call("POST", "/connectors/1/query_source", {})).json()["errors"] == {"query": ["is missing"]}
    assert detail(await call("POST", "/connectors/2/query_source", tried)) == "Connector is not a source"
    assert (await call("POST", "/connectors/99/query_source", tried)).status_code == 404
    await call.connect(**AI)
    assert (await call("POST", "/connectors/11/query_source", tried)).status_code == 400
