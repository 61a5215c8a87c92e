"""Client of the sync API: the calls that the operator and its runner make, the same for both dialects."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sync_operator.errors import (
    FailedPreconditionError,
    NotFoundError,
    OutcomeUnknownError,
    PreconditionFailure,
    TransientError,
)
from sync_operator.syncapi.http.connection_pool import Owner, PoolManager
from sync_operator.syncapi.http.responses import Response
from sync_operator.syncapi.http.server_client import (
    Gate,
    RequestObserver,
    ServerClient,
    no_token_refresh,
    noop_observer,
)
from sync_operator.syncapi.list_size import ListSize, ignore_growth
from sync_operator.syncapi.paging import Page, read_whole_list
from sync_operator.syncapi.parsing import (
    parse_batch_streams,
    parse_list,
    parse_named,
    parse_packed_sync,
    parse_page,
    parse_run,
    parse_sync,
    parse_user,
    size_of,
)
from sync_operator.syncapi.row_reasons import reason_of
from sync_operator.syncapi.types import (
    Dialect,
    NamedResource,
    RefKind,
    RemoteList,
    RemoteRun,
    RemoteSync,
    RunPage,
    User,
)
from sync_operator.util.bounds import MAX_KEPT_BYTES, bounded_date
from sync_operator.util.redact import redact_each

__all__ = ["MAX_PAGE_SECONDS", "ApiClient", "Endpoint"]

_PAGE_SIZE: Final = 500
"""Rows to request in one page. A Multiwoven server, which accepts any number, takes about 5 ms for each."""
_MAX_DOCUMENTED_PAGE_SIZE: Final = 100
_MAX_RECORDS: Final = 100
_MAX_REASON: Final = 120
MAX_PAGE_SECONDS: Final = 120.0
"""Timeout in seconds for one page of a list, whatever the Workspace's timeout is: a busy server takes long for it, and
continues to work on a request that was given up."""
_MAX_ACTIVE_RUNS: Final = 10
"""The server allows one active run; rows left behind when a sync was disabled come on top."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How to reach one workspace of a server.

    Attributes:
        url: base URL, without ``/api/v1``.
        workspace_id: value of the ``Workspace-Id`` header, or None.
        dialect: which dialect the server speaks.
        timeout_seconds: for one request.
        ca_pem: CA bundle to verify the server; None for the system's.
        owner: owner of the connections, see `Owner`.
    """

    url: str
    workspace_id: str | None
    dialect: Dialect
    timeout_seconds: float = 30.0
    ca_pem: str | None = None
    owner: Owner = ("", "")


class ApiClient:
    """One workspace of one server. All methods raise the errors of `sync_operator.errors`.

    Args:
        endpoint: how to reach it.
        token: returns the bearer token at the time of sending.
        pool: connection pools.
        renew: called with a token that got a 401; True if there is another one now.
        observer: called after every request, see `ServerClient`.
        gate: request gate that all calls of this process to that workspace pass; None if this is the only client.

    Attributes:
        dialect: which one the server speaks.
        namespace: of the Workspace; empty if this is the only client.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        token: Callable[[], str],
        pool: PoolManager,
        renew: Callable[[str], Awaitable[bool]] = no_token_refresh,
        gate: Gate[Any] | None = None,
        observer: RequestObserver = noop_observer,
    ) -> None:
        self.dialect = endpoint.dialect
        self.namespace = endpoint.owner[0]
        self._token = token
        self._server = ServerClient(
            transport=pool.transport(endpoint.url, endpoint.ca_pem, endpoint.owner),
            base=endpoint.url.rstrip("/"),
            token=token,
            renew=renew,
            gate=gate,
            observer=observer,
            workspace_id=endpoint.workspace_id,
            timeout_seconds=endpoint.timeout_seconds,
        )

    async def whoami(self) -> User:
        """`GET /users/me`: verifies token, workspace and role in one cheap call."""
        return parse_user((await self._server.send("GET", "/users/me", quote_response=False)).body)

    async def ping(self) -> None:
        """`GET /syncs?page=1`: verifies the token on servers without ``users/me``."""
        await self._server.send("GET", "/syncs", query={"page": "1"}, quote_response=False)

    async def create_sync(self, body: Mapping[str, Any]) -> RemoteSync:
        """`POST /syncs`. Never retried here.

        Raises:
            OutcomeUnknownError: the sync may have been created; list the syncs before another create.
        """
        answer = await self._server.send("POST", "/syncs", body={"sync": dict(body)}, idempotent=False)
        sync = parse_sync(answer.body)
        if sync is None:
            raise OutcomeUnknownError("POST /syncs was accepted, but the answer names no id", ended=True)
        return sync

    async def get_sync(self, sync_id: str) -> RemoteSync:
        """`GET /syncs/:id`."""
        return self._parse_required_sync(await self._server.send("GET", f"/syncs/{_digits(sync_id)}"), "GET")

    async def list_syncs(self, on_growth: Callable[[int], None] = ignore_growth) -> RemoteList[RemoteSync]:
        """`GET /syncs`: all syncs, each once, read page by page; see `read_whole_list`.

        Args:
            on_growth: called with the bytes of memory by which the list grows, or shrinks (negative); may raise.

        Raises:
            ServerFaultError: the server fails to return the list, or too many rows of it.
        """
        clock = None
        mebibytes = MAX_KEPT_BYTES // 2**20
        tally: ListSize[RemoteSync] = ListSize(
            size_of,
            on_growth,
            f"the syncs of this workspace hold more than {mebibytes} MiB of configuration; so much is not read: spread "
            "them over several workspaces",
        )

        async def request_page(page: int, size: int) -> Page[RemoteSync]:
            nonlocal clock
            answer = await self._page("/syncs", page, size, parse_item=_counted(parse_packed_sync, tally))
            clock = bounded_date(answer.headers.get("date", ""))
            return parse_page(answer.body, _as_read)

        whole = await read_whole_list(request_page, tally, size=self._max_rows)
        return RemoteList(whole.rows, clock, whole.unlisted)

    async def list_named(
        self, kind: RefKind, on_growth: Callable[[int], None] = ignore_growth
    ) -> tuple[NamedResource, ...]:
        """`GET /connectors?type=…` or `GET /models`: all, each once; rows that cannot be listed are left out.

        Known releases return ten connectors a page, whatever size is requested. The published reference also requires
        a ``category`` and a ``query_type``; servers do not, and each of their values would leave something out.

        Args:
            kind: what to list.
            on_growth: as in `list_syncs`.
        """
        path = "/models" if kind is RefKind.MODEL else "/connectors"
        filters = {} if kind is RefKind.MODEL else {"type": kind.value}
        tally: ListSize[NamedResource] = ListSize(
            size_of,
            on_growth,
            f"the names of the {kind}s of this workspace take more than {MAX_KEPT_BYTES // 2**20} MiB; so much is not "
            f"read: use ids, or spread the {kind}s over several workspaces",
        )

        async def request_page(page: int, size: int) -> Page[NamedResource]:
            parse_item = _counted(parse_named, tally)
            return parse_page((await self._page(path, page, size, filters, parse_item=parse_item)).body, _as_read)

        sized = kind is RefKind.MODEL or self.dialect is Dialect.DOCUMENTED
        return (await read_whole_list(request_page, tally, size=self._max_rows, sized=sized)).rows

    @property
    def _max_rows(self) -> int:
        return _PAGE_SIZE if self.dialect is Dialect.MULTIWOVEN else _MAX_DOCUMENTED_PAGE_SIZE

    async def _page(
        self,
        path: str,
        page: int,
        size: int,
        filters: Mapping[str, str] | None = None,
        *,
        parse_item: Callable[[Any], Any],
    ) -> Response:
        """Request one page of a list, with a longer timeout than for other calls."""
        query = {"page": str(page), **self._page_size(size), **(filters or {})}
        return await self._server.send(
            "GET", path, query=query, timeout_seconds=MAX_PAGE_SECONDS, parse_item=parse_item
        )

    async def batch_streams(self, connector_id: int) -> frozenset[str]:
        """`GET /connectors/:id/discover`: names of the streams that the server writes in batches.

        The server returns its stored catalog, which exists for each destination that a sync writes to.
        """
        return parse_batch_streams((await self._server.send("GET", f"/connectors/{connector_id}/discover")).body)

    async def update_sync(self, sync_id: str, body: Mapping[str, Any]) -> RemoteSync:
        """`PUT /syncs/:id` with the whole body."""
        path = f"/syncs/{_digits(sync_id)}"
        return self._parse_required_sync(await self._server.send("PUT", path, body={"sync": dict(body)}), "PUT")

    async def delete_sync(self, sync_id: str) -> None:
        """`DELETE /syncs/:id`; a sync that does not exist counts as deleted."""
        try:
            await self._server.send("DELETE", f"/syncs/{_digits(sync_id)}")
        except NotFoundError:
            return

    async def cancel_all(self, sync_id: str) -> None:
        """Cancel every active run, one call for each: a call cancels the newest one only."""
        for _ in range(_MAX_ACTIVE_RUNS):
            if not await self.cancel(sync_id):
                return

    async def set_enabled(self, sync_id: str, enabled: bool) -> None:
        """`PATCH /syncs/:id/enable`; succeeds if the sync is in that state already."""
        try:
            await self._server.send("PATCH", f"/syncs/{_digits(sync_id)}/enable", body={"enable": enabled})
        except FailedPreconditionError as error:
            if error.state is not PreconditionFailure.ALREADY_SO:
                raise

    async def trigger(self, sync_id: str) -> None:
        """`POST /schedule_syncs`: trigger a run. A 2xx response guarantees nothing; list the runs.

        Raises:
            FailedPreconditionError: a run is active, the sync is disabled, or it is not a manual one.
            OutcomeUnknownError: the response was lost; list the runs.
        """
        body = {"schedule_sync": {"sync_id": int(_digits(sync_id))}}
        await self._server.send("POST", "/schedule_syncs", body=body, idempotent=False)

    async def cancel(self, sync_id: str) -> bool:
        """`DELETE /schedule_syncs/:id`: cancel the newest active run; False if there was none."""
        try:
            await self._server.send("DELETE", f"/schedule_syncs/{_digits(sync_id)}")
        except (FailedPreconditionError, NotFoundError):
            return False
        return True

    async def list_runs(self, sync_id: str, *, limit: int = 20) -> tuple[RemoteRun, ...]:
        """`GET /syncs/:id/sync_runs`: the most recently changed runs, the highest id first."""
        return (await self.list_runs_with_server_time(sync_id, limit=limit)).runs

    async def list_runs_with_server_time(self, sync_id: str, *, limit: int = 20) -> RunPage:
        """As `list_runs`, with the server's time: its clock may differ from ours by minutes."""
        query = {"page": "1", **self._page_size(limit)}
        answer = await self._server.send(
            "GET", f"/syncs/{_digits(sync_id)}/sync_runs", query=query, parse_item=parse_run
        )
        runs = sorted(parse_list(answer.body, _as_read), key=lambda run: run.id, reverse=True)
        return RunPage(tuple(runs), bounded_date(answer.headers.get("date", "")))

    async def get_run(self, sync_id: str, run_id: int) -> RemoteRun:
        """`GET /syncs/:id/sync_runs/:run`."""
        answer = await self._server.send("GET", f"/syncs/{_digits(sync_id)}/sync_runs/{run_id}")
        run = parse_run(answer.body)
        if run is None:
            raise TransientError(f"GET sync_runs/{run_id} was answered without the run")
        return run

    async def failure_reasons(
        self, sync_id: str, run_id: int, *, secrets: tuple[str, ...] = (), limit: int = 3
    ) -> tuple[str, ...]:
        """The most frequent reasons why rows were refused, as ``reason (3 rows)``; never the rows themselves.

        ``secrets`` are values of the configuration that must not appear.
        """
        path = f"/syncs/{_digits(sync_id)}/sync_runs/{run_id}/sync_records"
        query = {"status": "failed", "page": "1", **self._page_size(_MAX_RECORDS)}
        try:
            answer = await self._server.send("GET", path, query=query, parse_item=reason_of, secrets=secrets)
        except NotFoundError:
            return ()
        reasons = parse_list(answer.body, _as_read)[:_MAX_RECORDS]
        counted = Counter(redact_each(reasons, secrets=(self._token(), *secrets), limit=_MAX_REASON))
        return tuple(
            f"{reason} ({count} {'row' if count == 1 else 'rows'})" for reason, count in counted.most_common(limit)
        )

    def _page_size(self, size: int) -> dict[str, str]:
        if self.dialect is Dialect.MULTIWOVEN:
            return {"per_page": str(size)}
        return {"page_size": str(min(size, _MAX_DOCUMENTED_PAGE_SIZE))}

    def _parse_required_sync(self, answer: Any, method: str) -> RemoteSync:
        sync = parse_sync(answer.body)
        if sync is None:
            raise TransientError(f"{method} of a sync was answered without the sync")
        return sync


def _digits(sync_id: str) -> str:
    """The id, checked to be digits, so that it is safe in a URL path; ValueError otherwise."""
    if not (sync_id.isascii() and sync_id.isdigit()):
        raise ValueError("an id of the API is a string of digits")
    return sync_id


def _counted[T](read: Callable[[Any], T | None], tally: ListSize[T]) -> Callable[[Any], T | None]:
    """Wrap the parser of a list item so that the parsed row is added to the tally."""

    def counted(item: Any) -> T | None:
        row = read(item)
        if row is not None:
            tally.add(row)
        return row

    return counted


def _as_read(item: Any) -> Any:
    """The item itself: it was parsed when it was received."""
    return item
