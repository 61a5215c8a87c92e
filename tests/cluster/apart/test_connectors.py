"""Connectors through the real reconcile loop: a real API server on one side, the sandbox on the other."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.support.pipeline import DESTINATION, MASK, PASSWORD, SOURCE, Process

from sync_operator.api.constants import CONNECTOR_FINALIZER, CONNECTOR_KIND, CREATE_STARTED_ANNOTATION
from sync_operator.kubernetes.resources import CONNECTORS

pytestmark = pytest.mark.timeout(180)

STRANGER: dict[str, Any] = {
    "name": "shop",
    "connector_type": "source",
    "connector_name": "Postgresql",
    "description": "made by hand",
    "configuration": {
        **SOURCE["configuration"],
        "credentials": {**SOURCE["configuration"]["credentials"], "password": "theirs"},
    },
}


async def settled(world: Process, **spec: Any) -> Process:
    """With a Connector that is registered."""
    await world.connector(**SOURCE | spec)
    await world.reconcile()
    assert (await world.told())[0] == "True", await world.told()
    world.forget()
    return world


def sent(world: Process) -> dict[str, Any]:
    """The one connector that the server has."""
    [row] = world.stored()
    return row


async def test_it_is_created_once_with_its_secret_and_its_mark(world: Process) -> None:
    await world.connector(**SOURCE, description="The shop.")
    await world.reconcile()
    await world.reconcile()
    obj = await world.get(CONNECTOR_KIND, "shop")

    assert obj is not None
    assert world.calls() == ["POST /connectors"]
    row, uid = sent(world), obj["metadata"]["uid"]
    assert (row["name"], row["kind"], row["definition"]) == ("shop", "source", "Postgresql")
    assert row["description"] == f"The shop.\nManaged by sync-operator: {uid} of cluster here"
    assert row["configuration"]["credentials"] == {
        "auth_type": "username/password",
        "username": "reader",
        "password": PASSWORD,
    }
    assert obj["metadata"]["finalizers"] == [CONNECTOR_FINALIZER]
    status = obj["status"]
    assert (status["id"], status["origin"], status["definition"]) == (str(row["id"]), "Created", "Postgresql")
    assert await world.told() == ("True", "Registered", f"registered as connector {row['id']} in workspace 1")


async def test_a_restart_and_resyncs_write_nothing_though_the_server_masks_the_secret(world: Process) -> None:
    await settled(world)
    before = await world.get(CONNECTOR_KIND, "shop")
    for _ in range(2):
        await world.resync()
    world.start()
    await world.reconcile()
    await world.resync()

    asked = {entry["path"].removeprefix("/api/v1") for entry in world.sandbox.requests()}
    assert asked == {"/connectors"}, "the list alone"
    after = await world.get(CONNECTOR_KIND, "shop")
    assert before is not None
    assert after is not None
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_a_changed_secret_is_sent_exactly_once(world: Process) -> None:
    await settled(world)
    await world.secret("tr0ub4dor")
    assert await world.resync(), "found without any event"
    await world.resync()
    await world.resync()

    assert [call for call in world.calls() if call.startswith("PUT")] == [f"PUT /connectors/{sent(world)['id']}"]
    assert sent(world)["configuration"]["credentials"]["password"] == "tr0ub4dor"
    assert PASSWORD not in json.dumps(await world.status())


async def test_a_rotation_back_after_an_update_that_nobody_saw_end_is_sent(world: Process) -> None:
    await settled(world)
    await world.secret("tr0ub4dor")
    world.sandbox.fault(method="PUT", path="/connectors", lose="after")
    await world.resync()
    assert sent(world)["configuration"]["credentials"]["password"] == "tr0ub4dor"
    world.start()
    await world.secret(PASSWORD)
    await world.reconcile()
    await world.resync()

    assert sent(world)["configuration"]["credentials"]["password"] == PASSWORD
    assert (await world.told())[0] == "True"


async def test_what_the_edit_page_of_the_server_stored_is_put_back(world: Process) -> None:
    await settled(world)
    row = sent(world)
    shown = world.sandbox.call("GET", f"/connectors/{row['id']}").json()["data"]["attributes"]["configuration"]
    assert shown["credentials"]["password"] == MASK
    world.sandbox.call("PUT", f"/connectors/{row['id']}", connector={"configuration": shown})
    assert sent(world)["configuration"]["credentials"]["password"] == MASK
    await world.resync()

    assert sent(world)["configuration"]["credentials"]["password"] == PASSWORD
    status, reason, message = await world.told("Registered")
    assert (status, reason) == ("True", "DriftCorrected")
    assert "somebody else has written it" in message


async def test_drift_is_put_back_and_told_without_secrets(world: Process) -> None:
    await settled(world)
    row = sent(world)
    changed = {**row["configuration"], "host": "elsewhere.example.com"}
    world.sandbox.control("PATCH", f"/connectors/{row['id']}", {"configuration": changed})
    await world.resync()

    assert sent(world)["configuration"]["host"] == "db.example.com"
    message = (await world.told("Registered"))[2]
    assert "spec.configuration/host from elsewhere.example.com back to db.example.com" in message
    assert PASSWORD not in message


async def test_drift_is_only_reported_if_the_policy_says_so(world: Process) -> None:
    await settled(world, driftPolicy="Report")
    row = sent(world)
    world.sandbox.control("PATCH", f"/connectors/{row['id']}", {"name": "renamed"})
    await world.resync()

    assert sent(world)["name"] == "renamed"
    assert (await world.status())["drift"][0] == "name: shop → renamed"
    assert (await world.told())[1] == "DriftFound"


async def test_a_change_of_the_spec_is_sent_once_with_the_secret(world: Process) -> None:
    await settled(world)
    await world.connector(configuration={**SOURCE["configuration"], "database": "archive"})
    await world.reconcile()
    await world.reconcile()

    number = sent(world)["id"]
    assert world.calls() == [f"GET /connectors/{number}", f"PUT /connectors/{number}"]
    assert sent(world)["configuration"]["database"] == "archive"
    assert sent(world)["configuration"]["credentials"]["password"] == PASSWORD


async def test_a_lost_create_is_found_by_its_mark_and_taken(world: Process) -> None:
    world.sandbox.fault(method="POST", path="/connectors", lose="after")
    await world.connector(**SOURCE)
    assert (await world.reconcile()).failed
    assert (await world.told())[1] == "OutcomeUnknown"
    world.start()
    world.ahead = timedelta(minutes=1)
    await world.reconcile()

    assert len(world.stored()) == 1
    assert [call for call in world.calls() if call.startswith("POST")] == ["POST /connectors"]
    assert ((await world.status())["origin"], (await world.told())[0]) == ("Created", "True")


async def test_a_repetition_that_is_refused_for_its_name_takes_what_the_lost_create_made(world: Process) -> None:
    world.sandbox.fault(method="POST", path="/connectors", lose="after", delay=0)
    await world.connector(**SOURCE)
    await world.reconcile()
    obj = await world.get(CONNECTOR_KIND, "shop")
    assert obj is not None
    row = sent(world)
    world.sandbox.control("PUT", "/state", {"syncs": [], "connectors": []})
    world.sandbox.fault(method="POST", path="/connectors", times=1, status=422, body=SAME_NAME)
    world.ahead = timedelta(minutes=1)
    # Between the list and the repetition the server carries out the first create.
    world.after_list(lambda: world.sandbox.control("PUT", "/state", {"syncs": [], "connectors": [row]}))
    await world.reconcile()

    assert [call["id"] for call in world.stored()] == [row["id"]]
    assert (await world.told())[0] == "True"
    assert (await world.status())["id"] == str(row["id"])


SAME_NAME = {"errors": [{"status": 422, "title": "Error", "detail": "A connector with the same name already exists."}]}


async def test_a_name_that_somebody_else_has_blocks_and_is_left_alone(world: Process) -> None:
    world.sandbox.call("POST", "/connectors", connector=STRANGER)
    world.forget()
    await world.connector(**SOURCE, adoptionPolicy="Create")
    await world.reconcile()

    status, reason, message = await world.told()
    assert (status, reason) == ("False", "Rejected")
    number = sent(world)["id"]
    assert f"has this name on the server already: it is connector {number}; to take it over" in message
    assert sent(world)["description"] == "made by hand"


async def test_one_named_by_its_id_is_adopted_with_one_write_and_kept(world: Process) -> None:
    world.sandbox.call("POST", "/connectors", connector=STRANGER)
    number = sent(world)["id"]
    world.forget()
    await world.connector(**SOURCE, externalId=str(number))
    await world.reconcile()
    await world.reconcile()

    assert world.calls() == [f"GET /connectors/{number}", f"PUT /connectors/{number}"]
    assert sent(world)["configuration"]["credentials"]["password"] == PASSWORD
    assert (await world.status())["origin"] == "Adopted"
    await world.delete(CONNECTOR_KIND, "shop")
    await world.reconcile()
    assert await world.get(CONNECTOR_KIND, "shop") is None
    assert sent(world)["id"] == number


def of_another_cluster(world: Process, **fields: Any) -> dict[str, Any]:
    """The body of what this manifest made for a cluster that is gone."""
    mark = "Managed by sync-operator: 0d0a1d1c-0000-4000-8000-000000000000 of cluster gone"
    configuration = {
        **SOURCE["configuration"],
        "credentials": {**SOURCE["configuration"]["credentials"], "password": "old"},
    }
    world.sandbox.call(
        "POST", "/connectors", connector={**STRANGER, "description": mark, "configuration": configuration, **fields}
    )
    row = sent(world)
    world.forget()
    return row


async def test_a_cluster_that_was_rebuilt_takes_what_is_there_and_sends_the_secrets_once(world: Process) -> None:
    before = of_another_cluster(world)
    await world.connector(**SOURCE)
    await world.reconcile()
    await world.reconcile()

    assert [call for call in world.calls() if not call.startswith("GET")] == [f"PUT /connectors/{before['id']}"]
    row = sent(world)
    assert (row["id"], row["configuration"]["credentials"]["password"]) == (before["id"], PASSWORD)
    assert row["description"].endswith("of cluster here")
    assert ((await world.told())[0], (await world.status())["origin"]) == ("True", "Adopted")


async def test_what_another_cluster_made_otherwise_is_named_and_taken_over_by_its_id(world: Process) -> None:
    row = of_another_cluster(world)
    await world.connector(**SOURCE | {"configuration": SOURCE["configuration"] | {"host": "other.example.com"}})
    await world.reconcile()

    status, reason, message = await world.told()
    assert (status, reason) == ("False", "Rejected")
    assert f"it is connector {row['id']}, with the mark of another Connector; to take it over" in message
    assert f"set spec.externalId to '{row['id']}'" in message
    await world.reconcile()
    assert (await world.told())[2] == message
    await world.connector(externalId=str(row["id"]))
    await world.reconcile()
    assert (await world.told())[0] == "True"
    assert sent(world)["configuration"]["host"] == "other.example.com"
    assert sent(world)["description"].endswith("of cluster here")


async def test_so_does_one_whose_process_died_with_its_create_intent_written(world: Process) -> None:
    before = of_another_cluster(world)
    await world.connector(**SOURCE)
    intent = {
        "annotations": {CREATE_STARTED_ANNOTATION: f"{world.now().isoformat(timespec='seconds')}/{uuid4().hex}"},
        "finalizers": [CONNECTOR_FINALIZER],
    }
    await world.kube.merge_patch(CONNECTORS, world.namespace, "shop", {"metadata": intent})
    await world.reconcile()
    assert (await world.told())[2].startswith("an earlier create may still be under way")
    world.ahead = timedelta(minutes=1)
    await world.reconcile()
    await world.reconcile()

    assert [call for call in world.calls() if not call.startswith("GET")] == [f"PUT /connectors/{before['id']}"]
    assert ((await world.told())[0], (await world.status())["origin"]) == ("True", "Adopted")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"host": None}, "spec.configuration.host: is missing"),
        ({"credentials": None}, "spec.configurationSecrets[0].pointer: '/credentials/password' leads nowhere"),
        ({"port": 5432}, "spec.configuration.port: must be a string; put it in quotes"),
        (
            {"credentials": {"password": "in clear"}},
            "spec.configuration.credentials.password: is a secret in clear text",
        ),
    ],
)
async def test_a_configuration_that_the_server_would_refuse_is_not_sent(
    world: Process, changes: dict[str, Any], field: str
) -> None:
    configuration = {key: value for key, value in {**SOURCE["configuration"], **changes}.items() if value is not None}
    secrets = [] if changes.get("credentials") else SOURCE["configurationSecrets"]
    await world.connector(**{**SOURCE, "configuration": configuration, "configurationSecrets": secrets})
    await world.reconcile()

    status, reason, message = await world.told()
    assert (status, reason) == ("False", "InvalidSpec")
    assert message.startswith(field)
    assert "in clear" not in message.replace("in clear text", "")
    assert world.stored() == []


async def test_a_definition_that_the_server_does_not_have_is_told(world: Process) -> None:
    await world.connector(**{**SOURCE, "connectorName": "Postgres"})
    await world.reconcile()

    assert (await world.told())[1] == "InvalidSpec"
    assert "did you mean 'Postgresql'?" in (await world.told())[2]
    assert world.stored() == []


async def test_a_server_that_tells_no_definitions_checks_alone(world: Process) -> None:
    world.sandbox.fault(method="GET", path="/connector_definitions", status=404)
    await world.connector(**SOURCE)
    await world.reconcile()

    assert (await world.told())[0] == "True"


async def test_what_we_made_is_deleted_with_it(world: Process) -> None:
    await settled(world)
    await world.delete(CONNECTOR_KIND, "shop")
    await world.reconcile()

    assert await world.get(CONNECTOR_KIND, "shop") is None
    assert world.stored() == []


async def test_a_mask_is_never_sent(world: Process) -> None:
    await world.secret(MASK)
    await world.connector(**SOURCE)
    await world.reconcile()

    status, reason, message = await world.told()
    assert (status, reason) == ("False", "InvalidSpec")
    assert message.startswith("spec.configurationSecrets[0].secretKeyRef: key 'password' of Secret 'warehouse' holds")
    assert world.calls() == []


async def test_a_destination_is_ready_with_its_catalog(world: Process) -> None:
    await world.connector(**DESTINATION)
    await world.reconcile()
    await world.reconcile()
    number = sent(world)["id"]

    assert world.calls() == ["POST /connectors", f"GET /connectors/{number}/discover"]
    status = await world.status()
    assert status["streamCount"] == len(status["streams"]) > 0
    assert "contacts" in status["streams"]
    assert (await world.told("Discovered"))[0] == "True"
    assert (await world.told())[0] == "True"


@pytest.mark.parametrize("failure", ["swallowed", "raised"])
async def test_a_catalog_that_cannot_be_read_is_told_and_tried_again(world: Process, failure: str) -> None:
    await world.connector(**DESTINATION)
    world.sandbox.fault(method="GET", path=r"/connectors/\d+/discover", status=422, body=SWALLOWED[failure])
    result = await world.reconcile()

    assert result.requeue_after == pytest.approx(300, abs=1)
    assert (await world.told("Registered"))[0] == "True"
    status, reason, message = await world.told("Discovered")
    assert (status, reason) == ("False", "CatalogMissing")
    assert "its own log only" in message
    assert PASSWORD not in message
    assert (await world.told())[:2] == ("False", "CatalogMissing")
    await world.reconcile()
    assert (await world.told())[0] == "True"


SWALLOWED = {
    "swallowed": {
        "errors": [{"status": 422, "detail": "Discover catalog failed", "source": {"catalog": "can't be blank"}}]
    },
    "raised": {"errors": [{"status": 400, "detail": f"#<Connector configuration: {PASSWORD}>"}]},
}


async def test_a_new_catalog_is_made_on_request_once(world: Process) -> None:
    await world.connector(**DESTINATION)
    await world.reconcile()
    number = sent(world)["id"]
    world.sandbox.control("PUT", f"/discovers/{number}", {"streams": ["orders"]})
    world.forget()
    await world.annotate(CONNECTOR_KIND, "shop", discover_requested_at="one")
    for _ in range(3):
        await world.reconcile()

    assert world.calls() == [f"GET /connectors/{number}/discover"]
    [asked] = world.sandbox.requests()
    assert asked["query"] == {"refresh": "true"}
    status = await world.status()
    assert (status["streams"], status["lastHandledDiscoverRequest"]) == (["orders"], "one")


async def test_a_refresh_that_fails_is_answered_and_the_catalog_made_without_another(world: Process) -> None:
    await world.connector(**DESTINATION)
    await world.reconcile()
    number = sent(world)["id"]
    world.sandbox.control("PUT", f"/discovers/{number}", {"failure": "swallowed"})
    world.forget()
    await world.annotate(CONNECTOR_KIND, "shop", discover_requested_at="one")
    await world.reconcile()
    assert (await world.told())[:2] == ("False", "CatalogMissing")
    assert "streamCount" not in await world.status()
    await world.reconcile()

    assert (await world.told())[0] == "True"
    assert [asked["query"] for asked in world.sandbox.requests()] == [{"refresh": "true"}, {}]


async def test_a_check_is_made_after_each_write_alone(world: Process) -> None:
    await settled(world, check="OnChange")
    assert (await world.told("Connected"))[0] == "True"
    await world.reconcile()
    await world.resync()
    assert [call for call in world.calls() if "check" in call] == []
    world.sandbox.control("PUT", "/release", {"connections_work": False})
    await world.connector(configuration={**SOURCE["configuration"], "database": "archive"})
    await world.reconcile()

    assert [call for call in world.calls() if "check" in call] == ["POST /connector_definitions/check_connection"]
    status, reason, message = await world.told("Connected")
    assert (status, reason) == ("False", "Rejected")
    assert "Connection refused" in message
    assert (await world.told())[0] == "True", "it is no part of Ready"


async def test_one_bad_row_of_the_list_hides_no_change_of_another(world: Process) -> None:
    await settled(world)
    row = sent(world)
    world.sandbox.call("POST", "/connectors", connector=dict(STRANGER, name="other", connector_name="Snowflake",
        configuration={"host": "h", "role": "r", "warehouse": "w", "database": "d"}))  # fmt: skip
    world.sandbox.control("DELETE", "/definitions/source/Snowflake")
    assert world.sandbox.call("GET", "/connectors").status_code == 400
    changed = {**row["configuration"], "host": "elsewhere.example.com"}
    world.sandbox.control("PATCH", f"/connectors/{row['id']}", {"configuration": changed})
    await world.resync()

    assert world.stored()[0]["configuration"]["host"] == "db.example.com"
    comparison = world.context.comparisons.get(world.home)
    assert comparison is not None
    assert comparison.message.startswith("its Connectors are compared")
    assert "GET /connectors" in comparison.message


async def test_no_secret_is_told_anywhere(world: Process, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    world.sandbox.fault(method="POST", path="/connectors", status=400, body={"error": f"#<Connector {PASSWORD}>"})
    await world.connector(**SOURCE, check="OnChange")
    await world.reconcile()
    world.ahead = timedelta(minutes=1)
    await world.reconcile()
    world.sandbox.fault(method="GET", path="/connectors", status=400, body={"error": f"#<Connector {PASSWORD}>"})
    await world.resync()
    await world.secret("tr0ub4dor")
    await world.resync()

    told = json.dumps([await world.get(CONNECTOR_KIND, "shop"), [str(event) for event in world.events.told]])
    for planted in (PASSWORD, "tr0ub4dor"):
        assert planted not in told
        assert planted not in caplog.text


async def test_a_server_that_masks_nothing_is_kept_in_sync_and_its_answers_out_of_the_status(world: Process) -> None:
    world.sandbox.control("PUT", "/release", {"masks_secrets": False})
    await settled(world)
    await world.resync()
    assert world.calls() == []
    row = sent(world)
    changed = {**row["configuration"], "credentials": {**row["configuration"]["credentials"], "password": "theirs"}}
    world.sandbox.control("PATCH", f"/connectors/{row['id']}", {"configuration": changed})
    await world.resync()

    assert sent(world)["configuration"]["credentials"]["password"] == PASSWORD
    told = json.dumps(await world.get(CONNECTOR_KIND, "shop")) + str(world.events.told)
    assert PASSWORD not in told
    assert "theirs" not in told


ROTATED: dict[str, Any] = {
    "connectorType": "source",
    "connectorName": "IntuitQuickBooks",
    "configuration": {"realm": "shop"},
    "configurationSecrets": [{"pointer": "/refresh_token", "secretKeyRef": {"name": "warehouse", "key": "password"}}],
}


async def test_a_secret_that_the_server_replaces_by_itself_is_not_sent_again(world: Process) -> None:
    properties = {"realm": {"type": "string"}, "refresh_token": {"type": "string", "multiwoven_secret": True}}
    schema = {"type": "object", "properties": properties}
    definition = {
        "name": "IntuitQuickBooks",
        "connector_type": "source",
        "connector_spec": {"connection_specification": schema},
    }
    world.sandbox.control("PUT", "/definitions/source/IntuitQuickBooks", {"definition": definition, "streams": []})
    await world.connector(**ROTATED)
    await world.reconcile()
    assert (await world.told())[0] == "True", await world.told()
    row = sent(world)
    assert row["configuration"]["refresh_token"] == PASSWORD
    rotated = {"configuration": {**row["configuration"], "refresh_token": "rotated"}}
    world.sandbox.control("PATCH", f"/connectors/{row['id']}", rotated)
    world.forget()
    await world.resync()
    assert world.calls() == []
    await world.connector(description="The books.")
    await world.reconcile()
    assert sent(world)["description"].startswith("The books.")
    assert sent(world)["configuration"]["refresh_token"] == "rotated"
    await world.secret("tr0ub4dor")
    await world.resync()

    assert sent(world)["configuration"]["refresh_token"] == "tr0ub4dor"
