"""The create fence's memory: what this process has announced, sent, and not heard of again."""

import asyncio
from collections.abc import AsyncIterator, Hashable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from weakref import WeakValueDictionary

from sync_operator.model.scope import Scope
from sync_operator.model.workspace import Place
from sync_operator.remote.types import RemoteSync

__all__ = ["MAX_MARK_AGE", "Creates"]

MAX_MARK_AGE: Final = timedelta(seconds=15)
"""A create goes out at most so long after the API server has told that the mark is ours.

A process that is cut off from the API server sends nothing after that, and one that follows it waits for longer.
"""


@dataclass(frozen=True, slots=True)
class _Lost:
    """A create whose outcome is unknown: what was sent, since when to look for it, and until when it may be made."""

    body: Mapping[str, Any]
    at: datetime
    settles_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Made:
    """A server sync that is a Sync's own, or was found and is taken for it."""

    place: Place
    remote: RemoteSync
    adopted: bool


class Creates:
    """Creates by uid of their Sync. What an earlier process sent is not in it, which is why there is a mark.

    Args:
        started_at: from when on this process acts.
        others_end: for how long after that an earlier process might still send something: the one whose Lease we took.
        settle: how long after a create without an answer the server may still carry it out.
    """

    def __init__(
        self, started_at: datetime, others_end: timedelta = timedelta(), *, settle: timedelta = timedelta()
    ) -> None:
        self._started_at = started_at
        self._others_end = others_end
        self._settle = settle
        self._marked: dict[str, datetime] = {}
        self._fenced: dict[str, datetime] = {}
        self._unsent: set[str] = set()
        self._lost: dict[str, _Lost] = {}
        self._made: dict[str, _Made] = {}
        self._noticed: dict[str, datetime] = {}
        self._anew: dict[str, datetime] = {}
        self._gates: WeakValueDictionary[Hashable, _Gate] = WeakValueDictionary()

    def noticed(self, uid: str, at: datetime) -> None:
        """There is a Sync with a mark and without an id, and this process knew of none before."""
        self._noticed.setdefault(uid, at)

    def marked(self, uid: str, at: datetime, *, fresh: bool) -> None:
        """Its mark was written, by a write that was begun at that time.

        ``fresh`` means that nothing can have been sent before. Where it is not, whoever sent it can send nothing more
        from then on: the mark is ours, and each process looks at it right before it sends.
        """
        self._marked[uid] = at
        if fresh:
            self._unsent.add(uid)
        else:
            self._fenced.setdefault(uid, at)

    def verified(self, uid: str, now: datetime) -> bool:
        """True when the API server has told so lately that the mark is ours that a create may go out by that."""
        return uid in self._marked and timedelta() <= now - self._marked[uid] <= MAX_MARK_AGE

    def fresh(self, uid: str) -> bool:
        """True when this process wrote the mark and has sent nothing since."""
        return uid in self._unsent

    def refused(self, uid: str, *, fresh: bool) -> None:
        """The server said clearly that it made nothing of this one; where it was not fresh, there was one before it."""
        if fresh:
            self._unsent.add(uid)
            self._lost.pop(uid, None)
        elif uid in self._lost:
            self._lost[uid] = replace(self._lost[uid], settles_at=None)

    def lost(self, uid: str, body: Mapping[str, Any], at: datetime, settles_at: datetime | None) -> None:
        """The answer is unknown; until ``settles_at`` the server may still be at work on it (None: it is not)."""
        self._unsent.discard(uid)
        self._lost[uid] = _Lost(body, at, settles_at)

    def made(self, uid: str, place: Place, remote: RemoteSync, *, adopted: bool = False) -> None:
        """The server sync of a Sync is known, though its status does not hold it yet."""
        self._unsent.discard(uid)
        self._lost.pop(uid, None)
        self._made[uid] = _Made(place, remote, adopted)

    def told(self, uid: str) -> None:
        """The status holds it now."""
        self._made.pop(uid, None)
        self._noticed.pop(uid, None)
        self._marked.pop(uid, None)
        self._fenced.pop(uid, None)
        self._anew.pop(uid, None)

    def deleted(self, uid: str, listed_at: datetime) -> None:
        """Its sync was deleted on the server, as a list of that time shows: the next one is made anew."""
        self.forget(uid)
        self._anew[uid] = listed_at

    def forget(self, uid: str) -> None:
        """The Sync is gone."""
        self._unsent.discard(uid)
        self._lost.pop(uid, None)
        self._made.pop(uid, None)
        self._noticed.pop(uid, None)
        self._marked.pop(uid, None)
        self._fenced.pop(uid, None)
        self._anew.pop(uid, None)

    def anew(self, uid: str) -> bool:
        """True while a sync is made in the place of one that somebody deleted on the server."""
        return uid in self._anew

    def sent(self, uid: str) -> Mapping[str, Any] | None:
        """The body of a create that this process has sent without knowing its outcome; None when there is none."""
        return self._lost[uid].body if uid in self._lost else None

    def known(self, uid: str, place: Place) -> RemoteSync | None:
        """The server sync of a Sync whose status could not be written yet; None when there is none in that place."""
        made = self._made.get(uid)
        return made.remote if made is not None and made.place == place else None

    def adopted(self, uid: str) -> bool:
        """True when the sync that `known` tells was found, and may be somebody else's work."""
        return uid in self._made and self._made[uid].adopted

    def looked_from(self, uid: str) -> datetime:
        """A list asked for earlier than that may not show what this Sync's create made.

        What another process sent it has sent before we heard of the Sync; the same is true of a Sync that was restored
        from a backup, whose create may have been our own.
        """
        if uid in self._lost:
            return self._lost[uid].at
        return self._anew.get(uid) or self._noticed.get(uid, self._started_at)

    def settle(self, timeout: timedelta) -> timedelta:
        """How long a create may be under way after we gave it up, on a server that has ``timeout`` for an answer."""
        return max(self._settle, timeout)

    def settles_at(self, uid: str, timeout: timedelta) -> datetime | None:
        """From when on a create of this Sync, by this process or one before it, can no longer be under way.

        Whoever was before us can send nothing more once the mark is ours.
        """
        if uid in self._lost:
            return self._lost[uid].settles_at
        return max(self._fenced.get(uid, self._started_at), self._started_at + self._others_end) + self.settle(timeout)

    def claimed(self, place: Place, *, but: str) -> frozenset[str]:
        """Ids in that place that this process knows to belong to other Syncs."""
        return frozenset(made.remote.id for uid, made in self._made.items() if made.place == place and uid != but)

    def gate(self, scope: Scope, stream_name: Any) -> "_Gate":
        """The gate between ordinary creates and the search for lost ones that may take each other's syncs.

        Those are of the same stream, and by accounts that see each other's syncs: all of a server workspace where its
        id is given; else, as far as is known, each account has a workspace of its own. Others do not wait for each
        other: a search takes as long as the server does for its lists.
        """
        where = (scope if scope.place.workspace_id is None else scope.place), stream_name
        gate = self._gates.get(where) or _Gate()
        self._gates[where] = gate  # it lives as long as somebody is in it, or on the way
        return gate

    @property
    def kept(self) -> int:
        """How many Syncs and gates something is remembered of."""
        return len(self._unsent | self._lost.keys() | self._made.keys() | self._noticed.keys()) + len(self._gates)


class _Gate:
    """Creates go side by side; whoever looks for a lost one has the place alone until it has made its claim.

    Otherwise it could take a sync for its own whose create is being answered to somebody else.
    """

    def __init__(self) -> None:
        self._under_way = 0
        self._changed = asyncio.Condition()
        self._alone = asyncio.Lock()

    @asynccontextmanager
    async def creating(self) -> AsyncIterator[None]:
        """While a create is sent and its answer noted."""
        async with self._alone:
            self._under_way += 1
        try:
            yield
        finally:
            async with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    @asynccontextmanager
    async def settling(self) -> AsyncIterator[None]:
        """While a lost create is looked for and claimed."""
        async with self._alone:
            async with self._changed:
                await self._changed.wait_for(lambda: self._under_way == 0)
            yield
