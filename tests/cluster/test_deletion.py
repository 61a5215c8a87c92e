from tests.support.running import eventually
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND


def test_delete_takes_cronjob_and_server_sync_along(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready(scheduleType="cron_expression", cronExpression="0 1 * * *")

    tenant.delete()
    tenant.gone()

    assert tenant.cronjobs() == []
    assert tenant.sandbox.syncs() == []
    tenant.told("Deleted")


def test_retain_leaves_the_servers_sync(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready(deletionPolicy="Retain")

    tenant.delete()
    tenant.gone()

    assert len(tenant.sandbox.syncs()) == 1
    assert not tenant.sandbox.requests("DELETE", "/syncs/")
    tenant.told("Retained")


def test_deleted_before_it_was_ever_registered(tenant: Tenant) -> None:
    tenant.sync()
    tenant.when(SYNC_KIND, "orders", "Ready", "False", "WorkspaceNotFound")

    tenant.delete()

    tenant.gone()


def test_a_server_that_cannot_answer_keeps_the_resource_and_names_the_way_out(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready()
    tenant.sandbox.fault(method="DELETE", path="/syncs/1", times=-1, status=503)

    tenant.delete()
    sync = tenant.when(SYNC_KIND, "orders", "Ready", "False", "DeleteFailed")
    assert "deletionPolicy to Retain" in condition(sync)["message"]

    tenant.patch(deletionPolicy="Retain")
    tenant.gone()
    assert len(tenant.sandbox.syncs()) == 1


def test_a_server_that_answers_again_is_asked_again(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready()
    tenant.sandbox.fault(method="DELETE", path="/syncs/1", times=2, status=503)

    tenant.delete()
    tenant.gone()

    assert tenant.sandbox.syncs() == []


def test_deleting_goes_on_with_the_last_credentials_when_the_workspace_went_first(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready()
    tenant.kube.resource(WORKSPACE_KIND).delete(name="default", namespace=tenant.namespace)
    tenant.when(SYNC_KIND, "orders", "Ready", "False", "WorkspaceNotFound")

    tenant.delete()
    tenant.gone()

    eventually(lambda: tenant.sandbox.syncs() == [], "the server's sync to be gone")


def test_an_active_run_is_canceled_first(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready()
    tenant.sandbox.outcome(seconds=600)
    assert tenant.sandbox.call("POST", "/schedule_syncs", schedule_sync={"sync_id": 1}).status_code == 200
    eventually(lambda: tenant.sandbox.call("GET", "/syncs/1/sync_runs").json()["data"], "the run to appear")

    tenant.delete()
    tenant.gone()

    assert [entry["status"] for entry in tenant.sandbox.requests("DELETE", "/schedule_syncs/1")] == [200]
