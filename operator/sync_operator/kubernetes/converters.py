"""Converts objects as returned by the API server to the views in a snapshot. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from sync_operator.api.constants import (
    ANSWERED_RUN_REQUEST_ANNOTATION,
    REPORTED_ANNOTATION,
    START_TIMED_OUT_ANNOTATION,
    SYNC_KIND,
    SYNC_NAME,
    TEMPLATE_ANNOTATION,
)
from sync_operator.api.statuses.run_status import RunTrigger
from sync_operator.api.statuses.status import read_connector_status, read_model_status, read_sync_status
from sync_operator.api.validation.strict_validation import read_connector_spec, read_model_spec, read_sync_spec
from sync_operator.domain.connector.connector_snapshot import ConnectorView
from sync_operator.domain.model.model_snapshot import ModelView
from sync_operator.domain.runs.job_state import JobView
from sync_operator.domain.snapshot import SyncView
from sync_operator.errors import InvalidSpecError
from sync_operator.schedule.effective_schedule import effective_schedule
from sync_operator.util.bounds import bounded_time

__all__ = ["connector_view", "job_view", "model_view", "owning_sync", "sync_view"]

_SCHEDULED: Final = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_OF_PODS: Final = ("ready", "succeeded", "failed")
"""Counters in a Job's status, of which one is more than 0 once a pod has run."""
_UNCOUNTED: Final = "uncountedTerminatedPods"
"""Field of a Job's status with finished pods that these counters do not include yet."""

MAX_ID_DIGITS: Final = 19
"""Maximum digits of a run's id in the annotation; longer values were not written by us."""


def sync_view(obj: Mapping[str, Any]) -> SyncView:
    """Convert a Sync; an invalid spec is returned in ``spec_error`` and never raised."""
    metadata = obj["metadata"]
    spec = schedule = error = None
    try:
        spec = read_sync_spec(obj.get("spec", {}))
        schedule = effective_schedule(spec, metadata["namespace"], metadata["name"])
    except InvalidSpecError as invalid:
        error = invalid
    status = read_sync_status(obj.get("status", {}))
    return SyncView(status=status, spec=spec, schedule=schedule, spec_error=error, **_common(metadata))


def connector_view(obj: Mapping[str, Any]) -> ConnectorView:
    """Convert a Connector; as `sync_view`."""
    spec, error = _read(read_connector_spec, obj)
    status = read_connector_status(obj.get("status", {}))
    return ConnectorView(status=status, spec=spec, spec_error=error, **_common(obj["metadata"]))


def model_view(obj: Mapping[str, Any]) -> ModelView:
    """Convert a Model; as `sync_view`."""
    spec, error = _read(read_model_spec, obj)
    status = read_model_status(obj.get("status", {}))
    return ModelView(status=status, spec=spec, spec_error=error, **_common(obj["metadata"]))


def _read[S](
    read: Callable[[Mapping[str, Any]], S], obj: Mapping[str, Any]
) -> tuple[S | None, InvalidSpecError | None]:
    """The spec, or why it is invalid."""
    try:
        return read(obj.get("spec", {})), None
    except InvalidSpecError as invalid:
        return None, invalid


def _common(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that every view has."""
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "generation": metadata["generation"],
        "resource_version": metadata["resourceVersion"],
        "created_at": datetime.fromisoformat(metadata["creationTimestamp"]),
        "finalizers": tuple(metadata.get("finalizers", ())),
        "annotations": metadata.get("annotations", {}),
        "deleting": "deletionTimestamp" in metadata,
    }


def job_view(obj: Mapping[str, Any]) -> JobView:
    """Convert a Job of one of our CronJobs or Syncs."""
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
        trigger = RunTrigger.SCHEDULE
    elif (
        ANSWERED_RUN_REQUEST_ANNOTATION in annotations
        or annotations.get("cronjob.kubernetes.io/instantiate") == "manual"
    ):
        trigger = RunTrigger.REQUEST
    else:
        trigger = RunTrigger.OTHER
    run_id = annotations.get(REPORTED_ANNOTATION, "")
    finished_at = status.get("completionTime") or (ended or {}).get("lastTransitionTime")
    return JobView(
        name=metadata["name"],
        trigger=trigger,
        created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
        started_at=datetime.fromisoformat(status["startTime"]) if "startTime" in status else None,
        finished_at=datetime.fromisoformat(finished_at) if ended and finished_at else None,
        finished=ended is not None,
        reported=REPORTED_ANNOTATION in annotations,
        overdue=ended is not None and ended.get("reason") == "DeadlineExceeded",
        succeeded=ended is not None and ended["type"] == "Complete",
        of_sync=any(
            owner.get("controller") and owner.get("kind") == SYNC_KIND for owner in metadata.get("ownerReferences", ())
        ),
        run_id=int(run_id) if run_id.isascii() and run_id.isdecimal() and len(run_id) <= MAX_ID_DIGITS else None,
        uid=metadata.get("uid", ""),
        waits=not (any(status.get(name) for name in _OF_PODS) or any(status.get(_UNCOUNTED, {}).values())),
        due=bounded_time(annotations.get(_SCHEDULED, "")),
        template=annotations.get(TEMPLATE_ANNOTATION, ""),
        token=annotations.get(ANSWERED_RUN_REQUEST_ANNOTATION, ""),
        timed_out=annotations.get(START_TIMED_OUT_ANNOTATION, ""),
    )


def owning_sync(obj: Mapping[str, Any]) -> str | None:
    """Name of the Sync, in the same namespace, that a CronJob or Job belongs to; None if it is not ours."""
    name: str | None = obj["metadata"].get("annotations", {}).get(SYNC_NAME)
    return name
