"""The reconcile of a Sync: observe, then decide and act until no action is left, then report."""

import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Final, get_args

from sync_operator.api.conditions import Reason
from sync_operator.api.constants import FINALIZER, SYNC_KIND, WORKSPACE_KIND
from sync_operator.api.status import to_dict
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.informer.store import NamespacedName, workspace_name
from sync_operator.controller.registration.lost_create_search import search_lock
from sync_operator.controller.sync.execute_cluster import act
from sync_operator.controller.sync.observe import observe
from sync_operator.controller.sync.run_results import mark_reported
from sync_operator.controller.workqueue.workqueue import DONE, Key, Result
from sync_operator.domain.actions import Action, RecordHandledRequest, SyncServerAction
from sync_operator.domain.blocker import Phase
from sync_operator.domain.registration.deletion_step import keeps
from sync_operator.domain.registration.desired_state import is_registered
from sync_operator.domain.registration.registration_actions import (
    DropFinalizer,
    ForgetRemote,
    ListRemotes,
    RecordClusterUid,
    RecordCreateIntent,
    RemoteAction,
)
from sync_operator.domain.runs.missed_runs import missed_from
from sync_operator.domain.runs.run_health import ended_runs, fresh_until
from sync_operator.domain.runs.start_failures import starts_again_at
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.status.error_classification import classify_error
from sync_operator.domain.status.event_specs import EventSpec, sync_events
from sync_operator.domain.status.sync_status import blockers, sync_status
from sync_operator.domain.sync.sync_kind import next_action
from sync_operator.errors import (
    AccessError,
    ForbiddenError,
    KubernetesError,
    NotAdmittedError,
    SyncOperatorError,
)
from sync_operator.kubernetes.kube_client import SYNCS
from sync_operator.syncapi.flow.permit import Permit

__all__ = ["reconcile_sync"]

_log = logging.getLogger(__name__)
_CONDITIONAL: Final = (RecordCreateIntent, RecordClusterUid, RecordHandledRequest, ForgetRemote, DropFinalizer)
"""Actions that write to the Sync only at the resource version that was observed."""
_NEEDS_SERVER: Final = (
    RecordCreateIntent,
    *get_args(RemoteAction.__value__),
    *get_args(SyncServerAction.__value__),
)
"""Actions that call the server, or that come right before one that does."""
_MAX_UNREPORTED_WAIT: Final = 5.0
"""Seconds: a shorter wait for the server is not reported …"""
_MAX_UNREPORTED_DELETION_WAIT: Final = 1.0
"""… and that of a deletion is reported if it takes longer than this."""
_MAX_ACTIONS: Final = 20
"""More than any valid sequence of actions: a guard against two rules that undo each other."""


async def reconcile_sync(context: ControllerContext, key: Key) -> Result:
    """Reconcile one Sync: bring it closer to its spec, and write its status."""
    obj = context.store.get(SYNC_KIND, NamespacedName(key.namespace, key.name))
    if obj is None or obj["metadata"]["uid"] in context.finalizer_removed:
        return DONE
    home, unfinished = NamespacedName(key.namespace, workspace_name(obj)), False
    searches = False
    permit = Permit(lambda: context.connections.route(home), key, deadline=_MAX_UNREPORTED_WAIT)
    if _is_new(obj) and permit.try_enqueue():
        return DONE  # checked first: everything read before would be stale after the wait
    snapshot = observe(context, obj)
    if snapshot is None:
        return DONE
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(permit)
        for _ in range(_MAX_ACTIONS):
            action = next_action(snapshot)
            if action is None:
                break
            try:
                _ensure_permit(permit, action)
                if isinstance(action, ListRemotes) and not searches:
                    # Held from the search for a lost create until the status holds the claim: searches exclude others.
                    await stack.enter_async_context(search_lock(context, snapshot))
                    searches = True
                snapshot = await act(context, snapshot, action)
            except SyncOperatorError as error:
                if isinstance(action, _CONDITIONAL) and _is_conflict(error):
                    return _requeue_conflict(error)
                if not permit.was_granted and _is_short_wait(permit, action, error):
                    return DONE
                permit.wait_again(error)
                snapshot = _failed(context, snapshot, action, error)
            else:
                if isinstance(action, DropFinalizer):
                    return _finish_deletion(context, snapshot, obj)
        else:
            # A bug. The log reports it; the status is still written, so that no action is carried out twice.
            action = next_action(snapshot)
            words = "Sync %s/%s: %d actions did not bring it to rest, the next one is %s: report this"
            _log.error(words, key.namespace, key.name, _MAX_ACTIONS, type(action).__name__)
            unfinished = True
        permit.release()
        outcome = await _report(context, snapshot, obj)
        return Result(failed=True) if unfinished else outcome


def _is_new(sync: Mapping[str, Any]) -> bool:
    """True for a Sync that is not registered and has no status for this generation: nearly all such need the server."""
    metadata, status = sync["metadata"], sync.get("status", {})
    reported = "id" in status or status.get("observedGeneration") == metadata["generation"]
    return not reported and "deletionTimestamp" not in metadata


def _ensure_permit(permit: Permit, action: Action) -> None:
    """Acquire the permit if the action needs it; release it if the rest of the reconcile does not.

    Raises:
        NotAdmittedError: the permit was refused; the Sync is woken when it may try again.
    """
    if action.phase is Phase.SCHEDULING or isinstance(action, DropFinalizer):
        permit.release()
    elif isinstance(action, _NEEDS_SERVER):
        permit.acquire()


