"""The sandbox against the contract, part two. Sections 5 and 8: catalogs, discover, and what a deletion takes along."""

from typing import Any

import pytest
from tests.support.caller import POSTGRESQL, SEED, Caller, detail
from tests.support.served import BODY

HUBSPOT: dict[str, Any] = {
    "connector_type": "destination",
    "connector_name": "Hubspot",
    "configuration": {"access_token": "t"},
}
TARGET: dict[str, Any] = {"connector_type": "destination", "connector_name": "Postgresql", "name": "Target"}


def streams(response: Any) -> list[str]:
    """Names of the streams in a catalog."""
    assert response.status_code in {200, 201}
    return [entry["name"] for entry in response.json()["data"]["attributes"]["catalog"]["streams"]]


async def test_5_creating_a_connector_makes_no_catalog_and_the_first_discover_does(call: Caller) -> None:
    await call.connect(**HUBSPOT)
    into = {"destination_id": 11, "stream_name": "contacts"}
    missing = await call.create(**into)
    assert (missing.status_code, missing.json()["errors"][0]["source"]) == (422, {"catalog": "Catalog is missing"})

    first = await call("GET", "/connectors/11/discover", token="viewer")
    assert streams(first) == ["contacts", "companies", "deals", "line_items"]
    assert first.json()["data"]["type"] == "catalogs"
    assert first.json()["data"]["attributes"]["connector_id"] == 11
    assert (await call.create(**into)).status_code == 201
    assert (await call.create(**into | {"stream_name": "orders"})).status_code == 422
    again = await call("GET", "/connectors/11/discover?refresh=TRUE")
    assert again.json() == first.json(), "exactly the word true refreshes"


async def test_5_in_the_documented_dialect_too(doc: Caller) -> None:
    await doc.connect(**HUBSPOT)
    body = {"sync": {**BODY, **SEED, "destination_id": 11, "stream_name": "contacts"}}
    assert (await doc("POST", "/syncs", body)).status_code == 422
    assert streams(await doc("GET", "/connectors/11/discover"))[0] == "contacts"
    assert (await doc("POST", "/syncs", body)).status_code == 200


async def test_5_the_stored_catalog_stays_for_ever_until_a_refresh_makes_a_new_row(call: Caller) -> None:
    await call.connect(**TARGET)
    first = await call("GET", "/connectors/11/discover")
    await call.control("PUT", "/discovers/11", {"streams": ["new"]})
    await call("PUT", "/connectors/11", {"connector": {"configuration": POSTGRESQL | {"database": "other"}}})

    assert (await call("GET", "/connectors/11/discover")).json() == first.json()
    refreshed = await call("GET", "/connectors/11/discover?refresh=true")
    assert streams(refreshed) == ["new"]
    assert refreshed.json()["data"]["id"] != first.json()["data"]["id"]


async def test_5_an_empty_list_of_streams_is_stored(call: Caller) -> None:
    await call.connect(**TARGET)
    await call.control("PUT", "/discovers/11", {"streams": []})
    assert streams(await call("GET", "/connectors/11/discover")) == []
    assert (await call.create(destination_id=11)).json()["errors"][0]["source"].keys() == {"stream_name"}


@pytest.mark.parametrize(("failure", "status"), [("swallowed", 422), ("raised", 400)])
async def test_5_a_failed_refresh_leaves_no_catalog(call: Caller, failure: str, status: int) -> None:
    await call.connect(**HUBSPOT)
    await call("GET", "/connectors/11/discover")
    await call.create(destination_id=11, stream_name="deals")
    await call.control("PUT", "/discovers/11", {"failure": failure, "times": 2})

    for query in ("?refresh=true", ""):
        failed = await call("GET", f"/connectors/11/discover{query}")
        assert failed.status_code == status
        if failure == "swallowed":
            assert detail(failed) == "Discover catalog failed"
            assert failed.json()["errors"][0]["source"] == {"catalog": "can't be blank"}

    assert (await call.put(stream_name="deals")).status_code == 422, "no save"
    assert (await call.enable(False)).status_code == 400, "neither disabled nor enabled"
    assert streams(await call("GET", "/connectors/11/discover"))[2] == "deals", "failures can be transient"
    assert (await call.enable(False)).status_code == 200


async def test_5_without_catalog_the_end_of_a_run_moves_no_status_and_deleting_works(call: Caller) -> None:
    await call.create()
    await call.trigger()
    call.api.store.catalogs.pop(2)
    call.later(120)
    assert [run["status"] for run in await call.runs()] == ["success"]
    assert (await call.sync())["status"] == "pending"
    assert (await call("DELETE", "/syncs/1")).status_code == 204


