"""Observe: makes a frozen snapshot of a Sync from the caches and the clock, without any request."""

from collections.abc import Mapping
from typing import Any

from sync_operator.controller.context import ControllerContext
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.references.reference_views import KIND_OF, reference_view
from sync_operator.controller.registration.observe_registration import list_scope, observe_registration, workspace_of
from sync_operator.domain.reference_view import ReferenceView
from sync_operator.domain.scheduling.cronjob_manifest import cronjob_name
from sync_operator.domain.snapshot import Snapshot, SyncView
from sync_operator.domain.sync.references import named_roles, resource_roles
from sync_operator.domain.sync.sync_kind import SYNC
from sync_operator.kubernetes.converters import job_view, sync_view
from sync_operator.syncapi.types import RefKind

__all__ = ["observe"]


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
