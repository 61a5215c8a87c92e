"""What is missing, copied or deleted in bulk: nothing of anybody else's is written or deleted, and each is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import pytest
from kubernetes import client
from tests.support.plane import Kube, Plane, running_plane
from tests.support.running import Controller, Sandbox, eventually, running_controller, running_sandbox
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import CLUSTER_ANNOTATION, SYNC_KIND, TAKE_OVER_ANNOTATION

CRD: Final = "syncs.squared.ai"
WRITES: Final = {"POST", "PUT", "PATCH", "DELETE"}


@contextmanager
def cluster_of_its_own(binary: Path, folder: Path) -> Iterator[tuple[Plane, Kube]]:
    with running_plane(binary, folder) as plane:
        kube = Kube(plane.kubeconfig)
        yield plane, kube
        kube.close()


def made_tenant(kube: Kube, sandbox: Sandbox, name: str = "") -> Tenant:
    name = name or f"tenant-{token_hex(4)}"
    kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    return Tenant(kube, name, sandbox)


def ids(sandbox: Sandbox) -> set[str]:
    return {str(sync["id"]) for sync in sandbox.syncs()}


def writes(sandbox: Sandbox) -> list[tuple[str, str]]:
    return [(entry["method"], entry["path"]) for entry in sandbox.requests() if entry["method"] in WRITES]


def copied(obj: dict[str, Any], *, status: bool) -> dict[str, Any]:
    """An object as a backup restores it into another cluster."""
    given = ("name", "annotations", "finalizers", "labels")
    metadata = {name: value for name, value in obj["metadata"].items() if name in given}
    return obj | {"metadata": metadata} | ({} if status else {"status": {}})


@pytest.mark.timeout(300)
def test_the_deletion_of_the_crd_deletes_nothing_on_the_server(
    plane_binary: Path, tmp_path: Path, sandbox: Sandbox
) -> None:
    with (
        cluster_of_its_own(plane_binary, tmp_path / "plane") as (plane, kube),
        running_controller(plane, tmp_path) as controller,
    ):
        tenant = made_tenant(kube, sandbox)
        tenant.connect()
        for number in range(8):
            tenant.ready(f"orders-{number}", streamName=f"contacts-{number}", deletionPolicy="Delete")
        before = ids(sandbox)
        sandbox.forget_requests()

        assert plane.kubectl("delete", "crd", CRD, "--timeout=60s").returncode == 0

        assert ids(sandbox) == before
        assert writes(sandbox) == []
        assert "is being deleted: its Syncs go" in controller.log.read_text()
        events = tenant._list("Event", "v1")
        said = [event["message"] for event in events if event["reason"] == "Retained"]
        assert len(said) == 8
        assert all("the CRD of all Syncs is being deleted" in words for words in said)


@pytest.mark.timeout(300)
def test_a_sync_that_is_deleted_by_itself_is_deleted_on_the_server(controller: Controller, healthy: Tenant) -> None:
    assert controller.ended is None
    before = ids(healthy.sandbox)
    healthy.delete("before")
    healthy.gone("before")

    assert ids(healthy.sandbox) == before - {"1"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("status", [True, False], ids=["with its status", "without its status"])
def test_a_copy_in_another_cluster_touches_nothing(
    plane_binary: Path, tmp_path: Path, healthy: Tenant, *, status: bool
) -> None:
    original = healthy.get("before")
    sync_id = original["status"]["id"]
    with (
        cluster_of_its_own(plane_binary, tmp_path / "plane") as (plane, kube),
        running_controller(plane, tmp_path),
    ):
        copy = made_tenant(kube, healthy.sandbox, healthy.namespace)
        copy.connect()
        healthy.sandbox.forget_requests()
        restored = copied(original, status=status)
        kube.create({name: value for name, value in restored.items() if name != "status"}, copy.namespace)
        if status:
            kube.patch_status(SYNC_KIND, "before", copy.namespace, original["status"])
        stalled = copy.when(SYNC_KIND, "before", "Ready", "False", "ClusterChanged")

        assert f"{TAKE_OVER_ANNOTATION}=true" in condition(stalled)["message"]
        assert condition(stalled, "Stalled")["status"] == "True"
        copy.request_run("at once", "before")
        copy.patch("before", streamName="elsewhere") if not status else copy.patch("before", syncMode="incremental")
        copy.when(SYNC_KIND, "before", "Ready", "False", "ClusterChanged")
        assert writes(healthy.sandbox) == []
        assert copy.jobs() == []

        copy.delete("before")
        copy.gone("before")
        assert sync_id in ids(healthy.sandbox)
        assert writes(healthy.sandbox) == []

        kube.create({name: value for name, value in restored.items() if name != "status"}, copy.namespace)
        if status:
            kube.patch_status(SYNC_KIND, "before", copy.namespace, original["status"])
        copy.when(SYNC_KIND, "before", "Ready", "False", "ClusterChanged")
        kube.patch(SYNC_KIND, "before", copy.namespace, {"metadata": {"annotations": {TAKE_OVER_ANNOTATION: "true"}}})
        taken = copy.when(SYNC_KIND, "before", "Ready")
        assert taken["status"]["id"] == sync_id
        assert TAKE_OVER_ANNOTATION not in taken["metadata"]["annotations"]
        assert (
            taken["metadata"]["annotations"][CLUSTER_ANNOTATION]
            != original["metadata"]["annotations"][CLUSTER_ANNOTATION]
        )
        assert ids(healthy.sandbox) == {sync_id}


def test_the_mark_of_the_cluster_costs_no_write(healthy: Tenant, kube: Kube) -> None:
    system = kube.resource("Namespace", "v1").get(name="kube-system").to_dict()

    assert healthy.get("before")["metadata"]["annotations"][CLUSTER_ANNOTATION] == system["metadata"]["uid"]


def made(sandbox: Sandbox) -> list[str]:
    return [entry["path"] for entry in sandbox.requests("POST") if entry["path"].endswith("/syncs")]


def is_suspended(tenant: Tenant, name: str) -> bool:
    return bool(tenant.cronjob(name)["spec"]["suspend"])


def equal_sync(tenant: Tenant, like: str) -> str:
    """Somebody makes a sync by hand that equals a Sync's own in every field."""
    [held] = [sync for sync in tenant.sandbox.syncs() if str(sync["id"]) == like]
    answer = tenant.sandbox.call("POST", "/syncs", sync=held["attributes"])
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