async def test_5_a_stream_that_a_refresh_drops_lets_the_next_save_fail(call: Caller) -> None:
    await call.connect(**TARGET)
    await call("GET", "/connectors/11/discover")
    await call.create(destination_id=11)
    await call.control("PUT", "/discovers/11", {"streams": ["other"]})
    await call("GET", "/connectors/11/discover?refresh=true")
    assert (await call.sync())["stream_name"] == "orders"
    assert (await call.put(configuration={"a": "b"})).json()["errors"][0]["source"].keys() == {"stream_name"}


async def test_5_a_discover_may_take_long(call: Caller) -> None:
    await call.connect(**HUBSPOT)
    await call.control("PUT", "/discovers/11", {"seconds": 0.05})
    assert streams(await call("GET", "/connectors/11/discover"))[0] == "contacts"


async def test_5_a_catalog_that_is_sent_replaces_all_streams_by_one_of_the_connectors_name(call: Caller) -> None:
    await call.connect(**HUBSPOT)
    body = {"connector_id": 11, "catalog": {"json_schema": {"type": "object"}, "streams": [1]}}
    assert (await call("PUT", "/catalogs/77", body)).status_code == 400, "there is none to update"
    made = await call("POST", "/catalogs", body)
    assert (made.status_code, streams(made)) == (201, ["Shop"])
    [stream] = made.json()["data"]["attributes"]["catalog"]["streams"]
    assert (stream["url"], stream["json_schema"]) == ("unknown", {"type": "object"})
    assert "action" not in stream
    assert (await call("PUT", "/catalogs/77", body)).status_code == 201, "the id is not looked at"
    assert (await call("POST", "/catalogs", body, token="viewer")).status_code == 403
    assert detail(await call("POST", "/catalogs", body | {"connector_id": 99})) == "Connector not found"
    assert set((await call("POST", "/catalogs", {})).json()["errors"]) == {"connector_id", "catalog"}


async def test_8_deleting_a_connector_takes_everything_below_it_whoever_made_it(call: Caller) -> None:
    await call.connect(**HUBSPOT)
    await call.connect()
    await call("GET", "/connectors/11/discover")
    await call.model(connector_id=12)
    into = {"destination_id": 11, "stream_name": "deals"}
    await call.create(source_id=12, model_id=11, **into)
    await call.create(**into)
    await call.create(source_id=12)
    await call.create()
    await call.trigger()
    call.later(70)

    assert (await call("DELETE", "/connectors/12", token="viewer")).status_code == 403
    assert (await call("DELETE", "/connectors/12")).status_code == 204
    assert (await call("DELETE", "/connectors/12")).status_code == 404, "also the second time"
    assert (await call("GET", "/models/11")).status_code == 404
    assert {row["id"] for row in (await call("GET", "/syncs")).json()["data"]} == {"2", "4"}
    await call("DELETE", "/connectors/11")
    assert {row["id"] for row in (await call("GET", "/syncs")).json()["data"]} == {"4"}

    left = (await call.control("GET", "/state")).json()
    assert [row["id"] for row in left["syncs"]] == [4], "hard, unlike DELETE /syncs"
    assert left["runs"] == []
    assert (await call.connect()).json()["data"]["id"] == "13", "ids are never used again"


async def test_8_deleting_a_model_takes_its_syncs_and_what_runs_goes_nowhere(call: Caller) -> None:
    await call.model()
    await call.create(model_id=11)
    await call.create()
    await call.trigger()
    assert (await call("DELETE", "/models/11")).status_code == 204
    call.later(120)
    assert [row["id"] for row in (await call("GET", "/syncs")).json()["data"]] == ["2"]
    assert (await call.control("GET", "/state")).json()["runs"] == []


async def test_a_server_is_replaced_by_one_with_other_connectors_and_models(call: Caller) -> None:
    await call.connect(**HUBSPOT)
    await call("GET", "/connectors/11/discover")
    await call.model()
    state = (await call.control("GET", "/state")).json()
    kept = {
        "syncs": [],
        "connectors": [row for row in state["connectors"] if row["id"] == 11],
        "models": [row for row in state["models"] if row["id"] == 11],
    }
    await call.control("DELETE", "/connectors/11")
    await call.control("DELETE", "/models/11")

    await call.control("PUT", "/state", kept)

    connectors = (await call("GET", "/connectors")).json()["data"]
    assert [row["id"] for row in connectors] == ["11"]
    assert connectors[0]["attributes"]["connector_name"] == "Hubspot"
    assert (await call("GET", "/models/11")).status_code == 200
    assert streams(await call("GET", "/connectors/11/discover"))[0] == "contacts"
