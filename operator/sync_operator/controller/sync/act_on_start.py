"""Actions for runs that do not start: find the reason, fail the Job, or replace it."""

from dataclasses import replace
from typing import Final

from sync_operator.api.base import rfc3339
from sync_operator.api.constants import START_TIMED_OUT_ANNOTATION
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.sync.last_schedule import set_last_schedule
from sync_operator.controller.sync.start_lookups import diagnose_start, firing_lag, latest_jobs, latest_warning_about
from sync_operator.domain.runs.job_state import StartDiagnosis
from sync_operator.domain.runs.start_actions import DiagnoseCronJob, DiagnoseJob, FailStart, ReplaceJob, StartAction
from sync_operator.domain.snapshot import Snapshot
from sync_operator.kubernetes.converters import job_view
from sync_operator.kubernetes.resources import JOBS
from sync_operator.util.bounds import one_line

__all__ = ["act_on_start"]

MAX_NOTE: Final = 1024
"""Maximum length of the annotation that says why a Job did not start."""


async def act_on_start(context: ControllerContext, snapshot: Snapshot, action: StartAction) -> Snapshot:
    """Carry out one action for a run that does not start. A Job whose pod has run meanwhile is left alone.

    Returns:
        The snapshot after the action.

    Raises:
        KubernetesError: the API server refused a request or did not respond.
    """
    namespace = snapshot.sync.namespace
    if isinstance(action, DiagnoseCronJob):
        uid = (snapshot.cronjob or {}).get("metadata", {}).get("uid", "")
        lag = firing_lag((*snapshot.jobs, *latest_jobs(context.store, namespace)))
        return replace(
            snapshot, cronjob_warning=await latest_warning_about(context.kube, namespace, uid), cronjob_lag=lag
        )
    job = action.job
    diagnosis = await diagnose_start(context.kube, namespace, job, context.clock())
    context.start_diagnoses.record(snapshot.sync.uid, job.uid, diagnosis)
    snapshot = replace(snapshot, diagnoses={**snapshot.diagnoses, job.uid: diagnosis})
    if diagnosis.ran or isinstance(action, DiagnoseJob):
        return snapshot
    if isinstance(action, FailStart):
        return await _fail(context, snapshot, action, diagnosis)
    return await _replace(context, snapshot, action)


async def _fail(
    context: ControllerContext, snapshot: Snapshot, action: FailStart, diagnosis: StartDiagnosis
) -> Snapshot:
    """Fail a Job by its deadline: the Job controller deletes its pod and creates no other one."""
    job = action.job
    since = rfc3339(job.created_at)
    words = f"Job {job.name} of {since} did not start within spec.run.startTimeout of {action.limit}: {diagnosis.why}"
    patch = {
        "metadata": {"annotations": {START_TIMED_OUT_ANNOTATION: one_line(words, MAX_NOTE)}},
        "spec": {"activeDeadlineSeconds": 1},
    }
    ended = await context.kube.merge_patch(JOBS, snapshot.sync.namespace, job.name, patch)
    if ended is not None:
        context.store.put("Job", ended)
    jobs = tuple(replace(one, timed_out=words) if one.uid == job.uid else one for one in snapshot.jobs)
    return replace(snapshot, jobs=jobs)


async def _replace(context: ControllerContext, snapshot: Snapshot, action: ReplaceJob) -> Snapshot:
    """Replace a Job: set the CronJob's last schedule time, create the new Job, then delete the old one.

    In this order the CronJob fires for no past time, and no run request is lost.
    """
    kube, namespace, job = context.kube, snapshot.sync.namespace, action.job
    if action.last_schedule is not None and snapshot.cronjob is not None:
        name = snapshot.cronjob["metadata"]["name"]
        snapshot = await set_last_schedule(context, snapshot, name, action.last_schedule)
    made = await kube.create(JOBS, namespace, action.manifest) if action.manifest is not None else None
    await kube.delete(JOBS, namespace, job.name)
    context.store.mark_deleted("Job", {"metadata": {"namespace": namespace, "name": job.name, "uid": job.uid}})
    jobs = tuple(one for one in snapshot.jobs if one.uid != job.uid)
    if made is not None:
        context.store.put("Job", made)
        jobs = (*jobs, job_view(made))
    return replace(snapshot, jobs=jobs, replaced=(*snapshot.replaced, job))
