"""The sandbox against the contract, part two, claim by claim. Sections 1, 3, 4: connectors and their secrets."""

from typing import Any

import pytest
from tests.support.caller import POSTGRESQL, Caller, detail

from sync_operator.sandbox.state import Token

MASK = "*" * 13
SLACK = {"connector_type": "destination", "connector_name": "Slack"}
TOKENS = {"api_token": "planted", "channel_id": "C1"}


def problems(response: Any) -> dict[str, Any]:
    """The messages of gate one, by field."""
    assert response.status_code == 400
    found: dict[str, Any] = response.json()["errors"]["connector"]
    return found


def configuration(response: Any) -> Any:
    return response.json()["data"]["attributes"]["configuration"]


async def test_1_a_create_answers_201_in_data_and_shows_no_secret(call: Caller) -> None:
    made = await call.connect(description="by hand", color="red", workspace_id=2)

    assert made.status_code == 201
    body = made.json()["data"]
    assert (body["type"], body["id"]) == ("connectors", "11")
    kept = body["attributes"]
    assert (kept["name"], kept["description"], kept["workspace_id"]) == ("Shop", "by hand", 1)
    assert (kept["connector_type"], kept["connector_name"]) == ("source", "Postgresql")
    assert "color" not in kept
    assert "category" not in kept
    assert kept["configuration"]["credentials"] == POSTGRESQL["credentials"] | {"password": MASK}
    assert "planted" not in (await call("GET", "/connectors/11")).text


async def test_11_the_documented_dialect_has_no_description_and_wants_all_of_a_put(doc: Caller) -> None:
    made = await doc.connect(description="lost")
    assert (made.status_code, made.json()["data"]["id"]) == (201, "11")
    assert "description" not in made.json()["data"]["attributes"]

    partial = await doc("PUT", "/connectors/11", {"connector": {"name": "Other"}})
    assert set(problems(partial)) == {"connector_type", "connector_name", "configuration"}
    whole = {"name": "Other", "connector_type": "source", "connector_name": "Postgresql", "configuration": POSTGRESQL}
    assert (await doc("PUT", "/connectors/11", {"connector": whole})).json()["data"]["attributes"]["name"] == "Other"
    assert (await doc("DELETE", "/connectors/11")).status_code == 204


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"name": None}, "name", "is missing"),
        ({"name": ""}, "name", "must be filled"),
        ({"name": 5}, "name", "must be a string"),
        ({"connector_type": None}, "connector_type", "is missing"),
        ({"connector_type": "lamp"}, "connector_type", "invalid connector type"),
        ({"configuration": None}, "configuration", "is missing"),
        ({"configuration": {}}, "configuration", "must be filled"),
        ({"configuration": [POSTGRESQL]}, "configuration", "must be a hash"),
        ({"connector_name": "postgresql"}, "[:connector_type, :connector_name]", "invalid connector source name"),
        ({"connector_name": "Hubspot"}, "[:connector_type, :connector_name]", "invalid connector source name"),
    ],
)
async def test_3_gate_one(call: Caller, changes: dict[str, Any], field: str, words: str) -> None:
    assert problems(await call.connect(**changes)) == {field: [words]}


async def test_3_a_type_in_the_wrong_case_passes_gate_one_and_dies_as_e2(call: Caller) -> None:
    assert detail(await call.connect(connector_type="Source")).endswith("'Source' is not a valid connector_type")
    assert "unknown attribute" in detail(await call.connect(query_type="raw_sql"))


async def test_3_names_are_checked_on_create_only_by_workspace_and_type(call: Caller) -> None:
    await call.connect()
    twice = await call.connect(connector_name="MariaDB")
    assert (twice.status_code, detail(twice)) == (422, "A connector with the same name already exists.")
    assert "source" not in twice.json()["errors"][0]

    for other in ({"name": "shop"}, {"name": "Shop "}, {"connector_type": "destination"}):
        assert (await call.connect(**other)).status_code == 201
    renamed = await call("PUT", "/connectors/12", {"connector": {"name": "Shop"}})
    assert renamed.json()["data"]["attributes"]["name"] == "Shop"


