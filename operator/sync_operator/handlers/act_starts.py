"""Act on runs that do not start: look why, end them, or make them anew."""

from dataclasses import replace
from typing import Final

from sync_operator.bounds import one_line
from sync_operator.cluster.kube import CRONJOBS, JOBS
from sync_operator.cluster.views import job_view
from sync_operator.decide.jobs import StartLook
from sync_operator.decide.picture import Picture
from sync_operator.decide.start_actions import FailStart, LookAtCronJob, LookAtStart, ReplaceJob, StartAction
from sync_operator.handlers.operator import Operator
from sync_operator.handlers.starts import look_at_start, warning_about
from sync_operator.model.base import rfc3339
from sync_operator.model.names import START_TIMED_OUT

__all__ = ["act_on_start"]

MAX_NOTE: Final = 1024
"""Characters that a Job tells of why it did not start."""


async def act_on_start(operator: Operator, picture: Picture, action: StartAction) -> Picture:
    """Carry out one action about runs that do not start. Nothing is done to a Job of which a pod has run after all.

    Raises:
        KubernetesError: it could not be done.
    """
    namespace = picture.sync.namespace
    if isinstance(action, LookAtCronJob):
        uid = (picture.cronjob or {}).get("metadata", {}).get("uid", "")
        return replace(picture, cronjob_words=await warning_about(operator.kube, namespace, uid))
    job = action.job
    look = await look_at_start(operator.kube, namespace, job, operator.clock())
    operator.starts.note(picture.sync.uid, job.uid, look)
    picture = replace(picture, looks={**picture.looks, job.uid: look})
    if look.ran or isinstance(action, LookAtStart):
        return picture
    if isinstance(action, FailStart):
        return await _fail(operator, picture, action, look)
    return await _replace(operator, picture, action)


async def _fail(operator: Operator, picture: Picture, action: FailStart, look: StartLook) -> Picture:
    """Let the Job controller end it: it deletes the pod, and makes no other."""
    job = action.job
    since = rfc3339(job.created_at)
    words = f"Job {job.name} of {since} did not start within spec.run.startTimeout of {action.limit}: {look.why}"
    patch = {
        "metadata": {"annotations": {START_TIMED_OUT: one_line(words, MAX_NOTE)}},
        "spec": {"activeDeadlineSeconds": 1},
    }
    ended = await operator.kube.merge(JOBS, picture.sync.namespace, job.name, patch)
    if ended is not None:
        operator.cache.put("Job", ended)
    jobs = tuple(replace(one, timed_out=words) if one.uid == job.uid else one for one in picture.jobs)
    return replace(picture, jobs=jobs)


async def _replace(operator: Operator, picture: Picture, action: ReplaceJob) -> Picture:
    """Before the Job is deleted, let nothing fire for the past, and make the one after it: no request is lost."""
    kube, namespace, job = operator.kube, picture.sync.namespace, action.job
    if action.last_schedule is not None and picture.cronjob is not None:
        guarded = {"status": {"lastScheduleTime": rfc3339(action.last_schedule)}}
        name = picture.cronjob["metadata"]["name"]
        live = await kube.merge(CRONJOBS, namespace, name, guarded, subresource="status")
        if live is not None:
            operator.cache.put("CronJob", live)
            picture = replace(picture, cronjob=live)
    made = await kube.create(JOBS, namespace, action.manifest) if action.manifest is not None else None
    await kube.delete(JOBS, namespace, job.name)
    operator.cache.bury("Job", {"metadata": {"namespace": namespace, "name": job.name, "uid": job.uid}})
    jobs = tuple(one for one in picture.jobs if one.uid != job.uid)
    if made is not None:
        operator.cache.put("Job", made)
        jobs = (*jobs, job_view(made))
    return replace(picture, jobs=jobs, replaced=(*picture.replaced, job))
