"""What is missing, copied or deleted in bulk: nothing of anybody else's is written or deleted, and each is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import pytest
from kubernetes import client
from tests.support.plane import Kube, Plane, running_plane
from tests.support.running import Controller, Sandbox, running_controller
from tests.support.syncs import Tenant, condition

from sync_operator.model.names import CLUSTER, SYNC_KIND, TAKE_OVER

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

        assert f"{TAKE_OVER}=true" in condition(stalled)["message"]
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
        kube.patch(SYNC_KIND, "before", copy.namespace, {"metadata": {"annotations": {TAKE_OVER: "true"}}})
        taken = copy.when(SYNC_KIND, "before", "Ready")
        assert taken["status"]["id"] == sync_id
        assert TAKE_OVER not in taken["metadata"]["annotations"]
        assert taken["metadata"]["annotations"][CLUSTER] != original["metadata"]["annotations"][CLUSTER]
        assert ids(healthy.sandbox) == {sync_id}


def test_the_mark_of_the_cluster_costs_no_write(healthy: Tenant, kube: Kube) -> None:
    system = kube.resource("Namespace", "v1").get(name="kube-system").to_dict()

    assert healthy.get("before")["metadata"]["annotations"][CLUSTER] == system["metadata"]["uid"]
