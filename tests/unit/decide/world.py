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
from tests.support.pictures import NOW, URL, connected
from tests.unit.decide.model_cluster import NAMESPACE, Cluster, merged
from tests.unit.decide.model_server import Client, Died, Fate, Server

from sync_operator.cluster.patch import merge_patch
from sync_operator.cluster.views import sync_view
from sync_operator.decide.actions import (
    Action,
    AnswerRunRequest,
    ApplyCronJob,
    CreateSync,
    DeleteCronJob,
    DropFinalizer,
    ForgetSync,
    GuardSchedule,
    ListSyncs,
    LookAtCrd,
    MarkCluster,
    MarkCreate,
    NoteRunRequest,
    PruneJobs,
    ReadSecrets,
)
from sync_operator.decide.applied import restored
from sync_operator.decide.cluster_mark import cluster_marks
from sync_operator.decide.create_mark import create_marks
from sync_operator.decide.deletion import keeps
from sync_operator.decide.obstacles import obstacle_of
from sync_operator.decide.picture import Deployment, Picture, WorkspaceView
from sync_operator.decide.report import sync_status
from sync_operator.decide.server import is_registered
from sync_operator.decide.start_actions import FailStart, LookAtCronJob, LookAtStart, ReplaceJob
from sync_operator.decide.steps import next_action
from sync_operator.errors import InvalidSpecError, KubernetesError, SyncOperatorError
from sync_operator.handlers.act_server import act_on_server
from sync_operator.handlers.cache import Ref
from sync_operator.handlers.drift import look_for_absent
from sync_operator.handlers.names import NameLists
from sync_operator.handlers.observe import observe
from sync_operator.handlers.operator import Operator
from sync_operator.handlers.session import Session
from sync_operator.handlers.sessions import Sessions
from sync_operator.host_patterns import HostRules
from sync_operator.model.base import rfc3339
from sync_operator.model.names import FINALIZER, HANDLED_RUN_REQUEST, SYNC_KIND, WORKSPACE_KIND
from sync_operator.model.scope import Scope, scope_of
from sync_operator.model.status import SyncStatus, read_sync_status, to_dict
from sync_operator.remote.connections import HttpPool
from sync_operator.remote.types import Role

__all__ = ["OTHER_URL", "World"]

OTHER_URL = "https://elsewhere.example.com"
HOME = Ref(NAMESPACE, "default")
MOST_ACTIONS = 20
TOKEN = "token"


