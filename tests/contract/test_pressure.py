"""Traffic in front of a real client: which answers count for it, and that it stands before every call."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.gaterig import GateRig
from tests.support.served import Served

from sync_operator.errors import (
    NotAdmittedError,
    ServerFaultError,
    SyncOperatorError,
    ThrottledError,
    TransientError,
    UnauthorizedError,
    UnsupportedEndpointError,
)
from sync_operator.syncapi.client import ApiClient, Endpoint
from sync_operator.syncapi.types import Dialect


class Rig(GateRig):
    async def fails(self, kind: type[SyncOperatorError], **fault: Any) -> SyncOperatorError:
        if fault:
            self.api.fault(path="/users/me", **fault)
        with pytest.raises(kind) as failed:
            await self.client.whoami()
        assert type(failed.value) is kind
        return failed.value


@pytest.fixture
async def rig(api: Served) -> AsyncIterator[Rig]:
    rig = Rig(api)
    yield rig
    await rig.pool.aclose()


@pytest.mark.parametrize(
    "fault",
    [{"status": 500}, {"status": 503}, {"status": 302}, {"garbage": "<html>"}, {"lose": "before"}, {"lose": "after"}],
)
async def test_three_unusable_answers_stop_the_calls(rig: Rig, fault: dict[str, Any]) -> None:
    kind = ServerFaultError if fault.get("status") == 500 else TransientError
    for _ in range(3):
        await rig.fails(kind, **fault)
    await rig.fails(kind, **fault)  # the probe
    sent = len(rig.api.seen())
    for _ in range(50):
        await rig.fails(NotAdmittedError)
    assert len(rig.api.seen()) == sent
    rig.time.advance(1)
    assert (await rig.client.whoami()).email
    assert rig.gate.circuit_closed


async def test_a_server_that_cannot_be_reached_counts_too(rig: Rig) -> None:
    endpoint = Endpoint("http://127.0.0.1:1", None, Dialect.MULTIWOVEN, timeout_seconds=5)
    client = ApiClient(endpoint, token=lambda: "good", pool=rig.pool, gate=rig.gate)
    for _ in range(4):
        with pytest.raises(TransientError, match="cannot be reached"):
            await client.whoami()
    with pytest.raises(NotAdmittedError):
        await client.whoami()


@pytest.mark.parametrize(
    ("fault", "kind"), [({"status": 401}, UnauthorizedError), ({"status": 404}, UnsupportedEndpointError)]
)
async def test_refusals_do_not_stop_the_calls(rig: Rig, fault: dict[str, Any], kind: type[SyncOperatorError]) -> None:
    for _ in range(10):
        await rig.fails(kind, **fault)
    assert rig.gate.circuit_closed


async def test_a_429_stops_all_calls_for_as_long_as_the_server_says(rig: Rig) -> None:
    error = await rig.fails(ThrottledError, status=429, retry_after="20")
    assert isinstance(error, ThrottledError)
    assert error.retry_after == 20
    held = await rig.fails(NotAdmittedError)
    assert isinstance(held, NotAdmittedError)
    assert held.throttled
    rig.time.advance(19.9)
    await rig.fails(NotAdmittedError)
    rig.time.advance(0.1)
    assert (await rig.client.whoami()).email


async def test_a_503_may_say_when_to_come_back(rig: Rig) -> None:
    for _ in range(3):
        await rig.fails(TransientError, status=503, retry_after="90")
    rig.time.advance(89)
    await rig.fails(NotAdmittedError)
    rig.time.advance(1)
    assert (await rig.client.whoami()).email


async def test_every_call_is_counted(api: Served) -> None:
    rig = Rig(api, 20)
    rig.time.advance(60)  # in the first minute all of its calls may go out at once
    await rig.client.whoami()
    assert (await rig.client.syncs.list()).rows == ()
    with pytest.raises(NotAdmittedError, match="takes 20 requests a minute"):
        rig.gate.take_slot("sync")
    rig.time.advance(7.5)
    assert rig.woken == ["sync"]
    await rig.pool.aclose()
