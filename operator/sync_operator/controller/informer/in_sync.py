"""A cheap check whether a Sync is in sync, from the caches alone: if so, its reconcile has low priority."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sync_operator.api.base import rfc3339
from sync_operator.api.constants import CLUSTER_ANNOTATION, FINALIZER, RUN_REQUESTED_AT_ANNOTATION
from sync_operator.kubernetes.converters import job_view
from sync_operator.util.bounds import bounded_token

__all__ = ["is_in_sync"]


def is_in_sync(
    sync: Mapping[str, Any], *, has_cronjob: bool, jobs: Iterable[Mapping[str, Any]], now: datetime, cluster: str
) -> bool:
    """True if the status is current for this generation and no cached object contradicts it.

    Not detected: edits of the CronJob while the operator was down, changed Secrets, and changed rules of a new release.

    Args:
        sync: the cached object.
        has_cronjob: True if the CronJob of its name exists.
        jobs: its Jobs.
        now: the current time (aware).
        cluster: uid that identifies this cluster; empty if unknown.
    """
    metadata, spec, status = sync["metadata"], sync.get("spec", {}), sync.get("status", {})
    if "deletionTimestamp" in metadata or FINALIZER not in metadata.get("finalizers", ()):
        return False
    if "freshness" in spec or "configurationSecrets" in spec:
        return False
    annotations = metadata.get("annotations", {})
    if cluster and annotations.get(CLUSTER_ANNOTATION, cluster) != cluster:
        return False
    requested = bounded_token(annotations.get(RUN_REQUESTED_AT_ANNOTATION, ""))
    if requested and requested != status.get("lastHandledRunRequest"):
        return False
    ready = next((entry for entry in status.get("conditions", ()) if entry["type"] == "Ready"), None)
    if ready is None or ready["status"] != "True" or ready.get("observedGeneration") != metadata["generation"]:
        return False
    if status.get("observedGeneration") != metadata["generation"] or has_cronjob is not ("cronJob" in status):
        return False
    runs = status.get("nextRuns", ())
    if runs and runs[0] <= rfc3339(now):
        return False
    return all(job.reported or not job.finished for job in map(job_view, jobs))
