"""Source, destination and model by name: looked up on the server, and fixed to what they led to."""

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import pytest
from kubernetes import client
from tests.cluster.test_adoption import made_by_somebody
from tests.support.manifests import BY_NAME, REMOVED
from tests.support.plane import Kube, Plane, Refusal
from tests.support.running import Controller, Sandbox, eventually, running_controller, running_sandbox
from tests.support.syncs import Tenant, condition, is_ready

from sync_operator.api.constants import SYNC_KIND

SYNCS: Final = 20
NUMBERS: Final = (21, 22, 23)
"""Source, destination and model, where names lead to."""


def ids(attributes: dict[str, Any], style: str = "{}_id") -> tuple[int, ...]:
    return tuple(attributes[style.format(role)] for role in ("source", "destination", "model"))


def told_ids(sync: dict[str, Any]) -> tuple[int, ...]:
    return ids(sync["status"], "{}Id")


def writes(sandbox: Sandbox) -> list[str]:
    return [entry["method"] for entry in sandbox.requests() if entry["method"] != "GET"]


@pytest.fixture
def production(kube: Kube, tmp_path: Path, controller: Controller) -> Iterator[Tenant]:
    """Another namespace, at another server."""
    assert controller.log.exists()
    namespace = f"production-{token_hex(4)}"
    kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))
    (tmp_path / "production").mkdir()
    with running_sandbox(tmp_path / "production") as sandbox:
        yield Tenant(kube, namespace, sandbox)
    kube.drop_namespace(namespace)


def test_one_manifest_serves_two_workspaces(tenant: Tenant, production: Tenant) -> None:
    for where, found in ((tenant, (21, 22, 23)), (production, (31, 32, 33))):
        where.sandbox.name_all(*found)
        where.connect()

        sync = where.ready(**BY_NAME)

        [stored] = where.sandbox.syncs()
        assert ids(stored["attributes"]) == told_ids(sync) == found


def test_a_missing_name_is_told_with_what_was_meant_and_heals_by_itself(tenant: Tenant) -> None:
    tenant.sandbox.name_all(*NUMBERS)
    tenant.sandbox.name("model", 23, "Custmers")
    tenant.connect()
    tenant.sync(**BY_NAME)

    sync = tenant.when(SYNC_KIND, "orders", "Stalled", reason="InvalidSpec")
    for kind in ("Ready", "Registered"):
        assert condition(sync, kind)["status"] == "False"
        assert "spec.modelRef.serverName" in condition(sync, kind)["message"]
        assert "did you mean 'Custmers' (id 23)?" in condition(sync, kind)["message"]
    assert writes(tenant.sandbox) == []

    tenant.sandbox.name("model", 24, "Customers", source=21)

    sync = tenant.when(SYNC_KIND, "orders", "Ready")
    assert told_ids(sync) == (21, 22, 24)
    assert condition(sync, "Stalled") == {}


def test_an_ambiguous_name_is_told_with_all_that_have_it_and_heals_by_itself(tenant: Tenant) -> None:
    tenant.sandbox.name_all(*NUMBERS)
    tenant.sandbox.name("source", 31, "Warehouse")
    tenant.connect()
    tenant.sync(**BY_NAME)

    sync = tenant.when(SYNC_KIND, "orders", "Stalled", reason="InvalidSpec")
    assert "ids 21, 31" in condition(sync)["message"]
    assert "spec.sourceId" in condition(sync)["message"]

    tenant.sandbox.name("source", 31, "Warehouse of old")

    assert told_ids(tenant.when(SYNC_KIND, "orders", "Ready")) == (21, 22, 23)


def test_an_id_may_become_the_name_of_the_same_thing_and_back_without_a_write(tenant: Tenant) -> None:
    tenant.sandbox.name_all(*NUMBERS)
    tenant.connect()
    before = tenant.ready(sourceId=21, destinationId=22, modelId=23)
    assert told_ids(before) == (21, 22, 23)
    tenant.sandbox.forget_requests()

    change = {name: None if value is REMOVED else value for name, value in BY_NAME.items()}
    tenant.kube.patch(SYNC_KIND, "orders", tenant.namespace, {"spec": change})
    by_name = tenant.when(SYNC_KIND, "orders", "Ready")
    tenant.patch(sourceId=21, sourceRef=None, destinationId=22, destinationRef=None, modelId=23, modelRef=None)
    after = tenant.when(SYNC_KIND, "orders", "Ready")

    assert told_ids(by_name) == told_ids(after) == (21, 22, 23)
    assert by_name["status"]["id"] == after["status"]["id"] == before["status"]["id"]
    assert writes(tenant.sandbox) == []


def test_once_registered_another_id_is_refused_and_another_name_is_told(tenant: Tenant) -> None:
    tenant.sandbox.name_all(*NUMBERS)
    tenant.sandbox.name("source", 31, "Another")
    tenant.connect()
    tenant.ready(**BY_NAME)
    tenant.sandbox.forget_requests()

    with pytest.raises(Refusal) as refused:
        tenant.patch(sourceRef=None, sourceId=31)
    assert "spec.sourceId" in refused.value.fields

    tenant.patch(sourceRef={"serverName": "Another"})
    sync = tenant.when(SYNC_KIND, "orders", "Stalled", reason="Conflict")
    assert "spec.sourceRef.serverName: 'Another' is source 31" in condition(sync)["message"]
    assert "registered with source 21, which is named 'Warehouse'" in condition(sync)["message"]
    assert told_ids(sync) == (21, 22, 23)

    tenant.patch(sourceRef=None, sourceId=21)
    tenant.when(SYNC_KIND, "orders", "Ready")
    assert writes(tenant.sandbox) == []


