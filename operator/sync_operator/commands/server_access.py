"""Read-only access of the commands to a server workspace."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from sync_operator.api.constants import SYNC_KIND
from sync_operator.commands.targets import Target
from sync_operator.commands.throttled import Throttle, throttled
from sync_operator.domain.sync.name_resolution import Names, name_list
from sync_operator.domain.usage import USER_FIELDS
from sync_operator.errors import SyncOperatorError, TransientError
from sync_operator.settings import ToolSettings
from sync_operator.syncapi.auth.login import request_token
from sync_operator.syncapi.client import ApiClient, Endpoint
from sync_operator.syncapi.dialect import detect_dialect
from sync_operator.syncapi.http.blocked_hosts import check_url
from sync_operator.syncapi.http.connection_pool import PoolManager
from sync_operator.syncapi.http.server_client import ServerClient
from sync_operator.syncapi.pipeline.definitions import DEFINITIONS_NOT_TOLD, DefinitionSet
from sync_operator.syncapi.types import (
    Dialect,
    RefKind,
    RemoteConnector,
    RemoteList,
    RemoteModel,
    RemoteResource,
    RemoteSync,
)

__all__ = ["Users", "WorkspaceContent", "read_definitions", "read_workspace"]


type Users = Mapping[tuple[str, str], tuple[tuple[str, str], ...]]
"""By kind and id of a connector or model, the kinds and ids of the syncs and models that use it."""


@dataclass(frozen=True, slots=True)
class WorkspaceContent:
    """The content of a server workspace.

    Attributes:
        dialect: the server's dialect.
        syncs: all its syncs by id.
        names: its connectors and models, for the roles that were requested.
        unlisted: roles that the server does not list and that were requested only to look ids up.
        connectors: all its connectors by id, if they were requested.
        models: all its models by id, if they were requested.
        definitions: those of its connectors, if they were requested and the server tells them; else None.
    """

    dialect: Dialect
    syncs: dict[str, RemoteSync]
    names: Names = field(default_factory=dict)
    unlisted: frozenset[RefKind] = frozenset()
    connectors: dict[str, RemoteConnector] = field(default_factory=dict)
    models: dict[str, RemoteModel] = field(default_factory=dict)
    definitions: DefinitionSet | None = None

    def users(self) -> Users:
        """What uses each connector and model, each once, in the order of the ids."""
        found = defaultdict[tuple[str, str], dict[tuple[str, str], None]](dict)
        for kind, fields in USER_FIELDS.items():
            for user, name in fields:
                rows: Mapping[str, RemoteResource] = self.syncs if user == SYNC_KIND else self.models
                for row in sorted(rows.values(), key=lambda row: int(row.id)):
                    found[kind, str(row.attributes.get(name))][user, row.id] = None
        return {used: tuple(users) for used, users in found.items()}


def read_workspace(
    target: Target,
    settings: ToolSettings,
    tell: Callable[[str], None],
    *,
    roles: Collection[RefKind] = (),
    checked: Collection[RefKind] = (),
    whole: bool = False,
    definitions: bool = False,
) -> WorkspaceContent:
    """Read all syncs of a server workspace, at the Workspace's request rate and with the pauses the server asks for.

    The event loop ends with the last response, because inside it Ctrl-C would have to wait for the processing.

    Args:
        target: the server workspace and its credentials.
        settings: host rules and proxies.
        tell: shows the progress.
        roles: roles (connectors, models) that are referred to by name.
        checked: roles whose ids are looked up, if the server lists them.
        whole: whether all connectors and models are read too.
        definitions: whether those of connectors are read too.

    Raises:
        SyncOperatorError: the server must not be called, refused a request, or did not respond.
    """
    check_url(target.url, settings.hosts)
    return asyncio.run(_read(target, settings, tell, roles, checked, whole=whole, definitions=definitions))


def read_definitions(target: Target, settings: ToolSettings, tell: Callable[[str], None]) -> DefinitionSet:
    """Read the connector definitions of a server.

    Args:
        target: a workspace of the server, and its credentials.
        settings: host rules and proxies.
        tell: shows the progress.

    Raises:
        SyncOperatorError: as `read_workspace`.
    """
    check_url(target.url, settings.hosts)
    return asyncio.run(_read_definitions(target, settings, tell))


async def _read_definitions(target: Target, settings: ToolSettings, tell: Callable[[str], None]) -> DefinitionSet:
    async with _connected(target, settings, tell) as server:
        return await server.throttle.call(server.client.pipeline.definitions)


@dataclass(frozen=True, slots=True)
class _Server:
    """A client of a server whose dialect is known, and what keeps it to the rate."""

    client: ApiClient
    throttle: Throttle


@asynccontextmanager
async def _connected(target: Target, settings: ToolSettings, tell: Callable[[str], None]) -> AsyncIterator[_Server]:
    async with _pool(settings) as pool, throttled(target.url, target.requests_per_minute, tell) as throttle:
        token = target.token or await _log_in(target, pool)
        response_count = 0

        def on_response(_operation: str, _status: int, _seconds: float) -> None:
            nonlocal response_count
            response_count += 1
            tell(f"{response_count} answers from {target.url}, at half of its Workspace's requests a minute")

        endpoint = Endpoint(
            url=target.url,
            workspace_id=target.workspace_id,
            dialect=target.dialect or Dialect.MULTIWOVEN,
            timeout_seconds=target.timeout_seconds,
            ca_pem=target.ca_pem,
        )
        tell(f"asking {target.url}")
        make = partial(ApiClient, token=lambda: token, pool=pool, observer=on_response, gate=throttle.gate)
        detecting_client = make(endpoint)
        dialect, _ = await throttle.call(lambda: detect_dialect(detecting_client, target.dialect))
        yield _Server(make(replace(endpoint, dialect=dialect)), throttle)


async def _read(
    target: Target,
    settings: ToolSettings,
    tell: Callable[[str], None],
    roles: Collection[RefKind],
    checked: Collection[RefKind],
    *,
    whole: bool,
    definitions: bool,
) -> WorkspaceContent:
    async with _connected(target, settings, tell) as server:
        client, throttle = server.client, server.throttle
        names, unlisted = {}, set[RefKind]()
        for role in sorted({*roles, *checked}):
            try:
                names[role] = name_list(await throttle.call(partial(client.list_named, role)), datetime.now(UTC))
            except SyncOperatorError:
                if role in roles:
                    raise
                unlisted.add(role)
        syncs = _by_id(await throttle.call(client.syncs.list), "/syncs", "sync")
        if not whole:
            return WorkspaceContent(client.dialect, syncs, names, frozenset(unlisted))
        connectors = _by_id(await throttle.call(client.connectors.list), "/connectors", "connector")
        models = _by_id(await throttle.call(client.models.list), "/models", "model")
        known = await _told_definitions(server) if definitions else None
    return WorkspaceContent(client.dialect, syncs, names, frozenset(unlisted), connectors, models, known)


async def _told_definitions(server: _Server) -> DefinitionSet | None:
    """The definitions; None if the server does not tell them: then it alone checks."""
    try:
        return await server.throttle.call(server.client.pipeline.definitions)
    except DEFINITIONS_NOT_TOLD:
        return None


def _by_id[R: RemoteResource](listing: RemoteList[R], path: str, noun: str) -> dict[str, R]:
    """The rows by id.

    Raises:
        TransientError: the server does not list all.
    """
    if listing.unlisted:
        rows = ", ".join(map(str, listing.unlisted))
        raise TransientError(
            f"GET {path} was refused for row {rows} of it (per_page=1&page={rows}): a {noun} there is broken; repair "
            "it, or delete it"
        )
    return {row.id: row for row in listing.rows}


@asynccontextmanager
async def _pool(settings: ToolSettings) -> AsyncIterator[PoolManager]:
    pool = PoolManager(settings.hosts, settings.proxies)
    try:
        yield pool
    finally:
        await pool.aclose()


async def _log_in(target: Target, pool: PoolManager) -> str:
    email, password = target.login or ("", "")
    client = ServerClient(
        transport=pool.transport(target.url, target.ca_pem),
        base=target.url.rstrip("/"),
        token=None,
        timeout_seconds=target.timeout_seconds,
    )
    return (await request_token(client, email, password, now=datetime.now(UTC))).value
