"""No step of a comparison holds the event loop, however many Syncs a Workspace has."""

import asyncio
import gc
import time
from typing import Any, cast

import pytest
from tests.support.pictures import MAPPING
from tests.unit.decide.model_cluster import NAMESPACE
from tests.unit.decide.world import HOME, World
from tests.unit.handlers.working import Work

from sync_operator.handlers import drift
from sync_operator.model.names import SYNC_KIND
from sync_operator.remote.types import Listing, RemoteSync

COUNT = 10_000
MAX_STEP_SECONDS = 0.05
"""What is promised; measured in the processor's time and without garbage collections, which are no step of ours."""


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


async def longest_step(work: asyncio.Task[None]) -> float:
    """The most of the processor's time that passed between two turns of the event loop while some work goes on."""
    gc.collect()
    gc.disable()
    longest, before = 0.0, time.thread_time()
    while not work.done():
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, before = max(longest, now - before), now
    gc.enable()
    return longest


@pytest.mark.timeout(300)
def test_a_comparison_of_ten_thousand_syncs_takes_short_steps(capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    operator = world.operator
    operator.queue = Work().queue
    for number in range(1, COUNT + 1):
        operator.cache.put(SYNC_KIND, registered(number, world.view.url))
    attributes = {"source_id": 1, "destination_id": 2, "model_id": 3, "stream_name": "contacts"}
    attributes |= {"configuration": MAPPING, "schedule_type": "manual", "sync_mode": "full_refresh"}
    server = Server(tuple(RemoteSync(str(number), dict(attributes)) for number in range(1, COUNT + 1)))
    session = operator.sessions.get(HOME)
    assert session is not None
    assert session.scope is not None
    scope = session.scope

    async def story() -> float:
        compare = drift._compare(operator, HOME, scope, cast("Any", server))
        return await longest_step(asyncio.create_task(compare))

    took = asyncio.run(story())
    with capsys.disabled():
        print(f"\nlongest step of a comparison of {COUNT} Syncs: {took * 1000:.1f} ms")  # noqa: T201
    assert took < MAX_STEP_SECONDS
