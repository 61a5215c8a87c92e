"""How a tool keeps to what a server takes, on a clock that only the test moves."""

from collections.abc import AsyncIterator

import pytest
from tests.support.gaterig import GateRig
from tests.support.served import Served

from sync_operator.commands.throttled import Throttle
from sync_operator.errors import ThrottledError, TransientError


class Rig(GateRig):
    def __init__(self, api: Served) -> None:
        super().__init__(api, now=0.0)
        self.told: list[str] = []
        self.pace = Throttle(self.gate, self.told.append, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.time.advance(seconds)


@pytest.fixture
async def rig(api: Served) -> AsyncIterator[Rig]:
    rig = Rig(api)
    yield rig
    await rig.pool.aclose()


async def test_a_pause_that_the_server_asks_for_is_kept_and_told(rig: Rig) -> None:
    rig.api.fault(status=429, retry_after="30")

    await rig.pace.call(rig.client.whoami)

    assert rig.time() == pytest.approx(30)
    assert [status for _, _, status in rig.api.seen()] == [429, 200]
    assert rig.told[-1] == "the server asks for a pause: going on in 29 s"


async def test_a_pause_too_long_for_a_command_is_an_error_that_says_so(rig: Rig) -> None:
    rig.api.fault(status=429, retry_after="900")

    with pytest.raises(ThrottledError, match="run it again later"):
        await rig.pace.call(rig.client.whoami)

    assert len(rig.api.seen()) == 1
    assert rig.time() < 10


@pytest.mark.parametrize("retry_after", ["0", None])
async def test_a_server_that_only_ever_asks_for_pauses_is_given_up(rig: Rig, retry_after: str | None) -> None:
    rig.api.fault(status=429, retry_after=retry_after, times=-1)

    with pytest.raises(ThrottledError, match="429"):
        await rig.pace.call(rig.client.whoami)

    assert rig.time() <= 300
    assert len(rig.api.seen()) <= 301


async def test_a_server_that_fails_is_not_waited_for(rig: Rig) -> None:
    rig.api.fault(status=429, retry_after="1")
    rig.api.fault(status=503, times=-1)

    with pytest.raises(TransientError, match="503"):
        await rig.pace.call(rig.client.whoami)

    assert len(rig.api.seen()) == 2
