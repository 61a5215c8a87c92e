import json
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support.bad_manifests import BAD_SYNCS, Bad, Judge
from tests.support.manifests import sync_manifest
from tests.support.plane import Kube, Plane
from tests.support.running import Controller, Sandbox, eventually, running_controller
from tests.support.syncs import MAPPING, Tenant, condition

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND

SEED: dict[str, Any] = {
    "sourceId": 123,
    "destinationId": 124,
    "modelId": 125,
    "scheduleType": "automated",
    "configuration": MAPPING,
    "streamName": "orders",
    "syncMode": "full_refresh",
    "syncInterval": 123,
    "syncIntervalUnit": "minutes",
    "cronExpression": "5 4 * * *",
    "cursorField": "updated_at",
}
SEED_BODY = {
    "source_id": 123,
    "destination_id": 124,
    "model_id": 125,
    "schedule_type": "automated",
    "configuration": MAPPING,
    "stream_name": "orders",
    "sync_mode": "full_refresh",
    "sync_interval": 123,
    "sync_interval_unit": "minutes",
    "cron_expression": "5 4 * * *",
    "cursor_field": "updated_at",
}


def created(sandbox: Sandbox) -> list[Any]:
    return [entry["body"] for entry in sandbox.requests("POST", "/syncs") if entry["path"] == "/api/v1/syncs"]


def test_multiwoven_gets_the_seed_body_as_a_manual_sync(tenant: Tenant) -> None:
    tenant.connect()
    tenant.sandbox.name_all(123, 124, 125)

    sync = tenant.ready(**SEED)

    assert created(tenant.sandbox) == [{"sync": SEED_BODY | {"schedule_type": "manual"}}]
    status = sync["status"]
    assert (status["id"], status["origin"], status["workspaceId"]) == ("1", "Created", "1")
    assert status["url"] == tenant.sandbox.url
    assert status["effectiveSchedule"] == "5 4 * * *"
    assert len(status["nextRuns"]) == 5
    assert condition(sync, "Registered")["reason"] == "Registered"
    assert condition(sync, "Scheduled")["status"] == "True"
    assert not condition(sync, "Reconciling")
    assert not condition(sync, "Stalled")
    tenant.told("Scheduled")
    assert tenant.events() == ["Scheduled"]


def test_documented_gets_exactly_the_seed_body(
    kube: Kube, namespace: str, documented: Sandbox, controller: Controller
) -> None:
    assert controller.log.exists()
    tenant = Tenant(kube, namespace, documented)
    tenant.connect()
    documented.name_all(123, 124, 125)

    # The seed page shows an empty configuration, which only this dialect takes.
    sync = tenant.ready(**SEED | {"configuration": {}})

    assert created(documented) == [{"sync": SEED_BODY | {"configuration": {}}}]
    assert kube.get(WORKSPACE_KIND, "default", namespace)["status"]["dialect"] == "Documented"
    assert "the server also schedules" in condition(sync)["message"]


def test_what_is_hardly_meant_is_told_by_ready(tenant: Tenant) -> None:
    tenant.connect()

    sync = tenant.ready(configuration=[*MAPPING, {"from": "a", "to": "b"}, {"from": "c", "to": "d"}])
    tenant.kube.patch(SYNC_KIND, "orders", tenant.namespace, {"metadata": {"annotations": {"squared.ai/run-at": "1"}}})

    told = "; warning: spec.configuration[1] (and 1 more): has no mapping_type, so that the server maps nothing by it"
    assert told in condition(sync)["message"]
    strange = "; warning: metadata.annotations[squared.ai/run-at] is not an annotation that the operator reads"
    eventually(lambda: strange in condition(tenant.get())["message"], "the annotation to be told")
    assert strange in tenant.get()["status"]["message"]
    misspelt = {"metadata": {"annotations": {"squared.ai/confirm": "1"}}}
    tenant.kube.patch(WORKSPACE_KIND, "default", tenant.namespace, misspelt)
    eventually(
        lambda: (
            "[squared.ai/confirm]" in condition(tenant.kube.get(WORKSPACE_KIND, "default", tenant.namespace))["message"]
        ),
        "the Workspace's to be told",
    )

    tenant.kube.patch(SYNC_KIND, "orders", tenant.namespace, {"metadata": {"annotations": {"squared.ai/run-at": None}}})
    tenant.patch(configuration=MAPPING)
    eventually(lambda: "warning" not in condition(tenant.get())["message"], "nothing to be told any more")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"scheduleType": "manual"}, "spec.scheduleType"),
        ({"syncMode": "incremental"}, "spec.syncMode"),
        ({"syncIntervalUnit": "hours"}, "spec.syncIntervalUnit"),
    ],
)
def test_documented_has_no_word_for_some_specs(
    kube: Kube, namespace: str, documented: Sandbox, controller: Controller, changes: dict[str, Any], field: str
) -> None:
    assert controller.log.exists()
    tenant = Tenant(kube, namespace, documented)
    tenant.connect()

    tenant.sync(**SEED | changes)

    sync = tenant.when(SYNC_KIND, "orders", "Stalled", reason="InvalidSpec")
    assert field in condition(sync)["message"]
    assert created(documented) == []


