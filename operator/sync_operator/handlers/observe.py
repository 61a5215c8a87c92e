"""Observe: one frozen picture of a Sync from the caches and the clock. No calls are made here."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from sync_operator.cluster.views import job_view, sync_view
from sync_operator.decide.cronjob import cronjob_name
from sync_operator.decide.picture import Picture, SyncView, WorkspaceView
from sync_operator.decide.refs import named_roles
from sync_operator.handlers.cache import Ref, wanted_id, workspace_name
from sync_operator.handlers.operator import Operator
from sync_operator.model.conditions import ConditionType, Reason
from sync_operator.model.names import WORKSPACE_KIND

__all__ = ["observe"]


def observe(operator: Operator, obj: Mapping[str, Any]) -> Picture | None:
    """The picture of a Sync; None while its Workspace exists but has not been looked at by this process yet."""
    home = Ref(obj["metadata"]["namespace"], workspace_name(obj))
    session = operator.sessions.get(home)
    if session is None and operator.cache.has(WORKSPACE_KIND, home):
        return None  # nothing of the Sync itself is read before: at a start, that is all of them
    sync, now = sync_view(obj), operator.clock()
    workspace = session.view if session else WorkspaceView(name=home.name, found=False)
    here = Ref(sync.namespace, sync.name)
    wanted = wanted_id(obj)
    place = workspace.now(sync.place) if sync.place else workspace.place
    # Only what its own account was told, and about the very place where it lives.
    scope = session.scope if session and session.scope and session.scope.place == place else None
    seen, absent = operator.listings.seen(scope, sync.status.id) if scope and sync.status.id else (None, False)
    refused = partial(operator.sessions.refused, home)
    looks_up = sync.status.id is None or (sync.spec is not None and bool(named_roles(sync.spec)))
    settled, registered = _written(sync)
    cronjob = operator.cache.get("CronJob", Ref(sync.namespace, cronjob_name(sync.name)))
    jobs = tuple(job_view(job) for job in operator.cache.jobs_of(here))
    return Picture(
        now=now,
        sync=sync,
        workspace=workspace,
        deployment=operator.deployment,
        cluster=operator.cluster,
        cronjob=cronjob,
        jobs=jobs,
        process=operator.uid,
        create_fresh=operator.creates.fresh(sync.uid),
        mark_verified=operator.creates.verified(sync.uid, now),
        create_sent=operator.creates.sent(sync.uid),
        settles_at=operator.creates.settles_at(sync.uid, timedelta(seconds=workspace.timeout_seconds)),
        rivals=operator.cache.rivals(place, wanted, but=here, refused=refused) if wanted else (),
        names=operator.names.seen(scope) if scope and sync.spec and looks_up else {},
        unlisted=operator.names.unlisted(scope) if scope and looks_up else frozenset(),
        registered=registered and sync.uid not in operator.recheck,
        settled=settled,
        remote=operator.creates.known(sync.uid, workspace.place) if wanted is None else None,
        seen=seen,
        missing=absent and operator.absences.missing(home, sync.status.id or ""),
        mass_absence=operator.absences.mass(home) if absent else None,
        looks=operator.starts.of(sync.uid, jobs),
        watch_runs=sync.uid in operator.watch_runs,
        duplicates=operator.duplicates.get(sync.uid),
        adopted=operator.creates.adopted(sync.uid),
        recreated=operator.creates.anew(sync.uid),
        recheck=sync.uid in operator.recheck,
        # What appears after the cleaning, such as a Job that was being made meanwhile, is to be cleaned too.
        cleaned=sync.uid in operator.cleaned and cronjob is None and not jobs,
    )


def _written(sync: SyncView) -> tuple[bool, bool]:
    """Whether the status says that this generation has been on the server once, and that it still is."""
    entry = sync.condition(ConditionType.REGISTERED)
    if sync.status.id is None or entry is None or entry.observed_generation != sync.generation:
        return False, False
    return entry.status == "True" or entry.reason == Reason.DRIFT_FOUND, entry.status == "True"
