"""Finds out why runs do not start, by reading pods and events, and keeps the results."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from heapq import nlargest
from typing import Final

from sync_operator.controller.informer.store import Store
from sync_operator.domain.runs.job_state import JobView, StartDiagnosis
from sync_operator.domain.runs.start_messages import has_run, newest_warning, pod_words
from sync_operator.errors import KubernetesError
from sync_operator.kubernetes.converters import job_view
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.resources import EVENTS, PODS

__all__ = ["StartDiagnoses", "diagnose_start", "firing_lag", "latest_jobs", "latest_warning_about"]

_JOB_NAME: Final = "batch.kubernetes.io/job-name"
MAX_OBJECTS_READ: Final = 50
"""Maximum number of pods or events read per object: usually there are a few, but a tenant may create thousands."""
MAX_LAG: Final = timedelta(minutes=15)
"""Maximum lag of the CronJob controller's clock; a Job that is later than this was not created on time."""
MAX_JOBS: Final = 200
"""Number of the newest Jobs of all namespaces that are searched for those of one namespace."""
SAMPLE: Final = 20
"""Number of scheduled Jobs by which the clock's lag is estimated."""


class StartDiagnoses:
    """The last start check of each Job that has not started, by Sync; bounded by the Sync's unfinished Jobs."""

    def __init__(self) -> None:
        self._diagnoses: dict[str, dict[str, StartDiagnosis]] = {}

    def record(self, sync: str, job: str, diagnosis: StartDiagnosis) -> None:
        """Keep the result of a start check, by the uids of Sync and Job."""
        self._diagnoses.setdefault(sync, {})[job] = diagnosis

    def of(self, sync: str, jobs: Iterable[JobView]) -> Mapping[str, StartDiagnosis]:
        """The start checks of a Sync's unfinished Jobs, by uid; those of other Jobs are dropped."""
        if sync not in self._diagnoses:
            return {}
        there = {job.uid for job in jobs if not job.finished}
        kept = {uid: diagnosis for uid, diagnosis in self._diagnoses[sync].items() if uid in there}
        if kept:
            self._diagnoses[sync] = kept
        else:
            del self._diagnoses[sync]
        return kept

    def forget(self, sync: str) -> None:
        """Drop the start checks of a Sync that is gone."""
        self._diagnoses.pop(sync, None)


async def diagnose_start(kube: KubeClient, namespace: str, job: JobView, now: datetime) -> StartDiagnosis:
    """Check a Job's pods; if their status does not say why they do not run, check the newest pod's events."""
    pods = await kube.list_page(PODS, namespace, selector=f"{_JOB_NAME}={job.name}", limit=MAX_OBJECTS_READ)
    if any(has_run(pod) for pod in pods):
        return StartDiagnosis(now, ran=True)
    newest = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)
    words = pod_words(newest) if newest is not None else ""
    uid = newest["metadata"]["uid"] if newest is not None else job.uid
    return StartDiagnosis(now, words=words or await latest_warning_about(kube, namespace, uid))


async def latest_warning_about(kube: KubeClient, namespace: str, uid: str) -> str:
    """The newest warning event about an object; empty if there is none, or if events may not be read."""
    fields = f"involvedObject.uid={uid},type=Warning"
    try:
        return newest_warning(await kube.list_page(EVENTS, namespace, fields=fields, limit=MAX_OBJECTS_READ))
    except KubernetesError as error:
        if not error.permanent:
            raise
        return ""


def latest_jobs(store: Store, namespace: str) -> Iterable[JobView]:
    """A namespace's Jobs among those cached last; Jobs of other namespaces could be manipulated by other tenants."""
    return (job_view(job) for job in store.latest("Job", MAX_JOBS) if job["metadata"]["namespace"] == namespace)


def firing_lag(jobs: Iterable[JobView]) -> timedelta:
    """Estimated lag of the CronJob controller's clock behind the API server's clock, which sets creation timestamps.

    It is the smallest delay of the newest scheduled Jobs, because each Job is created some time after it was due by
    that clock.
    """
    made = [(job.created_at, job.created_at - job.due) for job in jobs if job.due is not None]
    least = min((late for _, late in nlargest(SAMPLE, made)), default=timedelta())
    return min(max(least, timedelta()), MAX_LAG)
