"""No step of a comparison holds the event loop, however many Syncs a Workspace has."""

import asyncio
from typing import Any, cast

import pytest
from tests.support.pictures import MAPPING
from tests.unit.decide.model_cluster import NAMESPACE
from tests.unit.decide.world import HOME, World
from tests.unit.handlers.working import Work

from sync_operator.handlers import drift
from sync_operator.handlers.cache import Cache, Ref
from sync_operator.model.names import SYNC_KIND, WORKSPACE_KIND
from sync_operator.remote.types import Listing, RemoteSync

COUNT = 10_000
MAX_IN_A_STEP = COUNT // 2
"""Look-ups of Syncs between two turns of the event loop. Slices end by the time: on today's machines after hundreds."""


class Server:
    """Answers whole lists at once, made beforehand."""

    def __init__(self, syncs: tuple[RemoteSync, ...]) -> None:
        self._syncs = syncs

    namespace = "team"

    async def list_syncs(self, _grow: object = None) -> Listing:
        await asyncio.sleep(0)
        return Listing(self._syncs, None)


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


class Counted(Cache):
    """A cache that counts how often it is asked for an object."""

    asked = 0

    def get(self, kind: str, ref: Ref) -> dict[str, Any] | None:
        self.asked += 1
        return super().get(kind, ref)


async def most_in_a_step(cache: Counted, work: asyncio.Task[None]) -> int:
    """The most look-ups between two turns of the event loop while some work goes on."""
    most, before = 0, cache.asked
    while not work.done():
        await asyncio.sleep(0)
        most, before = max(most, cache.asked - before), cache.asked
    await work
    return most


@pytest.mark.timeout(300)
def test_a_comparison_of_ten_thousand_syncs_takes_short_steps() -> None:
    world = World()
    operator = world.operator
    operator.queue = Work().queue
    held, cache = operator.cache, Counted()
    for kind in (WORKSPACE_KIND, SYNC_KIND):
        for obj in held.all(kind):
            cache.put(kind, obj)
    operator.cache = cache
    for number in range(1, COUNT + 1):
        operator.cache.put(SYNC_KIND, registered(number, world.view.url))
    attributes = {"source_id": 1, "destination_id": 2, "model_id": 3, "stream_name": "contacts"}
    attributes |= {"configuration": MAPPING, "schedule_type": "manual", "sync_mode": "full_refresh"}
    server = Server(tuple(RemoteSync(str(number), dict(attributes)) for number in range(1, COUNT + 1)))
    session = operator.sessions.get(HOME)
    assert session is not None
    assert session.scope is not None
    scope = session.scope

    async def story() -> int:
        compare = drift._compare(operator, HOME, scope, cast("Any", server))
        return await most_in_a_step(cache, asyncio.create_task(compare))

    most = asyncio.run(story())
    assert cache.asked >= 2 * COUNT
    assert most <= MAX_IN_A_STEP
