"""No step of a comparison or of a relist holds the event loop, however many Syncs a Workspace has."""

import asyncio
from collections.abc import Callable
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.support.snapshots import MAPPING
from tests.unit.controller.working import Work
from tests.unit.domain.model_cluster import NAMESPACE
from tests.unit.domain.world import HOME, World

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND
from sync_operator.controller.drift import drift_reconciler
from sync_operator.controller.informer.store import NamespacedName, Store
from sync_operator.controller.sync.sync_reconciler import SYNC_STEPS
from sync_operator.controller.workqueue import time_slices
from sync_operator.controller.workqueue.time_slices import MAX_SLICE_SECONDS
from sync_operator.kubernetes.watch.own_write_filter import ObjectVersion
from sync_operator.syncapi.types import RemoteList, RemoteSync

COUNT = 10_000
MAX_IN_A_STEP = COUNT // 2
"""Look-ups of Syncs between two turns of the event loop. Slices end by the time: on today's machines after hundreds."""


class Server:
    """Answers whole lists at once, made beforehand."""

    def __init__(self, syncs: tuple[RemoteSync, ...]) -> None:
        self._syncs = syncs

    namespace = "team"

    @property
    def syncs(self) -> "Server":
        return self

    async def list(self, _on_growth: object = None) -> RemoteList[RemoteSync]:
        await asyncio.sleep(0)
        return RemoteList(self._syncs, None)


def registered(number: int, url: str) -> dict[str, Any]:
    return {
        "apiVersion": "squared.ai/v1",
        "kind": SYNC_KIND,
        "metadata": {
            "namespace": NAMESPACE,
            "name": f"sync-{number}",
            "uid": f"uid-{number}",
            "generation": 1,
            "resourceVersion": str(1000 + number),
            "creationTimestamp": "2026-01-31T11:00:00Z",
            "finalizers": ["squared.ai/sync"],
        },
        "spec": {
            "sourceId": 1,
            "destinationId": 2,
            "modelId": 3,
            "scheduleType": "manual",
            "configuration": MAPPING,
            "streamName": "contacts",
        },
        "status": {"observedGeneration": 1, "id": str(number), "workspaceId": "1", "url": url},
    }


class Counted(Store):
    """A cache that counts how often it is asked for an object, and for what is known of one that was listed."""

    asked = 0

    def get(self, kind: str, ref: NamespacedName) -> dict[str, Any] | None:
        self.asked += 1
        return super().get(kind, ref)

    def has_version_at_least(self, kind: str, seen: ObjectVersion) -> bool:
        self.asked += 1
        return super().has_version_at_least(kind, seen)


async def most_in_a_step(store: Counted, done: Callable[[], bool]) -> int:
    """The most look-ups between two turns of the event loop while some work goes on."""
    most, before = 0, store.asked
    while not done():
        await asyncio.sleep(0)
        most, before = max(most, store.asked - before), store.asked
    return most


def crowded(world: World) -> Counted:
    """Give a world ten thousand Syncs, and a cache that counts."""
    held, store = world.context.store, Counted()
    for kind in (WORKSPACE_KIND, SYNC_KIND):
        for obj in held.all(kind):
            store.put(kind, obj)
    for number in range(1, COUNT + 1):
        store.put(SYNC_KIND, registered(number, world.view.url))
    world.context.store = store
    return store


@pytest.mark.timeout(300)
def test_a_comparison_of_ten_thousand_syncs_takes_short_steps() -> None:
    world = World()
    context = world.context
    context.queue = Work().queue
    store = crowded(world)
    attributes = {"source_id": 1, "destination_id": 2, "model_id": 3, "stream_name": "contacts"}
    attributes |= {"configuration": MAPPING, "schedule_type": "manual", "sync_mode": "full_refresh"}
    server = Server(tuple(RemoteSync(str(number), dict(attributes)) for number in range(1, COUNT + 1)))
    session = context.connections.get(HOME)
    assert session is not None
    assert session.scope is not None
    scope = session.scope

    async def story() -> int:
        compare = asyncio.create_task(
            drift_reconciler._compare((SYNC_STEPS,), context, HOME, scope, cast("Any", server))
        )
        most = await most_in_a_step(store, compare.done)
        await compare
        return most

    most = asyncio.run(story())
    assert store.asked >= 2 * COUNT
    assert most <= MAX_IN_A_STEP


@pytest.mark.timeout(300)
def test_a_relist_of_ten_thousand_syncs_takes_short_steps() -> None:
    world = World()
    store, queue = crowded(world), Work().queue
    world.context.queue = queue
    listed = [obj | {"metadata": obj["metadata"] | {"resourceVersion": "99999"}} for obj in store.all(SYNC_KIND)]

    async def story() -> tuple[int, int]:
        replace = asyncio.create_task(store.replace(SYNC_KIND, listed, known=list(store.all(SYNC_KIND))))
        replaced = await most_in_a_step(store, replace.done)
        assert await replace == []
        world.context.enqueue_all()
        return replaced, await most_in_a_step(store, lambda: queue.depth > COUNT)

    store.asked = 0
    assert max(asyncio.run(story())) <= MAX_IN_A_STEP
    assert store.asked >= 2 * COUNT
    assert {int(obj["metadata"]["resourceVersion"]) for obj in store.all(SYNC_KIND)} == {99999}


def test_a_backlog_takes_short_steps_and_goes_on_after_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_slices, "time", SimpleNamespace(monotonic=count(step=MAX_SLICE_SECONDS / 2).__next__))
    done: list[int] = []

    def work(number: int) -> None:
        done.append(number)
        if number == 1:
            raise ValueError("a defect")

    async def story() -> None:
        backlog = time_slices.Backlog(work)
        backlog.add(range(5))
        assert done == [0], "one step at once"
        backlog.add([7, 4])
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context["exception"]))
        await asyncio.sleep(0)
        assert done == [0, 1], "and one each turn"
        await asyncio.sleep(0.01)

    failed: list[Any] = []
    asyncio.run(story())
    assert done == [0, 1, 2, 3, 4, 7]
    assert [str(error) for error in failed] == ["a defect"]