@pytest.mark.timeout(120)
def test_one_that_was_made_by_hand_is_adopted_in_the_place_of_a_deleted_one(healthy: Tenant) -> None:
    """R2, first sequence: a person makes another one and deletes the Sync's own."""
    sandbox, old = healthy.sandbox, healthy.get("before")["status"]["id"]
    by_hand, another = equal_sync(healthy, old), equal_sync(healthy, old)
    sandbox.forget_requests()
    assert sandbox.call("DELETE", f"/syncs/{old}").status_code == 204

    def taken() -> dict[str, Any] | None:
        sync = healthy.get("before")
        return sync if sync["status"].get("id") == by_hand else None

    sync = eventually(taken, "the one made by hand to be taken", seconds=60)
    assert made(sandbox) == []
    assert sync["status"]["origin"] == "Adopted"
    said = condition(sync, "Registered")
    assert said["reason"] in {"Adopted", "DuplicateFound"}
    assert f"sync {another}" in said["message"]
    eventually(
        lambda: "Adopted" in healthy.events("before") or "DuplicateFound" in healthy.events("before"), "an event"
    )

    healthy.delete("before")
    healthy.gone("before")
    assert {by_hand, another} <= ids(sandbox)


@pytest.mark.timeout(120)
def test_one_that_another_sync_left_is_never_deleted(healthy: Tenant) -> None:
    """R2, second sequence: a Sync with Retain leaves one; the next one's own is deleted; then that Sync is."""
    sandbox = healthy.sandbox
    first = healthy.ready("first", deletionPolicy="Retain")["status"]["id"]
    healthy.delete("first")
    healthy.gone("first")
    second = healthy.ready("second", adoptionPolicy="Create")["status"]["id"]
    assert second != first
    assert sandbox.call("DELETE", f"/syncs/{second}").status_code == 204

    def replaced() -> dict[str, Any] | None:
        sync = healthy.get("second")
        return sync if sync["status"].get("id") not in {None, second} else None

    sync = eventually(replaced, "another one in its place", seconds=60)
    assert (sync["status"]["id"], sync["status"]["origin"]) == (first, "Adopted")
    healthy.delete("second")
    healthy.gone("second")
    assert first in ids(sandbox)


