"""Several real controllers on a real API server: one acts, and another goes on when it is gone."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.nursery import Nursery
from tests.support.plane import Plane
from tests.support.replicas import DURATION, LEASE_LOST, Replica, leader_of, lease_of, running_replicas
from tests.support.running import eventually
from tests.support.syncs import Tenant

pytestmark = pytest.mark.timeout(180)

STANDS_BY: Final = (200, "standing by\n")
SOON: Final = 10.0
"""Seconds for what takes two on an idle machine, and is well below the duration of a Lease."""


@pytest.fixture
def three(nursery: Nursery, quiet: Plane, team: Tenant, tmp_path: Path) -> Iterator[list[Replica]]:
    with running_replicas(nursery, quiet, tmp_path, team.namespace, 3) as running:
        yield running


@pytest.fixture
def two(nursery: Nursery, quiet: Plane, team: Tenant, tmp_path: Path) -> Iterator[list[Replica]]:
    with running_replicas(nursery, quiet, tmp_path, team.namespace, 2) as running:
        yield running


def holder(team: Tenant) -> str:
    who: str = lease_of(team.kube, team.namespace)["holderIdentity"]
    return who


def asked(replica: Replica) -> set[str]:
    """What a replica asked of the API server: method and kind."""
    return {f"{call.method} {call.path.split('/namespaces/')[-1].split('/')[1]}" for call in replica.proxy.calls}


def last_words(replica: Replica) -> list[dict[str, Any]]:
    """The log lines with which it ended."""
    lines = [json.loads(line) for line in replica.log.read_text().splitlines()]
    return [line for line in lines if line["level"] == "critical"]


def test_of_three_one_acts_and_the_others_only_look(three: list[Replica], team: Tenant) -> None:
    leader = leader_of(three)
    others = [replica for replica in three if replica is not leader]
    eventually(lambda: all(other.probe("readyz") == STANDS_BY for other in others), "the others to stand by")
    team.connect()
    for number in range(5):
        team.ready(f"sync-{number}")

    assert [replica.leads for replica in three].count(True) == 1
    assert [other.probe("healthz") for other in others] == [(200, "ok\n")] * 2
    assert {call for other in others for call in asked(other)} <= {"GET leases", "POST leases"}
    assert len(team.sandbox.requests("POST", "/syncs")) == 5
    assert len(team.sandbox.requests("GET", "/users/me")) == 1


def test_told_to_stop_the_leader_makes_way_at_once(three: list[Replica], team: Tenant) -> None:
    first = leader_of(three)
    team.connect()
    team.ready("before")
    changes = lease_of(team.kube, team.namespace)["leaseTransitions"]

    began = time.monotonic()
    assert first.stop(signal.SIGTERM) == 0
    second = leader_of([replica for replica in three if replica is not first])

    assert time.monotonic() - began < SOON
    assert lease_of(team.kube, team.namespace)["leaseTransitions"] == changes + 1
    team.ready("after")
    assert len(team.sandbox.syncs()) == 2
    assert second.leads


def test_a_killed_leader_is_followed_when_its_time_is_over(two: list[Replica], team: Tenant) -> None:
    first = leader_of(two)
    [other] = [replica for replica in two if replica is not first]
    team.connect()
    team.ready("before")
    eventually(lambda: other.probe("readyz") == STANDS_BY, "the other to stand by")

    began = time.monotonic()
    first.stop(signal.SIGKILL)
    team.sync("after")
    assert leader_of([other], seconds=DURATION * 2) is other

    # Less the time since the last renewal, and a look before that.
    assert time.monotonic() - began > DURATION - 5
    assert team.when("Sync", "after", "Ready")
    assert len(team.sandbox.syncs()) == 2


def test_a_leader_whose_lease_is_taken_ends(two: list[Replica], team: Tenant) -> None:
    leader = leader_of(two)

    body = {"spec": {"holderIdentity": "thief"}}
    leases = team.kube.resource("Lease", "coordination.k8s.io/v1")
    leases.patch(name="sync-operator", namespace=team.namespace, body=body, content_type="application/merge-patch+json")

    assert leader.await_end() == LEASE_LOST
    [words] = last_words(leader)
    assert "was taken by thief; another process may lead" in words["message"]


def test_a_leader_whose_lease_is_deleted_ends_before_another_leads(two: list[Replica], team: Tenant) -> None:
    leader = leader_of(two)
    [other] = [replica for replica in two if replica is not leader]
    eventually(lambda: other.probe("readyz") == STANDS_BY, "the other to stand by")

    team.kube.resource("Lease", "coordination.k8s.io/v1").delete(name="sync-operator", namespace=team.namespace)

    assert leader.await_end() == LEASE_LOST
    assert not other.leads
    assert "was deleted; another process may lead" in last_words(leader)[0]["message"]


def test_one_that_stands_by_stops_when_it_is_told_to(two: list[Replica], team: Tenant) -> None:
    leader = leader_of(two)
    [other] = [replica for replica in two if replica is not leader]
    eventually(lambda: other.probe("readyz") == STANDS_BY, "the other to stand by")
    held = holder(team)

    assert other.stop(signal.SIGTERM) == 0
    assert holder(team) == held
    assert leader.leads
