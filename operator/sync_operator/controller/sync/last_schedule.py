"""Sets the time from which the CronJob controller looks for scheduled times."""

from dataclasses import replace
from datetime import datetime

from sync_operator.api.base import rfc3339
from sync_operator.controller.context import ControllerContext
from sync_operator.domain.snapshot import Snapshot
from sync_operator.kubernetes.converters import owning_sync
from sync_operator.kubernetes.resources import CRONJOBS

__all__ = ["set_last_schedule"]


async def set_last_schedule(context: ControllerContext, snapshot: Snapshot, name: str, at: datetime) -> Snapshot:
    """Set a CronJob's ``status.lastScheduleTime``, so that it does not fire for times up to that one.

    Raises:
        KubernetesError: the API server refused the request or did not respond.
    """
    status = {"status": {"lastScheduleTime": rfc3339(at)}}
    live = await context.kube.merge_patch(CRONJOBS, snapshot.sync.namespace, name, status, subresource="status")
    if live is not None and owning_sync(live):
        context.store.put("CronJob", live)
    return replace(snapshot, cronjob=live)
