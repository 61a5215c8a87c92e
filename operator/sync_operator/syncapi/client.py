"""Client of the sync API: the calls that the operator and its runner make, the same for both dialects."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from sync_operator.errors import (
    FailedPreconditionError,
    NotFoundError,
    PreconditionFailure,
    TransientError,
)
from sync_operator.syncapi.collection import CollectionPath, ListReader, ResourceCollection, as_read, digits
from sync_operator.syncapi.http.connection_pool import Owner, PoolManager
from sync_operator.syncapi.http.responses import Quoting
from sync_operator.syncapi.http.server_client import (
    Gate,
    RequestObserver,
    ServerClient,
    no_token_refresh,
    noop_observer,
)
from sync_operator.syncapi.list_size import ListSize, ignore_growth
from sync_operator.syncapi.parsing import (
    parse_batch_streams,
    parse_connector,
    parse_list,
    parse_model,
    parse_named,
    parse_run,
    parse_sync,
    parse_user,
    size_of,
)
from sync_operator.syncapi.pipeline.pipeline_client import PipelineClient
from sync_operator.syncapi.row_reasons import reason_of
from sync_operator.syncapi.types import (
    Dialect,
    NamedResource,
    RefKind,
    RemoteResource,
    RemoteRun,
    RunPage,
    User,
)
from sync_operator.util.bounds import MAX_KEPT_BYTES, bounded_date
from sync_operator.util.redact import redact_each

__all__ = ["ApiClient", "Endpoint"]

_MAX_RECORDS: Final = 100
_MAX_REASON: Final = 120
_MAX_ACTIVE_RUNS: Final = 10
"""The server allows one active run; rows left behind when a sync was disabled come on top."""
_SYNCS: Final = CollectionPath("/syncs", "sync", "sync", parse_sync)
_CONNECTORS: Final = CollectionPath(
    "/connectors",
    "connector",
    "connector",
    parse_connector,
    Quoting.NOTHING,
    "whose definition the server no longer has",
)
_MODELS: Final = CollectionPath(
    "/models", "model", "model", parse_model, Quoting.NOTHING, "whose connector has no catalog", "connector_id"
)
"""Neither is quoted: a model embeds its connector."""


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
        syncs: the workspace's syncs.
        connectors: its sources and destinations.
        models: its models.
        pipeline: the calls on connectors that are not those of every collection.
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
        self._reader = ListReader(self._server, endpoint.dialect)
        self.syncs = self.collection(_SYNCS)
        self.connectors = self.collection(_CONNECTORS)
        self.models = self.collection(_MODELS)
        self.pipeline = PipelineClient(self._server)

    def collection[R: RemoteResource](self, path: CollectionPath[R]) -> ResourceCollection[R]:
        """One of the workspace's collections."""
        return ResourceCollection(self._server, self._reader, path)

    async def whoami(self) -> User:
        """`GET /users/me`: verifies token, workspace and role in one cheap call."""
        return parse_user((await self._server.send("GET", "/users/me", quoting=Quoting.NOTHING)).body)

    async def ping(self) -> None:
        """`GET /syncs?page=1`: verifies the token on servers without ``users/me``."""
        await self._server.send("GET", "/syncs", query={"page": "1"}, quoting=Quoting.NOTHING)

    async def list_named(
        self, kind: RefKind, on_growth: Callable[[int], None] = ignore_growth
    ) -> tuple[NamedResource, ...]:
        """`GET /connectors?type=…` or `GET /models`: all, each once; rows that cannot be listed are left out.

        Known releases return ten connectors a page, whatever size is requested. The published reference also requires
        a ``category`` and a ``query_type``; servers do not, and each of their values would leave something out.

        Args:
            kind: what to list.
            on_growth: as in `ResourceCollection.list`.
        """
        path = "/models" if kind is RefKind.MODEL else "/connectors"
        filters = {} if kind is RefKind.MODEL else {"type": kind.value}
        tally: ListSize[NamedResource] = ListSize(
            size_of,
            on_growth,
            f"the names of the {kind}s of this workspace take more than {MAX_KEPT_BYTES // 2**20} MiB; so much is not "
            f"read: use ids, or spread the {kind}s over several workspaces",
        )

        sized = kind is RefKind.MODEL or self.dialect is Dialect.DOCUMENTED
        reading = self._reader.read_all(path, parse_named, tally, filters=filters, sized=sized, quoting=Quoting.NOTHING)
        return (await reading)[0].rows

    async def batch_streams(self, connector_id: int) -> frozenset[str]:
        """`GET /connectors/:id/discover`: names of the streams that the server writes in batches.

        The server returns its stored catalog, which exists for each destination that a sync writes to.
        """
        path = f"/connectors/{connector_id}/discover"
        return parse_batch_streams((await self._server.send("GET", path, quoting=Quoting.NOTHING)).body)

    async def cancel_all(self, sync_id: str) -> None:
        """Cancel every active run, one call for each: a call cancels the newest one only."""
        for _ in range(_MAX_ACTIVE_RUNS):
            if not await self.cancel(sync_id):
                return

    async def set_enabled(self, sync_id: str, enabled: bool) -> None:
        """`PATCH /syncs/:id/enable`; succeeds if the sync is in that state already."""
        try:
            await self._server.send("PATCH", f"/syncs/{digits(sync_id)}/enable", body={"enable": enabled})
        except FailedPreconditionError as error:
            if error.state is not PreconditionFailure.ALREADY_SO:
                raise

    async def trigger(self, sync_id: str) -> None:
        """`POST /schedule_syncs`: trigger a run. A 2xx response guarantees nothing; list the runs.

        Raises:
            FailedPreconditionError: a run is active, the sync is disabled, or it is not a manual one.
            OutcomeUnknownError: the response was lost; list the runs.
        """
        body = {"schedule_sync": {"sync_id": int(digits(sync_id))}}
        await self._server.send("POST", "/schedule_syncs", body=body, idempotent=False)

    async def cancel(self, sync_id: str) -> bool:
        """`DELETE /schedule_syncs/:id`: cancel the newest active run; False if there was none."""
        try:
            await self._server.send("DELETE", f"/schedule_syncs/{digits(sync_id)}")
        except (FailedPreconditionError, NotFoundError):
            return False
        return True

    async def list_runs(self, sync_id: str, *, limit: int = 20) -> tuple[RemoteRun, ...]:
        """`GET /syncs/:id/sync_runs`: the most recently changed runs, the highest id first."""
        return (await self.list_runs_with_server_time(sync_id, limit=limit)).runs

    async def list_runs_with_server_time(self, sync_id: str, *, limit: int = 20) -> RunPage:
        """As `list_runs`, with the server's time: its clock may differ from ours by minutes."""
        query = {"page": "1", **self._reader.page_size(limit)}
        answer = await self._server.send(
            "GET", f"/syncs/{digits(sync_id)}/sync_runs", query=query, parse_item=parse_run
        )
        runs = sorted(parse_list(answer.body, as_read), key=lambda run: run.id, reverse=True)
        return RunPage(tuple(runs), bounded_date(answer.headers.get("date", "")))

    async def get_run(self, sync_id: str, run_id: int) -> RemoteRun:
        """`GET /syncs/:id/sync_runs/:run`."""
        answer = await self._server.send("GET", f"/syncs/{digits(sync_id)}/sync_runs/{run_id}")
        run = parse_run(answer.body)
        if run is None:
            raise TransientError(f"GET sync_runs/{run_id} was answered without the run")
        return run

    async def failure_reasons(
        self, sync_id: str, run_id: int, refused: int, *, secrets: tuple[str, ...] = (), limit: int = 3
    ) -> tuple[str, ...]:
        """The most frequent reasons why rows were refused, as ``reason (3 rows)``; never the rows themselves.

        Args:
            sync_id: the sync.
            run_id: its run.
            refused: how many rows of it were refused. Only the first page of them is read; then the counts say so.
            secrets: values of the configuration that must not appear.
            limit: maximum number of reasons.
        """
        path = f"/syncs/{digits(sync_id)}/sync_runs/{run_id}/sync_records"
        query = {"status": "failed", "page": "1", **self._reader.page_size(_MAX_RECORDS)}
        try:
            answer = await self._server.send("GET", path, query=query, parse_item=reason_of, secrets=secrets)
        except NotFoundError:
            return ()
        reasons = parse_list(answer.body, as_read)[:_MAX_RECORDS]
        counted = Counter(redact_each(reasons, secrets=(self._token(), *secrets), limit=_MAX_REASON))
        share = f" of the first {counted.total()}" if refused > counted.total() else ""
        return tuple(
            f"{reason} ({count}{share} {'row' if count == 1 and not share else 'rows'})"
            for reason, count in counted.most_common(limit)
        )
