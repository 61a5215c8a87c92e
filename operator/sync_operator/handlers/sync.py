"""Reconcile of a Sync, in one screen: observe, then decide and act until nothing is left to do, then report."""

import logging
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from typing import Any, Final

from sync_operator.cluster.kube import SYNCS
from sync_operator.decide.actions import (
    Action,
    DropFinalizer,
    ForgetSync,
    ListSyncs,
    MarkCluster,
    MarkCreate,
    NoteRunRequest,
)
from sync_operator.decide.deletion import keeps
from sync_operator.decide.events import Notice, sync_notices
from sync_operator.decide.health import ended_runs, fresh_until
from sync_operator.decide.missed import missed_from
from sync_operator.decide.obstacles import obstacle_of
from sync_operator.decide.picture import Phase, Picture
from sync_operator.decide.report import obstacles, sync_status
from sync_operator.decide.server import is_registered
from sync_operator.decide.starts import starts_again_at
from sync_operator.decide.steps import next_action
from sync_operator.errors import (
    AccessError,
    ForbiddenError,
    HeldBackError,
    KubernetesError,
    SyncOperatorError,
    ThrottledError,
)
from sync_operator.handlers.act import act
from sync_operator.handlers.cache import Ref, workspace_name
from sync_operator.handlers.observe import observe
from sync_operator.handlers.operator import Operator
from sync_operator.handlers.queue import DONE, Key, Outcome
from sync_operator.handlers.results import mark_reported
from sync_operator.handlers.turn import Turn
from sync_operator.model.conditions import Reason
from sync_operator.model.names import FINALIZER, SYNC_KIND, WORKSPACE_KIND
from sync_operator.model.status import to_dict

__all__ = ["reconcile_sync"]

_log = logging.getLogger(__name__)
_CONDITIONAL: Final = (MarkCreate, MarkCluster, NoteRunRequest, ForgetSync, DropFinalizer)
"""Actions that write only the state of the Sync that was looked at."""
_SOON: Final = 5.0
_AT_ONCE: Final = 1.0
_MOST_ACTIONS: Final = 20
"""More than any way through the decisions takes: a guard against two rules that undo each other."""


async def reconcile_sync(operator: Operator, key: Key) -> Outcome:
    """Bring one Sync closer to what its spec asks for, and say how far it got."""
    obj = operator.cache.get(SYNC_KIND, Ref(key.namespace, key.name))
    if obj is None or obj["metadata"]["uid"] in operator.released or _lines_up(operator, key, obj):
        return DONE
    picture = observe(operator, obj)
    if picture is None:
        return DONE
    home, restless = Ref(key.namespace, picture.workspace.name), False
    async with AsyncExitStack() as alone:
        turn = alone.enter_context(Turn(operator.sessions, home, key))
        for _ in range(_MOST_ACTIONS):
            action = next_action(picture)
            if action is None:
                break
            try:
                turn.fit(action)
                if isinstance(action, ListSyncs):
                    # From looking for a lost create until the claim stands in the status, nobody else may do the same.
                    await alone.enter_async_context(_settling(operator, picture))
                picture = await act(operator, picture, action)
            except SyncOperatorError as error:
                if isinstance(action, _CONDITIONAL) and _changed_meanwhile(error):
                    return _look_again(error)
                if not turn.had and _is_brief(operator, home, action, error):
                    return DONE
                picture = _failed(operator, picture, action, error)
            else:
                if isinstance(action, DropFinalizer):
                    return _leave(operator, picture, obj)
        else:
            # A defect, which is told by the log; the status tells how far it got, so that nothing is done twice.
            action = next_action(picture)
            words = "Sync %s/%s: %d actions did not bring it to rest, the next one is %s: report this"
            _log.error(words, key.namespace, key.name, _MOST_ACTIONS, type(action).__name__)
            restless = True
        turn.give_back()
        outcome = await _report(operator, picture, obj)
        return Outcome(failed=True) if restless else outcome


def _settling(operator: Operator, picture: Picture) -> AbstractAsyncContextManager[None]:
    """While a lost create is looked for: creates that it could take for its own wait."""
    session = operator.sessions.get(Ref(picture.sync.namespace, picture.workspace.name))
    if session is None or session.scope is None:
        return nullcontext()  # nothing can be listed either
    stream_name = picture.sync.spec.stream_name if picture.sync.spec else None
    if picture.create_sent is not None:
        stream_name = picture.create_sent.get("stream_name")
    return operator.creates.gate(session.scope, stream_name).settling()


def _lines_up(operator: Operator, key: Key, obj: Mapping[str, Any]) -> bool:
    """True for a new Sync where others wait already: all that it found out by now, it would have to find out anew.

    New is one that is not registered, and of which nothing was told yet. Nearly all of those are to be registered.
    """
    metadata, status = obj["metadata"], obj.get("status", {})
    told = "id" in status or status.get("observedGeneration") == metadata["generation"]
    if told or "deletionTimestamp" in metadata:
        return False
    return operator.sessions.line_up(Ref(key.namespace, workspace_name(obj)), key, longest=_SOON)