def _is_short_wait(permit: Permit, action: Action, error: SyncOperatorError) -> bool:
    """True if the wait for a slot is too short to be reported, and there is nothing else to report.

    A deletion reports every pause of its server: nothing else shows why the resource still exists.
    """
    if not isinstance(error, NotAdmittedError):
        return False
    if action.phase is Phase.DELETION:
        return error.seconds < _MAX_UNREPORTED_DELETION_WAIT and not error.circuit_open
    return permit.ends_soon(error) and action.phase is not Phase.RUNS


def _is_conflict(error: SyncOperatorError) -> bool:
    """True if the object was changed or deleted by others; the watch brings, or has brought, its new state."""
    return isinstance(error, KubernetesError) and error.reason in {"Conflict", "NotFound"}


def _requeue_conflict(error: SyncOperatorError) -> Result:
    """Requeue to reconcile the new state, except if the object is gone: that is left to the watch or the next list."""
    gone = isinstance(error, KubernetesError) and error.reason == "NotFound"
    return DONE if gone else Result(requeue_after=0.2)


def _failed(context: ControllerContext, snapshot: Snapshot, action: Action, error: SyncOperatorError) -> Snapshot:
    """Add the blocker to the snapshot; an error that concerns the whole Workspace also blocks the Workspace."""
    namespace, name = snapshot.sync.namespace, snapshot.sync.name
    extra = {"namespace": namespace, "sync": name, "action": type(action).__name__}
    level = logging.DEBUG if isinstance(error, NotAdmittedError) else logging.WARNING
    _log.log(level, "Sync %s/%s: %s", namespace, name, error, extra=extra)
    blocker = classify_error(error)
    home = NamespacedName(snapshot.sync.namespace, snapshot.workspace.name)
    if isinstance(error, AccessError) and not isinstance(error, ForbiddenError):
        context.connections.mark_blocked(home, blocker)
        context.queue.add(Key(WORKSPACE_KIND, *home))
    return snapshot.failed(action.phase, blocker)


async def _report(context: ControllerContext, snapshot: Snapshot, obj: dict[str, Any]) -> Result:
    """Write status and events; the result says when to reconcile again."""
    current = context.store.get(SYNC_KIND, NamespacedName(snapshot.sync.namespace, snapshot.sync.name))
    if snapshot.sync.deleting and FINALIZER not in snapshot.sync.finalizers:
        return DONE
    status = sync_status(snapshot)
    try:
        written = await context.write_status(SYNCS, SYNC_KIND, current or obj, to_dict(status))
        if written is not None:
            if snapshot.results and status.id is not None and status.server_status is not None:
                context.syncs.lists.amend(snapshot.workspace.remote_workspace, status.id, status=status.server_status)
            if status.id is not None:
                context.syncs.create_fence.persisted(snapshot.sync.uid)
            for event in sync_events(snapshot, snapshot.sync.status, status):
                context.events.record(written, event, now=snapshot.now)
            for job in await mark_reported(context.kube, snapshot.sync.namespace, snapshot.results):
                context.store.put("Job", job)
            for run in ended_runs(snapshot):
                context.on_run_ended(NamespacedName(snapshot.sync.namespace, snapshot.sync.name), run)
    except KubernetesError as error:
        _log.warning("Sync %s/%s: not all could be told: %s", snapshot.sync.namespace, snapshot.sync.name, error)
        return Result(failed=True)
    if is_registered(snapshot):
        context.recheck.discard(snapshot.sync.uid)
    context.watch_runs.discard(snapshot.sync.uid)
    found = [blocker for blocker in blockers(snapshot) if not blocker.resolved_by_watch]
    delays = [blocker.retry_after for blocker in found if blocker.retry_after is not None]
    if any(blocker.retry_after is None and not blocker.stalled for blocker in found):
        return Result(failed=True)
    times = (fresh_until(snapshot), starts_again_at(snapshot), missed_from(snapshot, status.next_runs))
    delays += [(time - snapshot.now).total_seconds() for time in times if time is not None and time > snapshot.now]
    return Result(requeue_after=min(delays, default=None))


def _finish_deletion(context: ControllerContext, snapshot: Snapshot, obj: dict[str, Any]) -> Result:
    """Finish a deletion after the finalizer was removed: record what happened to the server's sync.

    The API server's response has an old resource version, so the cache shows the finalizer until the watch reports the
    deletion. A reconcile in between must not delete the sync once more.
    """
    held = context.store.get(SYNC_KIND, NamespacedName(snapshot.sync.namespace, snapshot.sync.name))
    if held is not None and held["metadata"]["uid"] == snapshot.sync.uid:
        context.finalizer_removed.add(snapshot.sync.uid)
    sync_id = snapshot.remote_id
    if sync_id is not None:
        kept = keeps(snapshot)
        words = f"sync {sync_id} stays on the server" if kept else f"sync {sync_id} was deleted on the server"
        if snapshot.crd_deleted:
            words = f"{words}: the CRD of all Syncs is being deleted, which says nothing about the servers"
        event = EventSpec(Reason.RETAINED if kept else Reason.DELETED, words)
        context.events.record(obj, event, now=snapshot.now)
    context.syncs.create_fence.forget(snapshot.sync.uid)
    context.syncs.duplicates.pop(snapshot.sync.uid, None)
    context.syncs.crd_deletion.forget(snapshot.sync.uid)
    context.recheck.discard(snapshot.sync.uid)
    return DONE
