"""What is kept of connections: it follows the Workspaces that there are, however often they change."""

import asyncio
from pathlib import Path
from typing import Final

import httpx
import pytest
from tests.support.hosts import LOCAL
from tests.support.plane import ROOT
from tests.support.served import Served

from sync_operator.syncapi.http.connection_pool import MAX_ENDPOINTS, PoolManager

AUTHORITY: Final = (Path(ROOT) / "tests/support/tls/authority.pem").read_text()


async def settle(pool: PoolManager) -> None:
    """Let what is being closed be closed."""
    while pool._closing:
        await asyncio.wait(pool._closing)
        await asyncio.sleep(0)


async def test_edits_of_an_authority_leave_two_contexts_and_no_more() -> None:
    pool, owner = PoolManager(LOCAL), ("team", "default")
    for number in range(200):
        pool.transport("https://api.example.com", f"{AUTHORITY}\n# edit {number}\n", owner)
    await settle(pool)

    assert pool.entry_counts() == {"endpoints": MAX_ENDPOINTS, "connections": 0, "tls_contexts": MAX_ENDPOINTS}
    pool.forget(owner)
    await settle(pool)
    assert set(pool.entry_counts().values()) == {0}


async def test_workspaces_that_come_and_go_leave_nothing() -> None:
    pool = PoolManager(LOCAL)
    for number in range(200):
        owner = ("team", f"w-{number}")
        pool.transport(f"https://{number}.example.com", f"{AUTHORITY}\n# {number}\n", owner)
        pool.forget(owner)
    await settle(pool)

    assert set(pool.entry_counts().values()) == {0}


async def test_a_request_under_way_is_seen_through_and_its_connection_closed_then(api: Served) -> None:
    pool, owner = PoolManager(LOCAL), ("team", "default")
    transport = pool.transport(api.url, None, owner)
    async with httpx.AsyncClient(transport=transport).stream("GET", f"{api.url}/up") as answer:
        pool.forget(owner)
        await settle(pool)
        assert transport.entry_count == 1
        assert "up" in (await answer.aread()).decode()

    assert transport.entry_count == 0


async def test_idle_connections_are_closed(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("sync_operator.syncapi.http.connection_pool.time.monotonic", lambda: now)
    pool, owner = PoolManager(LOCAL), ("team", "default")
    assert (await httpx.AsyncClient(transport=pool.transport(api.url, None, owner)).get(f"{api.url}/up")).is_success
    now += 29
    pool.reap()
    await settle(pool)
    assert pool.entry_counts()["connections"] == 1

    now += 2
    pool.reap()
    await settle(pool)
    assert pool.entry_counts()["connections"] == 0
    await pool.aclose()
