"""Cached lists of all syncs of a server workspace: each is requested once for all Syncs that need it."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Final

from sync_operator.api.scope import Scope
from sync_operator.api.workspace import RemoteWorkspace
from sync_operator.controller.drift.list_memory import ListMemory, Share
from sync_operator.controller.drift.single_flight import Grow, SingleFlightCache
from sync_operator.errors import NotAdmittedError, NotFoundError, ServerFaultError, ThrottledError, TransientError
from sync_operator.syncapi.client import ApiClient
from sync_operator.syncapi.parsing import size_of, with_packed_attributes
from sync_operator.syncapi.types import RemoteList, RemoteSync

__all__ = ["CachedSyncList", "SyncListCache"]

MAX_CONFIRMED: Final = 20
"""Maximum number of missing syncs that are read singly to confirm their absence; the result holds for the rest."""
MAX_PAUSE_SECONDS: Final = 3600.0
MIN_PAUSED_SECONDS: Final = 1.0
_ROWS_AT_ONCE: Final = 200
"""Number of rows after which the loop yields."""


@dataclass(slots=True)
class CachedSyncList:
    """A list of a server workspace's syncs, with the time of its request by our clock: later writes are not in it.

    The attributes of its syncs are kept as text, because most of them are never read.

    Attributes:
        at: when the list was requested.
        clock: the server's own time (aware); None if the response has none.
        unlisted: numbers of the rows that the server refuses to list.
        unconfirmed: ids of registered syncs that are not in the list, and that the server refuses to show singly, too.
    """

    at: datetime
    clock: datetime | None = None
    unlisted: tuple[int, ...] = ()
    unconfirmed: frozenset[str] = frozenset()
    _syncs: dict[str, RemoteSync] = field(default_factory=dict)

    async def add(self, syncs: Iterable[RemoteSync]) -> None:
        """Add syncs; yields to the event loop between batches."""
        for count, sync in enumerate(syncs, 1):
            self._syncs[sync.id] = with_packed_attributes(sync)
            if count % _ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)

    @property
    def ids(self) -> Collection[str]:
        """Ids of all syncs in the list."""
        return self._syncs.keys()

    async def listing(self, *, without: Collection[str] = ()) -> RemoteList[RemoteSync]:
        """All syncs except these ids, with attributes that are unpacked lazily; yields to the event loop."""
        syncs = []
        for count, (sync_id, sync) in enumerate(self._syncs.items(), 1):
            if sync_id not in without:
                syncs.append(sync)
            if count % _ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)
        return RemoteList(tuple(syncs), self.clock, self.unlisted)

    def get(self, sync_id: str) -> RemoteSync | None:
        """A sync of the list, with attributes that are unpacked lazily; None if it is not there."""
        return self._syncs.get(sync_id)


@dataclass(frozen=True, slots=True)
class _ListPause:
    """A pause without lists after a timeout, because the server may still be working on the last request.

    Only the text of the error is kept: its traceback would keep all pages alive that were read before it.
    """

    until: float
    failures: int
    error: str


@dataclass(frozen=True, slots=True)
class _SingleRead:
    """The result of a single read, attributes packed as text; ``sync`` is None if the sync does not exist."""

    at: datetime
    sync: RemoteSync | None


class SyncListCache:
    """The last list of each scope, or the results of single reads if there is no list.

    Own writes invalidate the entry of a sync. They are recorded per remote workspace: there, an id means the same sync
    to every account that sees it.

    Args:
        clock: returns the current time (aware, UTC).
        registered_ids: returns the ids of a scope's registered Syncs; those that a list lacks are read singly.
        monotonic: monotonic clock, in seconds.
        memory: limits the memory of lists and single reads.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        registered_ids: Callable[[Scope], Iterable[str]] = lambda _: (),
        monotonic: Callable[[], float] = time.monotonic,
        memory: ListMemory | None = None,
    ) -> None:
        self._clock = clock
        self._registered_ids = registered_ids
        self._monotonic = monotonic
        self._memory = memory or ListMemory()
        self._lists: SingleFlightCache[Scope, CachedSyncList] = SingleFlightCache(clock, self._memory)
        self._scopes: dict[RemoteWorkspace, set[Scope]] = {}
        self._written: dict[RemoteWorkspace, dict[str, datetime]] = {}
        self._run_statuses: dict[RemoteWorkspace, dict[str, tuple[datetime, str]]] = {}
        self._pauses: dict[Scope, _ListPause] = {}
        self._single_reads: dict[Scope, dict[str, _SingleRead]] = {}
        self._shares: dict[Scope, Share] = {}
        self._missing: dict[Scope, dict[str, datetime]] = {}

    async def fetch(self, scope: Scope, client: ApiClient, *, since: datetime) -> CachedSyncList:
        """A list that was requested at or after ``since``: the cached one if it is new enough, else a new one.

        While the server may still be working on a list that timed out, no other one is requested.

        Raises:
            ServerFaultError: the server fails to produce the list.
            TransientError: there was no usable list, or the server may still be working on one.
            SyncOperatorError: the server refused the request.
        """

        async def load(at: datetime, grow: Grow) -> CachedSyncList:
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

    async def read_one(self, scope: Scope, client: ApiClient, sync_id: str, *, since: datetime) -> None:
        """Read one sync if there is no list, unless it was read at or after ``since``.

        Raises:
            ServerFaultError: the server fails to show it.
            TransientError: there is no memory for the result.
            SyncOperatorError: as `ResourceCollection.get`, except that a missing sync is not an error.
        """
        held = self._single_reads.get(scope, {}).get(sync_id)
        if held is not None and held.at >= since:
            return
        at = self._clock()
        try:
            sync = with_packed_attributes(await client.syncs.get(sync_id))
        except NotFoundError:
            sync = None
        if scope not in self._shares:
            self._shares[scope] = self._memory.begin(client.namespace)
            self._shares[scope].make_evictable(partial(self._drop_single_reads, scope))
        size = size_of(sync).memory if sync is not None else 0
        self._shares[scope].grow(size)
        self._single_reads.setdefault(scope, {})[sync_id] = _SingleRead(at, sync)
        if sync is not None:
            self._missing.get(scope, {}).pop(sync_id, None)

    def invalidate(self, remote_workspace: RemoteWorkspace, sync_id: str) -> None:
        """Invalidate what is cached of a sync: we have written to it."""
        self._written.setdefault(remote_workspace, {})[sync_id] = self._clock()

    def run_ended(self, remote_workspace: RemoteWorkspace, sync_id: str, status: str) -> None:
        """Record the status of a sync after a run has ended; it overrides that of older lists."""
        self._run_statuses.setdefault(remote_workspace, {})[sync_id] = self._clock(), status

    def written_since(self, scope: Scope) -> frozenset[str]:
        """Ids of the syncs that we have written to since the scope's list was requested."""
        held = self._lists.get(scope)
        return self._written_from(scope.remote_workspace, held.at if held else None)

    def last_seen(self, scope: Scope, sync_id: str) -> tuple[RemoteSync | None, bool]:
        """A sync as last seen, and whether it is missing; (None, False) if nothing is known."""
        held, single = self._lists.get(scope), self._single_reads.get(scope, {}).get(sync_id)
        if single is not None and (held is None or single.at >= held.at):
            found, at = single.sync, single.at
        elif held is not None and sync_id not in held.unconfirmed:
            found, at = held.get(sync_id), held.at
        else:
            return None, False
        written = self._written.get(scope.remote_workspace, {}).get(sync_id)
        if written is not None and written >= at:
            return None, False
        ran_at, status = self._run_statuses.get(scope.remote_workspace, {}).get(sync_id, (None, ""))
        if found is not None and ran_at is not None and ran_at >= at:
            found = replace(found, status=status)
        return found, found is None

    def missing(self, scope: Scope) -> Mapping[str, datetime]:
        """Registered syncs that the last list lacks, each with the time of the first consecutive list without it."""
        return self._missing.get(scope, {})

    def forget(self, scope: Scope) -> None:
        """Drop the state of a scope that no Workspace uses any more."""
        self._lists.forget(scope)
        self._pauses.pop(scope, None)
        self._drop_single_reads(scope)
        self._missing.pop(scope, None)
        scopes = self._scopes.get(scope.remote_workspace, set())
        scopes.discard(scope)
        if not scopes:
            self._scopes.pop(scope.remote_workspace, None)
            self._written.pop(scope.remote_workspace, None)
            self._run_statuses.pop(scope.remote_workspace, None)

    async def _fetch(self, scope: Scope, client: ApiClient, at: datetime, grow: Grow) -> CachedSyncList:
        listing = await client.syncs.list(grow)
        listed = CachedSyncList(at, listing.server_time, listing.unlisted)
        await listed.add(listing.rows)
        absent = await self._confirm_absences(scope, client, listed, grow)
        before = self._missing.get(scope, {})
        self._missing[scope] = {sync_id: before.get(sync_id, at) for sync_id in absent}
        return listed

    async def _confirm_absences(self, scope: Scope, client: ApiClient, listed: CachedSyncList, grow: Grow) -> list[str]:
        """Registered syncs that are not on the server. A list alone does not prove it: rows move between pages.

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
        for sync_id in confirmed:
            try:
                sync = with_packed_attributes(await client.syncs.get(sync_id))
                grow(size_of(sync).memory)
                await listed.add([sync])
            except NotFoundError:
                absent.append(sync_id)
            except ServerFaultError:
                unconfirmed.append(sync_id)
        if rest and len(absent) < len(confirmed):
            raise TransientError(
                f"the list lacks {len(missing)} syncs, some of which are there; it is read again later"
            )
        listed.unconfirmed = frozenset(unconfirmed)
        return absent + rest

    def _written_from(self, remote_workspace: RemoteWorkspace, at: datetime | None) -> frozenset[str]:
        written = self._written.get(remote_workspace, {})
        return frozenset(sync_id for sync_id, moment in written.items() if at is None or moment >= at)

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
        for sync_id in [sync_id for sync_id, moment in written.items() if moment < min(at, oldest)]:
            del written[sync_id]
        ran = self._run_statuses.get(scope.remote_workspace, {})
        for sync_id in [sync_id for sync_id, (moment, _) in ran.items() if moment < min(at, oldest)]:
            del ran[sync_id]

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
