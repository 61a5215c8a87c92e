"""The frozen picture a decision is made from: one Sync, its Workspace, its CronJob, Jobs and run, the time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sync_operator.decide.jobs import JobResult, JobView, StartLook
from sync_operator.decide.match import Claim
from sync_operator.decide.names import Names
from sync_operator.errors import InvalidSpecError
from sync_operator.model.conditions import Reason
from sync_operator.model.run import PodDefaults
from sync_operator.model.status import Condition, SyncStatus
from sync_operator.model.sync import SyncSpec
from sync_operator.model.workspace import Place, place_now, place_of
from sync_operator.remote.types import Dialect, Listing, RemoteRun, RemoteSync, Role
from sync_operator.schedule.plan import Schedule
from sync_operator.settings import RunPodRules

__all__ = [
    "Deployment",
    "Duplicate",
    "MassAbsence",
    "Obstacle",
    "Phase",
    "Picture",
    "SyncView",
    "WorkspaceView",
]


class Phase(Enum):
    """The independent parts of a reconcile: a failure in one does not keep the others from their work."""

    REGISTRATION = "registration"
    SCHEDULING = "scheduling"
    RUNS = "runs"
    DELETION = "deletion"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a phase cannot be finished now.

    Attributes:
        reason: becomes the condition's reason.
        message: what is wrong, where, and what to do next.
        stalled: True when waiting does not help (kstatus ``Stalled``), False while it may (``Reconciling``).
        retry_after: seconds until the next try; None with ``stalled`` False means exponential backoff, with
            ``stalled`` True it means no try before something changes.
        waits: True when another resource's change will wake this Sync, so that no retry is needed at all.
        error: what was raised, or None when the picture itself shows the obstacle.
    """

    reason: Reason
    message: str
    stalled: bool = False
    retry_after: float | None = None
    waits: bool = False
    error: Exception | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SyncView:
    """A Sync as the cluster holds it.

    Attributes:
        spec: None when it cannot be read; then ``spec_error`` says why.
        schedule: None when there is no spec, or it names no schedule that can be; then ``spec_error`` says why.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str
    created_at: datetime
    status: SyncStatus
    spec: SyncSpec | None
    schedule: Schedule | None = None
    spec_error: InvalidSpecError | None = None
    finalizers: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    deleting: bool = False

    @property
    def place(self) -> Place | None:
        """Where the registered sync lives; None before it is registered."""
        return place_of(self.status.url, self.status.workspace_id) if self.status.url else None

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type as last written, or None."""
        return next((entry for entry in self.status.conditions if entry.type == kind), None)


@dataclass(frozen=True, slots=True)
class WorkspaceView:
    """A Workspace as the operator knows it now.

    Attributes:
        found: False when there is no such resource.
        obstacle: why it cannot be used, or None when it is ready.
        dialect: known once the workspace has been checked, in this or an earlier process.
        suspended: ``spec.suspend``: no traffic, CronJobs suspended.
        token_secret: name and key of the Secret that run pods mount.
        ca_secret: name and key of the CA bundle that run pods mount, if any.
        timeout_seconds: how long the server may take for an answer.
        credentials_kept: True when Workspace or Secret are gone, but the credentials that worked last are in memory.
        account: who the credentials belong to: the user's id from ``users/me``, or the subject of a JSON web token;
            empty before the server has proven them, and for an opaque token.
        previous_urls: addresses that stood for this very server before.
        annotations: of the Workspace, where its own status is written.
    """

    name: str
    found: bool = True
    obstacle: Obstacle | None = None
    url: str = ""
    workspace_id: str | None = None
    dialect: Dialect | None = None
    suspended: bool = False
    token_secret: tuple[str, str] | None = None
    ca_secret: tuple[str, str] | None = None
    timeout_seconds: float = 30.0
    credentials_kept: bool = False
    account: str = ""
    previous_urls: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Server and workspace, in one spelling."""
        return place_of(self.url, self.workspace_id)

    def now(self, place: Place) -> Place:
        """Where that place is by now, as the Workspace says of its server's former addresses."""
        return place_now(place, self.url, self.previous_urls) if self.previous_urls else place


