"""The reconcile loop of every registered kind: observe, then decide and act until no action is left, then report."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, get_args

from sync_operator.api.constants import WORKSPACE_KIND
from sync_operator.api.statuses.conditions import Reason
from sync_operator.api.statuses.status_fields import to_dict
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.informer.store import NamespacedName, workspace_name
from sync_operator.controller.registration.act_on_remote import act_on_remote, connected_client
from sync_operator.controller.registration.act_on_resource import act_on_resource, forget_remote
from sync_operator.controller.registration.remote_search import search_lock
from sync_operator.controller.workqueue.workqueue import DONE, Key, Result
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.registration.deletion_step import keeps
from sync_operator.domain.registration.desired_state import is_registered
from sync_operator.domain.registration.registration_actions import (
    DropFinalizer,
    ForgetRemote,
    ListRemotes,
    RecordClusterUid,
    RecordCreateIntent,
    RemoteAction,
    ResourceAction,
)
from sync_operator.domain.registration.resource_kind import ResourceKind
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.domain.status.error_classification import classify_error
from sync_operator.domain.status.event_specs import EventSpec
from sync_operator.errors import (
    AccessError,
    ForbiddenError,
    KubernetesError,
    NotAdmittedError,
    SyncOperatorError,
)
from sync_operator.syncapi.flow.permit import Permit

__all__ = ["ReconcileSteps", "act", "reconcile_registered"]

_log = logging.getLogger(__name__)
_CONDITIONAL: Final = (RecordCreateIntent, RecordClusterUid, ForgetRemote, DropFinalizer)
"""Actions that write to the resource only at the resource version that was observed."""
_ON_RESOURCE: Final = frozenset(get_args(ResourceAction.__value__))
_ON_REMOTE: Final = frozenset(get_args(RemoteAction.__value__))
_NEEDS_SERVER: Final = (RecordCreateIntent, *_ON_REMOTE)
"""Actions that call the server, or that come right before one that does."""
_MAX_UNREPORTED_WAIT: Final = 5.0
"""Seconds: a shorter wait for the server is not reported …"""
_MAX_UNREPORTED_DELETION_WAIT: Final = 1.0
"""… and that of a deletion is reported if it takes longer than this."""
_MAX_BRIEF_WAIT: Final = 60.0
"""Seconds after which a wait is reported that usually passes within moments."""
_MAX_ACTIONS: Final = 20
"""More than any valid sequence of actions: a guard against two rules that undo each other."""


async def _nothing_else(*_: object) -> None:
    """The end of a report about a kind that has nothing else to report."""


async def _no_own_action(_context: ControllerContext, _snapshot: Any, action: Any) -> Any:
    """What a kind without actions of its own does with one."""
    raise AssertionError(f"{type(action).__name__} is no action of a registration")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileSteps[S: ResourceSnapshot]:
    """What the loop, and the drift check, do for one kind.

    Attributes:
        kind: what the registration engine decides by.
        observe: the snapshot of an object of the cache; None if its Workspace has not been reconciled yet.
        next_action: the next action, or None.
        act: carries out an action that only this kind has.
        suspend: suspends what it has in the cluster, before its id is forgotten; None if it has nothing.
        status: the status after the reconcile.
        blockers: what keeps it from its end, the most important first.
        events: the events for the step from one status to the next.
        reported: called after the status was written, with the object as it is then; None if it is gone.
        wake_times: when to reconcile again though nothing changes.
        is_outdated: True if the cached lists show something of its own that its status does not tell yet.
        server_actions: actions of its own that call the server.
        conditional_actions: actions of its own that write to the resource only at the version that was observed.
    """

    kind: ResourceKind[S]
    observe: Callable[[ControllerContext, Mapping[str, Any]], S | None]
    next_action: Callable[[S], Any]
    status: Callable[[S], Any]
    blockers: Callable[[S], tuple[Blocker, ...]]
    events: Callable[[S, Any, Any], tuple[EventSpec, ...]]
    act: Callable[[ControllerContext, S, Any], Awaitable[S]] = _no_own_action
    suspend: Callable[[ControllerContext, S], Awaitable[S]] | None = None
    reported: Callable[[ControllerContext, S, Any, dict[str, Any] | None], Awaitable[None]] = _nothing_else
    wake_times: Callable[[S, Any], tuple[datetime | None, ...]] = lambda *_: ()
    is_outdated: Callable[[ControllerContext, S], bool] = lambda *_: False
    server_actions: tuple[type, ...] = ()
    conditional_actions: tuple[type, ...] = ()


async def reconcile_registered(steps: ReconcileSteps[Any], context: ControllerContext, key: Key) -> Result:
    """Reconcile one resource: bring it closer to its spec, and write its status."""
    obj = context.store.get(key.kind, NamespacedName(key.namespace, key.name))
    if obj is None or obj["metadata"]["uid"] in context.finalizer_removed:
        return DONE
    home, unfinished = NamespacedName(key.namespace, workspace_name(obj)), False
    searches = False
    permit = Permit(lambda: context.connections.route(home), key, deadline=_MAX_UNREPORTED_WAIT)
    if _is_new(obj) and permit.try_enqueue():
        return DONE  # checked first: everything read before would be stale after the wait
    snapshot = steps.observe(context, obj)
    if snapshot is None:
        return DONE
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(permit)
        for _ in range(_MAX_ACTIONS):
            action = steps.next_action(snapshot)
            if action is None:
                break
            try:
                _ensure_permit(steps, permit, action)
                if isinstance(action, ListRemotes) and not searches:
                    # Held from the search for a lost create until the status holds the claim: searches exclude others.
                    await stack.enter_async_context(search_lock(context, snapshot))
                    searches = True
                snapshot = await act(steps, context, snapshot, action)
            except SyncOperatorError as error:
                if isinstance(action, (*_CONDITIONAL, *steps.conditional_actions)) and _is_conflict(error):
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
            action = steps.next_action(snapshot)
            words = "%s %s/%s: %d actions did not bring it to rest, the next one is %s: report this"
            _log.error(words, *key, _MAX_ACTIONS, type(action).__name__)
            unfinished = True
        permit.release()
        outcome = await _report(steps, context, snapshot, obj)
        return Result(failed=True) if unfinished else outcome


async def act[S: ResourceSnapshot](steps: ReconcileSteps[S], context: ControllerContext, snapshot: S, action: Any) -> S:
    """Carry out one action: those of every registration here, others by the kind's own rules.

    Returns:
        The snapshot after the action.

    Raises:
        SyncOperatorError: it failed; the caller records that as a blocker of the action's phase.
    """
    name, resource = type(action).__name__, snapshot.resource
    _log.debug("%s %s/%s: %s", snapshot.kind.kind, resource.namespace, resource.name, name)
    if isinstance(action, ForgetRemote):
        return await forget_remote(context, snapshot, steps.suspend)
    if type(action) in _ON_RESOURCE:
        return await act_on_resource(context, snapshot, action)
    if type(action) in _ON_REMOTE:  # and no subclass, which a kind carries out in its own way
        client, scope = connected_client(context, snapshot)
        return await act_on_remote(context, client, scope, snapshot, action)
    return await steps.act(context, snapshot, action)


def _is_new(resource: Mapping[str, Any]) -> bool:
    """True for one that is not registered and has no status for this generation: nearly all such need the server."""
    metadata, status = resource["metadata"], resource.get("status", {})
    reported = "id" in status or status.get("observedGeneration") == metadata["generation"]
    return not reported and "deletionTimestamp" not in metadata


def _brief_wait(
    context: ControllerContext, snapshot: ResourceSnapshot, obj: Mapping[str, Any], blockers: tuple[Blocker, ...]
) -> float:
    """Seconds for which nothing is reported of a resource that waits for what is applied or deleted with it."""
    waiting = context.registrations_of(snapshot).waiting
    begins = _is_new(obj) or "deletionTimestamp" in obj["metadata"]
    if not begins or not any(blocker.brief for blocker in blockers[:1]):
        waiting.pop(snapshot.resource.uid, None)
        return 0.0
    began = waiting.setdefault(snapshot.resource.uid, snapshot.now)
    return _MAX_BRIEF_WAIT - (snapshot.now - began).total_seconds()


def _ensure_permit(steps: ReconcileSteps[Any], permit: Permit, action: Any) -> None:
    """Acquire the permit if the action needs it; release it if the rest of the reconcile does not.

    Raises:
        NotAdmittedError: the permit was refused; the key is queued when it may try again.
    """
    if action.phase is Phase.SCHEDULING or isinstance(action, DropFinalizer):
        permit.release()
    elif isinstance(action, (*_NEEDS_SERVER, *steps.server_actions)):
        permit.acquire()


def _is_short_wait(permit: Permit, action: Any, error: SyncOperatorError) -> bool:
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


def _failed[S: ResourceSnapshot](context: ControllerContext, snapshot: S, action: Any, error: SyncOperatorError) -> S:
    """Add the blocker to the snapshot; an error that concerns the whole Workspace also blocks the Workspace."""
    kind, namespace, name = snapshot.kind, snapshot.resource.namespace, snapshot.resource.name
    extra = {"namespace": namespace, kind.noun: name, "action": type(action).__name__}
    level = logging.DEBUG if isinstance(error, NotAdmittedError) else logging.WARNING
    _log.log(level, "%s %s/%s: %s", kind.kind, namespace, name, error, extra=extra)
    blocker = classify_error(error)
    home = NamespacedName(namespace, snapshot.workspace.name)
    if isinstance(error, AccessError) and not isinstance(error, ForbiddenError):
        context.connections.mark_blocked(home, blocker)
        context.queue.add(Key(WORKSPACE_KIND, *home))
    return snapshot.failed(action.phase, blocker)


async def _report[S: ResourceSnapshot](
    steps: ReconcileSteps[S], context: ControllerContext, snapshot: S, obj: dict[str, Any]
) -> Result:
    """Write status and events; the result says when to reconcile again."""
    resource, kind, registrations = snapshot.resource, snapshot.kind, context.registrations_of(snapshot)
    current = context.store.get(kind.kind, NamespacedName(resource.namespace, resource.name))
    if resource.deleting and kind.finalizer not in resource.finalizers:
        return DONE
    blockers = steps.blockers(snapshot)
    brief = _brief_wait(context, snapshot, obj, blockers)
    if brief > 0:
        return Result(requeue_after=brief)
    status = steps.status(snapshot)
    try:
        collection = registrations.registered_kind.resource
        written = await context.write_status(collection, kind.kind, current or obj, to_dict(status))
        if written is not None:
            if status.id is not None:
                registrations.create_fence.persisted(resource.uid)
            for event in steps.events(snapshot, resource.status, status):
                context.events.record(written, event, now=snapshot.now)
        await steps.reported(context, snapshot, status, written)
    except KubernetesError as error:
        words = "%s %s/%s: status, events or annotations were not all written, will retry: %s"
        _log.warning(words, kind.kind, resource.namespace, resource.name, error)
        return Result(failed=True)
    if is_registered(snapshot):
        context.recheck.discard(resource.uid)
    found = [blocker for blocker in blockers if not blocker.resolved_by_watch]
    delays = [blocker.retry_after for blocker in found if blocker.retry_after is not None]
    if any(blocker.retry_after is None and not blocker.stalled for blocker in found):
        return Result(failed=True)
    times = steps.wake_times(snapshot, status)
    delays += [(time - snapshot.now).total_seconds() for time in times if time is not None and time > snapshot.now]
    return Result(requeue_after=min(delays, default=None))


def _finish_deletion(context: ControllerContext, snapshot: ResourceSnapshot, obj: dict[str, Any]) -> Result:
    """Finish a deletion after the finalizer was removed: record what happened to the remote resource.

    The API server's response has an old resource version, so the cache shows the finalizer until the watch reports the
    deletion. A reconcile in between must not delete the remote resource once more.
    """
    resource, kind, remote_id = snapshot.resource, snapshot.kind, snapshot.remote_id
    held = context.store.get(kind.kind, NamespacedName(resource.namespace, resource.name))
    if held is not None and held["metadata"]["uid"] == resource.uid:
        context.finalizer_removed.add(resource.uid)
    if remote_id is not None:
        kept = keeps(snapshot)
        if kept:
            context.registrations_of(snapshot).lists.released(snapshot.workspace.remote_workspace)
        done = "stays on the server" if kept else "was deleted on the server"
        words = f"{kind.noun} {remote_id} {done}"
        if snapshot.crd_deleted:
            words = f"{words}: the CRD of all {kind.kind}s is being deleted, which says nothing about the servers"
        event = EventSpec(Reason.RETAINED if kept else Reason.DELETED, words)
        context.events.record(obj, event, now=snapshot.now)
    context.registrations_of(snapshot).forget(resource.uid)
    context.recheck.discard(resource.uid)
    if resource.uid in context.vanished:
        context.vanished.on_finished(kind.kind, obj)
    return DONE
