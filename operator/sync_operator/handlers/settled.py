"""Whether a Sync is in order as far as the caches show at a glance: it need not be looked at before others."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sync_operator.bounds import bounded_token
from sync_operator.cluster.views import job_view
from sync_operator.model.base import rfc3339
from sync_operator.model.names import CLUSTER, FINALIZER, RUN_REQUESTED_AT

__all__ = ["is_settled"]


def is_settled(
    sync: Mapping[str, Any], *, has_cronjob: bool, jobs: Iterable[Mapping[str, Any]], now: datetime, cluster: str
) -> bool:
    """True when the last look found all in place for this generation, and nothing that shows has happened since.

    What does not show is a CronJob that others changed while nobody watched, a Secret, and another release's mind.

    Args:
        sync: the object.
        has_cronjob: whether the CronJob of its name is there.
        jobs: its Jobs.
        now: aware.
        cluster: uid that stands for this cluster; empty where it is not known.
    """
    metadata, spec, status = sync["metadata"], sync.get("spec", {}), sync.get("status", {})
    if "deletionTimestamp" in metadata or FINALIZER not in metadata.get("finalizers", ()):
        return False
    if "freshness" in spec or "configurationSecrets" in spec:
        return False
    annotations = metadata.get("annotations", {})
    if cluster and annotations.get(CLUSTER, cluster) != cluster:
        return False
    requested = bounded_token(annotations.get(RUN_REQUESTED_AT, ""))
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
