"""Results of finished Jobs: the run on the server, found by the pod's termination message or by its time."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import batched
from typing import Any, Final

from sync_operator.api.constants import REPORTED_ANNOTATION
from sync_operator.controller.workspace.secret_values import read_secret_values
from sync_operator.domain.actions import AdoptRun, ReadRuns
from sync_operator.domain.runs.job_state import JobResult
from sync_operator.domain.runs.runs_step import attributed_runs, probable_run
from sync_operator.domain.snapshot import Snapshot
from sync_operator.errors import InvalidSpecError, NotFoundError, SyncOperatorError
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.resources import JOBS, PODS
from sync_operator.syncapi.client import ApiClient
from sync_operator.syncapi.types import RemoteRun

__all__ = ["adopted_result", "job_results", "mark_reported"]

_JOB_NAME: Final = "batch.kubernetes.io/job-name"
_JOBS_AT_ONCE: Final = 20
"""Number of Jobs whose pods are listed by one request: their names are in its URL."""
_REASONS: Final = 3


async def job_results(
    kube: KubeClient, client: ApiClient, snapshot: Snapshot, action: ReadRuns, runs: tuple[RemoteRun, ...]
) -> tuple[JobResult, ...]:
    """Results of finished Jobs, in the order of the Jobs, up to the first one that is not known yet.

    Raises:
        SyncOperatorError: no result is known yet, because a request to the server or the cluster failed; to be retried.
    """
    messages = await _termination_messages(kube, snapshot.sync.namespace, [job.name for job in action.jobs])
    known = attributed_runs(snapshot) | {message["runId"] for message in messages.values() if _has_run_id(message)}
    results: list[JobResult] = []
    for job in action.jobs:
        message = messages.get(job.name, {})
        try:
            run = await _named_run(client, action.sync_id, message, runs)
            if not message and not job.timed_out:
                run = probable_run(job, runs, but=known, others=snapshot.jobs)
            reasons = await _reasons(kube, client, snapshot, action.sync_id, run) if run is not None else ()
        except SyncOperatorError:
            if results:
                break
            raise
        if run is not None:
            known.add(run.id)
        results.append(JobResult(job=job, run=run, message=str(message.get("message", ""))[:1024], reasons=reasons))
        if run is not None and not run.status.finished:
            break
    return tuple(results)


async def adopted_result(kube: KubeClient, client: ApiClient, snapshot: Snapshot, action: AdoptRun) -> JobResult:
    """The result of a run that no Job of the Sync started.

    Raises:
        SyncOperatorError: a request to the server or the cluster failed; to be retried.
    """
    reasons = await _reasons(kube, client, snapshot, action.sync_id, action.run)
    return JobResult(job=None, run=action.run, reasons=reasons)


async def mark_reported(kube: KubeClient, namespace: str, results: Iterable[JobResult]) -> list[dict[str, Any]]:
    """Annotate Jobs whose results the status holds, so that each is reported once, also after a restart.

    Returns:
        The Jobs as they are now.

    Raises:
        KubernetesError: an annotation could not be written; the Job will be reported once more.
    """
    noted = []
    for result in results:
        if result.job is not None:
            run_id = str(result.run.id) if result.run is not None else "true"
            patch = {"metadata": {"annotations": {REPORTED_ANNOTATION: run_id}}}
            noted.append(await kube.merge_patch(JOBS, namespace, result.job.name, patch))
    return [job for job in noted if job is not None]


async def _reasons(
    kube: KubeClient, client: ApiClient, snapshot: Snapshot, sync_id: str, run: RemoteRun
) -> tuple[str, ...]:
    """Why rows were refused, with Secret values masked: a destination may quote them, such as an invalid key."""
    if not run.rows.failed:
        return ()
    spec = snapshot.sync.spec
    try:
        hidden = await read_secret_values(kube, snapshot.sync.namespace, spec.configuration_secrets if spec else ())
    except InvalidSpecError:
        return ()  # without the Secret values, they cannot be masked
    secrets = tuple(hidden.values())
    return await client.failure_reasons(sync_id, run.id, run.rows.failed, secrets=secrets, limit=_REASONS)


async def _termination_messages(
    kube: KubeClient, namespace: str, jobs: Sequence[str]
) -> Mapping[str, Mapping[str, Any]]:
    """By Job name, the termination message of its newest pod that has one."""
    pods: list[dict[str, Any]] = []
    for names in batched(jobs, _JOBS_AT_ONCE, strict=False):
        pods += await kube.list(PODS, namespace, selector=f"{_JOB_NAME} in ({','.join(names)})")
    messages: dict[str, Mapping[str, Any]] = {}
    for pod in sorted(pods, key=lambda entry: str(entry["metadata"]["creationTimestamp"])):
        for container in pod.get("status", {}).get("containerStatuses", ()):
            text = container.get("state", {}).get("terminated", {}).get("message", "")
            try:
                found = json.loads(text)
            except ValueError:
                continue
            if isinstance(found, dict):
                messages[pod["metadata"]["labels"][_JOB_NAME]] = found
    return messages


def _has_run_id(message: Mapping[str, Any]) -> bool:
    return isinstance(message.get("runId"), int)


async def _named_run(
    client: ApiClient, sync_id: str, message: Mapping[str, Any], runs: tuple[RemoteRun, ...]
) -> RemoteRun | None:
    """The run that the termination message names; None if it names none, or if the run is gone."""
    if not _has_run_id(message):
        return None
    listed = next((run for run in runs if run.id == message["runId"]), None)
    if listed is not None:
        return listed
    try:
        return await client.get_run(sync_id, message["runId"])
    except NotFoundError:
        return None
