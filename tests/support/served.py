"""The sandbox inside the test's own event loop, with a clock that only the test moves."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aiohttp import web
from tests.support.hosts import LOCAL

from sync_operator.sandbox.app import make_app
from sync_operator.sandbox.fault_injection import Fault, Faults
from sync_operator.sandbox.routes.control_routes import FAULTS
from sync_operator.sandbox.state import Outcome, Store, Token
from sync_operator.syncapi.client import ApiClient, Endpoint
from sync_operator.syncapi.http.connection_pool import PoolManager
from sync_operator.syncapi.types import Dialect

__all__ = ["BODY", "START", "FakeClock", "Served", "WallClock", "served"]

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BODY = {
    "source_id": 1,
    "destination_id": 2,
    "model_id": 3,
    "schedule_type": "manual",
    "configuration": [{"from": "id", "to": "key", "mapping_type": "standard"}],
    "stream_name": "orders",
    "sync_mode": "full_refresh",
}


@dataclass
class FakeClock:
    """Time that passes only when somebody sleeps on it."""

    time: datetime = START
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.time

    def seconds(self) -> float:
        return (self.time - START).total_seconds()

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)


@dataclass
class WallClock(FakeClock):
    """Real time for a server that processes talk to; `advance` sets its clock ahead of theirs."""

    def __call__(self) -> datetime:
        return datetime.now(UTC) + (self.time - START)


@dataclass
class Served:
    """A served sandbox: its URL, its store, its faults, and a client of ours for it.

    Attributes:
        on_request: called with ``before`` and ``after`` around each request; True closes the connection right there.
    """

    url: str
    store: Store
    clock: FakeClock
    faults: Faults
    client: ApiClient
    runner: web.AppRunner
    on_request: Callable[[str, web.Request], Awaitable[bool]] | None = None

    async def loses(self, when: str, request: web.Request) -> bool:
        """Ask the test, and close the connection if it says so."""
        lost = self.on_request is not None and await self.on_request(when, request)
        if lost and request.transport is not None:
            request.transport.abort()
        return lost

    async def go_away(self) -> None:
        """Close the port, and every connection."""
        for site in list(self.runner.sites):
            await site.stop()
        if self.runner.server is not None:
            self.runner.server.pre_shutdown()
            await self.runner.server.shutdown(0)

    async def come_back(self) -> None:
        """Listen on the same port again."""
        await web.TCPSite(self.runner, "127.0.0.1", int(self.url.rpartition(":")[2])).start()

    def fault(self, **fields: object) -> None:
        self.faults.waiting.append(Fault(**fields))  # type: ignore[arg-type]

    def seen(self) -> list[tuple[str, str, int]]:
        """Method, path below ``/api/v1`` and status of every request so far."""
        return [(entry.method, entry.path.removeprefix("/api/v1"), entry.status) for entry in self.faults.log]


@asynccontextmanager
async def served(
    dialect: Dialect = Dialect.MULTIWOVEN, *, token: str = "good", clock: FakeClock | None = None
) -> AsyncIterator[Served]:
    """Serve a sandbox on a free loopback port."""
    clock = clock or FakeClock()
    store = Store(
        clock=clock,
        dialect=dialect.value.lower(),
        tokens={"good": Token(), "viewer": Token(role="Viewer", email="viewer@example.com")},
        workspaces=frozenset({1, 2}),
        default_outcome=Outcome(rows=100, seconds=60),
    )
    app = make_app(store)

    @web.middleware
    async def watched(request: web.Request, handler: Handler) -> web.StreamResponse:
        lost = web.Response(status=500)
        if await api.loses("before", request):
            return lost
        response = await handler(request)
        return lost if await api.loses("after", request) else response

    app.middlewares.insert(0, watched)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    pool = PoolManager(LOCAL)
    client = ApiClient(Endpoint(url, "1", dialect, timeout_seconds=5), token=lambda: token, pool=pool)
    try:
        api = Served(url, store, clock, app[FAULTS], client, runner)
        yield api
    finally:
        await pool.aclose()
        await runner.cleanup()
