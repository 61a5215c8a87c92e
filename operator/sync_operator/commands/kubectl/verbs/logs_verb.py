"""`kubectl sync logs`: the log of a run's pod, or why there is none any more."""

import argparse
import sys
from typing import Final

from sync_operator.api.constants import REPORTED_ANNOTATION, SYNC_LABEL
from sync_operator.commands.kubectl.cluster.cluster_client import JOBS, PODS, SYNCS
from sync_operator.commands.kubectl.selection import named_object, resource_of
from sync_operator.commands.kubectl.session import Session
from sync_operator.commands.kubectl.verbs.runs_verb import runs_of
from sync_operator.commands.kubectl.views.resource_view import ResourceView
from sync_operator.commands.kubectl.views.run_words import run_line
from sync_operator.domain.scheduling.cronjob_manifest import sync_label
from sync_operator.errors import NotFoundError

__all__ = ["add_arguments", "main"]

_JOB_LABEL: Final = "batch.kubernetes.io/job-name"
_EPILOG: Final = """\
Without --run it is the newest run that has a pod. Pods are kept with their Jobs: spec.run.successfulHistory and
spec.run.failedHistory of each Sync, 3 by default. What became of older runs shows kubectl sync runs.

exit codes:
  0  the log was printed to its end
  2  there is no such Sync, run or pod, or the cluster does not show it to you
  3  the API server cannot be reached

examples:
  kubectl sync logs orders
  kubectl sync logs orders -f
  kubectl sync logs orders --run 12
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument("name", metavar="NAME", help="name of the Sync")
    parser.add_argument("-f", "--follow", action="store_true", help="print what comes, until the run has ended")
    parser.add_argument("--run", metavar="ID", help="id of the run, as kubectl sync runs shows it")
    parser.epilog = _EPILOG


def main(args: argparse.Namespace, session: Session) -> int:
    """Run `logs`."""
    resource, name = resource_of(args.name, (SYNCS,))
    view = named_object(session.client, resource, session.namespace, name)
    pod = _pod(view, args.run, session)
    output = sys.stdout.buffer
    for piece in session.client.log(view.namespace, pod.name, follow=args.follow):
        output.write(piece)
        output.flush()
    return 0


def _pod(view: ResourceView, run: str | None, session: Session) -> ResourceView:
    """The newest pod, or that of a run.

    Raises:
        NotFoundError: it is gone, or there was none.
    """
    labels = f"{SYNC_LABEL}={sync_label(view.name)}"
    pods = [ResourceView(pod) for pod in session.client.list(PODS, view.namespace, labels=labels)]
    if run is not None:
        jobs = _jobs_of_run(view, run, labels, session)
        pods = [pod for pod in pods if (pod.metadata.get("labels") or {}).get(_JOB_LABEL) in jobs]
    begun = [pod for pod in pods if pod.status.get("phase") != "Pending"]
    if begun:
        return max(begun, key=lambda pod: (str(pod.metadata.get("creationTimestamp")), pod.name))
    known = next((entry for entry in runs_of(view) if run is None or entry.get("id") == run), None)
    if pods:
        raise NotFoundError(
            f"the pod {pods[-1].name} has not started: kubectl sync status {view.name}{session.options}"
        )
    if known is None:
        if run is None:
            raise NotFoundError(f"{view.name} has not run yet: kubectl sync run {view.name}{session.options}")
        raise NotFoundError(
            f"{view.name} has no run {run!r} that the operator remembers: kubectl sync runs {view.name}"
        )
    raise NotFoundError(f"the pod is gone; the operator remembers: {run_line(known, session.clock())}")


def _jobs_of_run(view: ResourceView, run: str, labels: str, session: Session) -> set[str]:
    """Names of the Jobs that belong to a run."""
    last = view.last_run
    names = {str(last["job"])} if last.get("id") == run and last.get("job") else set()
    jobs = (ResourceView(job) for job in session.client.list(JOBS, view.namespace, labels=labels))
    return names | {job.name for job in jobs if job.annotations.get(REPORTED_ANNOTATION) == run}
