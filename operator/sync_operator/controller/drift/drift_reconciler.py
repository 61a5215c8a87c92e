"""The drift check: compares what is registered in each Workspace with its server once per period.

It finds what others have changed or deleted there. Each comparison runs in its own task, outside the workers, because
the list of a large workspace takes minutes. If the server gives no list, they are read one by one, spread over the
period, at no more than half of the operator's share of the request rate.
"""

import logging
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sync_operator.api.constants import OPERATOR_SHARE, SYNC_KIND, WORKSPACE_KIND
from sync_operator.api.kinds.workspace import remote_workspace_of
from sync_operator.api.scope import Scope
from sync_operator.api.statuses.status import read_workspace_status
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.drift.duplicates import find_duplicates
from sync_operator.controller.drift.name_lists import roles_of
from sync_operator.controller.drift.remote_lists import CachedList
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.registration.reconcile_loop import ReconcileSteps
from sync_operator.controller.workqueue.time_slices import Slices
from sync_operator.controller.workqueue.workqueue import DONE, DRIFT_KIND, Key, Result
from sync_operator.domain.create_fence.late_creates import looks_for_duplicates
from sync_operator.domain.identity.resource_identity import identity_error_changed, lacks_identity
from sync_operator.domain.registration.desired_state import has_drift
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.domain.status.compared_condition import (
    CompareMethod,
    KindComparison,
    comparison_changed,
    comparison_message,
)
from sync_operator.errors import (
    NotAdmittedError,
    ServerFaultError,
    SyncOperatorError,
    ThrottledError,
    TransientError,
    UnsupportedEndpointError,
)
from sync_operator.syncapi.client import ApiClient
from sync_operator.syncapi.collection import ResourceCollection
from sync_operator.syncapi.types import RefKind

__all__ = ["reconcile_drift", "record_absent", "schedule_drift_check"]

_log = logging.getLogger(__name__)
_SHARED_AGE: Final = 0.5
"""A list younger than this part of the period is also used for other Workspaces of the same scope."""
_MINUTE: Final = 60.0
_SINGLE_READS_SHARE: Final = OPERATOR_SHARE / 2
"""Part of ``spec.requestsPerMinute`` that single reads may use: half of the operator's share."""


def schedule_drift_check(context: ControllerContext, workspace: NamespacedName) -> None:
    """Queue a drift check within one period, with jitter so that a restart does not request all lists at once.

    A check that is queued already keeps its time, so that Syncs that come and go do not cause more checks.
    """
    key = Key(DRIFT_KIND, *workspace)
    if not context.queue.is_scheduled(key):
        context.queue.add_after(key, context.drift_period.total_seconds() * random.random())  # noqa: S311 (jitter)


async def reconcile_drift(kinds: Sequence[ReconcileSteps[Any]], context: ControllerContext, key: Key) -> Result:
    """Start the comparison of a Workspace with its server, and report if the last one did not work. Once per period."""
    workspace = NamespacedName(key.namespace, key.name)
    connection = context.connections.get(workspace)
    comparisons = context.comparisons
    if connection is None or connection.view.suspended or not context.dependents(workspace):
        comparisons.forget(workspace)
        return DONE
    blocker = connection.view.blocker
    if connection.client is None or connection.scope is None or blocker is not None:
        comparisons.failed(workspace, blocker.message if blocker else "there are no credentials")
    else:
        comparisons.begin(workspace, partial(_compare, kinds, context, workspace, connection.scope, connection.client))
    _queue_if_outdated(context, workspace)
    return Result(requeue_after=context.drift_period.total_seconds())


def _queue_if_outdated(context: ControllerContext, workspace: NamespacedName) -> None:
    """Queue the Workspace if its status about comparisons is outdated."""
    obj, comparison = context.store.get(WORKSPACE_KIND, workspace), context.comparisons.get(workspace)
    status = read_workspace_status(obj.get("status", {})) if obj is not None else None
    if status is not None and comparison is not None and comparison_changed(comparison, status, context.clock()):
        context.queue.add(Key(WORKSPACE_KIND, *workspace))


