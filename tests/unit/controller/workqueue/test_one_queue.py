"""A key waits in the work queue or at the gate of its server, not in both; and no key is lost in between."""

import asyncio
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import replace
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from tests.support.clockwork import run, until_idle
from tests.support.manifests import sync_manifest
from tests.unit.controller.working import Work
from tests.unit.domain.world import HOME as WORKSPACE
from tests.unit.domain.world import World

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND
from sync_operator.controller.workqueue.workqueue import DONE, Key, Result, WorkQueue
from sync_operator.errors import NotAdmittedError
from sync_operator.syncapi.flow.circuit_breaker import CallOutcome, RequestKind
from sync_operator.syncapi.flow.permit import Permit, Route
from sync_operator.syncapi.flow.request_gate import RequestGate

KEYS = [Key(SYNC_KIND, "team", name) for name in "abcde"]
HOME = Key(WORKSPACE_KIND, "team", "default")
SLOTS = 2
SECONDS = 10.0
"""How long the server takes for one request."""


class Syncs:
    """Syncs that each need one request for every change, a work queue, and the gate of their server."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.queue = WorkQueue(workers=3, clock=loop.time)
        self.gate = RequestGate(
            "server",
            100_000,
            max_concurrency=SLOTS,
            clock=loop.time,
            later=loop.call_later,
            wake=self._wake,
            jitter=lambda: 1.0,
        )
        self.route = Route(HOME, self.gate)
        self.route.share(None, 100_000)
        self.there: set[Key] = set()
        self.to_send: set[Key] = set()
        self.changed: set[Key] = set()
        """Those that have changed since their last reconcile began."""
        self.calling = 0
        self.down = False

    def _wake(self, woken: Hashable) -> None:
        key = cast("Key", woken)
        assert not self.gate.waits(key), "it leaves the one queue before it enters the other"
        self.queue.add(key, first=True)

    def change(self, key: Key) -> None:
        self.there.add(key)
        self.to_send.add(key)
        self.changed.add(key)
        self.queue.add(key)

    def delete(self, key: Key) -> None:
        self.there.discard(key)
        self.to_send.discard(key)
        self.queue.forget(key)
        self.route.forget(key)
        assert not self.gate.waits(key)

    async def reconcile(self, key: Key) -> Result:
        self.changed.discard(key)
        permit = Permit(lambda: self.route, key, deadline=5, urgent=key == HOME)
        async with permit:
            if key in self.to_send or (key == HOME and not self.gate.circuit_closed):
                try:
                    permit.acquire()
                    await self._send(key)
                except NotAdmittedError as error:
                    if permit.was_granted and key in self.there:
                        permit.wait_again(error)
        return DONE

    async def _send(self, key: Key) -> None:
        token = await self.gate.admit_request()
        self.calling += 1
        assert self.calling <= SLOTS
        works = not self.down
        await asyncio.sleep(SECONDS)
        if works:
            self.to_send.discard(key)
        self.calling -= 1
        self.gate.record_result(token, CallOutcome.SUCCESS if works else CallOutcome.FAILURE)
        if not works:
            raise NotAdmittedError("no answer", throttled=False, seconds=1)

    def check(self) -> None:
        """No key waits in both queues, unless there is something new about it; and none that is to be sent is lost."""
        for key in KEYS:
            waits, queued = self.gate.waits(key), self.queue.is_scheduled(key)
            assert not (waits and queued) or key in self.changed, f"{key.name} waits twice"
            assert waits or queued or key not in self.to_send, f"{key.name} is lost"
            assert key in self.there or not waits, f"{key.name} is gone, and waits"


DEEDS = st.lists(
    st.tuples(st.sampled_from(["change", "change", "delete", "fail", "heal", "time"]), st.sampled_from(KEYS)),
    max_size=40,
)


@given(DEEDS)
def test_a_key_waits_in_one_queue(deeds: list[tuple[str, Key]]) -> None:
    async def story() -> None:
        world = Syncs()
        running = asyncio.create_task(world.queue.run(defaultdict(lambda: world.reconcile)))
        for deed, key in deeds:
            match deed:
                case "change":
                    world.change(key)
                case "delete":
                    world.delete(key)
                case "fail" | "heal":
                    world.down = deed == "fail"
                case _:
                    await asyncio.sleep(SECONDS / 3)
            world.check()
            await until_idle()
            world.check()
        world.down = False
        for _ in range(40):
            if world.to_send:
                await asyncio.sleep(SECONDS)
                world.check()
        assert not world.to_send
        assert not any(world.gate.waits(key) for key in KEYS)
        world.gate.close()
        running.cancel()
        await asyncio.wait([running])

    run(story())


def test_a_change_is_looked_at_at_once_and_the_position_at_the_gate_stays() -> None:
    async def story() -> None:
        world = Syncs()
        running = asyncio.create_task(world.queue.run(defaultdict(lambda: world.reconcile)))
        for key in KEYS:
            world.change(key)
            await until_idle()
        waiting = KEYS[SLOTS:]
        assert [key for key in KEYS if world.gate.waits(key)] == waiting
        world.changed.clear()
        world.check()
        world.change(waiting[0])
        await until_idle()
        assert not world.changed, "it was looked at"
        assert [key for key in KEYS if world.gate.waits(key)] == waiting
        world.delete(waiting[1])
        await asyncio.sleep(SECONDS)
        await until_idle()
        assert not any(world.gate.waits(key) for key in KEYS), "the others have the two slots"
        assert await world.gate.admit_request() is RequestKind.NORMAL
        world.gate.close()
        running.cancel()
        await asyncio.wait([running])

    run(story())


async def test_a_deleted_sync_leaves_the_gate_of_its_server() -> None:
    world = World()
    context, connections = world.context, world.context.connections
    context.queue = Work().queue
    held = connections.get(WORKSPACE)
    assert held is not None
    registry = connections._gates
    route = registry.make_route(Key(WORKSPACE_KIND, *WORKSPACE), held.view.remote_workspace, 100_000)
    assert connections.replace(WORKSPACE, replace(held, route=route), instead_of=held)
    route.gate.take_slot("another")
    gone = sync_manifest("orders")
    gone["metadata"] |= {"namespace": WORKSPACE.namespace, "uid": "u"}
    key = Key(SYNC_KIND, WORKSPACE.namespace, "orders")
    route.gate.enqueue(key)

    context.forget_resource(SYNC_KIND, gone)

    assert not route.gate.waits(key)
    connections.close()