def test_an_empty_configuration_stalls_on_multiwoven(tenant: Tenant) -> None:
    tenant.connect()

    tenant.sync(configuration={})

    sync = tenant.when(SYNC_KIND, "orders", "Stalled", reason="InvalidSpec")
    assert "spec.configuration" in condition(sync)["message"]


@pytest.mark.parametrize("case", [pytest.param(bad, id=bad.name) for bad in BAD_SYNCS if bad.judge is Judge.OPERATOR])
def test_what_the_api_server_cannot_judge_stalls_with_field_and_remedy(tenant: Tenant, case: Bad) -> None:
    tenant.kube.create(case.sync, tenant.namespace)

    sync = tenant.when(SYNC_KIND, case.name, "Stalled", reason="InvalidSpec")

    assert case.field in condition(sync)["message"]
    assert case.words in condition(sync)["message"]
    assert condition(sync)["status"] == "False"


def test_what_is_missing_may_come_later(tenant: Tenant) -> None:
    tenant.sync()
    sync = tenant.when(SYNC_KIND, "orders", "Ready", "False", "WorkspaceNotFound")
    assert "create it" in condition(sync)["message"]

    tenant.workspace()
    tenant.when(WORKSPACE_KIND, "default", "Ready", "False", "WorkspaceNotReady")
    sync = tenant.when(SYNC_KIND, "orders", "Ready", "False", "WorkspaceNotReady")
    assert "Secret 'token'" in condition(sync)["message"]

    tenant.secret()
    tenant.when(WORKSPACE_KIND, "default", "Ready")
    tenant.when(SYNC_KIND, "orders", "Ready")
    counted = eventually(lambda: tenant.kube.get(WORKSPACE_KIND, "default", tenant.namespace)["status"], "a status")
    assert counted["dialect"] == "Multiwoven"
    assert counted["user"] == "operator@example.com"


def test_a_wrong_token_stops_the_traffic_until_the_secret_changes(tenant: Tenant) -> None:
    tenant.secret("wrong")
    tenant.workspace()
    tenant.sync()
    workspace = tenant.when(WORKSPACE_KIND, "default", "Ready", "False", "Unauthorized")
    tenant.when(SYNC_KIND, "orders", "Ready", "False", "Unauthorized")
    assert "wrong" not in condition(workspace)["message"].replace("is wrong", "")
    assert created(tenant.sandbox) == []

    tenant.secret()

    tenant.when(SYNC_KIND, "orders", "Ready")


