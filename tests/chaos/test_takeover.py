"""The controller that acts is killed or paused at each step of a create, and another one takes over."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Final

import pytest
from kubernetes import client
from tests.support import planted
from tests.support.ledger import Ledger
from tests.support.nursery import Nursery
from tests.support.plane import Kube, Plane
from tests.support.proxy import running_proxy
from tests.support.replicas import LEASE_LOST, Replica, leader_of, running_replicas
from tests.support.running import eventually, running_sandbox
from tests.support.steps import CREATE, Holds, holds_at
from tests.support.syncs import Tenant
from tests.support.world import World

pytestmark = pytest.mark.timeout(600)

_TIMEOUT: Final = 6
"""Seconds for one request to the server: all Syncs are held by then, and others may settle that much later."""


@pytest.fixture
def pair(plane: Plane, kube: Kube, nursery: Nursery, tmp_path: Path) -> Iterator[tuple[World, Replica]]:
    """A world whose controller acts, and one that stands by."""
    namespace = f"chaos-{token_hex(4)}"
    for name in (namespace, f"{namespace}-home"):
        kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    with (
        running_sandbox(tmp_path, "--run-seconds", "1", token=planted.TOKEN) as sandbox,
        running_proxy("server", sandbox.url) as to_server,
        # One worker more than Syncs can be held inside by one server workspace.
        running_replicas(
            nursery, plane, tmp_path, namespace, 2, home=f"{namespace}-home", SYNC_OPERATOR_WORKERS="32"
        ) as replicas,
    ):
        leader = leader_of(replicas)
        [other] = [replica for replica in replicas if replica is not leader]
        eventually(lambda: other.probe("readyz") == (200, "standing by\n"), "the other to stand by")
        world = World(Tenant(kube, namespace, sandbox), leader, leader.proxy, to_server)
        world.connect((plane.folder / "certs" / "ca.crt").read_text(), timeout_seconds=_TIMEOUT)
        yield world, other
        world.controller = other
        world.finish()
        logs = ((log.name, log.read_text()) for replica in replicas for log in replica.logs)
        assert planted.found(logs) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=lambda how: how.name)
def test_taken_over_at_each_step_of_a_create(pair: tuple[World, Replica], ledger: Ledger, how: signal.Signals) -> None:
    world, other = pair
    leader = world.controller
    assert isinstance(leader, Replica)
    assert steps_of_a_create(world) == list(CREATE), "the steps that are known here are those that are made"
    cases = [(step, fault) for step in CREATE for fault in holds_at(step)]
    plan = {f"{fault.kind}-{number}-b1": (step, fault) for number, (step, fault) in enumerate(cases)}
    holds = Holds(plan)
    world.judge(holds)
    for name in plan:
        world.create(name)
    eventually(lambda: holds.reached == plan.keys(), "every Sync to be held")

    leader.signal(how)
    world.judge(None)
    assert leader_of([other], seconds=60) is other
    world.settle(seconds=90)
    eventually(lambda: time.monotonic() > holds.over_at + 1, "what was under way to arrive", seconds=60)
    assert world.wrongs() == []
    if how is signal.SIGSTOP:
        leader.signal(signal.SIGCONT)
        assert leader.await_end() == LEASE_LOST
        last = json.loads(leader.log.read_text().splitlines()[-1])
        assert "another process may lead" in last["message"]
    world.settle()

    ledger.kills[f"taken over after {how.name}"] += len(plan)


def steps_of_a_create(world: World) -> list[object]:
    """The steps of an undisturbed create, in order, each request that is none of them as it was."""
    before = {proxy: len(proxy.calls) for proxy in (world.to_cluster, world.to_server)}
    world.create("measured-b1")
    world.settle()
    eventually(lambda: world.tenant.events("measured-b1"), "its event")
    calls = [call for proxy, start in before.items() for call in proxy.calls[start:]]
    about = [call for call in calls if "measured-b" in json.dumps([call.path, call.body])]
    steps = [next((step for step in CREATE if step.fits(call, "measured-b1")), call) for call in about]
    return sorted(steps, key=lambda step: CREATE.index(step) if step in CREATE else -1)
