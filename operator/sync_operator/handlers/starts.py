"""Why runs do not start: the few looks at pods and events that it takes, and what they have shown."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from sync_operator.cluster.kube import EVENTS, PODS, Kube
from sync_operator.decide.jobs import JobView, StartLook
from sync_operator.decide.start_words import has_run, newest_warning, pod_words
from sync_operator.errors import KubernetesError

__all__ = ["Starts", "look_at_start", "warning_about"]

_JOB_NAME: Final = "batch.kubernetes.io/job-name"
MAX_SEEN: Final = 50
"""Pods, or events, of one object that are looked at: a few are the rule, and a tenant may make thousands."""


class Starts:
    """What was seen of Jobs that should have started, by Sync: no more than of its Jobs that there are."""

    def __init__(self) -> None:
        self._looks: dict[str, dict[str, StartLook]] = {}

    def note(self, sync: str, job: str, look: StartLook) -> None:
        """Keep what a look has shown, of a Job of a Sync by their uids."""
        self._looks.setdefault(sync, {})[job] = look

    def of(self, sync: str, jobs: Iterable[JobView]) -> Mapping[str, StartLook]:
        """What was seen of those Jobs of a Sync that have not ended; of the others it is forgotten."""
        if sync not in self._looks:
            return {}
        there = {job.uid for job in jobs if not job.finished}
        kept = {uid: look for uid, look in self._looks[sync].items() if uid in there}
        if kept:
            self._looks[sync] = kept
        else:
            del self._looks[sync]
        return kept

    def forget(self, sync: str) -> None:
        """The Sync is gone."""
        self._looks.pop(sync, None)


async def look_at_start(kube: Kube, namespace: str, job: JobView, now: datetime) -> StartLook:
    """Look at the pods of a Job; where their status does not tell why they do not run, at the newest one's events."""
    pods = await kube.some(PODS, namespace, selector=f"{_JOB_NAME}={job.name}", limit=MAX_SEEN)
    if any(has_run(pod) for pod in pods):
        return StartLook(now, ran=True)
    newest = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)
    words = pod_words(newest) if newest is not None else ""
    uid = newest["metadata"]["uid"] if newest is not None else job.uid
    return StartLook(now, words=words or await warning_about(kube, namespace, uid))


async def warning_about(kube: Kube, namespace: str, uid: str) -> str:
    """The newest warning about an object; empty where there is none, or where they may not be read."""
    fields = f"involvedObject.uid={uid},type=Warning"
    try:
        return newest_warning(await kube.some(EVENTS, namespace, fields=fields, limit=MAX_SEEN))
    except KubernetesError as error:
        if not error.permanent:
            raise
        return ""