@pytest.mark.parametrize(
    "changed",
    [
        {"port": 5432},
        {"data_type": "odd"},
        {"host": None},
        {"credentials": {"username": "reader"}},
        {"credentials": []},
    ],
)
async def test_3_a_configuration_against_the_schema_is_refused_without_the_fields_name(
    call: Caller, changed: dict[str, Any]
) -> None:
    refused = await call.connect(configuration=POSTGRESQL | changed)

    assert (refused.status_code, detail(refused)) == (422, "Connector creation failed")
    assert set(refused.json()["errors"][0]["source"]) == {"configuration"}
    assert next(iter(changed)) not in refused.json()["errors"][0]["source"]["configuration"]
    assert (await call.connect()).json()["data"]["id"] == "11", "a refused create uses up no id"


async def test_3_every_save_is_checked_also_one_of_the_name_alone(call: Caller) -> None:
    await call.connect()
    store = call.api.store
    newer = store.definitions.get("source", "Postgresql")
    assert newer is not None
    spec = newer["connector_spec"]
    schema = spec["connection_specification"] | {"required": ["warehouse"]}
    body = {"definition": newer | {"connector_spec": spec | {"connection_specification": schema}}}
    await call.control("PUT", "/definitions/source/Postgresql", body)

    assert detail(await call("PUT", "/connectors/11", {"connector": {"name": "Other"}})) == "Connector update failed"
    whole = {"configuration": POSTGRESQL | {"warehouse": "w"}}
    assert (await call("PUT", "/connectors/11", {"connector": whole})).status_code == 200


async def test_3_a_configuration_is_replaced_whole_and_keys_that_no_schema_knows_are_kept(call: Caller) -> None:
    await call.connect(configuration=POSTGRESQL | {"note": {"b": [1, None, {"a": None}], "a": 2}})
    kept = configuration(await call("GET", "/connectors/11"))
    assert kept["note"] == {"a": 2, "b": [1, {"a": None}]}, "nulls inside lists are removed"

    bare = {name: value for name, value in POSTGRESQL.items() if name != "credentials"}
    await call("PUT", "/connectors/11", {"connector": {"configuration": bare}})
    assert configuration(await call("GET", "/connectors/11")) == bare, "no merge, no defaults"

    nothings: list[Any] = [{}, None]
    for nothing in nothings:
        assert set(problems(await call("PUT", "/connectors/11", {"connector": {"configuration": nothing}})))
    await call("PUT", "/connectors/11", {"connector": {"description": None}})
    assert configuration(await call("GET", "/connectors/11")) == bare


async def test_4_masks_go_by_the_bare_name_of_a_key_at_any_depth_whatever_it_holds(call: Caller) -> None:
    odd = {"password": {"deep": 1}, "list": [{"password": ""}, {"username": "shown"}], "api_token": "shown"}
    made = await call.connect(configuration=POSTGRESQL | {"extra": odd})

    shown = configuration(made)
    assert shown["extra"] == {
        "password": MASK,
        "list": [{"password": MASK}, {"username": "shown"}],
        "api_token": "shown",
    }
    model = (await call.model(connector_id=11)).json()["data"]["attributes"]
    assert model["connector"]["configuration"] == shown
    await call.create(source_id=11, model_id=11)
    sync = await call.sync()
    assert sync["model"]["connector"]["configuration"] == shown
    assert "configuration" not in sync["source"]
    assert "planted" not in (await call("GET", "/connectors")).text


async def test_4_what_is_not_marked_is_shown_in_clear(call: Caller) -> None:
    headers = {"destination_url": "https://a.example.com", "headers": {"Authorization": "Bearer shown"}}
    made = await call.connect(connector_type="destination", connector_name="Http", configuration=headers)
    assert configuration(made) == headers


async def test_4_a_put_with_the_mask_stores_the_mask(call: Caller) -> None:
    await call.connect()
    shown = configuration(await call("GET", "/connectors/11"))
    call.later(1)
    put = await call("PUT", "/connectors/11", {"connector": {"configuration": shown}})

    assert (put.status_code, configuration(put)) == (200, shown)
    [stored] = [row for row in (await call.control("GET", "/state")).json()["connectors"] if row["id"] == 11]
    assert stored["configuration"]["credentials"]["password"] == MASK
    assert stored["updated_at"] > stored["created_at"], "the only sign"
    assert (await call("POST", "/connectors/11/query_source", {"query": "SELECT 1 FROM a"})).status_code == 422


