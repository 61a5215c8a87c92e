"""Answers that come after the end of what they tell of, and a cluster that goes back in time."""

import json
import time
from pathlib import Path

import pytest
from tests.support.faults import Call, Fault
from tests.support.nursery import Nursery
from tests.support.plane import Plane
from tests.support.replicas import leader_of, running_replicas
from tests.support.syncs import Tenant

pytestmark = pytest.mark.timeout(180)


def finalizers_away(call: Call) -> Fault | None:
    """The answer to the patch that lets a Sync go comes seconds after the Sync has gone."""
    patched = call.method == "PATCH" and (call.body or {}).get("metadata", {}).get("finalizers") == []
    return Fault("late answer", linger=2.0) if patched else None


def test_a_late_answer_brings_no_sync_back(nursery: Nursery, quiet: Plane, team: Tenant, tmp_path: Path) -> None:
    slow = {"SYNC_OPERATOR_RELIST_SECONDS": "3000"}
    with running_replicas(nursery, quiet, tmp_path, team.namespace, 1, **slow) as [replica]:
        leader_of([replica])
        team.connect()
        sync_id = team.ready(deletionPolicy="Retain")["status"]["id"]
        replica.proxy.judge(finalizers_away)
        team.delete()
        team.gone()
        time.sleep(2.5)  # by then the answer is there

        assert team.ready("heir", externalId=sync_id)["status"]["id"] == sync_id


def test_a_restored_cluster_is_read_by_a_new_process(
    nursery: Nursery, quiet: Plane, team: Tenant, tmp_path: Path
) -> None:
    def restored(content: bytes) -> bytes:
        page = json.loads(content)
        page["metadata"]["resourceVersion"] = "2"
        return json.dumps(page).encode()

    def lists(call: Call) -> Fault | None:
        listed = call.method == "GET" and call.path.endswith("/workspaces") and not call.watches
        return Fault("restored", garble=restored) if listed else None

    with running_replicas(nursery, quiet, tmp_path, team.namespace, 1) as [replica]:
        leader_of([replica])
        replica.proxy.judge(lists)

        assert replica.await_end() == 5
        assert "ClusterRestoredError: the cluster was restored to an earlier state" in replica.log.read_text()
        replica.proxy.judge(None)
        replica.begin()
        leader_of([replica])
