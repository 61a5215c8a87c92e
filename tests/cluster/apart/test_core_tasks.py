"""A core task that dies ends the process with a line that says which and why; what it can survive, it survives."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.faults import Answer, Call, Fault
from tests.support.nursery import Nursery
from tests.support.plane import Plane
from tests.support.replicas import Replica, leader_of, lease_of, running_replicas
from tests.support.running import eventually
from tests.support.syncs import Tenant

pytestmark = pytest.mark.timeout(180)

DEFECT: Final = 5
"""Exit code of a controller that has lost a core task."""
NO_LIST: Final = Fault("no list", answer=Answer(200, {}))


@pytest.fixture
def replica(nursery: Nursery, quiet: Plane, team: Tenant, tmp_path: Path) -> Iterator[Replica]:
    with running_replicas(nursery, quiet, tmp_path, team.namespace, 1, SYNC_OPERATOR_RELIST_SECONDS="10") as [one]:
        yield leader_of([one])


def lists_syncs(call: Call) -> bool:
    return call.method == "GET" and call.path.endswith("/syncs") and not call.watches


def lines(replica: Replica, level: str) -> list[dict[str, Any]]:
    """What the controller's log has at that level."""
    said = [json.loads(line) for line in replica.log.read_text().splitlines() if line.startswith("{")]
    return [entry for entry in said if entry["level"] == level]


def test_a_list_that_is_none_is_borne(replica: Replica, team: Tenant) -> None:
    team.connect()
    replica.proxy.judge(lambda call: NO_LIST if lists_syncs(call) else None)
    eventually(lambda: any("relist put off" in entry["message"] for entry in lines(replica, "warning")), "a warning")
    replica.proxy.judge(None)

    assert replica.ended is None
    team.ready()
    assert replica.probe("healthz") == (200, "ok\n")


def test_a_defect_in_a_core_task_ends_the_process_in_order(replica: Replica, team: Tenant) -> None:
    # No API server answers so: it stands for whatever nobody thought of.
    item = {
        "metadata": {"name": "odd", "namespace": team.namespace, "uid": "1", "resourceVersion": "1"},
        "status": None,
    }
    answer = Answer(200, {"kind": "SyncList", "metadata": {"resourceVersion": "9" * 12}, "items": [item]})
    replica.proxy.judge(lambda call: Fault("odd", answer=answer) if lists_syncs(call) else None)

    assert replica.await_end() == DEFECT

    [told] = lines(replica, "critical")
    assert told["message"].startswith("stopping: the core task 'relist' ended (AttributeError: ")
    assert "Traceback" in told["exception"]
    assert lease_of(team.kube, team.namespace)["holderIdentity"] in {"", None}, "it went in order"


def test_the_end_of_kopfs_watches_ends_the_process(replica: Replica, team: Tenant) -> None:
    # As above: no API server sends such an event.
    eventually(lambda: replica.proxy.end_watches({"type": "ADDED"}), "a watch")

    assert replica.await_end() == DEFECT

    [told] = lines(replica, "critical")
    assert told["message"].startswith("stopping: the core task 'watch' ended (")
    assert lease_of(team.kube, team.namespace)["holderIdentity"] in {"", None}, "it went in order"


def test_a_start_that_the_cluster_refuses_is_told_once(replica: Replica) -> None:
    replica.stop()
    replica.proxy.judge(lambda call: Fault("refused", answer=Answer(400)) if lists_syncs(call) else None)
    replica.begin()

    assert replica.await_end() == 3
    assert lines(replica, "critical") == []
    [told] = lines(replica, "error")
    assert told["message"].startswith("stopped: GET ")
