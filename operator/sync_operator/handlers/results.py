"""What a finished Job did: the run as the API tells it, found by the runner's last words or by its time."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from sync_operator.cluster.kube import PODS, Kube
from sync_operator.decide.actions import ReadRun
from sync_operator.decide.picture import JobResult, JobView, Picture
from sync_operator.errors import NotFoundError
from sync_operator.remote.client import ApiClient
from sync_operator.remote.types import RemoteRun

__all__ = ["job_result"]

_CLOCK_SKEW: Final = timedelta(minutes=5)
_RUNS_LOOKED_AT: Final = 20
_REASONS: Final = 3


async def job_result(kube: Kube, client: ApiClient, picture: Picture, action: ReadRun) -> JobResult:
    """Read a finished Job's run.

    Raises:
        SyncOperatorError: the API or the cluster gave no answer; to be tried again.
    """
    words = await _last_words(kube, picture.sync.namespace, action.job.name)
    run = await _run(client, action, words)
    reasons: tuple[str, ...] = ()
    if run is not None and run.rows.failed:
        reasons = await client.failure_reasons(action.sync_id, run.id, limit=_REASONS)
    return JobResult(job=action.job, run=run, message=str(words.get("message", ""))[:1024], reasons=reasons)


async def _last_words(kube: Kube, namespace: str, job: str) -> Mapping[str, Any]:
    """The termination message of the Job's newest pod that left one; empty when there is none."""
    pods = await kube.list(PODS, namespace, selector=f"batch.kubernetes.io/job-name={job}")
    for pod in sorted(pods, key=lambda entry: str(entry["metadata"]["creationTimestamp"]), reverse=True):
        for container in pod.get("status", {}).get("containerStatuses", ()):
            message = container.get("state", {}).get("terminated", {}).get("message", "")
            try:
                words = json.loads(message)
            except ValueError:
                continue
            if isinstance(words, dict):
                return words
    return {}


async def _run(client: ApiClient, action: ReadRun, words: Mapping[str, Any]) -> RemoteRun | None:
    named = words.get("runId")
    if isinstance(named, int) or (isinstance(named, str) and named.isdigit()):
        try:
            return await client.get_run(action.sync_id, int(named))
        except NotFoundError:
            return None
    if words:
        return None
    runs = await client.list_runs(action.sync_id, limit=_RUNS_LOOKED_AT)
    return next((run for run in runs if _within(run, action.job)), None)


def _within(run: RemoteRun, job: JobView) -> bool:
    """True when the run was made while the Job lived, give or take the difference of two clocks."""
    made = run.created_at or run.started_at
    if made is None:
        return False
    until = job.finished_at or made
    return job.created_at - _CLOCK_SKEW <= made <= until + _CLOCK_SKEW