@pytest.mark.timeout(120)
def test_one_list_or_a_404_is_not_enough_to_make_a_sync_anew(healthy: Tenant) -> None:
    sandbox, old = healthy.sandbox, healthy.get("before")["status"]["id"]
    sandbox.fault(method="GET", path=r"/syncs$", status=200, body={"data": []})
    sandbox.fault(method="GET", path=rf"/syncs/{old}$", status=404, body={"error": "Sync not found"}, times=3)
    sandbox.forget_requests()
    eventually(lambda: len(sandbox.requests("GET", "/syncs")) > 3, "more lists", seconds=60)

    assert made(sandbox) == []
    assert healthy.get("before")["status"]["id"] == old


@pytest.mark.timeout(240)
def test_a_server_that_lacks_many_at_once_is_asked_about(newcomer: Any, assert_served: Any, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    with running_sandbox(folder) as theirs:
        tenant = newcomer(theirs)
        tenant.connect()
        names = [f"orders-{number}" for number in range(8)]
        for name in names:
            tenant.ready(name, streamName=name, scheduleType="cron_expression", cronExpression="0 1 * * *")
        old = ids(theirs)
        theirs.forget_requests()
        for sync_id in sorted(old)[:7]:
            assert theirs.call("DELETE", f"/syncs/{sync_id}").status_code == 204

        workspace = tenant.when("Workspace", "default", "Ready", "False", "ServerReset", seconds=60)
        assert "7 of the 8" in condition(workspace)["message"]
        assert condition(workspace, "Stalled")["status"] == "True"
        for name in names[:7]:
            stalled = tenant.when(SYNC_KIND, name, "Ready", "False", "ServerReset", seconds=60)
            assert "squared.ai/confirm-server=" in condition(stalled)["message"]
            eventually(partial(is_suspended, tenant, name), "a suspended CronJob")
        assert made(theirs) == []
        assert_served()
        tenant.ready("new", streamName="new")
        assert len(made(theirs)) == 1

        word = {"metadata": {"annotations": {"squared.ai/confirm-server": "yes"}}}
        tenant.kube.patch("Workspace", "default", tenant.namespace, word)
        for name in names[:7]:
            tenant.when(SYNC_KIND, name, "Registered", seconds=60)
        tenant.when("Workspace", "default", "Ready", seconds=60)
        assert len(ids(theirs)) == 9

        def used_up() -> bool:
            found = tenant.kube.get("Workspace", "default", tenant.namespace)
            return bool(found["status"].get("lastHandledServerConfirmation") == "yes")

        eventually(used_up, "the word to be used up", seconds=60)
        for sync_id in ids(theirs):
            theirs.call("DELETE", f"/syncs/{sync_id}")
        tenant.when("Workspace", "default", "Ready", "False", "ServerReset", seconds=60)
        theirs.forget_requests()
        eventually(lambda: len(theirs.requests("GET", "/syncs")) > 3, "more lists", seconds=60)
        assert made(theirs) == [], "the word was heard before"
