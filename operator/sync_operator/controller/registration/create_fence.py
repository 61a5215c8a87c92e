"""The create fence: state of the creates that this process has announced or sent, until the status holds the id.

The fencing token that keeps other processes from sending them is an annotation: `domain.create_fence.create_intent`.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from weakref import WeakValueDictionary

from sync_operator.api.kinds.workspace import RemoteWorkspace
from sync_operator.api.scope import Scope
from sync_operator.syncapi.types import RemoteResource

__all__ = ["MAX_INTENT_AGE", "CreateFence"]

MAX_INTENT_AGE: Final = timedelta(seconds=15)
"""Maximum time between the API server's confirmation of our create intent and the create.

A process that is cut off from the API server sends no create after that, and its successor waits for longer.
"""


@dataclass(frozen=True, slots=True)
class _Lost:
    """A create whose outcome is unknown.

    Attributes:
        body: the body that was sent.
        at: only lists requested after this can show its sync.
        settles_at: when the server can no longer be working on it; None if it is not any more.
    """

    body: Mapping[str, Any]
    at: datetime
    settles_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Unpersisted[R: RemoteResource]:
    """A remote resource whose id the status does not hold yet; ``adopted`` if it was found in a list."""

    remote_workspace: RemoteWorkspace
    remote: R
    adopted: bool


class CreateFence[R: RemoteResource]:
    """Creates of one kind, by uid of their resource.

    Creates of an earlier process are not in it; for them there is the create intent: the resource's annotation that a
    create was announced; see `domain.create_fence.create_intent`.

    Args:
        started_at: when this process became leader.
        previous_leader_end: how long after that the previous leader may still send requests.
        settle: how long after a create without a response the server may still carry it out.
    """

    def __init__(
        self, started_at: datetime, previous_leader_end: timedelta = timedelta(), *, settle: timedelta = timedelta()
    ) -> None:
        self._started_at = started_at
        self._previous_leader_end = previous_leader_end
        self._settle = settle
        self._intent_at: dict[str, datetime] = {}
        self._fenced_at: dict[str, datetime] = {}
        self._unsent: set[str] = set()
        self._lost: dict[str, _Lost] = {}
        self._unpersisted: dict[str, _Unpersisted[R]] = {}
        self._reserved: dict[str, tuple[RemoteWorkspace, str]] = {}
        self._observed_at: dict[str, datetime] = {}
        self._recreated_since: dict[str, datetime] = {}
        self._locks: WeakValueDictionary[Hashable, _ReadWriteLock] = WeakValueDictionary()

    def set_leadership(self, started_at: datetime, previous_leader_end: timedelta) -> None:
        """Set from when on this process acts, and how long the previous leader may; what was observed stays."""
        self._started_at = started_at
        self._previous_leader_end = previous_leader_end

    def observed_unresolved(self, uid: str, at: datetime) -> None:
        """Record when this process first saw a Sync with a create intent and without an id."""
        self._observed_at.setdefault(uid, at)

    def intent_recorded(self, uid: str, at: datetime, *, fresh: bool) -> None:
        """Record that this process wrote the create intent, by a request that began at ``at``.

        ``fresh`` means that no create can have been sent before. Otherwise the process that sent one cannot send
        another from now on: the intent is ours, and each process verifies the intent right before it sends.
        """
        self._intent_at[uid] = at
        if fresh:
            self._unsent.add(uid)
        else:
            self._fenced_at.setdefault(uid, at)

    def verified(self, uid: str, now: datetime) -> bool:
        """True if the API server confirmed within `MAX_INTENT_AGE` that the intent is ours, so a create may be sent."""
        return uid in self._intent_at and timedelta() <= now - self._intent_at[uid] <= MAX_INTENT_AGE

    def fresh(self, uid: str) -> bool:
        """True if this process wrote the create intent and has sent no create since."""
        return uid in self._unsent

    def rejected(self, uid: str, *, fresh: bool) -> None:
        """Record that the server rejected the create; if not ``fresh``, an earlier one may have been carried out."""
        if fresh:
            self._unsent.add(uid)
            self._lost.pop(uid, None)
        elif uid in self._lost:
            self._lost[uid] = replace(self._lost[uid], settles_at=None)

    def indeterminate(self, uid: str, body: Mapping[str, Any], at: datetime, settles_at: datetime | None) -> None:
        """Record an unknown outcome. The server may carry it out until ``settles_at``; None: it is not in flight."""
        self._unsent.discard(uid)
        self._lost[uid] = _Lost(body, at, settles_at)

    def succeeded(self, uid: str, remote_workspace: RemoteWorkspace, remote: R, *, adopted: bool = False) -> None:
        """Record the server sync of a Sync whose status does not hold its id yet."""
        self._unsent.discard(uid)
        self._lost.pop(uid, None)
        self._unpersisted[uid] = _Unpersisted(remote_workspace, remote, adopted)

    def reserve(self, uid: str, remote_workspace: RemoteWorkspace, sync_id: str) -> None:
        """Record the sync that a deletion has found as the result of a lost create, before it is deleted.

        The request may be carried out late, so no other Sync may take that sync from now on.
        """
        self._reserved[uid] = remote_workspace, sync_id

    def persisted(self, uid: str) -> None:
        """Drop a create whose id the status holds now."""
        self._unpersisted.pop(uid, None)
        self._reserved.pop(uid, None)
        self._observed_at.pop(uid, None)
        self._intent_at.pop(uid, None)
        self._fenced_at.pop(uid, None)
        self._recreated_since.pop(uid, None)

    def deleted_by_others(self, uid: str, listed_at: datetime) -> None:
        """Record that the server sync was deleted by others, as a list of that time shows: it is created again."""
        self.forget(uid)
        self._recreated_since[uid] = listed_at

    def forget(self, uid: str) -> None:
        """Drop all state of a Sync."""
        self._unsent.discard(uid)
        self._lost.pop(uid, None)
        self._unpersisted.pop(uid, None)
        self._reserved.pop(uid, None)
        self._observed_at.pop(uid, None)
        self._intent_at.pop(uid, None)
        self._fenced_at.pop(uid, None)
        self._recreated_since.pop(uid, None)

    def recreating(self, uid: str) -> bool:
        """True while the sync is created again, after others deleted it on the server."""
        return uid in self._recreated_since

    def sent_body(self, uid: str) -> Mapping[str, Any] | None:
        """The body of this process's create whose outcome is unknown; None if there is none."""
        return self._lost[uid].body if uid in self._lost else None

    def unpersisted(self, uid: str, remote_workspace: RemoteWorkspace) -> R | None:
        """The server sync that the Sync's status does not hold yet; None if there is none in that remote workspace."""
        made = self._unpersisted.get(uid)
        return made.remote if made is not None and made.remote_workspace == remote_workspace else None

    def adopted(self, uid: str) -> bool:
        """True if the sync returned by `unpersisted` was found in a list and may not be the result of our create."""
        return uid in self._unpersisted and self._unpersisted[uid].adopted

    def list_not_before(self, uid: str) -> datetime:
        """Earliest request time of a list that is sure to show the result of this Sync's create.

        Another process sent its create before we first saw the Sync. The same holds for a Sync that was restored from a
        backup, whose create may have been our own.
        """
        if uid in self._lost:
            return self._lost[uid].at
        return self._recreated_since.get(uid) or self._observed_at.get(uid, self._started_at)

    def settle(self, timeout: timedelta) -> timedelta:
        """How long the server may still carry out a create that got no response within ``timeout``."""
        return max(self._settle, timeout)

    def indeterminate_until(self, uid: str, timeout: timedelta) -> datetime | None:
        """When a create of this Sync, by this or an earlier process, can no longer be in flight; None if none is.

        An earlier process can send no create once the intent is ours.
        """
        if uid in self._lost:
            return self._lost[uid].settles_at
        others_stopped = self._started_at + self._previous_leader_end
        return max(self._fenced_at.get(uid, self._started_at), others_stopped) + self.settle(timeout)

    def claimed(self, remote_workspace: RemoteWorkspace, *, exclude: str) -> frozenset[str]:
        """Ids in a remote workspace that belong to other Syncs, by the creates and reservations of this process."""
        made = ((uid, (made.remote_workspace, made.remote.id)) for uid, made in self._unpersisted.items())
        claims = (*made, *self._reserved.items())
        return frozenset(sync_id for uid, (where, sync_id) in claims if where == remote_workspace and uid != exclude)

    def is_resolved(self, uid: str) -> bool:
        """True if no create of the Sync has been sent, or its result is known to this process."""
        return uid in self._unsent or uid in self._unpersisted or uid in self._reserved

    def lock(self, scope: Scope, stream_name: Any) -> "_ReadWriteLock":
        """The read-write lock between creates (shared) and searches for lost creates (exclusive).

        It is per stream, and per group of accounts that see each other's syncs: if a workspace id is given, all
        accounts of that server workspace; else each account has its own workspace, as far as is known. Other creates
        need not wait, which matters because a search takes as long as the server's lists.
        """
        where = (scope if scope.remote_workspace.workspace_id is None else scope.remote_workspace), stream_name
        lock = self._locks.get(where) or _ReadWriteLock()
        self._locks[where] = lock  # a weak reference: it lives as long as a reconcile holds the lock or waits for it
        return lock

    @property
    def entry_count(self) -> int:
        """Number of Syncs with a create in progress, and of locks."""
        uids = self._unsent | self._lost.keys() | self._unpersisted.keys() | self._observed_at.keys()
        return len(uids) + len(self._locks)


class _ReadWriteLock:
    """Creates share the lock; the search for a lost create holds it exclusively until its claim is recorded.

    Otherwise the search could take a sync that another create has just made, before that create's response arrives.

    Not aiorwlock: its locks cannot be referenced weakly, the lock that is held does not keep the pair alive, and
    creates that wait starve while searches keep coming.
    """

    def __init__(self) -> None:
        self._shared_count = 0
        self._changed = asyncio.Condition()
        self._entry = asyncio.Lock()

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Hold the lock while a create is sent and its result recorded."""
        async with self._entry:
            self._shared_count += 1
        try:
            yield
        finally:
            async with self._changed:
                self._shared_count -= 1
                self._changed.notify_all()

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """Hold the lock while a lost create is searched for and claimed."""
        async with self._entry:
            async with self._changed:
                await self._changed.wait_for(lambda: self._shared_count == 0)
            yield
