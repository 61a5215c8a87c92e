"""How fast the machine is, as the benchmark sees it."""

import asyncio

from benchmarks.yardstick import yardstick


async def test_one_look_is_taken_at_once_and_more_as_time_goes_by() -> None:
    async with yardstick() as rod:
        first = rod.mean
        assert first > 0
        async with asyncio.timeout(30):
            while rod.mean == first:  # noqa: ASYNC110 - the looks tell nobody
                await asyncio.sleep(0.01)
