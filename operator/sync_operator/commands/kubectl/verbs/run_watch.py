"""Follows one requested run from the request to its result, by the Sync's status and the Job that answers the request.

Each `look` reads the cluster once, and may be repeated at any time: nothing but the request is remembered.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from sync_operator.api.constants import (
    ANSWERED_RUN_REQUEST_ANNOTATION,
    REPORTED_ANNOTATION,
    RUN_REQUESTED_AT_ANNOTATION,
    SYNC_LABEL,
)
from sync_operator.api.statuses.conditions import ConditionType
from sync_operator.commands.kubectl.cluster.cluster_client import JOBS, PODS, SYNCS, ClusterClient
from sync_operator.commands.kubectl.views.resource_view import ResourceView, age, read_time
from sync_operator.commands.kubectl.views.run_words import reasons_of, verdict_of
from sync_operator.domain.scheduling.cronjob_manifest import requested_job_name, sync_label
from sync_operator.errors import KubernetesError
from sync_operator.util.bounds import one_line

__all__ = ["CANNOT_RUN", "RunResult", "RunWatch"]

DELIVERED: Final = "delivered"
_FAILED: Final = 1
CANNOT_RUN: Final = 2
"""Exit code: the Sync cannot run."""
_VERDICT_CODES: Final = {DELIVERED: 0, "canceled": 4}
_RUNNER_CODES: Final = frozenset({0, 1, 2, 3, 4})
_REPORT_PATIENCE: Final = timedelta(seconds=20)
"""How long the operator is given to report a Job that has ended, before the pod alone says how it went."""
_OPERATOR_PATIENCE: Final = timedelta(seconds=15)
_MAX_MESSAGE: Final = 1000
_MAX_PROGRESS: Final = 200


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a requested run ended.

    Attributes:
        verdict: ``delivered``, ``rows refused``, ``failed`` or ``canceled``; ``not run`` if there was no run.
        code: the runner's exit code.
        message: for people.
        run: the run in the status; empty if it is not there.
        reasons: why rows were refused.
    """

    verdict: str
    code: int
    message: str
    run: dict[str, Any] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