def test_a_changed_spec_is_sent_and_rescheduled(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready(scheduleType="cron_expression", cronExpression="0 1 * * *")

    tenant.patch(cronExpression="0 2 * * *", syncMode="incremental")
    sync = tenant.when(SYNC_KIND, "orders", "Ready")

    [put] = tenant.sandbox.requests("PUT", "/syncs/1")
    assert put["body"]["sync"]["sync_mode"] == "incremental"
    assert tenant.cronjob()["spec"]["schedule"] == "0 2 * * *"
    assert tenant.cronjob()["status"]["lastScheduleTime"], "the edit must not look back"
    assert sync["status"]["effectiveSchedule"] == "0 2 * * *"
    assert len(tenant.sandbox.syncs()) == 1


def test_the_servers_refusal_stalls_until_the_spec_changes(tenant: Tenant) -> None:
    tenant.connect()
    tenant.sandbox.fault(
        method="POST", path="/syncs$", status=400, body={"errors": {"sync": {"stream_name": ["is unknown"]}}}
    )

    tenant.sync()
    sync = tenant.when(SYNC_KIND, "orders", "Stalled", reason="Rejected")
    assert "spec.streamName is unknown" in condition(sync)["message"]

    tenant.patch(streamName="better")
    tenant.when(SYNC_KIND, "orders", "Ready")
    assert len(created(tenant.sandbox)) == 2


@pytest.mark.parametrize("lose", ["after", "before"])
def test_a_lost_answer_makes_no_twin(tenant: Tenant, lose: str) -> None:
    tenant.connect(timeoutSeconds=2)
    tenant.sandbox.fault(method="POST", path="/syncs$", lose=lose)

    sync = tenant.ready()

    [stored] = tenant.sandbox.syncs()
    assert sync["status"]["id"] == str(stored["id"])
    assert tenant.sandbox.requests("GET", "/syncs"), "the outcome was looked up"


def test_a_spec_edited_while_the_outcome_is_unknown_makes_no_twin(tenant: Tenant) -> None:
    tenant.connect()
    tenant.sandbox.fault(method="POST", path="/syncs$", lose="after")
    tenant.sandbox.fault(method="GET", path="/syncs$", times=-1, status=503)
    tenant.sync(adoptionPolicy="Create")  # else it would wait for the list first
    eventually(tenant.sandbox.syncs, "the create to arrive")

    tenant.patch(streamName="mended", syncMode="incremental")
    tenant.sandbox.clear_faults()

    sync = tenant.when(SYNC_KIND, "orders", "Ready", "False", "Conflict")
    assert "spec.streamName: changed since sync 1 was made" in condition(sync)["message"]
    assert "id" not in sync["status"]
    tenant.patch(streamName="contacts")

    sync = tenant.when(SYNC_KIND, "orders", "Ready")
    [stored] = tenant.sandbox.syncs()
    assert sync["status"]["id"] == str(stored["id"])
    assert (stored["attributes"]["stream_name"], stored["attributes"]["sync_mode"]) == ("contacts", "incremental")


def test_a_sync_restored_from_a_backup_is_not_looked_for_in_a_list_from_before_it_was_made(
    quiet: Plane, team: Tenant, tmp_path: Path
) -> None:
    with running_controller(quiet, tmp_path, SYNC_OPERATOR_RELIST_SECONDS="3600"):
        team.connect(timeoutSeconds=2)
        time.sleep(3)  # from then on no create of an earlier process can be under way, and a list is good for all
        # A lost answer has the controller list the workspace, and keep the list.
        team.sandbox.fault(method="POST", path="/syncs$", lose="after")
        team.ready("first")
        before = team.ready(streamName="others", deletionPolicy="Retain")
        metadata = {key: before["metadata"][key] for key in ("name", "namespace", "annotations", "finalizers")}
        team.delete()
        team.gone()

        restored = {**before, "metadata": metadata}
        del restored["status"]
        applied = quiet.kubectl("apply", "-f", "-", stdin=json.dumps(restored))
        assert applied.returncode == 0, applied.stderr
        after = team.when(SYNC_KIND, "orders", "Ready")

    assert after["status"]["id"] == before["status"]["id"]
    assert len(team.sandbox.syncs()) == 2


def test_a_server_in_trouble_is_asked_again(tenant: Tenant) -> None:
    tenant.connect()
    trouble = {"errors": [{"status": 400, "title": "Bad Request", "detail": "connection pool timeout"}]}
    tenant.sandbox.fault(method="POST", path="/syncs$", status=400, body=trouble)

    tenant.ready()

    assert len(tenant.sandbox.syncs()) == 1


def test_a_replaced_resource_keeps_its_sync(tenant: Tenant, plane: Plane) -> None:
    tenant.connect()
    before = tenant.ready()
    manifest = sync_manifest("orders", configuration=MAPPING)
    manifest["metadata"]["namespace"] = tenant.namespace

    replaced = plane.kubectl("replace", "-f", "-", stdin=json.dumps(manifest))
    assert replaced.returncode == 0, replaced.stderr
    eventually(lambda: tenant.get()["metadata"].get("finalizers"), "the finalizer to come back")
    tenant.patch(syncMode="incremental")
    after = tenant.when(SYNC_KIND, "orders", "Ready")

    assert after["status"]["id"] == before["status"]["id"]
    assert len(tenant.sandbox.syncs()) == 1


def test_a_workspace_that_became_another_one_is_not_touched(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready(scheduleType="cron_expression", cronExpression="0 1 * * *")
    tenant.sandbox.forget_requests()

    tenant.kube.patch(WORKSPACE_KIND, "default", tenant.namespace, {"spec": {"url": f"{tenant.sandbox.url}/other"}})
    sync = tenant.when(SYNC_KIND, "orders", "Stalled", reason="WorkspaceChanged")

    assert "put it back" in condition(sync)["message"]
    eventually(lambda: tenant.cronjob()["spec"]["suspend"], "its CronJob to be suspended")
    held = tenant.when(SYNC_KIND, "orders", "Scheduled", "False", "WorkspaceChanged")
    assert condition(held, "Scheduled")["message"].startswith("CronJob orders is suspended, so nothing runs: ")
    assert not tenant.sandbox.requests("", "/syncs/1")

    tenant.kube.patch(WORKSPACE_KIND, "default", tenant.namespace, {"spec": {"url": tenant.sandbox.url}})
    tenant.when(SYNC_KIND, "orders", "Ready")
    eventually(lambda: not tenant.cronjob()["spec"]["suspend"], "its CronJob to go on")
