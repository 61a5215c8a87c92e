"""What is asked for once for all: how long an answer is held."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from weakref import WeakSet

from sync_operator.controller.drift.list_memory import ListMemory
from sync_operator.controller.drift.single_flight import Grow, SingleFlightCache

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(eq=False)
class Answer:
    at: datetime


def test_an_answer_that_made_room_for_the_next_is_held_no_longer() -> None:
    shared: SingleFlightCache[str, Answer] = SingleFlightCache(lambda: NOW, ListMemory(100, 100))
    alive: WeakSet[Answer] = WeakSet()
    seen: list[int] = []

    async def ask(at: datetime, grow: Grow) -> Answer:
        grow(60)
        await asyncio.sleep(0)
        seen.append(len(alive))
        answer = Answer(at)
        alive.add(answer)
        return answer

    async def story() -> None:
        await shared.fetch("list", ask, since=NOW)
        await shared.fetch("list", ask, since=NOW + timedelta(seconds=1))

    asyncio.run(story())
    assert seen == [0, 0]
