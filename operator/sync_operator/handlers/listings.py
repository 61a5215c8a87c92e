"""Lists of whole workspaces: asked for once, however many Syncs want to know."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Final

from sync_operator.errors import HeldBackError, NotFoundError, ServerFaultError, ThrottledError, TransientError
from sync_operator.handlers.list_memory import ListMemory, Share
from sync_operator.handlers.shared import Grow, Shared
from sync_operator.model.scope import Scope
from sync_operator.model.workspace import Place
from sync_operator.packed import PackedFields
from sync_operator.remote.client import ApiClient
from sync_operator.remote.read import size_of
from sync_operator.remote.types import Listing, RemoteSync

__all__ = ["Listed", "Listings"]

MAX_CONFIRMED: Final = 20
"""Missing syncs of which each is asked for by itself before it counts as absent; what these show holds for the rest."""
MAX_REST_SECONDS: Final = 3600.0
MIN_WORK_SECONDS: Final = 1.0
_ROWS_AT_ONCE: Final = 200
"""Rows after which other work has its turn."""


@dataclass(slots=True)
class Listed:
    """What a server holds, and when it was asked for by our clock: what was written later is not in it.

    The attributes of its syncs, most of them never looked at, are kept as text.

    Attributes:
        at: when it was asked for.
        clock: the server's own time (aware); None when it did not say.
        unlisted: numbers of the rows that the server refuses to list.
        unsure: ids of syncs of ours that are not in it, and that the server refuses to show as well.
    """

    at: datetime
    clock: datetime | None = None
    unlisted: tuple[int, ...] = ()
    unsure: frozenset[str] = frozenset()
    _syncs: dict[str, RemoteSync] = field(default_factory=dict)

    async def add(self, syncs: Iterable[RemoteSync]) -> None:
        """Take over syncs; others have their turns meanwhile."""
        for count, sync in enumerate(syncs, 1):
            self._syncs[sync.id] = _packed(sync)
            if count % _ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)

    @property
    def ids(self) -> Collection[str]:
        """Ids of all that is in it."""
        return self._syncs.keys()

    async def listing(self, *, without: Collection[str] = ()) -> Listing:
        """All of it but for these ids, with attributes that are read when they are looked at; others have turns."""
        syncs = []
        for count, (sync_id, sync) in enumerate(self._syncs.items(), 1):
            if sync_id not in without:
                syncs.append(sync)
            if count % _ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)
        return Listing(tuple(syncs), self.clock, self.unlisted)

    def get(self, sync_id: str) -> RemoteSync | None:
        """One of its syncs, with attributes that are read when they are looked at; or None."""
        return self._syncs.get(sync_id)


def _packed(sync: RemoteSync) -> RemoteSync:
    packed = isinstance(sync.attributes, PackedFields)
    return sync if packed else replace(sync, attributes=PackedFields(sync.attributes))


@dataclass(frozen=True, slots=True)
class _Rest:
    """Until when no list is asked for, because the server may still work on one that was given up, and why.

    Only the words of the error are kept: by its traceback it holds all that was read before it.
    """

    until: float
    failures: int
    words: str


@dataclass(frozen=True, slots=True)
class _Single:
    """What a single read told of a sync, its attributes as text; None for one that is not there."""

    at: datetime
    sync: RemoteSync | None


class Listings:
    """The last list of each scope, or what single reads told where there is none.

    Our own writes make what was known of a sync worthless. They are noted by place: an id means the same sync for every
    account that sees it there.

    Args:
        clock: the time now, aware, UTC.
        known: ids of the syncs of ours in a scope: those of them that a list lacks are looked for one by one.
        seconds: a clock that only grows.
        memory: what lists and single reads take.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        known: Callable[[Scope], Iterable[str]] = lambda _: (),
        seconds: Callable[[], float] = time.monotonic,
        memory: ListMemory | None = None,
    ) -> None:
        self._clock = clock
        self._known = known
        self._seconds = seconds
        self._memory = memory or ListMemory()
        self._lists: Shared[Scope, Listed] = Shared(clock, self._memory)
        self._scopes: dict[Place, set[Scope]] = {}
        self._written: dict[Place, dict[str, datetime]] = {}
        self._ran: dict[Place, dict[str, tuple[datetime, str]]] = {}
        self._rests: dict[Scope, _Rest] = {}
        self._singles: dict[Scope, dict[str, _Single]] = {}
        self._shares: dict[Scope, Share] = {}
        self._missing: dict[Scope, dict[str, datetime]] = {}

    async def fetch(self, scope: Scope, client: ApiClient, *, since: datetime) -> Listed:
        """A list that was asked for at or after ``since``: the held one if it is young enough, else a new one.

        While the server may still work on a list that was given up, no other one is asked for.

        Raises:
            ServerFaultError: the server refuses the list.
            TransientError: it gave none, or may still be at work on one.
            SyncOperatorError: it refused altogether.
        """

        async def ask(at: datetime, grow: Grow) -> Listed:
            self._scopes.setdefault(scope.place, set()).add(scope)
            rest = self._rests.get(scope)
            if rest is not None and self._seconds() < rest.until:
                raise TransientError(f"the list is asked for again later, because the last one failed: {rest.words}")
            begun = self._seconds()
            try:
                listed = await self._ask(scope, client, at, grow)
            except (HeldBackError, ThrottledError):
                raise
            except TransientError as error:
                self._failed(scope, error, self._seconds() - begun)
                raise
            self._rests.pop(scope, None)
            self._drop_singles(scope)
            self._drop_writes(scope, at)
            return listed

        return await self._lists.fetch(scope, ask, since=since, owner=client.namespace)

    async def read_one(self, scope: Scope, client: ApiClient, sync_id: str, *, since: datetime) -> None:
        """Find out about one sync where there is no list, unless a read since then has told already.

        Raises:
            ServerFaultError: the server refuses to show it.
            TransientError: there is no room for what was read.
            SyncOperatorError: as `ApiClient.get_sync`; one that is not there is no error.
        """
        held = self._singles.get(scope, {}).get(sync_id)
        if held is not None and held.at >= since:
            return
        at = self._clock()
        try:
            sync = _packed(await client.get_sync(sync_id))
        except NotFoundError:
            sync = None
        if scope not in self._shares:
            self._shares[scope] = self._memory.begin(client.namespace)
            self._shares[scope].keep(partial(self._drop_singles, scope))
        size = size_of(sync).memory if sync is not None else 0
        self._shares[scope].grow(size)
        self._singles.setdefault(scope, {})[sync_id] = _Single(at, sync)
        if sync is not None:
            self._missing.get(scope, {}).pop(sync_id, None)

    def wrote(self, place: Place, sync_id: str) -> None:
        """We have written to a sync: what was known of it before is no longer true."""
        self._written.setdefault(place, {})[sync_id] = self._clock()

    def ran(self, place: Place, sync_id: str, status: str) -> None:
        """A run of a sync has ended, by which its status is another one than older lists tell."""
        self._ran.setdefault(place, {})[sync_id] = self._clock(), status

    def written_since(self, scope: Scope) -> frozenset[str]:
        """Ids of the syncs to which we have written since that list was asked for."""
        held = self._lists.get(scope)
        return self._written_from(scope.place, held.at if held else None)

    def seen(self, scope: Scope, sync_id: str) -> tuple[RemoteSync | None, bool]:
        """A sync as last seen there, and whether it is not there; (None, False) when nothing is known."""
        held, single = self._lists.get(scope), self._singles.get(scope, {}).get(sync_id)
        if single is not None and (held is None or single.at >= held.at):
            found, at = single.sync, single.at
        elif held is not None and sync_id not in held.unsure:
            found, at = held.get(sync_id), held.at
        else:
            return None, False
        written = self._written.get(scope.place, {}).get(sync_id)
        if written is not None and written >= at:
            return None, False
        ran_at, status = self._ran.get(scope.place, {}).get(sync_id, (None, ""))
        if found is not None and ran_at is not None and ran_at >= at:
            found = replace(found, status=status)
        return found, found is None

    def missing(self, scope: Scope) -> Mapping[str, datetime]:
        """Syncs of ours that the last list lacks, and when the first of the lists was asked for that all lack it."""
        return self._missing.get(scope, {})

    def forget(self, scope: Scope) -> None:
        """Nobody is in that scope any more."""
        self._lists.forget(scope)
        self._rests.pop(scope, None)
        self._drop_singles(scope)
        self._missing.pop(scope, None)
        scopes = self._scopes.get(scope.place, set())
        scopes.discard(scope)
        if not scopes:
            self._scopes.pop(scope.place, None)
            self._written.pop(scope.place, None)
            self._ran.pop(scope.place, None)

    async def _ask(self, scope: Scope, client: ApiClient, at: datetime, grow: Grow) -> Listed:
        listing = await client.list_syncs(grow)
        listed = Listed(at, listing.clock, listing.unlisted)
        await listed.add(listing.syncs)
        absent = await self._confirm(scope, client, listed, grow)
        before = self._missing.get(scope, {})
        self._missing[scope] = {sync_id: before.get(sync_id, at) for sync_id in absent}
        return listed

    async def _confirm(self, scope: Scope, client: ApiClient, listed: Listed, grow: Grow) -> list[str]:
        """Syncs of ours that are not on the server. A list alone does not say so: rows move while it is read.

        Raises:
            TransientError: many are missing, and some of them are there, so that the list is none.
        """
        since = self._written_from(scope.place, listed.at)
        missing = []
        for count, known in enumerate(self._known(scope), 1):
            if known not in listed.ids and known not in since:
                missing.append(known)
            if count % _ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)
        asked, rest = missing[:MAX_CONFIRMED], missing[MAX_CONFIRMED:]
        absent, unsure = [], []
        for sync_id in asked:
            try:
                sync = _packed(await client.get_sync(sync_id))
                grow(size_of(sync).memory)
                await listed.add([sync])
            except NotFoundError:
                absent.append(sync_id)
            except ServerFaultError:
                unsure.append(sync_id)
        if rest and len(absent) < len(asked):
            raise TransientError(
                f"the list lacks {len(missing)} syncs, some of which are there; it is read again later"
            )
        listed.unsure = frozenset(unsure)
        return absent + rest

    def _written_from(self, place: Place, at: datetime | None) -> frozenset[str]:
        written = self._written.get(place, {})
        return frozenset(sync_id for sync_id, moment in written.items() if at is None or moment >= at)

    def _drop_singles(self, scope: Scope) -> None:
        self._singles.pop(scope, None)
        share = self._shares.pop(scope, None)
        if share is not None:
            share.release()

    def _drop_writes(self, scope: Scope, at: datetime) -> None:
        """Forget the writes that every list of the place was asked for after; this scope's was asked for just now."""
        others = (self._lists.get(other) for other in self._scopes[scope.place] - {scope})
        oldest = min((held.at for held in others if held is not None), default=at)
        written = self._written.get(scope.place, {})
        for sync_id in [sync_id for sync_id, moment in written.items() if moment < min(at, oldest)]:
            del written[sync_id]
        ran = self._ran.get(scope.place, {})
        for sync_id in [sync_id for sync_id, (moment, _) in ran.items() if moment < min(at, oldest)]:
            del ran[sync_id]

    @property
    def kept(self) -> int:
        """How many lists, and places of writes that they do not show, are kept."""
        return self._lists.kept + len(self._written)

    def _failed(self, scope: Scope, error: TransientError, took: float) -> None:
        """Rest for longer with each failure: a multiple of the time after which the list was given up.

        What failed at once, the server is through with.
        """
        before = self._rests.get(scope)
        failures = before.failures + 1 if before else 1
        rest = min(MAX_REST_SECONDS, took * 2.0 ** min(failures, 16)) if took >= MIN_WORK_SECONDS else 0.0
        self._rests[scope] = _Rest(self._seconds() + rest, failures, str(error))
