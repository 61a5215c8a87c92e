"""Lists of whole workspaces: asked for once, however many Syncs want to know."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime

from sync_operator.handlers.shared import Shared
from sync_operator.handlers.slim import Text
from sync_operator.model.scope import Scope
from sync_operator.model.workspace import Place
from sync_operator.remote.client import ApiClient
from sync_operator.remote.types import Listing, RemoteSync

__all__ = ["Listed", "Listings"]


class Listed:
    """A list, and when it was asked for by our clock: what was written later is not in it.

    The attributes of its syncs, most of them never looked at, are kept as text.
    """

    def __init__(self, listing: Listing, at: datetime) -> None:
        self.at = at
        self._clock = listing.clock
        self._syncs = {sync.id: (replace(sync, attributes={}), Text.of(sync.attributes)) for sync in listing.syncs}

    @property
    def ids(self) -> Collection[str]:
        """Ids of all that is in it."""
        return self._syncs.keys()

    @property
    def listing(self) -> Listing:
        """All of it, read anew."""
        return Listing(tuple(_read(*entry) for entry in self._syncs.values()), self._clock)

    def get(self, sync_id: str) -> RemoteSync | None:
        """One of its syncs, or None."""
        entry = self._syncs.get(sync_id)
        return _read(*entry) if entry else None


def _read(sync: RemoteSync, attributes: Text) -> RemoteSync:
    return replace(sync, attributes=attributes.read())


class Listings:
    """The last list of each scope. Our own writes make the old entry of a sync worthless.

    Writes are noted by place: an id means the same sync for every account that sees it there.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lists: Shared[Scope, Listed] = Shared(clock)
        self._scopes: dict[Place, set[Scope]] = {}
        self._written: dict[Place, dict[str, datetime]] = {}

    async def fetch(self, scope: Scope, client: ApiClient, *, since: datetime) -> Listed:
        """A list that was asked for at or after ``since``: the held one if it is young enough, else a new one.

        Raises:
            SyncOperatorError: the server did not give it.
        """

        async def ask(at: datetime) -> Listed:
            self._scopes.setdefault(scope.place, set()).add(scope)
            listed = Listed(await client.list_syncs(), at)
            self._drop_writes(scope, at)
            return listed

        return await self._lists.fetch(scope, ask, since=since)

    def wrote(self, place: Place, sync_id: str) -> None:
        """We have written to a sync: what a list asked for before says of it is no longer true."""
        self._written.setdefault(place, {})[sync_id] = self._clock()

    def written_since(self, scope: Scope) -> frozenset[str]:
        """Ids of the syncs to which we have written since that list was asked for."""
        held, written = self._lists.get(scope), self._written.get(scope.place, {})
        return frozenset(sync_id for sync_id, time in written.items() if held is None or time >= held.at)

    def seen(self, scope: Scope, sync_id: str) -> tuple[RemoteSync | None, bool]:
        """A sync as the last list shows it, and whether that list lacks it; (None, False) when nothing is known."""
        held = self._lists.get(scope)
        written = self._written.get(scope.place, {}).get(sync_id)
        if held is None or (written is not None and written >= held.at):
            return None, False
        found = held.get(sync_id)
        return found, found is None

    def forget(self, scope: Scope) -> None:
        """Nobody is in that scope any more."""
        self._lists.forget(scope)
        scopes = self._scopes.get(scope.place, set())
        scopes.discard(scope)
        if not scopes:
            self._scopes.pop(scope.place, None)
            self._written.pop(scope.place, None)

    def _drop_writes(self, scope: Scope, at: datetime) -> None:
        """Forget the writes that every list of the place was asked for after; this scope's was asked for just now."""
        others = (self._lists.get(other) for other in self._scopes[scope.place] - {scope})
        oldest = min((held.at for held in others if held is not None), default=at)
        written = self._written.get(scope.place, {})
        for sync_id in [sync_id for sync_id, time in written.items() if time < min(at, oldest)]:
            del written[sync_id]

    @property
    def kept(self) -> int:
        """How many lists, and places of writes that they do not show, are kept."""
        return self._lists.kept + len(self._written)
