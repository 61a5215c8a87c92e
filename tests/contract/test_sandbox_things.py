"""The sandbox against the contract, section 4: connectors and models, whose names a test may set."""

from tests.support.caller import Caller


async def listed(caller: Caller, path: str, workspace: str = "1") -> list[tuple[str, str]]:
    found = (await caller("GET", path, workspace=workspace)).json()["data"]
    return [(entry["id"], entry["attributes"]["name"]) for entry in found]


async def test_4_the_last_moved_come_first_and_only_those_of_the_workspace(call: Caller) -> None:
    call.later(1)
    await call.control("PUT", "/connectors/41", {"name": "CRM", "kind": "destination"})
    await call.control("PUT", "/connectors/42", {"name": "Theirs", "kind": "destination", "workspace_id": 2})
    await call.control("PUT", "/models/43", {"name": "Customers"})

    assert (await listed(call, "/connectors?type=destination"))[0] == ("41", "CRM")
    assert len(await listed(call, "/connectors?type=destination")) == 6
    assert ("41", "CRM") not in await listed(call, "/connectors?type=source")
    assert (await listed(call, "/models"))[0] == ("43", "Customers")


async def test_4_a_model_tells_which_source_it_reads_from(call: Caller) -> None:
    await call.control("PUT", "/models/43", {"name": "Customers", "connector_id": 5})
    found = (await call("GET", "/models")).json()["data"]

    connectors = {entry["id"]: entry["attributes"]["connector"] for entry in found}
    assert (connectors["43"]["id"], connectors["3"]["id"]) == (5, 1)
    assert connectors["43"]["connector_type"] == "source"


async def test_where_any_ids_may_be_named_nothing_is_listed(call: Caller) -> None:
    call.api.store.any_ids = True

    for path in ("/connectors", "/models"):
        assert (await call("GET", path)).status_code == 404


async def test_where_any_ids_may_be_named_all_of_them_exist(call: Caller) -> None:
    call.api.store.any_ids = True

    made = await call.create(source_id=4711, destination_id=4712, model_id=4713, stream_name="any")
    assert made.status_code == 201
    assert (await call("GET", "/syncs")).json()["data"][0]["attributes"]["model"]["name"] == "model 4713"
    assert (await call("GET", "/connectors/4712/discover")).status_code == 200
    assert (await call.enable(False)).status_code == 200


async def test_4_older_releases_show_ten_connectors_a_page_and_models_as_many_as_asked_for(call: Caller) -> None:
    await call.control("PUT", "/release", {"sizes_connectors": False})
    for number in range(20, 41):
        await call.control("PUT", f"/connectors/{number}", {"name": f"crm {number}", "kind": "destination"})
        await call.control("PUT", f"/models/{number}", {"name": f"model {number}"})

    assert len(await listed(call, "/connectors?type=destination&per_page=1000")) == 10
    assert len(await listed(call, "/connectors?type=destination&page=3")) == 6
    assert len(await listed(call, "/models?per_page=1000")) == 31


async def test_4_a_deleted_connector_takes_its_syncs_with_it(call: Caller) -> None:
    await call.create()
    await call.control("DELETE", "/connectors/1")

    assert ("1", "source 1") not in await listed(call, "/connectors?type=source")
    assert (await call("GET", "/syncs/1")).status_code == 404
    assert (await call("GET", "/connectors/1")).status_code == 404
    assert (await call.create()).json()["errors"][0]["source"] == {"source": "must exist"}

    await call.control("PUT", "/connectors/1", {"name": "source 1"})
    assert (await call.create()).json()["errors"][0]["source"] == {"model": "must exist"}, "it read from source 1"
    await call.control("PUT", "/models/3", {"name": "model 3"})
    assert (await call.create()).status_code == 201


async def test_4_a_name_shows_in_the_sync_too(call: Caller) -> None:
    await call.create()
    await call.control("PUT", "/connectors/2", {"name": "CRM", "kind": "destination"})

    shown = await call.sync()

    assert [shown[role]["name"] for role in ("source", "destination", "model")] == ["source 1", "CRM", "model 3"]