async def _compare(
    kinds: Sequence[ReconcileSteps[Any]],
    context: ControllerContext,
    workspace: NamespacedName,
    scope: Scope,
    client: ApiClient,
) -> None:
    """Run one comparison: queue the resources that differ from their server, and record the result."""
    started_at = context.clock()
    since = started_at - timedelta(seconds=_SHARED_AGE * context.drift_period.total_seconds())
    try:
        await _look_up_names(context, workspace, scope, client, since)
        said = [
            await _compare_kind(steps, context, workspace, scope, client, since)
            for steps in kinds
            if context.store.resources_of(steps.kind.kind, workspace)
        ]
    except SyncOperatorError as error:
        _log.warning("Workspace %s/%s: not compared with the server: %s", *workspace, error)
        context.comparisons.failed(workspace, str(error))
    else:
        if said:
            context.comparisons.completed(workspace, started_at, comparison_message(said))
    _queue_if_outdated(context, workspace)


async def _compare_kind(
    steps: ReconcileSteps[Any],
    context: ControllerContext,
    workspace: NamespacedName,
    scope: Scope,
    client: ApiClient,
    since: datetime,
) -> KindComparison:
    """Compare all resources of a kind with the server.

    Returns:
        How they were compared.

    Raises:
        SyncOperatorError: not all of them could be compared.
    """
    kind = steps.kind.kind
    try:
        listed = await context.registrations[kind].lists.fetch(scope, client, since=since)
    except (NotAdmittedError, ThrottledError, UnsupportedEndpointError):
        raise
    except TransientError as error:
        words = "Workspace %s/%s: no list, so its %ss are read one by one: %s"
        _log.warning(words, *workspace, steps.kind.noun, error)
        await _read_one_by_one(steps, context, workspace, scope, client, since)
        return KindComparison(kind, CompareMethod.ONE_BY_ONE, str(error))
    if await record_absent(context, kind, workspace, scope, listed.at):
        context.queue.add(Key(WORKSPACE_KIND, *workspace))
    watched = await _queue_differing(steps, context, context.store.resources_of(kind, workspace))
    for resource in await find_duplicates(context, workspace, scope, listed, watched):
        context.queue.add(Key(kind, resource.namespace, resource.name))
    return _completeness(listed, kind, steps.kind.noun, context.registrations[kind].registered_kind.collection(client))


async def record_absent(
    context: ControllerContext, kind: str, workspace: NamespacedName, scope: Scope, listed_at: datetime
) -> bool:
    """Record which registered ones the list lacks; True if that changes the Workspace's status."""
    connection, slices, registrations = context.connections.get(workspace), Slices(), context.registrations[kind]
    known, absent = set[str](), set[str]()
    for key in context.store.resources_of(kind, workspace):
        await slices.yield_if_due()
        obj = context.store.get(kind, NamespacedName(key.namespace, key.name))
        status = obj.get("status", {}) if obj is not None else {}
        remote_id = status.get("id")
        if connection is None or remote_id is None:
            continue
        if (
            connection.view.current_workspace(remote_workspace_of(status.get("url", ""), status.get("workspaceId")))
            != scope.remote_workspace
        ):
            continue
        known.add(remote_id)
        if registrations.lists.last_seen(scope, remote_id)[1]:
            absent.add(remote_id)
    return registrations.absences.record_list(workspace, known, absent, listed_at)


async def _queue_differing(
    steps: ReconcileSteps[Any], context: ControllerContext, keys: Iterable[Key]
) -> list[ResourceSnapshot]:
    """Queue the resources whose status differs from what the server holds.

    Returns:
        Those that may have a duplicate from a lost create.
    """
    slices, low_priority, watched = Slices(), list[Key](), list[ResourceSnapshot]()
    for key in keys:
        await slices.yield_if_due()
        snapshot = _snapshot(steps, context, key)
        if snapshot is None:
            continue
        if _differs(steps, context, snapshot):
            context.queue.add(key)
        elif lacks_identity(snapshot):
            low_priority.append(key)
        if looks_for_duplicates(snapshot):
            watched.append(snapshot)
    if low_priority:
        context.queue.add_low_priority(low_priority, within=context.drift_period.total_seconds())
    return watched