@dataclass(frozen=True, slots=True)
class MassAbsence:
    """More of a Workspace's syncs are missing on the server than people delete one by one.

    Attributes:
        missing: how many.
        known: of how many.
    """

    missing: int
    known: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A sync of the server's that equals a Sync's own and belongs to no Sync.

    Attributes:
        remote: as the last list shows it.
        certain: True when a create of the Sync must have made it, after it was given up.
    """

    remote: RemoteSync
    certain: bool


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the controller's own settings add to every CronJob.

    Attributes:
        image: image of the run pods.
        pull_secrets: names of image pull secrets for every run pod.
        environment: variables handed on as they are (proxies, host rules, log format).
        proxy_secret: Secret of the Sync's namespace from which run pods take their proxies; empty for none.
        run_pods: what a Sync may ask for its run pods.
        pod_defaults: what all run pods are given where their Sync says nothing else.
        start_grace: how long a Job, or its pod, may take to come before that is told.
    """

    image: str
    pull_secrets: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    proxy_secret: str = ""
    run_pods: RunPodRules = field(default_factory=RunPodRules)
    pod_defaults: PodDefaults = field(default_factory=PodDefaults)
    start_grace: timedelta = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything one decision needs; acting on it yields the next picture.

    Attributes:
        now: aware, UTC.
        deployment: the controller's part of every CronJob.
        cluster: uid that stands for this cluster; empty where it is not known.
        cronjob: the live CronJob as the API server returns it, or None.
        jobs: its Jobs, oldest first.
        process: uid of this process.
        create_fresh: True when this process wrote the create mark and has sent nothing since.
        mark_verified: True when the API server has told moments ago that the mark is this process's.
        create_sent: the body of a create that this process has sent without knowing its outcome, or None.
        settles_at: when an unanswered create of this Sync can no longer be under way; None when none can be now.
        listing: the workspace's syncs, where a create's outcome had to be looked up.
        listed_at: when that was, by our clock.
        applied: True once this reconcile has written the CronJob.
        rivals: claims of other Syncs to the server sync that this one has or asks for.
        claimed: ids of listed syncs that belong to other Syncs.
        names: the server's lists of what the spec gives by name, as far as they are known.
        unlisted: what the server has refused to list of late.
        secrets: values of ``spec.configurationSecrets`` by JSON pointer; None until they were read.
        remote: the server's sync as answered last, in this reconcile or in one whose status was not written.
        looked: True once the server has shown the sync, or said that it is gone, in this reconcile.
        updated: True once this reconcile has sent an update.
        registered: True when an earlier reconcile put the spec of this generation on the server.
        settled: True when that was so once, also if others have changed it since.
        seen: the server's sync as the workspace's last list showed it; None when it is not known since our last write.
        missing: True when all lists of at least a period lacked it.
        mass_absence: how many of the Workspace's syncs the last list lacked, where they are too many to make any anew.
        gone: True when the server said in this reconcile that there is no such sync.
        proven: True once the workspace has proven itself the same, after ``gone``.
        recheck: True when a Secret in the configuration may have changed.
        adopted: True when the sync was found where one was to be made, and may be somebody else's work.
        duplicates: what the last list shows beside the Sync's own; None when it was not looked for.
        removed: ids of duplicates deleted in this reconcile.
        others: ids of further syncs that a lost create may have made.
        corrected: what was put back on the server in this reconcile.
        recreated: True when the sync is made anew because somebody deleted it on the server.
        results: what runs did that ended and had not been reported yet, in the order of their ends.
        looks: by uid, what a look at the pods of a Job has shown that should have started by then.
        replaced: Jobs that never started, and were deleted in this reconcile because their template has changed.
        cronjob_words: the newest warning about the CronJob; None where it was not asked for.
        runs: the server's newest runs of the sync, where they were asked for, the highest id first.
        watch_runs: True when it is time to look at the runs of a sync that the server schedules.
        restored: what was changed on the CronJob from outside and put back in this reconcile.
        answered_request: the run request answered in this reconcile.
        cleaned: True once the CronJob and its Jobs are gone for good (deletion).
        released: True once nothing on the server belongs to this Sync any more (deletion).
        crd_deleted: whether it is the CRD of all Syncs that is being deleted; None before it was asked (deletion).
        failures: the obstacle each phase ran into.
        answers: what `once` has found out about this picture; the next one begins without any.
    """

    now: datetime
    sync: SyncView
    workspace: WorkspaceView
    deployment: Deployment
    cluster: str = ""
    cronjob: Mapping[str, Any] | None = None
    jobs: tuple[JobView, ...] = ()
    process: str = ""
    create_fresh: bool = False
    mark_verified: bool = False
    create_sent: Mapping[str, Any] | None = field(default=None, repr=False)
    settles_at: datetime | None = None
    listing: Listing | None = None
    listed_at: datetime | None = None
    applied: bool = False
    rivals: tuple[Claim, ...] = ()
    claimed: frozenset[str] = frozenset()
    names: Names = field(default_factory=dict)
    unlisted: frozenset[Role] = frozenset()
    secrets: Mapping[str, str] | None = field(default=None, repr=False)
    remote: RemoteSync | None = None
    looked: bool = False
    updated: bool = False
    registered: bool = False
    settled: bool = False
    seen: RemoteSync | None = None
    missing: bool = False
    mass_absence: MassAbsence | None = None
    gone: bool = False
    proven: bool = False
    recheck: bool = False
    adopted: bool = False
    duplicates: tuple[Duplicate, ...] | None = None
    removed: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()
    recreated: bool = False
    results: tuple[JobResult, ...] = ()
    looks: Mapping[str, StartLook] = field(default_factory=dict)
    replaced: tuple[JobView, ...] = ()
    cronjob_words: str | None = None
    runs: tuple[RemoteRun, ...] | None = None
    watch_runs: bool = False
    restored: str = ""
    answered_request: str | None = None
    cleaned: bool = False
    released: bool = False
    crd_deleted: bool | None = None
    failures: Mapping[Phase, Obstacle] = field(default_factory=dict)
    answers: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def place(self) -> Place | None:
        """Where the registered sync lives, as far as the Workspace tells by now; None before it is registered."""
        place = self.sync.place
        return self.workspace.now(place) if place is not None else None

    @property
    def sync_id(self) -> str | None:
        """The server's id of this Sync: just learned, or as written in its status."""
        return self.remote.id if self.remote else self.sync.status.id

    def failed(self, phase: Phase, obstacle: Obstacle) -> "Picture":
        """The picture after a phase ran into an obstacle."""
        return replace(self, failures={**self.failures, phase: obstacle})
