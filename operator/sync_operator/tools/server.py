"""The sync API as a tool uses it: the workspace's syncs, and nothing written."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from sync_operator.decide.names import Names, name_list
from sync_operator.errors import SyncOperatorError, TransientError
from sync_operator.remote.client import ApiClient, Endpoint
from sync_operator.remote.connections import HttpPool
from sync_operator.remote.detect import detect_dialect
from sync_operator.remote.hosts import check_url
from sync_operator.remote.login import request_token
from sync_operator.remote.transport import Exchange
from sync_operator.remote.types import Dialect, RemoteSync, Role
from sync_operator.settings import ToolSettings
from sync_operator.tools.pace import paced
from sync_operator.tools.targets import Target

__all__ = ["Workspace", "read_workspace"]


@dataclass(frozen=True, slots=True)
class Workspace:
    """What a server holds.

    Attributes:
        dialect: what the server speaks.
        syncs: by id, all of them.
        names: connectors and models, as far as they were asked for.
        unlisted: what of it the server does not list; asked for only to look ids up.
    """

    dialect: Dialect
    syncs: dict[str, RemoteSync]
    names: Names = field(default_factory=dict)
    unlisted: frozenset[Role] = frozenset()


def read_workspace(
    target: Target,
    settings: ToolSettings,
    tell: Callable[[str], None],
    *,
    roles: Collection[Role] = (),
    checked: Collection[Role] = (),
) -> Workspace:
    """Ask a server for all its syncs, no faster than its Workspace says, and with the pauses that it asks for.

    The event loop ends with the last answer: in it, Ctrl-C would have to wait for whatever is done with the answers.

    Args:
        target: which server.
        settings: host rules and proxies.
        tell: shows how far it has come.
        roles: what is to be known by name, too.
        checked: what ids are looked up in, where the server lists it.

    Raises:
        SyncOperatorError: the server must not be spoken to, refused, or gave no answer.
    """
    check_url(target.url, settings.hosts)
    return asyncio.run(_read(target, settings, tell, roles, checked))


async def _read(
    target: Target,
    settings: ToolSettings,
    tell: Callable[[str], None],
    roles: Collection[Role],
    checked: Collection[Role],
) -> Workspace:
    async with _pool(settings) as pool, paced(target.url, target.requests_per_minute, tell) as pace:
        token = target.token or await _log_in(target, pool)
        asked = 0

        def told(_operation: str, _status: int, _seconds: float) -> None:
            nonlocal asked
            asked += 1
            tell(f"{asked} answers from {target.url}, no more a minute than its Workspace allows")

        endpoint = Endpoint(
            url=target.url,
            workspace_id=target.workspace_id,
            dialect=target.dialect or Dialect.MULTIWOVEN,
            timeout_seconds=target.timeout_seconds,
            ca_pem=target.ca_pem,
        )
        tell(f"asking {target.url}")
        make = partial(ApiClient, token=lambda: token, pool=pool, told=told, traffic=pace.traffic)
        asking = make(endpoint)
        dialect, _ = await pace.call(lambda: detect_dialect(asking, target.dialect))
        client = make(replace(endpoint, dialect=dialect))
        names, unlisted = {}, set[Role]()
        for role in sorted({*roles, *checked}):
            try:
                names[role] = name_list(await pace.call(partial(client.list_named, role)), datetime.now(UTC))
            except SyncOperatorError:
                if role in roles:
                    raise
                unlisted.add(role)
        listing = await pace.call(client.list_syncs)
        if listing.unlisted:
            rows = ", ".join(map(str, listing.unlisted))
            raise TransientError(
                f"GET /syncs was refused for row {rows} of it (per_page=1&page={rows}): a sync there is broken; mend "
                "it, or delete it"
            )
    return Workspace(dialect, {sync.id: sync for sync in listing.syncs}, names, frozenset(unlisted))


@asynccontextmanager
async def _pool(settings: ToolSettings) -> AsyncIterator[HttpPool]:
    pool = HttpPool(settings.hosts, settings.proxies)
    try:
        yield pool
    finally:
        await pool.aclose()


async def _log_in(target: Target, pool: HttpPool) -> str:
    email, password = target.login or ("", "")
    exchange = Exchange(
        connection=pool.connection(target.url, target.ca_pem),
        base=target.url.rstrip("/"),
        token=None,
        timeout_seconds=target.timeout_seconds,
    )
    return (await request_token(exchange, email, password, now=datetime.now(UTC))).value
