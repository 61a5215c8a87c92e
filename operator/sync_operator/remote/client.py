"""The calls of the sync API that the operator and its runner make, the same for both dialects."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sync_operator.bounds import MAX_KEPT_BYTES, bounded_date
from sync_operator.errors import NotFoundError, OutcomeUnknownError, ServerState, StateError, TransientError
from sync_operator.redact import redact_each
from sync_operator.remote.answers import Answer
from sync_operator.remote.connections import HttpPool, Owner
from sync_operator.remote.paging import Page, read_whole_list
from sync_operator.remote.read import (
    read_batch_streams,
    read_list,
    read_named,
    read_packed_sync,
    read_page,
    read_run,
    read_sync,
    read_user,
    size_of,
)
from sync_operator.remote.reasons import reason_of
from sync_operator.remote.tally import Tally, uncounted
from sync_operator.remote.transport import Exchange, Gate, Told, no_renewal, untold
from sync_operator.remote.types import Dialect, Listing, Named, RemoteRun, RemoteSync, Role, RunList, User

__all__ = ["MAX_PAGE_SECONDS", "ApiClient", "Endpoint"]

_PAGE: Final = 500
"""Rows to ask for at once. A Multiwoven server, which takes any number, makes a list in about 5 ms a row."""
_DOCUMENTED_PAGE: Final = 100
_RECORDS_LOOKED_AT: Final = 100
_MAX_REASON: Final = 120
MAX_PAGE_SECONDS: Final = 120.0
"""Time-out for one page of a list, whatever the Workspace's time-out is: a busy server takes long for it, and goes on
working on one that was given up."""
_MOST_ACTIVE_RUNS: Final = 10
"""The server lets one run be active; rows left behind by a disabled sync come on top."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a workspace is, and how it is spoken to.

    Attributes:
        url: base URL, without ``/api/v1``.
        workspace_id: value of the ``Workspace-Id`` header, or None.
        dialect: which dialect the server speaks.
        timeout_seconds: for one request.
        ca_pem: certificate bundle that vouches for the server; None for the system's own.
        owner: who has connections of its own, see `Owner`.
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
        endpoint: where it is.
        token: gives the bearer token at the time of sending.
        pool: connections.
        renew: called with a token that was answered 401; True when there is another one now.
        told: is told of every exchange, see `Exchange`.
        traffic: what all calls of this process to that workspace go through; None where there is only this client.

    Attributes:
        dialect: which one the server speaks.
        namespace: of the Workspace; empty where there is only this client.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        token: Callable[[], str],
        pool: HttpPool,
        renew: Callable[[str], Awaitable[bool]] = no_renewal,
        traffic: Gate[Any] | None = None,
        told: Told = untold,
    ) -> None:
        self.dialect = endpoint.dialect
        self.namespace = endpoint.owner[0]
        self._token = token
        self._exchange = Exchange(
            connection=pool.connection(endpoint.url, endpoint.ca_pem, endpoint.owner),
            base=endpoint.url.rstrip("/"),
            token=token,
            renew=renew,
            traffic=traffic,
            told=told,
            workspace_id=endpoint.workspace_id,
            timeout_seconds=endpoint.timeout_seconds,
        )

    async def whoami(self) -> User:
        """`GET /users/me`: proves token, workspace and role in one cheap call."""
        return read_user((await self._exchange.send("GET", "/users/me", quoted=False)).body)

    async def probe_list(self) -> None:
        """`GET /syncs?page=1`: proves the token where there is no ``users/me``."""
        await self._exchange.send("GET", "/syncs", query={"page": "1"}, quoted=False)

    async def create_sync(self, body: Mapping[str, Any]) -> RemoteSync:
        """`POST /syncs`. Never repeated by itself.

        Raises:
            OutcomeUnknownError: the sync may have been made; look before asking again.
        """
        answer = await self._exchange.send("POST", "/syncs", body={"sync": dict(body)}, repeatable=False)
        sync = read_sync(answer.body)
        if sync is None:
            raise OutcomeUnknownError("POST /syncs was accepted, but the answer names no id", ended=True)
        return sync

    async def get_sync(self, sync_id: str) -> RemoteSync:
        """`GET /syncs/:id`."""
        return self._known_sync(await self._exchange.send("GET", f"/syncs/{_digits(sync_id)}"), "GET")

    async def list_syncs(self, grow: Callable[[int], None] = uncounted) -> Listing:
        """`GET /syncs`, all of them, each once: page by page, as `read_whole_list` does it.

        Args:
            grow: is told of the bytes that the list takes in memory more, or fewer; may raise.

        Raises:
            ServerFaultError: the server refuses the list, or too many rows of it.
        """
        clock = None
        mebibytes = MAX_KEPT_BYTES // 2**20
        tally: Tally[RemoteSync] = Tally(
            size_of,
            grow,
            f"the syncs of this workspace hold more than {mebibytes} MiB of configuration; so much is not read: spread "
            "them over several workspaces",
        )

        async def ask(page: int, size: int) -> Page[RemoteSync]:
            nonlocal clock
            answer = await self._page("/syncs", page, size, each=_counted(read_packed_sync, tally))
            clock = bounded_date(answer.headers.get("date", ""))
            return read_page(answer.body, _as_read)

        whole = await read_whole_list(ask, tally, size=self._most_rows)
        return Listing(whole.rows, clock, whole.unlisted)

    async def list_named(self, role: Role, grow: Callable[[int], None] = uncounted) -> tuple[Named, ...]:
        """`GET /connectors?type=…` or `GET /models`, all of them, each once; rows that cannot be listed are left out.

        Releases that were read keep to ten connectors a page, whatever is asked for. The published reference also wants
        a ``category`` and a ``query_type``; servers do without, and each of their values would leave something out.

        Args:
            role: what is listed.
            grow: as in `list_syncs`.
        """
        path = "/models" if role is Role.MODEL else "/connectors"
        kind = {} if role is Role.MODEL else {"type": role.value}
        tally: Tally[Named] = Tally(
            size_of,
            grow,
            f"the names of the {role}s of this workspace take more than {MAX_KEPT_BYTES // 2**20} MiB; so much is not "
            f"read: use ids, or spread the {role}s over several workspaces",
        )

        async def ask(page: int, size: int) -> Page[Named]:
            each = _counted(read_named, tally)
            return read_page((await self._page(path, page, size, kind, each=each)).body, _as_read)

        sized = role is Role.MODEL or self.dialect is Dialect.DOCUMENTED
        return (await read_whole_list(ask, tally, size=self._most_rows, sized=sized)).rows

    @property
    def _most_rows(self) -> int:
        return _PAGE if self.dialect is Dialect.MULTIWOVEN else _DOCUMENTED_PAGE

    async def _page(
        self,
        path: str,
        page: int,
        size: int,
        kind: Mapping[str, str] | None = None,
        *,
        each: Callable[[Any], Any],
    ) -> Answer:
        """One page of a list, for which the server may take longer than for other calls."""
        query = {"page": str(page), **self._page_size(size), **(kind or {})}
        return await self._exchange.send("GET", path, query=query, timeout_seconds=MAX_PAGE_SECONDS, each=each)

    async def batch_streams(self, connector_id: int) -> frozenset[str]:
        """`GET /connectors/:id/discover`: names of the streams that the server writes in batches.

        The server tells the catalog that it has stored, as it has for each destination that a sync writes to.
        """
        return read_batch_streams((await self._exchange.send("GET", f"/connectors/{connector_id}/discover")).body)

    async def update_sync(self, sync_id: str, body: Mapping[str, Any]) -> RemoteSync:
        """`PUT /syncs/:id` with the whole body."""
        path = f"/syncs/{_digits(sync_id)}"
        return self._known_sync(await self._exchange.send("PUT", path, body={"sync": dict(body)}), "PUT")

    async def delete_sync(self, sync_id: str) -> None:
        """`DELETE /syncs/:id`; one that is gone already counts as deleted."""
        try:
            await self._exchange.send("DELETE", f"/syncs/{_digits(sync_id)}")
        except NotFoundError:
            return

    async def cancel_all(self, sync_id: str) -> None:
        """Cancel every active run: one call cancels one row, the newest."""
        for _ in range(_MOST_ACTIVE_RUNS):
            if not await self.cancel(sync_id):
                return

    async def set_enabled(self, sync_id: str, enabled: bool) -> None:
        """`PATCH /syncs/:id/enable`; being so already counts as done."""
        try:
            await self._exchange.send("PATCH", f"/syncs/{_digits(sync_id)}/enable", body={"enable": enabled})
        except StateError as error:
            if error.state is not ServerState.ALREADY_SO:
                raise

    async def trigger(self, sync_id: str) -> None:
        """`POST /schedule_syncs`: asks for a run. A 2xx promises nothing; look for the run.

        Raises:
            StateError: a run is active, the sync is disabled, or it is not a manual one.
            OutcomeUnknownError: the answer was lost; look for the run all the same.
        """
        body = {"schedule_sync": {"sync_id": int(_digits(sync_id))}}
        await self._exchange.send("POST", "/schedule_syncs", body=body, repeatable=False)

    async def cancel(self, sync_id: str) -> bool:
        """`DELETE /schedule_syncs/:id`: cancel the newest active run; False when there was none to cancel."""
        try:
            await self._exchange.send("DELETE", f"/schedule_syncs/{_digits(sync_id)}")
        except (StateError, NotFoundError):
            return False
        return True

    async def list_runs(self, sync_id: str, *, limit: int = 20) -> tuple[RemoteRun, ...]:
        """`GET /syncs/:id/sync_runs`: the last moved ones, the highest id first."""
        return (await self.look_at_runs(sync_id, limit=limit)).runs

    async def look_at_runs(self, sync_id: str, *, limit: int = 20) -> RunList:
        """The same, with the server's time: its clock may differ from ours by minutes."""
        query = {"page": "1", **self._page_size(limit)}
        answer = await self._exchange.send("GET", f"/syncs/{_digits(sync_id)}/sync_runs", query=query, each=read_run)
        runs = sorted(read_list(answer.body, _as_read), key=lambda run: run.id, reverse=True)
        return RunList(tuple(runs), bounded_date(answer.headers.get("date", "")))

    async def get_run(self, sync_id: str, run_id: int) -> RemoteRun:
        """`GET /syncs/:id/sync_runs/:run`."""
        answer = await self._exchange.send("GET", f"/syncs/{_digits(sync_id)}/sync_runs/{run_id}")
        run = read_run(answer.body)
        if run is None:
            raise TransientError(f"GET sync_runs/{run_id} was answered without the run")
        return run

    async def failure_reasons(
        self, sync_id: str, run_id: int, *, secrets: tuple[str, ...] = (), limit: int = 3
    ) -> tuple[str, ...]:
        """The most frequent reasons of refused rows, as ``words (3 rows)``; never the rows themselves.

        ``secrets`` are values of the configuration that must not appear.
        """
        path = f"/syncs/{_digits(sync_id)}/sync_runs/{run_id}/sync_records"
        query = {"status": "failed", "page": "1", **self._page_size(_RECORDS_LOOKED_AT)}
        try:
            answer = await self._exchange.send("GET", path, query=query, each=reason_of, secrets=secrets)
        except NotFoundError:
            return ()
        told = read_list(answer.body, _as_read)[:_RECORDS_LOOKED_AT]
        counted = Counter(redact_each(told, secrets=(self._token(), *secrets), limit=_MAX_REASON))
        return tuple(
            f"{reason} ({count} {'row' if count == 1 else 'rows'})" for reason, count in counted.most_common(limit)
        )

    def _page_size(self, size: int) -> dict[str, str]:
        if self.dialect is Dialect.MULTIWOVEN:
            return {"per_page": str(size)}
        return {"page_size": str(min(size, _DOCUMENTED_PAGE))}

    def _known_sync(self, answer: Any, method: str) -> RemoteSync:
        sync = read_sync(answer.body)
        if sync is None:
            raise TransientError(f"{method} of a sync was answered without the sync")
        return sync


def _digits(sync_id: str) -> str:
    """An id fit for a path."""
    if not (sync_id.isascii() and sync_id.isdigit()):
        raise ValueError("an id of the API is a string of digits")
    return sync_id


def _counted[T](read: Callable[[Any], T | None], tally: Tally[T]) -> Callable[[Any], T | None]:
    """Reads an item of a list, and counts what it takes."""

    def counted(item: Any) -> T | None:
        row = read(item)
        if row is not None:
            tally.add(row)
        return row

    return counted


def _as_read(item: Any) -> Any:
    """An item that was read as it came."""
    return item
