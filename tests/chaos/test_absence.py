"""Disasters in bulk: the CRD deleted, a backup restored beside its cluster, creates that are carried out late."""

from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import pytest
from kubernetes import client
from tests.support.ledger import Ledger
from tests.support.plane import Kube, Plane, running_plane
from tests.support.running import Sandbox, eventually, running_controller, running_sandbox
from tests.support.syncs import Tenant, is_ready

from sync_operator.api.constants import SYNC_KIND

MANY: Final = 40
LATE: Final = (5, 14, 90)
"""Seconds after which the server carries a create out."""
WRITES: Final = {"POST", "PUT", "PATCH", "DELETE"}


def made_tenant(kube: Kube, sandbox: Sandbox, name: str = "") -> Tenant:
    name = name or f"team-{token_hex(4)}"
    kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    return Tenant(kube, name, sandbox)


def ids(sandbox: Sandbox) -> set[str]:
    return {str(sync["id"]) for sync in sandbox.syncs()}


def writes(sandbox: Sandbox) -> list[str]:
    return [f"{entry['method']} {entry['path']}" for entry in sandbox.requests() if entry["method"] in WRITES]


def make_many(tenant: Tenant) -> list[dict[str, Any]]:
    """Many Syncs, of which each is Ready."""
    for number in range(MANY):
        tenant.sync(f"orders-{number}", streamName=f"contacts-{number}", deletionPolicy="Delete")
    return [tenant.when(SYNC_KIND, f"orders-{number}", "Ready", seconds=120) for number in range(MANY)]


@pytest.mark.timeout(600)
def test_the_crd_is_deleted_under_many_syncs(plane: Plane, tmp_path: Path, ledger: Ledger) -> None:
    with (
        running_plane(plane.binary, tmp_path / "plane") as own,
        running_sandbox(tmp_path) as sandbox,
        running_controller(own, tmp_path),
    ):
        kube = Kube(own.kubeconfig)
        tenant = made_tenant(kube, sandbox)
        tenant.connect()
        make_many(tenant)
        before = ids(sandbox)
        sandbox.forget_requests()

        assert own.kubectl("delete", "crd", "syncs.squared.ai", "--timeout=120s").returncode == 0

        assert ids(sandbox) == before
        assert writes(sandbox) == []
        ledger.faults["CRD deleted: Syncs let go, syncs kept on the server"] += len(before)
        kube.close()


@pytest.mark.timeout(600)
def test_a_backup_is_restored_beside_its_cluster(plane: Plane, kube: Kube, tmp_path: Path, ledger: Ledger) -> None:
    folders = [tmp_path / name for name in ("old", "new")]
    for folder in folders:
        folder.mkdir()
    with (
        running_sandbox(tmp_path) as sandbox,
        running_controller(plane, folders[0]),
        running_plane(plane.binary, tmp_path / "plane") as other,
        running_controller(other, folders[1]),
    ):
        there = Kube(other.kubeconfig)
        tenant = made_tenant(kube, sandbox)
        tenant.connect()
        originals = make_many(tenant)
        before = ids(sandbox)
        copy = made_tenant(there, sandbox, tenant.namespace)
        copy.connect()
        sandbox.forget_requests()
        for original in originals:
            kept = {name: original["metadata"][name] for name in ("name", "annotations", "finalizers")}
            there.create(
                {**{key: original[key] for key in ("apiVersion", "kind", "spec")}, "metadata": kept}, copy.namespace
            )
            there.patch_status(SYNC_KIND, kept["name"], copy.namespace, original["status"])
        for original in originals:
            name = original["metadata"]["name"]
            copy.when(SYNC_KIND, name, "Ready", "False", "ClusterChanged", seconds=120)
            copy.delete(name)
        for original in originals:
            copy.gone(original["metadata"]["name"])

        assert writes(sandbox) == []
        assert ids(sandbox) == before
        assert all(is_ready(tenant.get(original["metadata"]["name"])) for original in originals)
        ledger.faults["Syncs restored beside their cluster: told, and let go"] += len(originals)
        there.close()


@pytest.mark.timeout(400)
def test_creates_that_are_carried_out_late_leave_no_twin(
    plane: Plane, kube: Kube, tmp_path: Path, ledger: Ledger
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with (
        running_sandbox(tmp_path) as sandbox,
        running_sandbox(folder) as elsewhere,
        running_controller(plane, tmp_path),
    ):
        neighbour = made_tenant(kube, elsewhere)
        neighbour.connect()
        for number in range(2 * len(LATE)):  # their syncs have the ids that twins here will have
            neighbour.ready(f"orders-{number}", streamName=f"orders-{number}")
        tenant = made_tenant(kube, sandbox)
        tenant.connect(timeoutSeconds=2)
        for seconds in LATE:
            sandbox.fault(method="POST", path=r"/syncs$", delay=seconds)
            tenant.sync(f"late-{seconds}", streamName=f"late-{seconds}")
            tenant.when(SYNC_KIND, f"late-{seconds}", "Ready", "False", "OutcomeUnknown", seconds=60)
            if seconds != LATE[-1]:  # its second create must not meet the next fault
                tenant.when(SYNC_KIND, f"late-{seconds}", "Ready", seconds=60)

        names = [f"late-{seconds}" for seconds in LATE]
        eventually(lambda: "DuplicateFound" in tenant.events(names[-1]), "the last one to be found", seconds=180)
        eventually(lambda: len(sandbox.syncs()) == len(LATE), "no twin", seconds=60)
        for name in names:
            sync = tenant.when(SYNC_KIND, name, "Ready")
            assert sync["status"]["id"] in ids(sandbox)
            assert sync["status"]["origin"] == "Created"
        streams = sorted(sync["attributes"]["stream_name"] for sync in sandbox.syncs())
        assert streams == sorted(names)
        ledger.faults["creates carried out late"] += len(LATE)
        told = [reason for name in names for reason in tenant.events(name) if reason == "DuplicateFound"]
        ledger.faults["twins told and deleted"] += len(told)
        assert len(elsewhere.syncs()) == 2 * len(LATE)