async def test_4_a_secret_that_is_left_out_is_deleted(call: Caller) -> None:
    await call.connect(**SLACK, configuration=TOKENS)
    refused = await call("PUT", "/connectors/11", {"connector": {"configuration": {"channel_id": "C2"}}})
    assert refused.status_code == 422, "the schema requires it"
    databricks = {"host": "h", "port": "443", "http_path": "/p", "catalog": "c", "schema": "s"}
    kind = {"name": "Lake", "connector_name": "Databricks"}
    await call.connect(**kind, configuration=databricks | {"access_token": "planted"})
    put = await call("PUT", "/connectors/12", {"connector": {"configuration": databricks}})
    assert configuration(put) == databricks


async def test_2_releases_before_v0_74_show_every_secret(call: Caller) -> None:
    await call.control("PUT", "/release", {"masks_secrets": False})
    await call.connect()
    assert configuration(await call("GET", "/connectors/11")) == POSTGRESQL


async def test_3_a_put_that_changes_nothing_leaves_updated_at_alone(call: Caller) -> None:
    made = (await call.connect()).json()["data"]["attributes"]
    call.later(5)
    same = {"name": "Shop", "configuration": dict(reversed(POSTGRESQL.items()))}
    put = (await call("PUT", "/connectors/11", {"connector": same})).json()["data"]["attributes"]
    assert put["updated_at"] == made["updated_at"]
    assert put == made
    moved = await call("PATCH", "/connectors/11", {"connector": {"description": "x"}})
    assert moved.json()["data"]["attributes"]["updated_at"] > made["updated_at"]


async def test_3_type_and_definition_may_both_be_changed(call: Caller) -> None:
    await call.connect()
    changed = {**SLACK, "configuration": TOKENS}
    put = (await call("PUT", "/connectors/11", {"connector": changed})).json()["data"]["attributes"]
    assert (put["connector_type"], put["connector_name"]) == ("destination", "Slack")
    unfit = await call("PUT", "/connectors/11", {"connector": {"connector_name": "Hubspot"}})
    assert unfit.status_code == 422, "the stored configuration does not meet its schema"


async def test_3_a_put_of_workspace_id_moves_the_connector(call: Caller) -> None:
    await call.connect()
    await call("PUT", "/connectors/11", {"connector": {"workspace_id": 2}})
    assert (await call("GET", "/connectors/11")).status_code == 404


@pytest.mark.parametrize("description", [None, "", "two\nlines", "x" * 20_000])
async def test_3_a_description_is_free_text(call: Caller, description: str | None) -> None:
    await call.connect()
    put = await call("PUT", "/connectors/11", {"connector": {"description": description}})
    assert put.json()["data"]["attributes"]["description"] == description
    odd = await call.connect(name="Odd", description={"a": 1})
    assert odd.json()["data"]["attributes"]["description"] is None


async def test_1_refusals_by_id_have_three_shapes(call: Caller) -> None:
    call.api.store.tokens["both"] = Token(workspaces=frozenset({1, 2}))
    await call.connect()
    for method, body in (("GET", None), ("PUT", {"connector": {"name": "x"}}), ("DELETE", None)):
        gone = await call(method, "/connectors/99", body)
        assert (gone.status_code, detail(gone)) == (404, "Connector not found")
        assert (await call(method, "/connectors/11", body, token="both", workspace="2")).status_code == 404
    assert (await call("GET", "/connectors/words")).json()["errors"]["id"] == ["must be an integer"]
    assert "is missing" in (await call("PUT", "/connectors/11", {"connector": {}})).json()["error"]
    assert (await call("PUT", "/connectors/11", {"name": "bare"})).status_code == 200, "unwrapped bodies work"


async def test_1_order_of_checks(call: Caller) -> None:
    await call.connect()
    body = {"connector": {"name": 5}}
    assert (await call("PUT", "/connectors/99", body, token="none", workspace="9")).status_code == 401
    assert problems(await call("PUT", "/connectors/99", body, token="viewer", workspace="9"))
    named = {"connector": {"name": "x"}}
    assert detail(await call("PUT", "/connectors/99", named, token="viewer", workspace="9")).endswith("not found")
    assert (await call("PUT", "/connectors/99", named, token="viewer")).status_code == 404
    assert (await call("PUT", "/connectors/11", named, token="viewer")).status_code == 403
    assert (await call.connect(token="viewer")).status_code == 403, "before the name is looked at"


