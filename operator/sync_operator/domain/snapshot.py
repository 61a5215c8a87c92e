"""The frozen snapshot from which decisions are made: one Sync, its Workspace, its CronJob, Jobs and runs, the time."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Self

from sync_operator.api.kinds.run import PodDefaults
from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.api.statuses.status import SyncStatus
from sync_operator.domain.reference_view import ReferenceView
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot, ResourceView
from sync_operator.domain.runs.job_state import JobResult, JobView, StartDiagnosis
from sync_operator.domain.sync.name_resolution import Names
from sync_operator.schedule.effective_schedule import Schedule
from sync_operator.settings import RunPodRules
from sync_operator.syncapi.types import RefKind, RemoteRun, RemoteSync

__all__ = ["RunnerConfig", "Snapshot", "SyncView"]


@dataclass(frozen=True, slots=True)
class RunnerConfig:
    """What the controller's own settings add to every CronJob.

    Attributes:
        image: image of the run pods.
        pull_secrets: names of image pull secrets for every run pod.
        environment: variables passed to run pods unchanged (proxies, host rules, log format).
        proxy_secret: Secret in the Sync's namespace from which run pods take their proxies; empty for none.
        run_pods: what a Sync may set for its run pods.
        pod_defaults: defaults for run pods, which a Sync may override.
        start_grace: how long a Job may take to be created, or its pod to run, before that is reported.
    """

    image: str
    pull_secrets: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    proxy_secret: str = ""
    run_pods: RunPodRules = field(default_factory=RunPodRules)
    pod_defaults: PodDefaults = field(default_factory=PodDefaults)
    start_grace: timedelta = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncView(ResourceView):
    """A Sync as stored in the cluster, parsed.

    Attributes:
        schedule: None if the spec is invalid or its schedule is impossible; then ``spec_error`` says why.
    """

    status: SyncStatus
    spec: SyncSpec | None
    schedule: Schedule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(ResourceSnapshot):
    """Everything one decision about a Sync needs: the registration, and the Sync's own.

    Attributes:
        runner_config: the controller's part of every CronJob.
        cronjob: the live CronJob as the API server returned it, or None.
        jobs: the Sync's Jobs, oldest first.
        applied: True once this reconcile has applied the CronJob.
        names: the server's lists of sources, destinations and models, as far as they are cached.
        unlisted: kinds that the server recently refused to list.
        references: Connectors and Models that the spec names by their resource.
        results: results of runs that ended and were not reported yet, in the order of their ends.
        diagnoses: Job uid → the last lookup of why no pod of it runs, for Jobs that should have started by then.
        replaced: Jobs that never started, and were deleted in this reconcile because their template has changed.
        cronjob_warning: the newest warning event about the CronJob, empty without any; None before it was looked up.
        cronjob_lag: by how much the CronJob controller's clock seems to be behind; looked up with ``cronjob_warning``.
        runs: the server's newest runs of the sync, the highest id first; None before they were listed.
        watch_runs: True when the runs of a sync that the server schedules are due to be listed.
        restored: message about external changes of the CronJob that this reconcile reverted; empty without any.
        answered_request: token of the run request that this reconcile handled.
        children_deleted: True once the CronJob and its Jobs are deleted (deletion).
    """

    sync: SyncView
    runner_config: RunnerConfig
    remote: RemoteSync | None = None
    last_listed: RemoteSync | None = None
    cronjob: Mapping[str, Any] | None = None
    jobs: tuple[JobView, ...] = ()
    applied: bool = False
    names: Names = field(default_factory=dict)
    unlisted: frozenset[RefKind] = frozenset()
    references: Mapping[RefKind, ReferenceView] = field(default_factory=dict)
    results: tuple[JobResult, ...] = ()
    diagnoses: Mapping[str, StartDiagnosis] = field(default_factory=dict)
    replaced: tuple[JobView, ...] = ()
    cronjob_warning: str | None = None
    cronjob_lag: timedelta = timedelta()
    runs: tuple[RemoteRun, ...] | None = None
    watch_runs: bool = False
    restored: str = ""
    answered_request: str | None = None
    children_deleted: bool = False

    @property
    def resource(self) -> SyncView:
        """The Sync."""
        return self.sync

    def with_resource(self, resource: SyncView, **changes: Any) -> Self:
        """The snapshot with the Sync as it is now, and changes of other fields."""
        return replace(self, sync=resource, **changes)