def _is_brief(operator: Operator, home: Ref, action: Action, error: SyncOperatorError) -> bool:
    """True when it is not our turn, but will be so soon that it is not worth a status, and nothing else is to be told.

    A deletion is told of every pause of its server: nothing else tells why the resource is still there.
    """
    if not isinstance(error, HeldBackError):
        return False
    if action.phase is Phase.DELETION:
        return error.seconds < _AT_ONCE and not operator.sessions.paused(home)
    return error.seconds < _SOON and action.phase is not Phase.RUNS


def _changed_meanwhile(error: SyncOperatorError) -> bool:
    """The object changed or went under us: the watch brings, or has brought, its new state."""
    return isinstance(error, KubernetesError) and error.reason in {"Conflict", "NotFound"}


def _look_again(error: SyncOperatorError) -> Outcome:
    """Look at its new state; of what is gone there is none, and the watch or the next list tells that it is."""
    gone = isinstance(error, KubernetesError) and error.reason == "NotFound"
    return DONE if gone else Outcome(again_after=0.2)


def _failed(operator: Operator, picture: Picture, action: Action, error: SyncOperatorError) -> Picture:
    """Note the obstacle; what concerns the whole Workspace also stops the Workspace's traffic."""
    namespace, name = picture.sync.namespace, picture.sync.name
    extra = {"namespace": namespace, "sync": name, "action": type(action).__name__}
    level = logging.DEBUG if isinstance(error, HeldBackError) else logging.WARNING
    _log.log(level, "Sync %s/%s: %s", namespace, name, error, extra=extra)
    obstacle = obstacle_of(error)
    home = Ref(picture.sync.namespace, picture.workspace.name)
    asked_to_wait = isinstance(error, ThrottledError) and operator.sessions.paused(home)
    if isinstance(error, HeldBackError) or asked_to_wait:
        operator.sessions.park(home, Key(SYNC_KIND, namespace, name))
    if isinstance(error, AccessError) and not isinstance(error, ForbiddenError):
        operator.sessions.block(home, obstacle)
        operator.queue.add(Key(WORKSPACE_KIND, *home))
    return picture.failed(action.phase, obstacle)


async def _report(operator: Operator, picture: Picture, obj: dict[str, Any]) -> Outcome:
    """Write status and event, and say when to look again."""
    current = operator.cache.get(SYNC_KIND, Ref(picture.sync.namespace, picture.sync.name))
    if picture.sync.deleting and FINALIZER not in picture.sync.finalizers:
        return DONE
    status = sync_status(picture)
    try:
        written = await operator.write_status(SYNCS, SYNC_KIND, current or obj, to_dict(status))
        if written is not None:
            if picture.results and status.id is not None and status.server_status is not None:
                operator.listings.ran(picture.workspace.place, status.id, status.server_status)
            if status.id is not None:
                operator.creates.told(picture.sync.uid)
            for notice in sync_notices(picture, picture.sync.status, status):
                operator.events.record(written, notice, now=picture.now)
            for job in await mark_reported(operator.kube, picture.sync.namespace, picture.results):
                operator.cache.put("Job", job)
            for run in ended_runs(picture):
                operator.ran(Ref(picture.sync.namespace, picture.sync.name), run)
    except KubernetesError as error:
        _log.warning("Sync %s/%s: not all could be told: %s", picture.sync.namespace, picture.sync.name, error)
        return Outcome(failed=True)
    if is_registered(picture):
        operator.recheck.discard(picture.sync.uid)
    operator.watch_runs.discard(picture.sync.uid)
    found = [obstacle for obstacle in obstacles(picture) if not obstacle.waits]
    delays = [obstacle.retry_after for obstacle in found if obstacle.retry_after is not None]
    if any(obstacle.retry_after is None and not obstacle.stalled for obstacle in found):
        return Outcome(failed=True)
    times = (fresh_until(picture), starts_again_at(picture), missed_from(picture, status.next_runs))
    delays += [(time - picture.now).total_seconds() for time in times if time is not None and time > picture.now]
    return Outcome(again_after=min(delays, default=None))


def _leave(operator: Operator, picture: Picture, obj: dict[str, Any]) -> Outcome:
    """The resource is free to go: say what became of the server's sync.

    The API server answers with a state as old as the last one, so the cache still has the finalizer until the watch
    tells of the end: whatever wakes the Sync in between must not delete it once more.
    """
    held = operator.cache.get(SYNC_KIND, Ref(picture.sync.namespace, picture.sync.name))
    if held is not None and held["metadata"]["uid"] == picture.sync.uid:
        operator.released.add(picture.sync.uid)
    sync_id = picture.sync_id
    if sync_id is not None:
        kept = keeps(picture)
        words = f"sync {sync_id} stays on the server" if kept else f"sync {sync_id} was deleted on the server"
        if picture.crd_deleted:
            words = f"{words}: the CRD of all Syncs is being deleted, which says nothing about the servers"
        notice = Notice(Reason.RETAINED if kept else Reason.DELETED, words)
        operator.events.record(obj, notice, now=picture.now)
    operator.creates.forget(picture.sync.uid)
    operator.duplicates.pop(picture.sync.uid, None)
    operator.crd.forget(picture.sync.uid)
    operator.recheck.discard(picture.sync.uid)
    return DONE
