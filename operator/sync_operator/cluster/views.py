"""From objects as the API server returns them to the views that decisions are made from. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sync_operator.bounds import bounded_time
from sync_operator.decide.jobs import JobView
from sync_operator.decide.picture import SyncView
from sync_operator.errors import InvalidSpecError
from sync_operator.model.names import (
    ANSWERED_RUN_REQUEST,
    REPORTED,
    START_TIMED_OUT,
    SYNC_KIND,
    SYNC_NAME,
    TEMPLATE,
)
from sync_operator.model.reading import read_sync_spec
from sync_operator.model.status import read_sync_status
from sync_operator.schedule.plan import effective_schedule

__all__ = ["job_view", "owning_sync", "sync_view"]

_SCHEDULED: Final = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_OF_PODS: Final = ("ready", "succeeded", "failed")
"""Counts of a Job's status, of which one is more than 0 once a pod has run."""
_UNCOUNTED: Final = "uncountedTerminatedPods"
"""By those counts, in a Job's status: pods that have ended, and are counted in a moment."""

MAX_ID_DIGITS: Final = 19
"""Of a run; whatever else stands there was not written by us."""


def sync_view(obj: Mapping[str, Any]) -> SyncView:
    """Read a Sync; a spec that cannot be used is told in ``spec_error``, never raised."""
    metadata = obj["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    spec = schedule = error = None
    try:
        spec = read_sync_spec(obj.get("spec", {}))
        schedule = effective_schedule(spec, namespace, name)
    except InvalidSpecError as invalid:
        error = invalid
    return SyncView(
        namespace=namespace,
        name=name,
        uid=metadata["uid"],
        generation=metadata["generation"],
        resource_version=metadata["resourceVersion"],
        created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
        status=read_sync_status(obj.get("status", {})),
        spec=spec,
        schedule=schedule,
        spec_error=error,
        finalizers=tuple(metadata.get("finalizers", ())),
        annotations=metadata.get("annotations", {}),
        deleting="deletionTimestamp" in metadata,
    )


def job_view(obj: Mapping[str, Any]) -> JobView:
    """Read a Job of one of our CronJobs."""
    metadata, status = obj["metadata"], obj.get("status", {})
    annotations = metadata.get("annotations", {})
    ended = next(
        (
            entry
            for entry in status.get("conditions", ())
            if entry["type"] in {"Complete", "Failed"} and entry["status"] == "True"
        ),
        None,
    )
    if _SCHEDULED in annotations:
        trigger = "Schedule"
    elif ANSWERED_RUN_REQUEST in annotations or annotations.get("cronjob.kubernetes.io/instantiate") == "manual":
        trigger = "Request"
    else:
        trigger = "Other"
    told = annotations.get(REPORTED, "")
    finished_at = status.get("completionTime") or (ended or {}).get("lastTransitionTime")
    return JobView(
        name=metadata["name"],
        trigger=trigger,
        created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
        started_at=datetime.fromisoformat(status["startTime"]) if "startTime" in status else None,
        finished_at=datetime.fromisoformat(finished_at) if ended and finished_at else None,
        finished=ended is not None,
        reported=REPORTED in annotations,
        overdue=ended is not None and ended.get("reason") == "DeadlineExceeded",
        succeeded=ended is not None and ended["type"] == "Complete",
        of_sync=any(
            owner.get("controller") and owner.get("kind") == SYNC_KIND for owner in metadata.get("ownerReferences", ())
        ),
        run_id=int(told) if told.isascii() and told.isdecimal() and len(told) <= MAX_ID_DIGITS else None,
        uid=metadata.get("uid", ""),
        waits=not (any(status.get(name) for name in _OF_PODS) or any(status.get(_UNCOUNTED, {}).values())),
        due=bounded_time(annotations.get(_SCHEDULED, "")),
        template=annotations.get(TEMPLATE, ""),
        token=annotations.get(ANSWERED_RUN_REQUEST, ""),
        timed_out=annotations.get(START_TIMED_OUT, ""),
    )


def owning_sync(obj: Mapping[str, Any]) -> str | None:
    """Name of the Sync that a CronJob or Job belongs to, in its own namespace; None for what is not ours."""
    name: str | None = obj["metadata"].get("annotations", {}).get(SYNC_NAME)
    return name
