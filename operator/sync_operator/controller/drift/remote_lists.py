"""Cached lists of one collection of a server workspace: each is requested once for all resources that need it."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sync_operator.api.kinds.workspace import RemoteWorkspace
from sync_operator.api.scope import Scope
from sync_operator.controller.drift.list_memory import ListMemory, Share
from sync_operator.controller.drift.single_flight import Grow, SingleFlightCache
from sync_operator.controller.registration.registered_kind import RegisteredKind
from sync_operator.domain.create_fence.alike_index import AlikeIndex
from sync_operator.errors import NotAdmittedError, NotFoundError, ServerFaultError, ThrottledError, TransientError
from sync_operator.syncapi.client import ApiClient
from sync_operator.syncapi.parsing import size_of, with_packed_attributes
from sync_operator.syncapi.types import RemoteList, RemoteResource

__all__ = ["CachedList", "RemoteListCache"]

MAX_CONFIRMED: Final = 20
"""Maximum number of missing ones that are read singly to confirm their absence; the result holds for the rest."""
MAX_PAUSE_SECONDS: Final = 3600.0
MIN_PAUSED_SECONDS: Final = 1.0
_REFUSED_FOR: Final = timedelta(minutes=5)
"""Time for which a list that the server fails to produce is not requested again only to look something up."""
_ROWS_AT_ONCE: Final = 200
"""Number of rows after which the loop yields."""


@dataclass(slots=True)
class CachedList[R: RemoteResource]:
    """A list of a server workspace's collection, with the time of its request by our clock: later writes are not in it.

    The attributes of its rows are kept as text, because most of them are never read.

    Attributes:
        at: when the list was requested.
        clock: the server's own time (aware); None if the response has none.
        unlisted: numbers of the rows that the server refuses to list.
        unconfirmed: ids of registered ones that are not in the list, and that the server refuses to show singly, too.
    """

    at: datetime
    clock: datetime | None = None
    unlisted: tuple[int, ...] = ()
    unconfirmed: frozenset[str] = frozenset()
    _rows: dict[str, R] = field(default_factory=dict)
    _indexes: dict[tuple[str, ...], AlikeIndex[R]] = field(default_factory=dict)

    async def add(self, remotes: Iterable[R]) -> None:
        """Add rows; yields to the event loop between batches."""
        for count, remote in enumerate(remotes, 1):
            self._rows[remote.id] = with_packed_attributes(remote)
            if count % _ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)

    @property
    def ids(self) -> Collection[str]:
        """Ids of all rows."""
        return self._rows.keys()

    async def listing(self, *, without: Collection[str] = ()) -> RemoteList[R]:
        """All rows except these ids, with attributes that are unpacked lazily; yields to the event loop."""
        rows = []
        for count, (remote_id, remote) in enumerate(self._rows.items(), 1):
            if remote_id not in without:
                rows.append(remote)
            if count % _ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)
        return RemoteList(tuple(rows), self.clock, self.unlisted)

    async def alike(self, names: tuple[str, ...], body: Mapping[str, Any]) -> list[R]:
        """The rows that do not differ from a body in these fields, as far as they have them; yields."""
        if names not in self._indexes:
            index = AlikeIndex[R](names)
            for count, remote in enumerate(self._rows.values(), 1):
                index.add(remote)
                if count % _ROWS_AT_ONCE == 0:
                    await asyncio.sleep(0)
            self._indexes[names] = index
        return list(self._indexes[names].find(body))

    def get(self, remote_id: str) -> R | None:
        """A row, with attributes that are unpacked lazily; None if it is not there."""
        return self._rows.get(remote_id)


@dataclass(frozen=True, slots=True)
class _ListPause:
    """A pause without lists after a timeout, because the server may still be working on the last request.

    Only the text of the error is kept: its traceback would keep all pages alive that were read before it.
    """

    until: float
    failures: int
    error: str


@dataclass(frozen=True, slots=True)
class _SingleRead[R: RemoteResource]:
    """The result of a single read, attributes packed as text; ``remote`` is None if there is no such thing."""

    at: datetime
    remote: R | None


class RemoteListCache[R: RemoteResource]:
    """The last list of each scope, or the results of single reads if there is no list.

    Own writes invalidate the entry of what was written. They are recorded per remote workspace: there, an id means the
    same to every account that sees it.

    Args:
        registered_kind: the kind whose collection is listed.
        clock: returns the current time (aware, UTC).
        registered_ids: returns the ids that are registered in a scope; those that a list lacks are read singly.
        monotonic: monotonic clock, in seconds.
        memory: limits the memory of lists and single reads.
    """

    def __init__(
        self,
        registered_kind: RegisteredKind[R],
        clock: Callable[[], datetime],
        registered_ids: Callable[[Scope], Iterable[str]] = lambda _: (),
        monotonic: Callable[[], float] = time.monotonic,
        memory: ListMemory | None = None,
    ) -> None:
        self._registered_kind = registered_kind
        self._clock = clock
        self._registered_ids = registered_ids
        self._monotonic = monotonic
        self._memory = memory or ListMemory()
        self._lists: SingleFlightCache[Scope, CachedList[R]] = SingleFlightCache(clock, self._memory)
        self._scopes: dict[RemoteWorkspace, set[Scope]] = {}
        self._written: dict[RemoteWorkspace, dict[str, datetime]] = {}
        self._amendments: dict[RemoteWorkspace, dict[str, tuple[datetime, dict[str, Any]]]] = {}
        self._pauses: dict[Scope, _ListPause] = {}
        self._single_reads: dict[Scope, dict[str, _SingleRead[R]]] = {}
        self._shares: dict[Scope, Share] = {}
        self._missing: dict[Scope, dict[str, datetime]] = {}
        self._refused: dict[Scope, datetime] = {}
        self._released: dict[RemoteWorkspace, datetime] = {}

    async def fetch_if_listed(self, scope: Scope, client: ApiClient, *, since: datetime) -> CachedList[R] | None:
        """As `fetch`, with all that was released; None if the server fails to list: tried again after a while."""
        refused_at = self._refused.get(scope)
        if refused_at is not None and self._clock() - refused_at < _REFUSED_FOR:
            return None
        try:
            since = max(since, self._released.get(scope.remote_workspace, since))
            return await self.fetch(scope, client, since=since)
        except ServerFaultError:
            self._refused[scope] = self._clock()
            return None

    async def fetch(self, scope: Scope, client: ApiClient, *, since: datetime) -> CachedList[R]:
        """A list that was requested at or after ``since``: the cached one if it is new enough, else a new one.

        While the server may still be working on a list that timed out, no other one is requested.

        Raises:
            ServerFaultError: the server fails to produce the list.
            TransientError: there was no usable list, or the server may still be working on one.
            SyncOperatorError: the server refused the request.
        """

        async def load(at: datetime, grow: Grow) -> CachedList[R]:
            self._scopes.setdefault(scope.remote_workspace, set()).add(scope)
            pause = self._pauses.get(scope)
            if pause is not None and self._monotonic() < pause.until:
                raise TransientError(f"the list is asked for again later, because the last one failed: {pause.error}")
            started = self._monotonic()
            try:
                listed = await self._fetch(scope, client, at, grow)
            except (NotAdmittedError, ThrottledError):
                raise
            except TransientError as error:
                self._pause(scope, error, self._monotonic() - started)
                raise
            self._pauses.pop(scope, None)
            self._drop_single_reads(scope)
            self._drop_writes(scope, at)
            return listed

        return await self._lists.fetch(scope, load, since=since, owner=client.namespace)

    async def read_one(self, scope: Scope, client: ApiClient, remote_id: str, *, since: datetime) -> None:
        """Read one if there is no list, unless it was read at or after ``since``.

        Raises:
            ServerFaultError: the server fails to show it.
            TransientError: there is no memory for the result.
            SyncOperatorError: as `ResourceCollection.get`, except that a missing one is no error.
        """
        held = self._single_reads.get(scope, {}).get(remote_id)
        if held is not None and held.at >= since:
            return
        at = self._clock()
        try:
            remote = with_packed_attributes(await self._registered_kind.collection(client).get(remote_id))
        except NotFoundError:
            remote = None
        if scope not in self._shares:
            self._shares[scope] = self._memory.begin(client.namespace)
            self._shares[scope].make_evictable(partial(self._drop_single_reads, scope))
        size = size_of(remote).memory if remote is not None else 0
        self._shares[scope].grow(size)
        self._single_reads.setdefault(scope, {})[remote_id] = _SingleRead(at, remote)
        if remote is not None:
            self._missing.get(scope, {}).pop(remote_id, None)

    def invalidate(self, remote_workspace: RemoteWorkspace, remote_id: str) -> None:
        """Invalidate what is cached of a remote resource: we have written to it."""
        self._written.setdefault(remote_workspace, {})[remote_id] = self._clock()

    def released(self, remote_workspace: RemoteWorkspace) -> None:
        """Record that what a resource had stays there without it: older lists need not show it."""
        self._released[remote_workspace] = self._clock()

    def amend(self, remote_workspace: RemoteWorkspace, remote_id: str, **fields: Any) -> None:
        """Record fields that the server has changed by itself; they override those of older lists."""
        self._amendments.setdefault(remote_workspace, {})[remote_id] = self._clock(), fields

    def written_since(self, scope: Scope) -> frozenset[str]:
        """Ids of what we have written to since the scope's list was requested."""
        held = self._lists.get(scope)
        return self._written_from(scope.remote_workspace, held.at if held else None)

    def last_seen(self, scope: Scope, remote_id: str) -> tuple[R | None, bool]:
        """A remote resource as last seen, and whether it is missing; (None, False) if nothing is known."""
        held, single = self._lists.get(scope), self._single_reads.get(scope, {}).get(remote_id)
        if single is not None and (held is None or single.at >= held.at):
            found, at = single.remote, single.at
        elif held is not None and remote_id not in held.unconfirmed:
            found, at = held.get(remote_id), held.at
        else:
            return None, False
        written = self._written.get(scope.remote_workspace, {}).get(remote_id)
        if written is not None and written >= at:
            return None, False
        amended_at, fields = self._amendments.get(scope.remote_workspace, {}).get(remote_id, (None, {}))
        if found is not None and amended_at is not None and amended_at >= at:
            found = replace(found, **fields)
        return found, found is None

    def missing(self, scope: Scope) -> Mapping[str, datetime]:
        """Registered ones that the last list lacks, each with the time of the first consecutive list without it."""
        return self._missing.get(scope, {})

    def forget(self, scope: Scope) -> None:
        """Drop the state of a scope that no Workspace uses any more."""
        self._lists.forget(scope)
        self._pauses.pop(scope, None)
        self._refused.pop(scope, None)
        self._drop_single_reads(scope)
        self._missing.pop(scope, None)
        scopes = self._scopes.get(scope.remote_workspace, set())
        scopes.discard(scope)
        if not scopes:
            self._scopes.pop(scope.remote_workspace, None)
            self._written.pop(scope.remote_workspace, None)
            self._released.pop(scope.remote_workspace, None)
            self._amendments.pop(scope.remote_workspace, None)

    async def _fetch(self, scope: Scope, client: ApiClient, at: datetime, grow: Grow) -> CachedList[R]:
        listing = await self._registered_kind.collection(client).list(grow)
        listed = CachedList[R](at, listing.server_time, listing.unlisted)
        await listed.add(listing.rows)
        absent = await self._confirm_absences(scope, client, listed, grow)
        before = self._missing.get(scope, {})
        self._missing[scope] = {remote_id: before.get(remote_id, at) for remote_id in absent}
        return listed

    async def _confirm_absences(self, scope: Scope, client: ApiClient, listed: CachedList[R], grow: Grow) -> list[str]:
        """Registered ones that are not on the server. A list alone does not prove it: rows move between pages.

        Raises:
            TransientError: many are missing from the list, but some of them exist, so the list is not reliable.
        """
        since = self._written_from(scope.remote_workspace, listed.at)
        missing = []
        for count, known in enumerate(self._registered_ids(scope), 1):
            if known not in listed.ids and known not in since:
                missing.append(known)
            if count % _ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)
        confirmed, rest = missing[:MAX_CONFIRMED], missing[MAX_CONFIRMED:]
        absent, unconfirmed = [], []
        for remote_id in confirmed:
            try:
                remote = with_packed_attributes(await self._registered_kind.collection(client).get(remote_id))
                grow(size_of(remote).memory)
                await listed.add([remote])
            except NotFoundError:
                absent.append(remote_id)
            except ServerFaultError:
                unconfirmed.append(remote_id)
        if rest and len(absent) < len(confirmed):
            noun = self._registered_kind.kind.noun
            raise TransientError(
                f"the list lacks {len(missing)} {noun}s, some of which are there; it is read again later"
            )
        listed.unconfirmed = frozenset(unconfirmed)
        return absent + rest

    def _written_from(self, remote_workspace: RemoteWorkspace, at: datetime | None) -> frozenset[str]:
        written = self._written.get(remote_workspace, {})
        return frozenset(remote_id for remote_id, moment in written.items() if at is None or moment >= at)

    def _drop_single_reads(self, scope: Scope) -> None:
        self._single_reads.pop(scope, None)
        share = self._shares.pop(scope, None)
        if share is not None:
            share.release()

    def _drop_writes(self, scope: Scope, at: datetime) -> None:
        """Drop the records of writes that are older than every list of the remote workspace.

        The list of this scope was requested at ``at``.
        """
        others = (self._lists.get(other) for other in self._scopes[scope.remote_workspace] - {scope})
        oldest = min((held.at for held in others if held is not None), default=at)
        written = self._written.get(scope.remote_workspace, {})
        for remote_id in [remote_id for remote_id, moment in written.items() if moment < min(at, oldest)]:
            del written[remote_id]
        amended = self._amendments.get(scope.remote_workspace, {})
        for remote_id in [remote_id for remote_id, (moment, _) in amended.items() if moment < min(at, oldest)]:
            del amended[remote_id]

    @property
    def entry_count(self) -> int:
        """Number of cached lists, and of remote workspaces with recorded writes."""
        return self._lists.entry_count + len(self._written)

    def _pause(self, scope: Scope, error: TransientError, took: float) -> None:
        """Pause after a failed list: a multiple of the time it took, doubled with each failure.

        No pause if it failed at once: then the server is not working on it any more.
        """
        before = self._pauses.get(scope)
        failures = before.failures + 1 if before else 1
        seconds = min(MAX_PAUSE_SECONDS, took * 2.0 ** min(failures, 16)) if took >= MIN_PAUSED_SECONDS else 0.0
        self._pauses[scope] = _ListPause(self._monotonic() + seconds, failures, str(error))
