"""A small world for simulations: a cluster, two servers, and one process of ours that may die at any time.

Decisions, observation, the caches, and the acts on a server are the real ones; what API server and sync server do is
modelled, in memory. Nothing waits: time moves only when it is told to.
"""

from collections.abc import Coroutine, Generator, Iterable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

from tests.support.manifests import workspace_manifest
from tests.support.snapshots import NOW, URL, connected
from tests.unit.domain.model_cluster import NAMESPACE, Cluster, merged
from tests.unit.domain.model_server import Client, Died, Fate, Server

from sync_operator.api.base import rfc3339
from sync_operator.api.constants import FINALIZER, HANDLED_RUN_REQUEST_ANNOTATION, SYNC_KIND, WORKSPACE_KIND
from sync_operator.api.kinds.resource_ref import ConfigurationSecret
from sync_operator.api.scope import Scope, scope_of
from sync_operator.api.statuses.status import SyncStatus, read_sync_status
from sync_operator.api.statuses.status_fields import to_dict
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.drift.drift_reconciler import record_absent
from sync_operator.controller.drift.name_lists import NameListCache
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.registration.reconcile_loop import act
from sync_operator.controller.sync.sync_reconciler import SYNC_STEPS, observe
from sync_operator.controller.workqueue.workqueue import WorkQueue
from sync_operator.controller.workspace.connections import WorkspaceConnections
from sync_operator.controller.workspace.workspace_connection import WorkspaceConnection
from sync_operator.domain.actions import (
    AcknowledgeRunRequest,
    Action,
    ApplyCronJob,
    DeleteCronJob,
    GuardSchedule,
    PruneJobs,
    RecordHandledRequest,
)
from sync_operator.domain.create_fence.create_intent import intent_annotations
from sync_operator.domain.identity.cluster_mark import cluster_marks
from sync_operator.domain.registration.deletion_step import keeps
from sync_operator.domain.registration.desired_state import is_registered
from sync_operator.domain.registration.registration_actions import (
    CheckCrd,
    CreateRemote,
    DropFinalizer,
    ForgetRemote,
    ListRemotes,
    LookForEqual,
    ReadSecrets,
    RecordClusterUid,
    RecordCreateIntent,
)
from sync_operator.domain.runs.start_actions import DiagnoseCronJob, DiagnoseJob, FailStart, ReplaceJob
from sync_operator.domain.scheduling.field_ownership import restored
from sync_operator.domain.snapshot import RunnerConfig, Snapshot
from sync_operator.domain.status.error_classification import classify_error
from sync_operator.domain.status.sync_status import sync_status
from sync_operator.domain.sync.sync_kind import next_action
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.errors import InvalidSpecError, KubernetesError, SyncOperatorError
from sync_operator.kubernetes.converters import sync_view
from sync_operator.kubernetes.event_recorder import EventRecorder
from sync_operator.kubernetes.merge_patch import merge_patch
from sync_operator.syncapi.http.connection_pool import PoolManager
from sync_operator.syncapi.types import RefKind
from sync_operator.util.host_patterns import EgressPolicy

__all__ = ["OTHER_URL", "World"]

OTHER_URL = "https://elsewhere.example.com"
HOME = NamespacedName(NAMESPACE, "default")
MOST_ACTIONS = 20
TOKEN = "token"


class AnyIds(NameListCache):
    """Ids are not looked up: each call of a story is one of those that it is about."""

    def unlisted(self, _: Scope) -> frozenset[RefKind]:
        return frozenset(RefKind)