def test_a_name_that_moves_on_the_server_is_told_and_followed_by_no_write(tenant: Tenant) -> None:
    tenant.sandbox.name_all(*NUMBERS)
    tenant.connect()
    tenant.ready(**BY_NAME)
    tenant.sandbox.forget_requests()

    tenant.sandbox.name("destination", 22, "CRM of old")
    sync = tenant.when(SYNC_KIND, "orders", "Stalled", reason="InvalidSpec")
    assert "destination 22, which is named 'CRM of old'" in condition(sync)["message"]

    tenant.sandbox.name("destination", 32, "CRM")
    sync = tenant.when(SYNC_KIND, "orders", "Stalled", reason="Conflict")
    assert "'CRM' is destination 32" in condition(sync)["message"]
    assert told_ids(sync) == (21, 22, 23)
    assert tenant.cronjobs() == ["orders"], "what was registered goes on"

    tenant.sandbox.name("destination", 22, "CRM")
    tenant.when(SYNC_KIND, "orders", "Ready")
    assert writes(tenant.sandbox) == []
    assert [ids(stored["attributes"]) for stored in tenant.sandbox.syncs()] == [(21, 22, 23)]


def test_what_is_deleted_and_made_again_under_its_name_is_found_again(tenant: Tenant) -> None:
    tenant.sandbox.name_all(*NUMBERS)
    tenant.connect()
    tenant.ready(**BY_NAME)

    tenant.sandbox.unname("source", 21)
    tenant.sandbox.name("source", 31, "Warehouse")
    tenant.sandbox.name("model", 23, "Customers", source=31)  # it was deleted with its source

    def anew() -> bool:
        sync = tenant.get()
        return is_ready(sync) and told_ids(sync) == (31, 22, 23)

    # A controller waits until what another one may have sent before it can no longer be under way.
    eventually(anew, "the sync made anew from the new source", seconds=75)
    assert [ids(stored["attributes"]) for stored in tenant.sandbox.syncs()] == [(31, 22, 23)]


def test_a_sync_is_adopted_by_names_or_not(tenant: Tenant) -> None:
    tenant.sandbox.name_all(*NUMBERS)
    made_by_somebody(tenant.sandbox, schedule_type="manual", source_id=21, destination_id=22, model_id=23)
    made_by_somebody(tenant.sandbox, schedule_type="manual", source_id=9, destination_id=22, model_id=23)
    tenant.connect()

    assert told_ids(tenant.ready(externalId="1", **BY_NAME)) == (21, 22, 23)

    tenant.sync("other", externalId="2", **BY_NAME)
    sync = tenant.when(SYNC_KIND, "other", "Stalled", reason="Conflict")
    assert "spec.sourceRef.serverName" in condition(sync)["message"]
    assert writes(tenant.sandbox) == ["POST", "POST"], "ours to make them"


def test_a_lost_create_by_name_is_found(tenant: Tenant) -> None:
    tenant.sandbox.name_all(*NUMBERS)
    tenant.sandbox.fault(method="POST", path="/syncs$", lose="after")
    tenant.connect()

    tenant.ready(**BY_NAME)

    assert [ids(stored["attributes"]) for stored in tenant.sandbox.syncs()] == [(21, 22, 23)]


def test_lists_that_the_server_does_not_give_are_waited_for_by_what_is_not_registered_only(tenant: Tenant) -> None:
    tenant.sandbox.name_all(*NUMBERS)
    tenant.connect()
    tenant.sandbox.fault(method="GET", path="/(connectors|models)", times=-1, status=500)
    tenant.sync(**BY_NAME)
    tenant.when(SYNC_KIND, "orders", "Ready", "False", "ServerUnavailable")
    assert writes(tenant.sandbox) == []
    tenant.sandbox.clear_faults()
    assert told_ids(tenant.when(SYNC_KIND, "orders", "Ready", seconds=60)) == (21, 22, 23)

    tenant.sandbox.fault(method="GET", path="/(connectors|models)", times=-1, status=500)
    tenant.sandbox.forget_requests()
    tenant.sandbox.edit("1", sync_mode="incremental")

    eventually(lambda: tenant.sandbox.requests("PUT"), "what somebody changed to be put back")
    eventually(lambda: tenant.sandbox.requests("GET", "/connectors"), "a list that is not given")
    assert is_ready(tenant.get())


def test_names_lead_to_ids_in_the_documented_dialect_too(
    kube: Kube, namespace: str, documented: Sandbox, controller: Controller
) -> None:
    assert controller.log.exists()
    tenant = Tenant(kube, namespace, documented)
    documented.name_all(*NUMBERS)
    tenant.connect()

    sync = tenant.ready(scheduleType="automated", syncInterval=5, syncIntervalUnit="minutes", **BY_NAME)

    [stored] = documented.syncs()
    assert ids(stored["attributes"]) == told_ids(sync) == (21, 22, 23)


@pytest.mark.timeout(180)
def test_many_syncs_share_one_list_of_each_kind(quiet: Plane, team: Tenant, tmp_path: Path) -> None:
    team.sandbox.name_all(*NUMBERS)
    with running_controller(quiet, tmp_path, SYNC_OPERATOR_RELIST_SECONDS="600"):
        team.connect()
        for number in range(SYNCS):
            team.sync(f"sync-{number}", **BY_NAME)
        for number in range(SYNCS):
            team.when(SYNC_KIND, f"sync-{number}", "Ready", seconds=60)

    asked = [entry["path"].removeprefix("/api/v1") for entry in team.sandbox.requests("GET")]
    assert len(team.sandbox.syncs()) == SYNCS
    assert asked.count("/connectors") == 2, "sources, destinations"
    assert asked.count("/models") == 1