class AnyIds(NameLists):
    """Ids are not looked up: each call of a story is one of those that it is about."""

    def unlisted(self, _: Scope) -> frozenset[Role]:
        return frozenset(Role)


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
        return scope_of(self.view.place, account="", credential=TOKEN)

    def pass_time(self, seconds: float) -> None:
        """Time moves on, for everybody."""
        self.now += timedelta(seconds=seconds)
        for server in self.servers.values():
            server.pass_time()

    # The process, and what it is told.

    def start_process(self) -> None:
        """A new process: it knows what the cluster holds, and nothing else."""
        nothing = cast("Any", None)
        self.operator = Operator(
            kube=nothing,
            sessions=Sessions(
                nothing,
                nothing,
                HttpPool(HostRules()),
                clock=lambda: self.now,
                wake=lambda _: None,
                most_inside=1,
                requested=lambda *_: None,
                forget_scope=self._forget_scope,
            ),
            deployment=Deployment(image="runner:1"),
            uid="process",
            clock=lambda: self.now,
            resync=timedelta(seconds=60),
            create_settle=timedelta(),
        )
        self.operator.names = AnyIds(lambda: self.now)
        self.under_way = {}
        self.alone = None
        self.tell_workspace()
        self.tell()

    def _forget_scope(self, scope: Scope) -> None:
        self.operator.forget_scope(scope)

    def tell(self) -> None:
        """The watch tells the process what it has not seen yet."""
        cache = self.operator.cache
        for kind, objects in ((SYNC_KIND, self.cluster.syncs), ("CronJob", self.cluster.cronjobs)):
            _done(cache.replace(kind, deepcopy(list(objects.values())), known=list(cache.all(kind))))

    def tell_workspace(self) -> None:
        """The Workspace was looked at."""
        self.cluster.version += 1
        obj = workspace_manifest("default", url=self.view.url, workspaceId=self.view.workspace_id)
        obj["metadata"] |= {"namespace": NAMESPACE, "uid": "home", "resourceVersion": str(self.cluster.version)}
        self.operator.cache.put(WORKSPACE_KIND, obj)
        sessions = self.operator.sessions
        session = Session(self.view, cast("Any", self.clients[self.view.url]), token=TOKEN).judged(accepted=True)
        assert sessions.keep(HOME, session, instead_of=sessions.get(HOME))

    def list_server(self) -> None:
        """The periodic list of the workspace."""
        if self.view.obstacle is None and not self.view.suspended:
            client = self.clients[self.view.url]
            client.expect("", [])
            listed = _done(self.operator.listings.fetch(self.scope, cast("Any", client), since=self.now))
            _done(look_for_absent(self.operator, HOME, self.scope, listed.at))
            _done(self.operator.names.fetch(self.scope, cast("Any", client), list(Role), since=self.now))

    # Reconciles.

    def reconcile(self, name: str, fates: Iterable[Fate] = ()) -> None:
        """A reconcile from its start, or from where it stands, as far as it goes; calls meet the fates in turn."""
        coming = list(fates)
        while self.step(name, coming):
            pass

    def step(self, name: str, fates: list[Fate]) -> bool:
        """Start a reconcile, or do its next action; False when it has ended, or has to wait for another's."""
        known = self.operator.cache.get(SYNC_KIND, Ref(NAMESPACE, name))
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
        """As `handlers.sync` does it. Stops before each action: True when the next step will do it."""
        obj = self.operator.cache.get(SYNC_KIND, Ref(NAMESPACE, name))
        picture = observe(self.operator, obj) if obj is not None else None
        if picture is None:
            return
        for _ in range(MOST_ACTIONS):
            action = next_action(picture)
            assert action == next_action(picture), "a decision is the same for the same picture"
            if action is None:
                break
            yield True
            while isinstance(action, ListSyncs | CreateSync) and self.alone not in {None, name}:
                yield False
            if isinstance(action, ListSyncs):
                self.alone = name
            self.acts.append(action)
            try:
                picture = self.act(picture, action)
            except SyncOperatorError as error:
                if isinstance(action, MarkCreate | DropFinalizer) and isinstance(error, KubernetesError):
                    return
                picture = picture.failed(action.phase, obstacle_of(error))
            else:
                if isinstance(action, DropFinalizer):
                    self.operator.creates.forget(picture.sync.uid)
                    self.released += [name] if keeps(picture) else []
                    return
        else:
            raise AssertionError("a reconcile that does not end")
        self._report(picture)

    def _report(self, picture: Picture) -> None:
        name = picture.sync.name
        if picture.sync.deleting and FINALIZER not in picture.sync.finalizers:
            return
        current = self.operator.cache.get(SYNC_KIND, Ref(NAMESPACE, name)) or {}
        patch = merge_patch(current.get("status", {}), to_dict(sync_status(picture)))
        if patch and name in self.cluster.syncs:
            before = read_sync_status(self.cluster.syncs[name]["status"])
            self.reports.append((before, read_sync_status(self._merge(name, {"status": patch})["status"])))
        if is_registered(picture):
            self.operator.recheck.discard(picture.sync.uid)

    # Actions.

    def act(self, picture: Picture, action: Action) -> Picture:
        """Carry out one action. Those on the server are the real ones, on a model of it."""
        match action:
            case ReadSecrets():
                return replace(picture, secrets=self._secrets(action))
            case LookAtCrd():
                return replace(picture, crd_deleted=False)
            case MarkCreate() | MarkCluster() | DropFinalizer():
                return self._mark(picture, action)
            case ForgetSync():
                return self._forget(picture)
            case GuardSchedule():
                guarded = {"status": {"lastScheduleTime": rfc3339(action.at)}}
                live = merged(self.cluster.cronjobs[action.name], guarded)
                return replace(picture, cronjob=self._write_cronjob(action.name, live))
            case ApplyCronJob():
                live = self._write_cronjob(action.name, dict(action.manifest))
                return replace(picture, cronjob=live, applied=True, restored=restored(action, live))
            case DeleteCronJob():
                if action.name in self.cluster.cronjobs:
                    self.operator.cache.drop("CronJob", self.cluster.cronjobs.pop(action.name))
                if picture.sync.deleting:
                    self.operator.cleaned.add(picture.sync.uid)
                return replace(picture, cronjob=None, cleaned=True)
            case LookAtStart() | FailStart() | ReplaceJob() | LookAtCronJob():  # no Jobs run in this world
                return replace(picture, cronjob_words="")
            case AnswerRunRequest() | NoteRunRequest() | PruneJobs():
                return self._request(picture, action)
            case _:
                return _done(act_on_server(self.operator, picture, action))

    def _request(self, picture: Picture, action: AnswerRunRequest | NoteRunRequest | PruneJobs) -> Picture:
        if isinstance(action, PruneJobs):
            return replace(picture, jobs=tuple(job for job in picture.jobs if job.name not in action.names))
        if isinstance(action, AnswerRunRequest):
            job = (picture.sync.uid, action.token)
            self.jobs += [job] if action.manifest is not None and job not in self.jobs else []
            return replace(picture, answered_request=action.token)
        held = self.cluster.syncs[picture.sync.name]
        held["metadata"].setdefault("annotations", {})[HANDLED_RUN_REQUEST] = action.token
        annotations = {**picture.sync.annotations, HANDLED_RUN_REQUEST: action.token}
        return replace(picture, sync=replace(picture.sync, annotations=annotations))

    def _secrets(self, action: ReadSecrets) -> dict[str, str]:
        names = {entry.pointer: entry.secret_key_ref.name for entry in action.wanted}
        missing = set(names.values()) - set(self.secrets)
        if missing:
            raise InvalidSpecError("spec.configurationSecrets[0].secretKeyRef.name", f"there is no Secret {missing}")
        return {pointer: self.secrets[name] for pointer, name in names.items()}

    def _mark(self, picture: Picture, action: MarkCreate | MarkCluster | DropFinalizer) -> Picture:
        sync = picture.sync
        metadata: dict[str, Any] = {"annotations": cluster_marks(picture.cluster)}
        if not isinstance(action, MarkCluster):
            metadata["finalizers"] = [entry for entry in sync.finalizers if entry != FINALIZER]
        if isinstance(action, MarkCreate):
            metadata["finalizers"] += [FINALIZER]
            repeated = self.now if action.repeats else None
            marks = create_marks(action.at, self.operator.uid, fresh=action.fresh, repeated=repeated)
            metadata["annotations"] |= marks
        answer = self._merge(sync.name, {"metadata": metadata}, version=sync.resource_version)
        if isinstance(action, MarkCreate):
            self.operator.creates.marked(sync.uid, self.now, fresh=action.fresh)
        return replace(
            picture,
            sync=sync_view(answer),
            create_fresh=self.operator.creates.fresh(sync.uid),
            mark_verified=isinstance(action, MarkCreate),
            settles_at=self.operator.creates.settles_at(sync.uid, timedelta(seconds=picture.workspace.timeout_seconds)),
        )

    def _forget(self, picture: Picture) -> Picture:
        picture = replace(picture, sync=self._mark(picture, MarkCreate(self.now, fresh=True)).sync)
        if picture.cronjob is not None:
            name = picture.cronjob["metadata"]["name"]
            stopped = merged(picture.cronjob, {"spec": {"suspend": True}})
            picture = replace(picture, cronjob=self._write_cronjob(name, stopped))
        answer = self._merge(picture.sync.name, {"status": {"id": None, "registeredAt": None, "account": None}})
        self.operator.creates.deleted(picture.sync.uid, self.now)
        self.operator.creates.marked(picture.sync.uid, self.now, fresh=True)
        return replace(
            picture,
            sync=sync_view(answer),
            remote=None,
            looked=False,
            seen=None,
            missing=False,
            gone=False,
            registered=False,
            settled=False,
            recreated=True,
            create_fresh=True,
            mark_verified=True,
        )

    def _merge(self, name: str, patch: dict[str, Any], *, version: str = "") -> dict[str, Any]:
        """A write of ours: its answer is known at once."""
        answer = self.cluster.merge(name, patch, version=version)
        if name in self.cluster.syncs:
            self.operator.cache.put(SYNC_KIND, deepcopy(answer))
        else:
            self.operator.cache.drop(SYNC_KIND, answer)
        return answer

    def _write_cronjob(self, name: str, manifest: dict[str, Any]) -> dict[str, Any]:
        live = self.cluster.write_cronjob(name, manifest)
        self.operator.cache.put("CronJob", deepcopy(live))
        return live


def _done[T](work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never has to wait; at most it lets others have their turn."""
    try:
        while True:
            assert work.send(None) is None, "nothing in this world waits"
    except StopIteration as stop:
        return cast("T", stop.value)
