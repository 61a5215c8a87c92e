"""A cheap check whether a resource is in sync, from the caches alone: if so, its reconcile has low priority."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sync_operator.api.base import rfc3339
from sync_operator.api.constants import (
    CLUSTER_ANNOTATION,
    DISCOVER_REQUESTED_AT_ANNOTATION,
    RUN_REQUESTED_AT_ANNOTATION,
    SYNC_KIND,
)
from sync_operator.controller.informer.store import NamespacedName, Store
from sync_operator.controller.workqueue.workqueue import Key
from sync_operator.domain.scheduling.cronjob_manifest import cronjob_name
from sync_operator.kubernetes.converters import job_view
from sync_operator.util.bounds import bounded_token

__all__ = ["is_cached_in_sync", "is_in_sync", "is_scheduled"]

_REQUESTS: Final = (
    (RUN_REQUESTED_AT_ANNOTATION, "lastHandledRunRequest"),
    (DISCOVER_REQUESTED_AT_ANNOTATION, "lastHandledDiscoverRequest"),
)
"""Annotations by which users ask for something, and the fields of a status that say what was answered."""
_CHANGED_ELSEWHERE: Final = ("freshness", "configurationSecrets", "queryFrom")
"""Fields of a spec on which more depends than on the object itself."""


def is_cached_in_sync(store: Store, key: Key, finalizer: str, *, cluster: str, now: datetime) -> bool:
    """True if a resource is cached and, by `is_in_sync` and for a Sync by `is_scheduled`, in sync."""
    here = NamespacedName(key.namespace, key.name)
    obj = store.get(key.kind, here)
    if obj is None or not is_in_sync(obj, finalizer, cluster=cluster):
        return False
    has_cronjob = store.has("CronJob", NamespacedName(key.namespace, cronjob_name(key.name)))
    return key.kind != SYNC_KIND or is_scheduled(obj, has_cronjob=has_cronjob, jobs=store.jobs_of(here), now=now)


def is_in_sync(obj: Mapping[str, Any], finalizer: str, *, cluster: str) -> bool:
    """True if the status is current for this generation.

    Not detected: changed Secrets, and changed rules of a new release.

    Args:
        obj: the cached object.
        finalizer: that of its kind.
        cluster: uid that identifies this cluster; empty if unknown.
    """
    metadata, spec, status = obj["metadata"], obj.get("spec", {}), obj.get("status", {})
    if "deletionTimestamp" in metadata or finalizer not in metadata.get("finalizers", ()):
        return False
    if any(name in spec for name in _CHANGED_ELSEWHERE):
        return False
    annotations = metadata.get("annotations", {})
    if cluster and annotations.get(CLUSTER_ANNOTATION, cluster) != cluster:
        return False
    for annotation, handled in _REQUESTS:
        requested = bounded_token(annotations.get(annotation, ""))
        if requested and requested != status.get(handled):
            return False
    ready = next((entry for entry in status.get("conditions", ()) if entry["type"] == "Ready"), None)
    if ready is None or ready["status"] != "True" or ready.get("observedGeneration") != metadata["generation"]:
        return False
    return bool(status.get("observedGeneration") == metadata["generation"])


def is_scheduled(
    sync: Mapping[str, Any], *, has_cronjob: bool, jobs: Iterable[Mapping[str, Any]], now: datetime
) -> bool:
    """True if no cached object contradicts the status of a Sync; edits of the CronJob are not detected.

    Args:
        sync: the cached object.
        has_cronjob: True if the CronJob of its name exists.
        jobs: its Jobs.
        now: the current time (aware).
    """
    status = sync.get("status", {})
    runs = status.get("nextRuns", ())
    if has_cronjob is not ("cronJob" in status) or (runs and runs[0] <= rfc3339(now)):
        return False
    return all(job.reported or not job.finished for job in map(job_view, jobs))