def _completeness(listed: CachedList[Any], kind: str, noun: str, collection: ResourceCollection[Any]) -> KindComparison:
    """How complete a list is; names the rows that the server refuses, so that they can be found and repaired."""
    if not listed.unlisted and not listed.unconfirmed:
        return KindComparison(kind)
    rows = ", ".join(map(str, listed.unlisted))
    path = collection.path.path
    found = f"GET {path} is refused for row {rows} of it (per_page=1&page={rows})" if rows else "single reads"
    ours = f", and reads of {noun} {', '.join(sorted(listed.unconfirmed))} are too" if listed.unconfirmed else ""
    detail = f"{found}{ours}. Look for {noun}s there {collection.path.broken_rows}"
    return KindComparison(kind, CompareMethod.BUT_FOR_ROWS, detail)


async def _read_one_by_one(
    steps: ReconcileSteps[Any],
    context: ControllerContext,
    workspace: NamespacedName,
    scope: Scope,
    client: ApiClient,
    since: datetime,
) -> None:
    """Read each with a request of its own, and queue the resources whose status differs.

    Raises:
        ServerFaultError: the server fails to show any of them.
        SyncOperatorError: a request was not admitted, was refused, or got no response.
    """
    kind = steps.kind.kind
    holders = defaultdict[str, list[Key]](list)
    for key in context.store.resources_of(kind, workspace):
        obj = context.store.get(kind, NamespacedName(key.namespace, key.name))
        if obj is not None and (remote_id := obj.get("status", {}).get("id")):
            holders[remote_id].append(key)
    refused = 0
    pause = _pause_between(context, workspace, len(holders))
    for remote_id, keys in holders.items():
        try:
            await context.registrations[kind].lists.read_one(scope, client, remote_id, since=since)
        except ServerFaultError:
            refused += 1
            if refused == len(holders):
                raise
        await _queue_differing(steps, context, keys)
        await context.comparisons.sleep(pause)


def _pause_between(context: ControllerContext, workspace: NamespacedName, reads: int) -> float:
    """Seconds between two single reads: spread over the period, or longer if the request rate is low."""
    connection, spread = context.connections.get(workspace), context.drift_period.total_seconds() / (reads + 1)
    if connection is None or connection.requests_per_minute is None:  # deleted or suspended meanwhile
        return spread
    return max(spread, _MINUTE / (connection.requests_per_minute * _SINGLE_READS_SHARE))


async def _look_up_names(
    context: ControllerContext, workspace: NamespacedName, scope: Scope, client: ApiClient, since: datetime
) -> None:
    """List the connectors and models that Syncs refer to by name; after a failure the cached lists stay in use."""
    slices, roles = Slices(), set[RefKind]()
    for key in context.store.resources_of(SYNC_KIND, workspace):
        await slices.yield_if_due()
        roles |= roles_of(context.store.get(SYNC_KIND, NamespacedName(key.namespace, key.name)) or {})
    if not roles:
        return
    try:
        await context.name_lists.fetch(scope, client, sorted(roles), since=since)
    except SyncOperatorError as error:
        _log.warning("Workspace %s/%s: names were not looked up: %s", *workspace, error)


def _snapshot(steps: ReconcileSteps[Any], context: ControllerContext, key: Key) -> ResourceSnapshot | None:
    obj = context.store.get(key.kind, NamespacedName(key.namespace, key.name))
    snapshot: ResourceSnapshot | None = steps.observe(context, obj) if obj is not None else None
    usable = snapshot is not None and snapshot.resource.spec is not None and snapshot.workspace.dialect is not None
    return snapshot if usable else None


def _differs(steps: ReconcileSteps[Any], context: ControllerContext, snapshot: ResourceSnapshot) -> bool:
    if steps.is_outdated(context, snapshot) or identity_error_changed(snapshot):
        return True
    if snapshot.last_listed is None:
        return snapshot.missing_from_lists
    spec = snapshot.resource.spec
    return (spec is not None and bool(steps.kind.secrets(spec))) or has_drift(snapshot, snapshot.last_listed)