@dataclass
class World:
    """Everything there is.

    Attributes:
        ahead: how far the servers' clocks are ahead.
        view: the Workspace, as it was found last.
        secrets: value by name of the Secret.
        under_way: reconciles between two of their actions, by name of the Sync.
        alone: the Sync that looks for a lost create; nobody else creates or looks meanwhile.
        reports: every status written: the one before, and the one after.
        acts: every action carried out.
        jobs: Jobs made for run requests: the Sync's uid, and the token.
        released: names of Syncs that were let go while the server's sync stayed.
    """

    ahead: timedelta = timedelta()
    now: datetime = NOW
    view: WorkspaceView = field(default_factory=connected)
    secrets: dict[str, str] = field(default_factory=dict)
    under_way: dict[str, Generator[bool]] = field(default_factory=dict)
    alone: str | None = None
    reports: list[tuple[SyncStatus, SyncStatus]] = field(default_factory=list)
    acts: list[Action] = field(default_factory=list)
    jobs: list[tuple[str, str]] = field(default_factory=list)
    released: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        timeout = timedelta(seconds=self.view.timeout_seconds)
        self.cluster = Cluster(lambda: self.now)
        self.servers = {url: Server(lambda: self.now, self.ahead) for url in (URL, OTHER_URL)}
        self.clients = {url: Client(server, timeout) for url, server in self.servers.items()}
        self.start_process()

    @property
    def server(self) -> Server:
        """The server that the Workspace names."""
        return self.servers[self.view.url]

    @property
    def scope(self) -> Scope:
        """Whose lists the Workspace sees."""
        return scope_of(self.view.remote_workspace, account="", credential=TOKEN)

    def pass_time(self, seconds: float) -> None:
        """Time moves on, for everybody."""
        self.now += timedelta(seconds=seconds)
        for server in self.servers.values():
            server.pass_time()

    # The process, and what it is told.

    def start_process(self) -> None:
        """A new process: it knows what the cluster holds, and nothing else."""
        nothing = cast("Any", None)
        self.context = ControllerContext(
            kube=nothing,
            connections=WorkspaceConnections(
                nothing,
                nothing,
                PoolManager(EgressPolicy()),
                clock=lambda: self.now,
                wake=lambda _: None,
                max_concurrency=1,
                observe_request=lambda *_: None,
                forget_scope=self._forget_scope,
            ),
            queue=WorkQueue(workers=1),
            events=EventRecorder(nothing, busy=lambda: False),
            runner_config=RunnerConfig(image="runner:1"),
            uid="process",
            clock=lambda: self.now,
            drift_period=timedelta(seconds=60),
            create_settle=timedelta(),
        )
        self.context.name_lists = AnyIds(lambda: self.now)
        self.under_way = {}
        self.alone = None
        self.tell_workspace()
        self.tell()

    def _forget_scope(self, scope: Scope) -> None:
        self.context.forget_scope(scope)

    def tell(self) -> None:
        """The watch tells the process what it has not seen yet."""
        store = self.context.store
        for kind, objects in ((SYNC_KIND, self.cluster.syncs), ("CronJob", self.cluster.cronjobs)):
            _done(store.replace(kind, deepcopy(list(objects.values())), known=list(store.all(kind))))

    def tell_workspace(self) -> None:
        """The Workspace was looked at."""
        self.cluster.version += 1
        obj = workspace_manifest("default", url=self.view.url, workspaceId=self.view.workspace_id)
        obj["metadata"] |= {"namespace": NAMESPACE, "uid": "home", "resourceVersion": str(self.cluster.version)}
        self.context.store.put(WORKSPACE_KIND, obj)
        connections = self.context.connections
        session = WorkspaceConnection(self.view, cast("Any", self.clients[self.view.url]), token=TOKEN).with_verdict(
            accepted=True
        )
        assert connections.replace(HOME, session, instead_of=connections.get(HOME))

    def list_server(self) -> None:
        """The periodic list of the workspace."""
        if self.view.blocker is None and not self.view.suspended:
            client = self.clients[self.view.url]
            client.expect("", [])
            listed = _done(self.context.syncs.lists.fetch(self.scope, cast("Any", client), since=self.now))
            _done(record_absent(self.context, SYNC_KIND, HOME, self.scope, listed.at))
            _done(self.context.name_lists.fetch(self.scope, cast("Any", client), list(RefKind), since=self.now))

    # Reconciles.

    def reconcile(self, name: str, fates: Iterable[Fate] = ()) -> None:
        """A reconcile from its start, or from where it stands, as far as it goes; calls meet the fates in turn."""
        coming = list(fates)
        while self.step(name, coming):
            pass

    def step(self, name: str, fates: list[Fate]) -> bool:
        """Start a reconcile, or do its next action; False when it has ended, or has to wait for another's."""
        known = self.context.store.get(SYNC_KIND, NamespacedName(NAMESPACE, name))
        if known is None and name not in self.under_way:
            return False
        if name not in self.under_way:
            self.under_way[name] = self._reconcile(name)
        for client in self.clients.values():
            client.expect(str(known["metadata"]["uid"]) if known else "", fates)
        try:
            return next(self.under_way[name])
        except StopIteration:
            self.under_way.pop(name)
            self.alone = None if self.alone == name else self.alone
        except Died:
            self.start_process()
        return False

    def _reconcile(self, name: str) -> Generator[bool]:
        """As `controller.sync.sync_reconciler` does it. Stops before each action: True if the next step does it."""
        obj = self.context.store.get(SYNC_KIND, NamespacedName(NAMESPACE, name))
        snapshot = observe(self.context, obj) if obj is not None else None
        if snapshot is None:
            return
        for _ in range(MOST_ACTIONS):
            action = next_action(snapshot)
            assert action == next_action(snapshot), "a decision is the same for the same snapshot"
            if action is None:
                break
            yield True
            while isinstance(action, ListRemotes | CreateRemote) and self.alone not in {None, name}:
                yield False
            if isinstance(action, ListRemotes):
                self.alone = name
            self.acts.append(action)
            try:
                snapshot = self.act(snapshot, action)
            except SyncOperatorError as error:
                if isinstance(action, RecordCreateIntent | DropFinalizer) and isinstance(error, KubernetesError):
                    return
                snapshot = snapshot.failed(action.phase, classify_error(error))
            else:
                if isinstance(action, DropFinalizer):
                    self.context.syncs.create_fence.forget(snapshot.sync.uid)
                    self.released += [name] if keeps(snapshot) else []
                    return
        else:
            raise AssertionError("a reconcile that does not end")
        self._report(snapshot)

    def _report(self, snapshot: Snapshot) -> None:
        name = snapshot.sync.name
        if snapshot.sync.deleting and FINALIZER not in snapshot.sync.finalizers:
            return
        current = self.context.store.get(SYNC_KIND, NamespacedName(NAMESPACE, name)) or {}
        patch = merge_patch(current.get("status", {}), to_dict(sync_status(snapshot)))
        if patch and name in self.cluster.syncs:
            before = read_sync_status(self.cluster.syncs[name]["status"])
            self.reports.append((before, read_sync_status(self._merge(name, {"status": patch})["status"])))
        if is_registered(snapshot):
            self.context.recheck.discard(snapshot.sync.uid)

    # Actions.

    def act(self, snapshot: Snapshot, action: Action) -> Snapshot:
        """Carry out one action. Those on the server are the real ones, on a model of it."""
        match action:
            case ReadSecrets():
                return replace(snapshot, secrets=self._secrets(action))
            case CheckCrd():
                return replace(snapshot, crd_deleted=False)
            case RecordCreateIntent() | RecordClusterUid() | DropFinalizer():
                return self._mark(snapshot, action)
            case ForgetRemote():
                return self._forget(snapshot)
            case GuardSchedule():
                guarded = {"status": {"lastScheduleTime": rfc3339(action.at)}}
                live = merged(self.cluster.cronjobs[action.name], guarded)
                return replace(snapshot, cronjob=self._write_cronjob(action.name, live))
            case ApplyCronJob():
                live = self._write_cronjob(action.name, dict(action.manifest))
                return replace(snapshot, cronjob=live, applied=True, restored=restored(action, live))
            case DeleteCronJob():
                if action.name in self.cluster.cronjobs:
                    self.context.store.drop("CronJob", self.cluster.cronjobs.pop(action.name))
                if snapshot.sync.deleting:
                    self.context.children_deleted.add(snapshot.sync.uid)
                return replace(snapshot, cronjob=None, children_deleted=True)
            case DiagnoseJob() | FailStart() | ReplaceJob() | DiagnoseCronJob():  # no Jobs run in this world
                return replace(snapshot, cronjob_warning="")
            case AcknowledgeRunRequest() | RecordHandledRequest() | PruneJobs():
                return self._request(snapshot, action)
            case _:
                return self._call(snapshot, action)

    def _call(self, snapshot: Snapshot, action: Action) -> Snapshot:
        """Carry out one action on a server. To look for one to adopt is none of the calls that a story is about."""
        if not isinstance(action, LookForEqual):
            return _done(act(SYNC_STEPS, self.context, snapshot, action))
        with self.clients[self.view.url].undisturbed():
            found = _done(act(SYNC_STEPS, self.context, snapshot, action))
        self.now += timedelta(milliseconds=1)  # what follows is later than the list
        return found

    def _request(
        self, snapshot: Snapshot, action: AcknowledgeRunRequest | RecordHandledRequest | PruneJobs
    ) -> Snapshot:
        if isinstance(action, PruneJobs):
            return replace(snapshot, jobs=tuple(job for job in snapshot.jobs if job.name not in action.names))
        if isinstance(action, AcknowledgeRunRequest):
            job = (snapshot.sync.uid, action.token)
            self.jobs += [job] if action.manifest is not None and job not in self.jobs else []
            return replace(snapshot, answered_request=action.token)
        held = self.cluster.syncs[snapshot.sync.name]
        held["metadata"].setdefault("annotations", {})[HANDLED_RUN_REQUEST_ANNOTATION] = action.token
        annotations = {**snapshot.sync.annotations, HANDLED_RUN_REQUEST_ANNOTATION: action.token}
        return replace(snapshot, sync=replace(snapshot.sync, annotations=annotations))

    def _secrets(self, action: ReadSecrets) -> dict[str, str]:
        secrets = [entry for entry in action.wanted if isinstance(entry, ConfigurationSecret)]
        names = {entry.pointer: entry.secret_key_ref.name for entry in secrets}
        missing = set(names.values()) - set(self.secrets)
        if missing:
            raise InvalidSpecError("spec.configurationSecrets[0].secretKeyRef.name", f"there is no Secret {missing}")
        return {pointer: self.secrets[name] for pointer, name in names.items()}

    def _mark(self, snapshot: Snapshot, action: RecordCreateIntent | RecordClusterUid | DropFinalizer) -> Snapshot:
        sync = snapshot.sync
        metadata: dict[str, Any] = {"annotations": cluster_marks(snapshot.cluster)}
        if not isinstance(action, RecordClusterUid):
            metadata["finalizers"] = [entry for entry in sync.finalizers if entry != FINALIZER]
        if isinstance(action, RecordCreateIntent):
            metadata["finalizers"] += [FINALIZER]
            repeated = self.now if action.repeats else None
            marks = intent_annotations(action.at, self.context.uid, fresh=action.fresh, repeated=repeated)
            metadata["annotations"] |= marks
        answer = self._merge(sync.name, {"metadata": metadata}, version=sync.resource_version)
        if isinstance(action, RecordCreateIntent):
            self.context.syncs.create_fence.intent_recorded(sync.uid, self.now, fresh=action.fresh)
        return replace(
            snapshot,
            sync=sync_view(answer),
            create_fresh=self.context.syncs.create_fence.fresh(sync.uid),
            intent_verified=isinstance(action, RecordCreateIntent),
            indeterminate_until=self.context.syncs.create_fence.indeterminate_until(
                sync.uid, timedelta(seconds=snapshot.workspace.timeout_seconds)
            ),
        )

    def _forget(self, snapshot: Snapshot) -> Snapshot:
        snapshot = replace(snapshot, sync=self._mark(snapshot, RecordCreateIntent(self.now, fresh=True)).sync)
        if snapshot.cronjob is not None:
            name = snapshot.cronjob["metadata"]["name"]
            stopped = merged(snapshot.cronjob, {"spec": {"suspend": True}})
            snapshot = replace(snapshot, cronjob=self._write_cronjob(name, stopped))
        answer = self._merge(snapshot.sync.name, {"status": {"id": None, "registeredAt": None, "account": None}})
        self.context.syncs.create_fence.deleted_by_others(snapshot.sync.uid, self.now)
        self.context.syncs.create_fence.intent_recorded(snapshot.sync.uid, self.now, fresh=True)
        return replace(snapshot, sync=sync_view(answer)).forgotten()

    def _merge(self, name: str, patch: dict[str, Any], *, version: str = "") -> dict[str, Any]:
        """A write of ours: its answer is known at once."""
        answer = self.cluster.merge(name, patch, version=version)
        if name in self.cluster.syncs:
            self.context.store.put(SYNC_KIND, deepcopy(answer))
        else:
            self.context.store.drop(SYNC_KIND, answer)
        return answer

    def _write_cronjob(self, name: str, manifest: dict[str, Any]) -> dict[str, Any]:
        live = self.cluster.write_cronjob(name, manifest)
        self.context.store.put("CronJob", deepcopy(live))
        return live


def _done[T](work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never has to wait; at most it lets others have their turn."""
    try:
        while True:
            assert work.send(None) is None, "nothing in this world waits"
    except StopIteration as stop:
        return cast("T", stop.value)
