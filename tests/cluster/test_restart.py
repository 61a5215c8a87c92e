import signal
from pathlib import Path

from tests.support.plane import Kube, Plane
from tests.support.running import Controller, Sandbox, eventually
from tests.support.syncs import Tenant

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND


def test_a_killed_controller_comes_back_without_a_write(
    kube: Kube, plane: Plane, namespace: str, sandbox: Sandbox, controller: Controller
) -> None:
    tenant = Tenant(kube, namespace, sandbox)
    tenant.connect()
    names = [f"sync-{number}" for number in range(50)]
    for name in names:
        tenant.sync(name, scheduleType="automated", syncInterval=1, syncIntervalUnit="days")
    for name in names:
        tenant.when(SYNC_KIND, name, "Ready")
    eventually(
        lambda: kube.get(WORKSPACE_KIND, "default", namespace)["status"].get("syncs") == 50, "the Workspace's count"
    )
    assert len(sandbox.syncs()) == 50

    controller.stop(signal.SIGKILL)
    sandbox.forget_requests()
    since = plane.audit_log.stat().st_size
    controller.start()
    eventually(lambda: sandbox.requests("GET", "/users/me"), "the Workspace to be looked at again")
    # A change of one Sync comes back only after every older key was worked on: then all 50 were.
    tenant.patch("sync-0", suspend=True)
    tenant.when(SYNC_KIND, "sync-0", "Ready", reason="Suspended")

    assert not sandbox.requests("POST")
    ours = plane.operator_writes(since, namespace)
    touched = {entry["objectRef"].get("name") for entry in ours if entry["objectRef"]["resource"] != "events"}
    assert touched == {"sync-0"}


def test_killed_between_create_and_status_there_is_one_sync(
    kube: Kube, plane: Plane, namespace: str, sandbox: Sandbox, controller: Controller
) -> None:
    tenant = Tenant(kube, namespace, sandbox)
    tenant.connect()
    sandbox.fault(method="POST", path="/syncs$", linger=20)

    tenant.sync()
    eventually(sandbox.syncs, "the create to arrive")
    controller.stop(signal.SIGKILL)
    since = plane.audit_log.stat().st_size
    controller.start()

    sync = tenant.when(SYNC_KIND, "orders", "Ready")
    [stored] = sandbox.syncs()
    assert sync["status"]["id"] == str(stored["id"])
    assert len(plane.operator_writes(since)) >= 2


def test_bad_settings_stop_the_start_with_one_line(tmp_path: Path, plane: Plane) -> None:
    controller = Controller(plane, tmp_path, SYNC_OPERATOR_WORKER="3")
    try:
        controller.start()
    except AssertionError:
        assert controller.log.read_text().startswith("sync-operator: SYNC_OPERATOR_WORKER: unknown setting")
        assert controller.stop() == 2
    else:
        raise AssertionError("it started")
