"""What is kept of connections: it follows the Workspaces that there are, however often they change."""

import asyncio
from pathlib import Path
from typing import Final

import pytest
from tests.support.hosts import LOCAL
from tests.support.plane import ROOT
from tests.support.served import Served

from sync_operator.remote.connections import MAX_ENDPOINTS, HttpPool

AUTHORITY: Final = (Path(ROOT) / "tests/support/tls/authority.pem").read_text()


async def settle(pool: HttpPool) -> None:
    """Let what is being closed be closed."""
    while pool._closing:
        await asyncio.wait(pool._closing)
        await asyncio.sleep(0)


async def test_edits_of_an_authority_leave_two_contexts_and_no_more() -> None:
    pool, owner = HttpPool(LOCAL), ("team", "default")
    for number in range(200):
        pool.connection("https://api.example.com", f"{AUTHORITY}\n# edit {number}\n", owner)
    await settle(pool)

    assert pool.kept() == {"endpoints": MAX_ENDPOINTS, "connections": 0, "tls_contexts": MAX_ENDPOINTS}
    pool.forget(owner)
    await settle(pool)
    assert set(pool.kept().values()) == {0}


async def test_workspaces_that_come_and_go_leave_nothing() -> None:
    pool = HttpPool(LOCAL)
    for number in range(200):
        owner = ("team", f"w-{number}")
        pool.connection(f"https://{number}.example.com", f"{AUTHORITY}\n# {number}\n", owner)
        pool.forget(owner)
    await settle(pool)

    assert set(pool.kept().values()) == {0}


async def test_a_request_under_way_is_seen_through_and_its_connection_closed_then(api: Served) -> None:
    pool, owner = HttpPool(LOCAL), ("team", "default")
    connection = pool.connection(api.url, None, owner)
    async with connection.taken(5) as http:
        pool.forget(owner)
        await settle(pool)
        assert connection.kept == 1
        assert (await http.request("GET", f"{api.url}/up")).status

    assert connection.kept == 0


async def test_idle_connections_are_closed(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("sync_operator.remote.connections.time.monotonic", lambda: now)
    pool, owner = HttpPool(LOCAL), ("team", "default")
    async with pool.connection(api.url, None, owner).taken(5) as http:
        await http.request("GET", f"{api.url}/up")
    now += 29
    pool.reap()
    await settle(pool)
    assert pool.kept()["connections"] == 1

    now += 2
    pool.reap()
    await settle(pool)
    assert pool.kept()["connections"] == 0
    await pool.aclose()
