"""What a finished Job did: the run as the API tells it, found by the runner's last words or by its time."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import batched
from typing import Any, Final

from sync_operator.cluster.kube import JOBS, PODS, Kube
from sync_operator.decide.actions import ReadRuns, TakeRun
from sync_operator.decide.jobs import JobResult
from sync_operator.decide.picture import Picture
from sync_operator.decide.runs import attributed_runs, probable_run
from sync_operator.errors import InvalidSpecError, NotFoundError, SyncOperatorError
from sync_operator.handlers.secret_values import read_secret_values
from sync_operator.model.names import REPORTED
from sync_operator.remote.client import ApiClient
from sync_operator.remote.types import RemoteRun

__all__ = ["job_results", "mark_reported", "other_result"]

_JOB_NAME: Final = "batch.kubernetes.io/job-name"
_JOBS_AT_ONCE: Final = 20
"""Whose pods are listed by one request: their names are in its URL."""
_REASONS: Final = 3


async def job_results(
    kube: Kube, client: ApiClient, picture: Picture, action: ReadRuns, runs: tuple[RemoteRun, ...]
) -> tuple[JobResult, ...]:
    """What the runs of finished Jobs did, in the order of the Jobs: up to the first that cannot be told yet.

    Raises:
        SyncOperatorError: nothing can be told yet, as the API or the cluster gave no answer; to be tried again.
    """
    said = await _last_words(kube, picture.sync.namespace, [job.name for job in action.jobs])
    known = attributed_runs(picture) | {words["runId"] for words in said.values() if _names_run(words)}
    results: list[JobResult] = []
    for job in action.jobs:
        words = said.get(job.name, {})
        try:
            run = await _named_run(client, action.sync_id, words, runs)
            if not words and not job.timed_out:
                run = probable_run(job, runs, but=known, others=picture.jobs)
            reasons = await _reasons(kube, client, picture, action.sync_id, run) if run is not None else ()
        except SyncOperatorError:
            if results:
                break
            raise
        if run is not None:
            known.add(run.id)
        results.append(JobResult(job=job, run=run, message=str(words.get("message", ""))[:1024], reasons=reasons))
        if run is not None and not run.status.finished:
            break
    return tuple(results)


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
            told = str(result.run.id) if result.run is not None else "true"
            patch = {"metadata": {"annotations": {REPORTED: told}}}
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


async def _last_words(kube: Kube, namespace: str, jobs: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """By Job, the termination message of its newest pod that left one."""
    pods: list[dict[str, Any]] = []
    for names in batched(jobs, _JOBS_AT_ONCE, strict=False):
        pods += await kube.list(PODS, namespace, selector=f"{_JOB_NAME} in ({','.join(names)})")
    said: dict[str, Mapping[str, Any]] = {}
    for pod in sorted(pods, key=lambda entry: str(entry["metadata"]["creationTimestamp"])):
        for container in pod.get("status", {}).get("containerStatuses", ()):
            message = container.get("state", {}).get("terminated", {}).get("message", "")
            try:
                words = json.loads(message)
            except ValueError:
                continue
            if isinstance(words, dict):
                said[pod["metadata"]["labels"][_JOB_NAME]] = words
    return said


def _names_run(words: Mapping[str, Any]) -> bool:
    return isinstance(words.get("runId"), int)


async def _named_run(
    client: ApiClient, sync_id: str, words: Mapping[str, Any], runs: tuple[RemoteRun, ...]
) -> RemoteRun | None:
    """The run that the last words name."""
    if not _names_run(words):
        return None
    listed = next((run for run in runs if run.id == words["runId"]), None)
    if listed is not None:
        return listed
    try:
        return await client.get_run(sync_id, words["runId"])
    except NotFoundError:
        return None