async def test_1_a_viewer_reads(call: Caller) -> None:
    await call.connect()
    for path in ("/connectors", "/connectors/11", "/connectors/11/discover"):
        assert (await call("GET", path, token="viewer")).status_code == 200
    assert (await call("DELETE", "/connectors/11", token="viewer")).status_code == 403


async def test_9_lists_show_the_last_changed_first(call: Caller) -> None:
    for name in ("a", "b", "c"):
        call.later(1)
        await call.connect(name=name)
    call.later(1)
    await call("PUT", "/connectors/11", {"connector": {"description": "moved"}})

    found = (await call("GET", "/connectors?type=Source&per_page=3")).json()
    assert [entry["attributes"]["name"] for entry in found["data"]] == ["a", "c", "b"]
    assert "page=2" in found["links"]["next"]
    assert len((await call("GET", "/connectors?per_page=1000")).json()["data"]) == 13
    assert len((await call("GET", "/connectors")).json()["data"]) == 10
    for bad in ("lamp", ""):
        assert "type" in (await call("GET", f"/connectors?type={bad}")).json()["errors"]


async def test_12_p1_a_category_is_a_method_that_is_called(call: Caller) -> None:
    await call.connect()
    words = {"api_key": "k", "request_format": "{}", "response_format": "{}"}
    await call.connect(name="AI", connector_name="OpenAI", configuration=words)

    async def names(query: str) -> set[str]:
        rows = (await call("GET", f"/connectors?per_page=100&{query}")).json()["data"]
        return {row["attributes"]["name"] for row in rows} & {"Shop", "AI"}

    assert await names("category=data") == {"Shop"}
    assert await names("category=ai_ml") == await names("sub_category=llm") == {"AI"}
    spilled = await call("GET", "/connectors?category=secrets", token="viewer")
    assert spilled.status_code == 400
    assert "planted" in detail(spilled), "details of E2 can hold secrets in clear text"


async def test_12_p2_a_connector_without_definition_breaks_every_list_that_shows_it(call: Caller) -> None:
    bigquery = {"project_id": "p", "credentials_json": {"type": "service_account"}}
    await call.control("PUT", "/connectors/11", {"name": "Old"})
    await call.control("PATCH", "/connectors/11", {"definition": "Bigquery", "configuration": bigquery})
    await call.model(connector_id=11)
    await call.create(source_id=11, model_id=11)
    await call.control("DELETE", "/definitions/source/Bigquery")

    for path in ("/connectors", "/connectors/11", "/models", "/models/11", "/syncs", "/syncs/1"):
        assert (await call("GET", path)).status_code == 400, path
    for path in ("/connectors/1", "/models/1", "/connectors?type=destination"):
        assert (await call("GET", path)).status_code == 200, path
    refused = await call("PUT", "/connectors/11", {"connector": {"name": "x"}})
    assert refused.status_code == 400
    await call.control("PUT", "/definitions/source/Bigquery", {})
    assert (await call("GET", "/connectors")).status_code == 200
    await call.control("DELETE", "/definitions/source/Bigquery")
    assert (await call("DELETE", "/connectors/11")).status_code == 204, "its DELETE still works"
    assert (await call("GET", "/syncs")).status_code == 200


async def test_the_log_of_requests_tells_creates_of_each_kind_without_configurations(call: Caller) -> None:
    await call.connect()
    await call.model()
    spec = {"type": "source", "name": "Postgresql", "connection_spec": POSTGRESQL}
    await call("POST", "/connector_definitions/check_connection", spec)

    logged = (await call.control("GET", "/requests")).json()
    assert [(entry["path"], entry["status"]) for entry in logged][:2] == [
        ("/api/v1/connectors", 201),
        ("/api/v1/models", 201),
    ]
    assert logged[0]["body"]["connector"]["name"] == "Shop"
    assert "planted" not in str(logged)
