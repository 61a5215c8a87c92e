"""The controller of these tests compares with the server every 10 seconds."""

import base64
import time
from typing import Any

from tests.support.running import eventually
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import SYNC_KIND


def stored(tenant: Tenant) -> dict[str, Any]:
    [sync] = tenant.sandbox.syncs()
    return sync


def test_correct_puts_back_and_says_what(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready(scheduleType="cron_expression", cronExpression="0 1 * * *")

    tenant.sandbox.edit("1", sync_mode="incremental", configuration=[])

    eventually(lambda: stored(tenant)["attributes"]["configuration"] != [], "the configuration to be put back")
    sync = tenant.when(SYNC_KIND, "orders", "Registered", reason="DriftCorrected")
    message = condition(sync, "Registered")["message"]
    assert "configuration/0" in message
    assert "spec.syncMode from incremental back to full_refresh" in message
    assert "To keep such a change, write it into the spec" in message
    assert condition(sync)["status"] == "True"
    assert "drift" not in sync["status"]
    tenant.told("DriftCorrected")

    tenant.patch(syncMode="incremental")
    sync = tenant.when(SYNC_KIND, "orders", "Registered", reason="Registered")
    assert condition(sync, "Registered")["message"] == "registered as sync 1 in workspace 1"


def test_what_is_fixed_is_told_and_never_put_back(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready(scheduleType="cron_expression", cronExpression="0 1 * * *")

    tenant.sandbox.edit("1", stream_name="elsewhere", sync_mode="incremental")

    sync = tenant.when(SYNC_KIND, "orders", "Ready", "False", "Conflict")
    assert "spec.streamName" in condition(sync)["message"]
    assert "streamName: contacts → elsewhere" in condition(sync)["message"]
    assert stored(tenant)["attributes"]["sync_mode"] == "incremental"
    eventually(lambda: tenant.cronjob()["spec"]["suspend"], "its CronJob to be suspended")

    tenant.sandbox.edit("1", stream_name="contacts")

    sync = tenant.when(SYNC_KIND, "orders", "Ready")
    assert stored(tenant)["attributes"]["sync_mode"] == "full_refresh"
    eventually(lambda: not tenant.cronjob()["spec"]["suspend"], "its CronJob to go on")


def test_a_sync_that_somebody_disabled_is_enabled_and_can_run(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready()
    tenant.sandbox.outcome(seconds=600)
    assert tenant.sandbox.call("POST", "/schedule_syncs", schedule_sync={"sync_id": 1}).status_code == 200
    eventually(lambda: tenant.sandbox.call("GET", "/syncs/1/sync_runs").json()["data"], "the run to appear")
    assert tenant.sandbox.call("PATCH", "/syncs/1/enable", enable=False).status_code == 200

    eventually(lambda: stored(tenant)["status"] == "pending", "the sync to be enabled again")
    eventually(lambda: tenant.sandbox.runs()[0]["status"] == "canceled", "the row left behind to be canceled")
    time.sleep(3)  # by the server's clock, which knows whole seconds, that run is to be older than the request
    tenant.sandbox.outcome(seconds=1)
    tenant.request_run("one")

    assert tenant.ran("Request")["status"]["lastRun"]["status"] == "success"


def test_a_schedule_that_somebody_gave_it_ends(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready()

    schedule = {"schedule_type": "interval", "sync_interval": 5, "sync_interval_unit": "minutes"}
    assert tenant.sandbox.call("PUT", "/syncs/1", sync=schedule).status_code == 200
    assert stored(tenant)["server_schedule"]

    eventually(lambda: stored(tenant)["attributes"]["schedule_type"] == "manual", "the type to be put back")
    eventually(lambda: stored(tenant)["server_schedule"] is None, "the server's own schedule to end")


def test_report_says_so_and_leaves_it(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready(driftPolicy="Report")

    tenant.sandbox.edit("1", configuration=[{"from": "id", "to": "other", "mapping_type": "standard"}])

    sync = tenant.when(SYNC_KIND, "orders", "Ready", "False", "DriftFound")
    assert sync["status"]["drift"] == ["configuration/0/to: external_id → other"]
    assert stored(tenant)["attributes"]["configuration"][0]["to"] == "other"
    assert not tenant.sandbox.requests("PUT")

    tenant.sandbox.edit("1", configuration=[{"from": "id", "to": "external_id", "mapping_type": "standard"}])
    sync = tenant.when(SYNC_KIND, "orders", "Ready")
    assert "drift" not in sync["status"]

    tenant.sandbox.edit("1", sync_mode="incremental")
    tenant.when(SYNC_KIND, "orders", "Ready", "False", "DriftFound")
    tenant.patch(driftPolicy="Correct")
    tenant.when(SYNC_KIND, "orders", "Ready")
    assert stored(tenant)["attributes"]["sync_mode"] == "full_refresh"


def test_ignore_does_nothing(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready("watched")
    tenant.ready("ignored", driftPolicy="Ignore")

    for sync_id in ("1", "2"):
        tenant.sandbox.edit(sync_id, sync_mode="incremental")

    def modes() -> dict[int, str]:
        return {sync["id"]: sync["attributes"]["sync_mode"] for sync in tenant.sandbox.syncs()}

    eventually(lambda: modes()[1] == "full_refresh", "the watched one to be put back")
    assert modes()[2] == "incremental"


def test_numbers_as_a_database_writes_them_are_no_drift(tenant: Tenant) -> None:
    """Beyond 64 bits the API server makes floats of integers, and the sync server's database integers of floats."""
    tenant.connect()
    tenant.ready(configuration={"a": 1e23, "b": 12345678901234567890123, "c": 1e21, "d": -0.0, "e": 1e-7})
    tenant.sandbox.edit(
        "1", configuration={"a": 10**23, "b": 12345678901234568 * 10**6, "c": 10**21, "d": 0, "e": 0.0000001}
    )
    tenant.sandbox.forget_requests()

    eventually(lambda: len(tenant.sandbox.requests("GET", "/api/v1/syncs")) > 2, "two comparisons with the server")

    assert tenant.sandbox.requests("PUT") == []
    assert "DriftCorrected" not in tenant.events()


def test_a_deleted_sync_is_made_anew(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready(scheduleType="cron_expression", cronExpression="0 1 * * *")

    assert tenant.sandbox.call("DELETE", "/syncs/1").status_code == 204

    eventually(lambda: tenant.get()["status"].get("id") == "2", "another sync")
    sync = tenant.when(SYNC_KIND, "orders", "Ready")
    assert condition(sync, "Registered")["reason"] == "Recreated"
    assert len(tenant.sandbox.syncs()) == 1
    tenant.told("Recreated")
    env = tenant.cronjob()["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "SYNC_ID", "value": "2"} in env
    assert tenant.cronjob()["spec"]["suspend"] is False


def test_an_adopted_sync_that_was_deleted_is_not_made_anew(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready("first", deletionPolicy="Retain")
    tenant.delete("first")
    tenant.gone("first")
    tenant.ready(externalId="1", scheduleType="cron_expression", cronExpression="0 1 * * *")

    assert tenant.sandbox.call("DELETE", "/syncs/1").status_code == 204

    sync = tenant.when(SYNC_KIND, "orders", "Stalled", reason="ExternalNotFound")
    assert "remove spec.externalId" in condition(sync)["message"]
    assert tenant.sandbox.syncs() == []
    eventually(lambda: tenant.cronjob()["spec"]["suspend"], "its CronJob to be suspended")

    tenant.patch(externalId=None)
    tenant.when(SYNC_KIND, "orders", "Ready")
    assert stored(tenant)["id"] == 2


def test_values_of_secrets_are_sent_and_followed_and_shown_nowhere(tenant: Tenant) -> None:
    def secret(value: str) -> None:
        data = {"key": base64.b64encode(value.encode()).decode()}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "vectors"}, "data": data}
        resource = tenant.kube.resource("Secret", "v1")
        resource.server_side_apply(body=body, namespace=tenant.namespace, field_manager="tests", force_conflicts=True)

    mapping = {"from": "text", "to": "vector", "mapping_type": "vector", "embedding_config": {"mode": "openai"}}
    pointer = "/0/embedding_config/api_key"
    tenant.connect()

    tenant.sync(
        configuration=[mapping],
        configurationSecrets=[{"pointer": pointer, "secretKeyRef": {"name": "vectors", "key": "key"}}],
        driftPolicy="Report",
    )
    sync = tenant.when(SYNC_KIND, "orders", "Ready", "False", "InvalidSpec")
    assert "Secret 'vectors'" in condition(sync)["message"]

    def key() -> str:
        return str(stored(tenant)["attributes"]["configuration"][0]["embedding_config"]["api_key"])

    secret("planted-one")
    tenant.when(SYNC_KIND, "orders", "Ready")
    assert key() == "planted-one"

    secret("planted-two")
    eventually(lambda: key() == "planted-two", "the changed Secret to be sent")
    tenant.when(SYNC_KIND, "orders", "Ready")

    changed = {**mapping, "embedding_config": {"mode": "openai", "api_key": "planted-three"}}
    tenant.sandbox.edit("1", configuration=[changed])
    sync = tenant.when(SYNC_KIND, "orders", "Ready", "False", "DriftFound")
    assert sync["status"]["drift"] == [f"configuration{pointer}: (hidden) → (hidden)"]
    assert "planted" not in str(sync)
    assert "planted" not in str(tenant.kube.resource("Event", "v1").get(namespace=tenant.namespace).to_dict())
