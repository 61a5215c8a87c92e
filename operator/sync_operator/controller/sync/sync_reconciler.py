"""The reconcile of a Sync: its snapshot, and what the reconcile loop does for it beyond what it does for every kind."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final, get_args

from sync_operator.api.kinds.sync import Scheduler
from sync_operator.api.statuses.status import SyncStatus
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.references.reference_views import KIND_OF, reference_view
from sync_operator.controller.references.use_counts import enqueue_used
from sync_operator.controller.registration.observe_registration import list_scope, observe_registration, workspace_of
from sync_operator.controller.registration.reconcile_loop import ReconcileSteps, reconcile_registered
from sync_operator.controller.sync.act import act, suspend_cronjob
from sync_operator.controller.sync.run_results import mark_reported
from sync_operator.domain.actions import RecordHandledRequest, ServerAction
from sync_operator.domain.reference_view import ReferenceView
from sync_operator.domain.runs.missed_runs import missed_from
from sync_operator.domain.runs.run_health import ended_runs, fresh_until
from sync_operator.domain.runs.start_failures import starts_again_at
from sync_operator.domain.scheduling.cronjob_manifest import cronjob_name
from sync_operator.domain.snapshot import Snapshot, SyncView
from sync_operator.domain.status.event_specs import sync_events
from sync_operator.domain.status.sync_status import blockers, sync_status
from sync_operator.domain.sync.id_check import id_error_changed
from sync_operator.domain.sync.references import name_error_changed, named_roles, resource_roles
from sync_operator.domain.sync.sync_kind import SYNC, next_action
from sync_operator.kubernetes.converters import job_view, sync_view
from sync_operator.syncapi.types import RefKind

__all__ = ["SYNC_STEPS", "observe", "reconcile_sync"]


def observe(context: ControllerContext, obj: Mapping[str, Any]) -> Snapshot | None:
    """The snapshot of a Sync; None if its Workspace exists but has not been reconciled by this process yet."""
    found = workspace_of(context, obj)
    if found is None:
        return None  # checked before parsing the Sync: at startup this applies to all of them
    connection, workspace = found
    sync, lists = sync_view(obj), context.name_lists
    scope = list_scope(connection, workspace, sync)
    looks_up = sync.status.id is None or (sync.spec is not None and bool(named_roles(sync.spec)))
    cronjob = context.store.get("CronJob", NamespacedName(sync.namespace, cronjob_name(sync.name)))
    jobs = tuple(job_view(job) for job in context.store.jobs_of(NamespacedName(sync.namespace, sync.name)))
    return Snapshot(
        **observe_registration(context, SYNC, sync, workspace, obj, scope),
        sync=sync,
        runner_config=context.runner_config,
        cronjob=cronjob,
        jobs=jobs,
        names=lists.cached(scope) if scope and looks_up and sync.spec else {},
        unlisted=lists.unlisted(scope) if scope and looks_up else frozenset(),
        references=_references(context, sync),
        diagnoses=context.start_diagnoses.of(sync.uid, jobs),
        watch_runs=sync.uid in context.watch_runs,
        # What appears after the cleanup, such as a Job that was being created meanwhile, must be cleaned up too.
        children_deleted=sync.uid in context.children_deleted and cronjob is None and not jobs,
    )


def _references(context: ControllerContext, sync: SyncView) -> dict[RefKind, ReferenceView]:
    """The Connectors and Models that the spec names by their resource."""
    spec, found = sync.spec, dict[RefKind, ReferenceView]()
    for role in resource_roles(spec) if spec is not None else ():
        ref = NamespacedName(sync.namespace, getattr(spec, f"{role}_ref").name)
        found[role] = reference_view(context.store, KIND_OF[role], ref)
    return found


async def _reported(
    context: ControllerContext, snapshot: Snapshot, status: SyncStatus, written: dict[str, Any] | None
) -> None:
    """Pass on the runs that have ended, and mark their Jobs: the status holds them now; count what a new Sync uses."""
    here = NamespacedName(snapshot.sync.namespace, snapshot.sync.name)
    if written is not None:
        if snapshot.sync.status.id != status.id:
            enqueue_used(context, SYNC.kind, written)
        if snapshot.results and status.id is not None and status.server_status is not None:
            remote_workspace = snapshot.workspace.remote_workspace
            context.syncs.lists.amend(remote_workspace, status.id, status=status.server_status)
        for job in await mark_reported(context.kube, here.namespace, snapshot.results):
            context.store.put("Job", job)
        for run in ended_runs(snapshot):
            context.on_run_ended(here, run)
    context.watch_runs.discard(snapshot.sync.uid)


def _wake_times(snapshot: Snapshot, status: SyncStatus) -> tuple[datetime | None, ...]:
    return fresh_until(snapshot), starts_again_at(snapshot), missed_from(snapshot, status.next_runs)


def _is_outdated(context: ControllerContext, snapshot: Snapshot) -> bool:
    """True if runs are to be read, or if the lists show another status, or other answers to names and ids."""
    if _watch_runs(context, snapshot.sync) or name_error_changed(snapshot) or id_error_changed(snapshot):
        return True
    seen = snapshot.last_listed
    return seen is not None and seen.status != (snapshot.sync.status.server_status or "")


def _watch_runs(context: ControllerContext, sync: SyncView) -> bool:
    """True for a registered Sync that the server schedules; its runs must be read, because no Job reports them."""
    if sync.spec is None or sync.spec.scheduler is not Scheduler.SERVER or not sync.status.id:
        return False
    context.watch_runs.add(sync.uid)
    return True


SYNC_STEPS: Final = ReconcileSteps[Snapshot](
    kind=SYNC,
    observe=observe,
    next_action=next_action,
    act=act,
    suspend=suspend_cronjob,
    status=sync_status,
    blockers=blockers,
    events=sync_events,
    reported=_reported,
    wake_times=_wake_times,
    is_outdated=_is_outdated,
    server_actions=get_args(ServerAction.__value__),
    conditional_actions=(RecordHandledRequest,),
)

reconcile_sync: Final = partial(reconcile_registered, SYNC_STEPS)
"""Reconcile one Sync: bring it closer to its spec, and write its status."""
