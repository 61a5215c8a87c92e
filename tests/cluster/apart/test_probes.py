"""`/healthz` turns within a minute when the event loop is stuck or a watch is dead: both caused in real controllers."""

import signal
import time
from pathlib import Path
from typing import Final

import pytest
from tests.support.faults import Call, Fault
from tests.support.nursery import Nursery
from tests.support.plane import Plane
from tests.support.replicas import Replica, leader_of, running_replicas
from tests.support.running import eventually
from tests.support.syncs import Tenant

pytestmark = pytest.mark.timeout(240)

MINUTE: Final = 60.0
BLACK_HOLE: Final = Fault("black hole", delay=3600)


def swallow_watches(call: Call) -> Fault | None:
    return BLACK_HOLE if call.watches else None


def sick(replica: Replica, began: float) -> str:
    """What `/healthz` says, once it is not well: within a minute of the cause."""
    left = began + MINUTE - time.monotonic()
    eventually(lambda: replica.probe("healthz")[0] == 503, "an answer that it is not well", seconds=left)
    return replica.probe("healthz")[1]


def test_a_stuck_loop_and_a_dead_watch_are_seen_in_a_minute(
    nursery: Nursery, quiet: Plane, team: Tenant, tmp_path: Path
) -> None:
    alone = {"SYNC_OPERATOR_LEADER_ELECTION": "false"}
    with running_replicas(nursery, quiet, tmp_path, team.namespace, 3, **alone) as (stuck, cut, blind):
        for replica in (stuck, cut, blind):
            leader_of([replica])
        began = time.monotonic()
        stuck.signal(signal.SIGUSR1)
        blind.proxy.judge(swallow_watches)
        assert blind.proxy.end_watches() == cut.proxy.end_watches() == 8

        assert sick(stuck, began).startswith("the event loop is stuck: no turn for 3")
        assert time.monotonic() - began < MINUTE / 2 + 10
        assert f"/namespaces/{team.namespace}/" in sick(blind, began)
        assert blind.probe("readyz")[0] == 503

        # Ended watches are no harm where they can begin again, and neither is what others do.
        assert cut.probe("healthz") == (200, "ok\n")
        assert cut.probe("readyz") == (200, "acting\n")
