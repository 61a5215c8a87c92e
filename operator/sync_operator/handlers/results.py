"""What a finished Job did: the run as the API tells it, found by the runner's last words or by its time."""

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from sync_operator.cluster.kube import JOBS, PODS, Kube
from sync_operator.decide.actions import ReadRun, TakeRun
from sync_operator.decide.picture import JobResult, JobView, Picture
from sync_operator.errors import InvalidSpecError, NotFoundError
from sync_operator.handlers.secret_values import read_secret_values
from sync_operator.model.names import REPORTED
from sync_operator.remote.client import ApiClient
from sync_operator.remote.types import RemoteRun

__all__ = ["job_result", "mark_reported", "other_result"]

_CLOCK_SKEW: Final = timedelta(minutes=5)
_REASONS: Final = 3


async def job_result(
    kube: Kube, client: ApiClient, picture: Picture, action: ReadRun, runs: tuple[RemoteRun, ...]
) -> JobResult:
    """What a finished Job's run did.

    Raises:
        SyncOperatorError: the API or the cluster gave no answer; to be tried again.
    """
    words = await _last_words(kube, picture.sync.namespace, action.job.name)
    run = await _run(client, action, words, runs)
    reasons = await _reasons(kube, client, picture, action.sync_id, run) if run is not None else ()
    return JobResult(job=action.job, run=run, message=str(words.get("message", ""))[:1024], reasons=reasons)


async def other_result(kube: Kube, client: ApiClient, picture: Picture, action: TakeRun) -> JobResult:
    """What a run did that somebody else started.

    Raises:
        SyncOperatorError: the API or the cluster gave no answer; to be tried again.
    """
    reasons = await _reasons(kube, client, picture, action.sync_id, action.run)
    return JobResult(job=None, run=action.run, reasons=reasons)


async def mark_reported(kube: Kube, namespace: str, results: Iterable[JobResult]) -> list[dict[str, Any]]:
    """Note on the Jobs that the status has told of them, so that it is told once, also after a restart.

    Returns:
        The Jobs as they are now.

    Raises:
        KubernetesError: a note could not be written; the Job will be told of once more.
    """
    noted = []
    for result in results:
        if result.job is not None:
            patch = {"metadata": {"annotations": {REPORTED: "true"}}}
            noted.append(await kube.merge(JOBS, namespace, result.job.name, patch))
    return [job for job in noted if job is not None]


async def _reasons(kube: Kube, client: ApiClient, picture: Picture, sync_id: str, run: RemoteRun) -> tuple[str, ...]:
    """Why rows were refused; a destination may quote the secrets in the configuration, such as a key that is wrong."""
    if not run.rows.failed:
        return ()
    spec = picture.sync.spec
    try:
        hidden = await read_secret_values(kube, picture.sync.namespace, spec.configuration_secrets if spec else ())
    except InvalidSpecError:
        return ()  # without the values nobody can tell what is to be masked
    return await client.failure_reasons(sync_id, run.id, secrets=tuple(hidden.values()), limit=_REASONS)


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


async def _run(
    client: ApiClient, action: ReadRun, words: Mapping[str, Any], runs: tuple[RemoteRun, ...]
) -> RemoteRun | None:
    named = words.get("runId")
    if isinstance(named, int):
        listed = next((run for run in runs if run.id == named), None)
        if listed is not None:
            return listed
        try:
            return await client.get_run(action.sync_id, named)
        except NotFoundError:
            return None
    if words:
        return None
    return next((run for run in runs if _within(run, action.job)), None)


def _within(run: RemoteRun, job: JobView) -> bool:
    """True when the run was made while the Job lived, give or take the difference of two clocks."""
    made = run.created_at or run.started_at
    if made is None:
        return False
    until = job.finished_at or made
    return job.created_at - _CLOCK_SKEW <= made <= until + _CLOCK_SKEW