class RunWatch:
    """One request for a run.

    Args:
        asked: the Sync as the API server returned it with the request.
        token: of the request.
        earlier: tokens of requests before this one.
        now: the present time.
    """

    def __init__(self, asked: ResourceView, token: str, earlier: frozenset[str], now: datetime) -> None:
        self.namespace, self.name = asked.namespace, asked.name
        self.token = token
        self.job: str | None = None
        self.state = "requested"
        self.result: RunResult | None = None
        self._uid = asked.metadata.get("uid")
        self._earlier = earlier
        self._requested_at = _written_at(asked)
        self._started = now
        self._job_ended: datetime | None = None

    def look(self, client: ClusterClient, now: datetime) -> None:
        """Read the cluster, and note the state and the result.

        Raises:
            KubernetesError: something cannot be read.
        """
        try:
            view = ResourceView(client.get(SYNCS, self.namespace, self.name))
        except KubernetesError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            self._not_run("the Sync was deleted")
            return
        if view.metadata.get("uid") != self._uid:
            self._not_run("the Sync was deleted, and created again")
            return
        job = self._find_job(client)
        if job is not None:
            self.job = job.name
            self._follow(client, view, job, now)
        elif view.last_run.get("job") == self._job_name(view) and view.last_run.get("finishedAt"):
            self._end(client, view, view.last_run)
        elif view.status.get("lastHandledRunRequest") == self.token:
            self._answered_without_job(view)
        elif view.annotations.get(RUN_REQUESTED_AT_ANNOTATION) != self.token:
            self._superseded(client, view)
        else:
            self._wait(view, now)

    def progress(self, client: ClusterClient) -> str:
        """The last line that the run's pod has logged; empty if it cannot be read."""
        try:
            pods = self._pods(client)
            if not pods:
                return ""
            line = b"".join(client.log(self.namespace, pods[-1].name, tail=1)).decode("utf-8", "replace").strip()
        except KubernetesError:
            return ""
        return one_line(_said(line) or line, _MAX_PROGRESS)

    def _jobs(self, client: ClusterClient) -> list[ResourceView]:
        labels = f"{SYNC_LABEL}={sync_label(self.name)}"
        return [ResourceView(job) for job in client.list(JOBS, self.namespace, labels=labels)]

    def _find_job(self, client: ClusterClient) -> ResourceView | None:
        """The Job that answers the request."""
        jobs = self._jobs(client)
        return next((job for job in jobs if job.annotations.get(ANSWERED_RUN_REQUEST_ANNOTATION) == self.token), None)

    def _job_name(self, view: ResourceView) -> str | None:
        """Name of that Job; None without a CronJob."""
        cronjob = view.status.get("cronJob")
        return requested_job_name(cronjob, self.token) if isinstance(cronjob, str) else None

    def _follow(self, client: ClusterClient, view: ResourceView, job: ResourceView, now: datetime) -> None:
        last = view.last_run
        if last.get("job") == job.name and last.get("finishedAt"):
            self._end(client, view, last)
            return
        reported = job.annotations.get(REPORTED_ANNOTATION)
        known = next((run for run in view.recent_runs if reported and run.get("id") == reported), None)
        if known is not None:
            self._end(client, view, known)
            return
        if any(job.is_true(kind) for kind in ("Complete", "Failed")):
            self._job_ended = self._job_ended or now
            self.state = "has ended; the operator has not reported it yet"
            if now - self._job_ended > _REPORT_PATIENCE:
                self._end_by_pod(client)
            return
        waiting = last.get("job") == job.name and last.get("status") == "waiting"
        fault = view.conditions.get(ConditionType.RUNS_HEALTHY)
        if waiting and fault is not None and fault.reason == "RunNotStarted":
            self.state = f"waiting to start: {fault.message}"
        else:
            self.state = "waiting to start" if waiting else "running"

    def _end(self, client: ClusterClient, view: ResourceView, run: Any) -> None:
        """The operator has reported the run."""
        verdict = verdict_of(run)
        code, _ = self._pod_outcome(client)
        if verdict in _VERDICT_CODES:
            code = _VERDICT_CODES[verdict]
        elif code not in _RUNNER_CODES or not code:
            code = _FAILED
        of_run = next((entry for entry in view.recent_runs if entry.get("id") == run.get("id")), run)
        reasons = reasons_of(of_run)
        said = str(run.get("message") or "; ".join((verdict, *reasons)))
        self.result = RunResult(verdict, code, one_line(said, _MAX_MESSAGE), dict(run), reasons)

    def _end_by_pod(self, client: ClusterClient) -> None:
        """The operator has not reported the run in time: the pod knows how it went."""
        code, message = self._pod_outcome(client)
        unsaid = "the operator did not report the run"
        if code is None:
            self.result = RunResult("failed", _FAILED, f"{unsaid}, and its pod is gone: how it went is unknown")
            return
        verdict = {0: DELIVERED, 4: "canceled"}.get(code, "failed")
        words = f"{message or verdict} ({unsaid}: is it running?)"
        self.result = RunResult(verdict, code if code in _RUNNER_CODES else _FAILED, one_line(words, _MAX_MESSAGE))

    def _pods(self, client: ClusterClient) -> list[ResourceView]:
        """The Job's pods, the newest last."""
        labels = f"batch.kubernetes.io/job-name={self.job}"
        pods = [ResourceView(pod) for pod in client.list(PODS, self.namespace, labels=labels)]
        return sorted(pods, key=lambda pod: str(pod.metadata.get("creationTimestamp")))

    def _pod_outcome(self, client: ClusterClient) -> tuple[int | None, str]:
        """Exit code and message of the newest pod that has ended; None if there is none, or it cannot be read."""
        try:
            pods = self._pods(client) if self.job is not None else []
        except KubernetesError:
            return None, ""
        for pod in reversed(pods):
            for container in pod.status.get("containerStatuses") or ():
                ended = (container.get("state") or {}).get("terminated") or {}
                if isinstance(ended.get("exitCode"), int):
                    return ended["exitCode"], _said(ended.get("message"))
        return None, ""

    def _answered_without_job(self, view: ResourceView) -> None:
        if view.spec.get("scheduler") == "Server":
            self._not_run("spec.scheduler is Server: the server runs it by its own schedule, and never on request")
            return
        self.result = RunResult("failed", _FAILED, "the Job of the run is gone: how it went is unknown")

    def _superseded(self, client: ClusterClient, view: ResourceView) -> None:
        """Somebody has asked for another run meanwhile; if it begins after this request too, it answers both."""
        other = view.annotations.get(RUN_REQUESTED_AT_ANNOTATION)
        if not isinstance(other, str) or other in self._earlier:
            self._not_run(
                f"annotation {RUN_REQUESTED_AT_ANNOTATION} was put back before the operator had seen it: does somebody "
                "apply a manifest that has it?"
            )
            return
        for job in self._jobs(client):
            made = job.created
            answers = job.annotations.get(ANSWERED_RUN_REQUEST_ANNOTATION) == other
            if answers and made is not None and (self._requested_at is None or made >= self._requested_at):
                self.token = other
                self.state = "answered by the run of a later request"
                return
        if view.status.get("lastHandledRunRequest") == other:
            self.result = RunResult(
                "failed", _FAILED, "a later request took the place of this one, and its Job is gone"
            )
            return
        self.state = "a later request took the place of this one, and its run answers both"

    def _wait(self, view: ResourceView, now: datetime) -> None:
        """The operator has not answered the request yet."""
        stalled, ready = (view.conditions.get(kind) for kind in (ConditionType.STALLED, ConditionType.READY))
        if view.is_current and stalled is not None and stalled.status == "True":
            self._not_run(f"{stalled.reason}: {stalled.message}")
        elif ready is not None and ready.status == "False":
            self.state = f"waits: {ready.reason}: {ready.message}"
        elif now - self._started > _OPERATOR_PATIENCE:
            self.state = f"the operator has not taken up the request for {age(now - self._started)}: is it running?"

    def _not_run(self, why: str) -> None:
        self.result = RunResult("not run", CANNOT_RUN, why)


def _written_at(asked: ResourceView) -> datetime | None:
    """When the request was written, by the API server's clock; a whole second."""
    times = [
        read_time(entry.get("time"))
        for entry in asked.metadata.get("managedFields") or ()
        if f"f:{RUN_REQUESTED_AT_ANNOTATION}"
        in ((entry.get("fieldsV1") or {}).get("f:metadata") or {}).get("f:annotations", {})
    ]
    return max((time for time in times if time is not None), default=None)


def _said(message: object) -> str:
    """The message in the JSON of a runner: its termination message, or a line of its log."""
    try:
        return one_line(str(json.loads(str(message))["message"]), _MAX_MESSAGE)
    except (ValueError, KeyError, TypeError):
        return ""
