"""Observe: makes a frozen snapshot of a Sync from the caches and the clock, without any request."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from heapq import nsmallest
from typing import Any, Final

from sync_operator.api.conditions import ConditionType, Reason
from sync_operator.api.constants import CREATE_STARTED_ANNOTATION, WORKSPACE_KIND
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.informer.compact import expand
from sync_operator.controller.informer.store import NamespacedName, wanted_id, workspace_name
from sync_operator.domain.create_fence.candidates import sent_body, unresolved_create
from sync_operator.domain.create_fence.unresolved_creates import UnresolvedCreate
from sync_operator.domain.scheduling.cronjob_manifest import cronjob_name
from sync_operator.domain.snapshot import Snapshot, SyncView
from sync_operator.domain.sync.references import named_roles
from sync_operator.domain.sync.sync_kind import SYNC
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.kubernetes.converters import job_view, sync_view
from sync_operator.util.field_names import camel

__all__ = ["observe", "unresolved_creates"]

MAX_UNRESOLVED: Final = 100
"""Maximum number of unresolved creates that one Sync compares with its own."""
_IDENTIFYING: Final = {name: camel(name) for name in ("stream_name", "source_id", "destination_id", "model_id")}


def observe(context: ControllerContext, obj: Mapping[str, Any]) -> Snapshot | None:
    """The snapshot of a Sync; None if its Workspace exists but has not been reconciled by this process yet."""
    home = NamespacedName(obj["metadata"]["namespace"], workspace_name(obj))
    connection = context.connections.get(home)
    if connection is None and context.store.has(WORKSPACE_KIND, home):
        return None  # checked before parsing the Sync: at startup this applies to all of them
    sync, now = sync_view(obj), context.clock()
    workspace = connection.view if connection else WorkspaceView(name=home.name, found=False)
    here = NamespacedName(sync.namespace, sync.name)
    wanted = wanted_id(obj)
    remote_workspace = (
        workspace.current_workspace(sync.remote_workspace) if sync.remote_workspace else workspace.remote_workspace
    )
    # Only lists of its own account, and of the remote workspace where it is registered.
    scope = (
        connection.scope
        if connection and connection.scope and connection.scope.remote_workspace == remote_workspace
        else None
    )
    seen, absent = context.sync_lists.last_seen(scope, sync.status.id) if scope and sync.status.id else (None, False)
    may_not_claim = partial(context.connections.may_not_claim, home)
    looks_up = sync.status.id is None or (sync.spec is not None and bool(named_roles(sync.spec)))
    in_sync, registered = _registration_state(sync)
    cronjob = context.store.get("CronJob", NamespacedName(sync.namespace, cronjob_name(sync.name)))
    jobs = tuple(job_view(job) for job in context.store.jobs_of(here))
    return Snapshot(
        now=now,
        kind=SYNC,
        sync=sync,
        workspace=workspace,
        runner_config=context.runner_config,
        cluster=context.cluster,
        cronjob=cronjob,
        jobs=jobs,
        process=context.uid,
        create_fresh=context.create_fence.fresh(sync.uid),
        intent_verified=context.create_fence.verified(sync.uid, now),
        create_sent=context.create_fence.sent_body(sync.uid),
        indeterminate_until=context.create_fence.indeterminate_until(
            sync.uid, timedelta(seconds=workspace.timeout_seconds)
        ),
        competing_claims=context.store.competing_claims(
            remote_workspace, wanted, exclude=here, may_not_claim=may_not_claim
        )
        if wanted
        else (),
        names=context.name_lists.cached(scope) if scope and sync.spec and looks_up else {},
        unlisted=context.name_lists.unlisted(scope) if scope and looks_up else frozenset(),
        registered=registered and sync.uid not in context.recheck,
        was_in_sync=in_sync,
        remote=context.create_fence.unpersisted(sync.uid, workspace.remote_workspace) if wanted is None else None,
        last_listed=seen,
        missing_from_lists=absent and context.absences.is_missing(home, sync.status.id or ""),
        mass_absence=context.absences.mass_absence(home) if absent else None,
        diagnoses=context.start_diagnoses.of(sync.uid, jobs),
        watch_runs=sync.uid in context.watch_runs,
        duplicates=context.duplicates.get(sync.uid),
        adopted=context.create_fence.adopted(sync.uid),
        recreated=context.create_fence.recreating(sync.uid),
        secrets_may_have_changed=sync.uid in context.recheck,
        # What appears after the cleanup, such as a Job that was being created meanwhile, must be cleaned up too.
        children_deleted=sync.uid in context.children_deleted and cronjob is None and not jobs,
    )


def unresolved_creates(context: ControllerContext, snapshot: Snapshot) -> tuple[UnresolvedCreate, ...]:
    """Creates of other Syncs whose outcome is unknown, and that may have made the sync which this Sync looks for.

    Only those whose Workspace sees the same syncs, and that differ in no id and not in the stream: nobody else's create
    concerns this Sync.
    """
    body, fence = sent_body(snapshot), context.create_fence
    found = [
        obj
        for obj in (context.store.unresolved() if body is not None else ())
        if (uid := obj["metadata"]["uid"]) != snapshot.sync.uid
        and not fence.is_resolved(uid)
        and uid not in context.finalizer_removed
        and _may_have_same_body(obj, fence.sent_body(uid), body or {})
        and _sees_same_syncs(context, snapshot, obj)
    ]
    first = nsmallest(MAX_UNRESOLVED, found, key=_urgency)
    creates = (_unresolved(context, snapshot, expand(obj)) for obj in first)
    return tuple(create for create in creates if create is not None)


def _may_have_same_body(sync: Mapping[str, Any], sent: Mapping[str, Any] | None, body: Mapping[str, Any]) -> bool:
    """False if a create of that Sync certainly has another body."""
    spec = sync.get("spec", {})
    for name, field in _IDENTIFYING.items():
        value = spec.get(field) if sent is None else sent.get(name)
        if value is not None and value != body.get(name):
            return False
    return True


def _sees_same_syncs(context: ControllerContext, snapshot: Snapshot, other: Mapping[str, Any]) -> bool:
    """True if another Sync's create goes to the remote workspace of this one, with an account that sees its syncs.

    A create that this process has sent went there, even if the credentials do not work any more.
    """
    home = NamespacedName(snapshot.sync.namespace, snapshot.workspace.name)
    there, connections = NamespacedName(other["metadata"]["namespace"], workspace_name(other)), context.connections
    connection = connections.get(there)
    # A connection outlives its Workspace as long as a Sync needs it for its deletion.
    remote_workspace = (
        connection.view.remote_workspace
        if connection and connection.view.url
        else context.store.remote_workspace(other)
    )
    if remote_workspace != snapshot.workspace.remote_workspace:
        return False
    sent = context.create_fence.sent_body(other["metadata"]["uid"]) is not None
    return not (connections.in_separate_workspaces(home, there) if sent else connections.may_not_claim(home, there))


def _urgency(sync: Mapping[str, Any]) -> tuple[bool, str]:
    """Sort key of unresolved Syncs: those being deleted first, then by create intent."""
    metadata = sync["metadata"]
    return "deletionTimestamp" not in metadata, metadata["annotations"][CREATE_STARTED_ANNOTATION]


def _unresolved(context: ControllerContext, snapshot: Snapshot, obj: Mapping[str, Any]) -> UnresolvedCreate | None:
    """The create of another Sync of the same remote workspace; None if it has none, or its spec is invalid."""
    sync, fence = sync_view(obj), context.create_fence
    sent, timeout = fence.sent_body(sync.uid), timedelta(seconds=snapshot.workspace.timeout_seconds)
    if sent is None and (sync.spec is None or sync.spec.external_id):
        return None
    until = fence.indeterminate_until(sync.uid, timeout) or fence.list_not_before(sync.uid)
    other = replace(snapshot, sync=sync, create_sent=sent, indeterminate_until=until, secrets=None, remote=None)
    return unresolved_create(other)


def _registration_state(sync: SyncView) -> tuple[bool, bool]:
    """Whether, by the status, this generation has been registered on the server, and whether it still is unchanged."""
    entry = sync.condition(ConditionType.REGISTERED)
    if sync.status.id is None or entry is None or entry.observed_generation != sync.generation:
        return False, False
    return entry.status == "True" or entry.reason == Reason.DRIFT_FOUND, entry.status == "True"
