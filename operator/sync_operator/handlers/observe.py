"""Observe: one frozen picture of a Sync from the caches and the clock. No calls are made here."""

from collections.abc import Mapping
from typing import Any

from sync_operator.cluster.views import job_view, sync_view
from sync_operator.decide.cronjob import cronjob_name
from sync_operator.decide.picture import Picture, WorkspaceView
from sync_operator.handlers.cache import Ref, workspace_name
from sync_operator.handlers.operator import Operator
from sync_operator.model.conditions import ConditionType
from sync_operator.model.names import WORKSPACE_KIND

__all__ = ["observe"]


def observe(operator: Operator, obj: Mapping[str, Any]) -> Picture | None:
    """The picture of a Sync; None while its Workspace exists but has not been looked at by this process yet."""
    sync = sync_view(obj)
    home = Ref(sync.namespace, workspace_name(obj))
    session = operator.sessions.get(home)
    if session is None and operator.cache.get(WORKSPACE_KIND, home) is not None:
        return None
    workspace = session.view if session else WorkspaceView(name=home.name, found=False)
    registered = sync.condition(ConditionType.REGISTERED)
    here = Ref(sync.namespace, sync.name)
    return Picture(
        now=operator.clock(),
        sync=sync,
        workspace=workspace,
        deployment=operator.deployment,
        cronjob=operator.cache.get("CronJob", Ref(sync.namespace, cronjob_name(sync.name))),
        jobs=tuple(job_view(job) for job in operator.cache.jobs_of(here)),
        create_fresh=sync.uid in operator.unsent,
        claims=operator.cache.claims(workspace.url, workspace.workspace_id, but=here),
        registered=(
            sync.status.id is not None
            and registered is not None
            and registered.status == "True"
            and registered.observed_generation == sync.generation
        ),
    )
