"""What every reconcile shares: the cluster, the caches, the sessions, the clock."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sync_operator.cluster.echoes import Seen
from sync_operator.cluster.events import Recorder
from sync_operator.cluster.kube import CRONJOBS, JOBS, SYNCS, WORKSPACES, Kube, Resource
from sync_operator.cluster.patch import merge_patch
from sync_operator.decide.cronjob import cronjob_name
from sync_operator.decide.events import Notice
from sync_operator.decide.picture import Deployment, Duplicate
from sync_operator.errors import ClusterRestoredError, KubernetesError
from sync_operator.handlers.absences import Absences
from sync_operator.handlers.batches import BatchStreams
from sync_operator.handlers.cache import Cache, Ref, workspace_name
from sync_operator.handlers.comparisons import Comparisons
from sync_operator.handlers.crd_deletion import CrdDeletion
from sync_operator.handlers.creates import Creates
from sync_operator.handlers.list_memory import ListMemory
from sync_operator.handlers.listings import Listings
from sync_operator.handlers.names import NameLists
from sync_operator.handlers.queue import DRIFT_KIND, Key, WorkQueue
from sync_operator.handlers.sessions import Sessions
from sync_operator.handlers.settled import is_settled
from sync_operator.handlers.slices import Backlog
from sync_operator.handlers.slim import kept_metadata
from sync_operator.handlers.starts import Starts
from sync_operator.model.conditions import Reason
from sync_operator.model.names import CREATE_STARTED, MANAGED_BY, MANAGED_BY_LABEL, SYNC_KIND, WORKSPACE_KIND
from sync_operator.model.scope import Scope
from sync_operator.model.status import LastRun
from sync_operator.model.workspace import server_of
from sync_operator.redact import redact

__all__ = ["OURS", "WATCHED", "Operator"]

_log = logging.getLogger(__name__)

OURS = f"{MANAGED_BY_LABEL}={MANAGED_BY}"
WATCHED: Mapping[str, tuple[Resource, str]] = {
    WORKSPACE_KIND: (WORKSPACES, ""),
    SYNC_KIND: (SYNCS, ""),
    "CronJob": (CRONJOBS, OURS),
    "Job": (JOBS, OURS),
}
"""Kinds that are cached: resource and label selector."""
_KINDS: Mapping[str, str] = {resource.plural: kind for kind, (resource, _) in WATCHED.items()}
_OF_OTHERS = ("generation", "deletionTimestamp", "finalizers", "annotations")
"""What tells in an object's metadata that somebody changed what is asked for."""
_MAX_UNKEPT = 1024
"""Objects that cannot be kept and are remembered, so that each is told of once."""
_NO_SUCH_NAMESPACE = frozenset({403, 404})
"""One watched namespace that was deleted (and its Role with it) must not stop the work for the others."""


@dataclass(slots=True)
class Operator:
    """The running operator's parts.

    Attributes:
        uid: of this process; part of every create mark that it writes.
        clock: the time now, aware, UTC.
        resync: how often the caches are compared with the cluster, and Syncs with their servers.
        create_settle: how long after a create without an answer the server may still carry it out.
        namespaces: namespaces served; empty means all.
        cluster: uid that stands for this cluster; empty where it is not known.
        require_secret_label: True where only labelled Secrets may be sent in a configuration.
        duplicates: by uid of a Sync, what the last list shows beside its own, for those of which it is looked for.
        events: tells people what happened.
        creates: the create fence's memory.
        crd: tells a deletion of the CRD from that of a Sync.
        absences: which registered syncs the lists lack.
        listings: the last list of each server workspace.
        comparisons: how the comparisons of each Workspace with its server go.
        names: the last lists of its connectors and models, where Syncs give them by name.
        batches: which streams of its destinations are written in batches.
        starts: what was seen of Jobs that should have started.
        watch_runs: uids of Syncs whose servers schedule them, so that their runs are to be looked at.
        recheck: uids of Syncs whose configuration takes a value from a Secret that may have changed.
        forgets: are told of each Workspace that is gone, as ``namespace/name``, to give back what they keep of it.
        ran: is told of each run of a Sync that has ended, once its status tells of it.
        cleaned: uids of Syncs under deletion whose CronJob and Jobs this process has deleted.
        released: uids of Syncs whose deletion is done, and of whose end the watch has not told yet.
    """

    kube: Kube
    sessions: Sessions
    deployment: Deployment
    uid: str
    clock: Callable[[], datetime]
    resync: timedelta
    create_settle: timedelta = timedelta(seconds=300)
    namespaces: tuple[str, ...] = ()
    cluster: str = ""
    require_secret_label: bool = False
    cache: Cache = field(default_factory=Cache)
    recheck: set[str] = field(default_factory=set)
    watch_runs: set[str] = field(default_factory=set)
    starts: Starts = field(default_factory=Starts)
    cleaned: set[str] = field(default_factory=set)
    released: set[str] = field(default_factory=set)
    duplicates: dict[str, tuple[Duplicate, ...]] = field(default_factory=dict)
    ran: Callable[[Ref, LastRun], None] = lambda *_: None
    forgets: list[Callable[[str], None]] = field(default_factory=list)
    _versions: dict[str, int] = field(default_factory=dict)
    events: Recorder = field(init=False)
    creates: Creates = field(init=False)
    crd: CrdDeletion = field(init=False)
    absences: Absences = field(init=False)
    listings: Listings = field(init=False)
    comparisons: Comparisons = field(init=False)
    names: NameLists = field(init=False)
    batches: BatchStreams = field(init=False)
    queue: WorkQueue = field(init=False)
    _unkept: dict[Ref, str] = field(init=False, default_factory=dict)
    _unsorted: Backlog[Key] = field(init=False)

    def __post_init__(self) -> None:
        """Start the memories from an empty page."""
        self.events = Recorder(self.kube, busy=lambda: self.queue.busy)
        self.creates = Creates(self.clock(), settle=self.create_settle)
        self.crd = CrdDeletion(self.kube, self.clock, everywhere=not self.namespaces)
        self.absences = Absences(self.resync)
        memory = ListMemory()
        self.listings = Listings(self.clock, self._registered_in, memory=memory)
        self.comparisons = Comparisons(self.clock, self.resync)
        self.names = NameLists(self.clock, memory)
        self.batches = BatchStreams(self.clock, memory)
        self._unsorted = Backlog(self._add_in_order)

    async def refresh(self) -> dict[str, str]:
        """List every watched kind anew: fills the caches at start, and finds what a broken watch did not tell.

        A watched namespace that cannot be read is left out, and what was known of it is kept.

        Returns:
            The resource versions of the lists, by the path of what was listed.

        Raises:
            KubernetesError: a list was refused or got no answer.
            ClusterRestoredError: the cluster's state is older than what was listed before.
        """
        versions = {}
        for kind, (resource, selector) in WATCHED.items():
            known = list(self.cache.all(kind))
            objects: list[dict[str, Any]] = []
            for namespace in self.namespaces or (None,):
                try:
                    listed, versions[resource.path(namespace)] = await self.kube.snapshot(
                        resource, namespace, selector=selector, keep=partial(self._kept, kind, resource)
                    )
                except KubernetesError as error:
                    if namespace is None or error.status not in _NO_SUCH_NAMESPACE:
                        raise
                    _log.warning("namespace %s is left out: %s", namespace, error)
                    objects += [obj for obj in self.cache.all(kind) if obj["metadata"]["namespace"] == namespace]
                else:
                    objects += listed
                    self._go_on(resource.path(namespace), int(versions[resource.path(namespace)]))
            for gone in await self.cache.replace(kind, objects, known=known):
                self._lost(kind, gone)
        for sync in self.cache.all(SYNC_KIND):
            self.notice(sync)
        self.sessions.reap()
        return versions

    def _registered_in(self, scope: Scope) -> Iterable[str]:
        """The server's ids of the Syncs of one scope: an account's list need not show those of another."""
        return self.cache.registered_at(scope.place, self.sessions.users(scope))

    def forget_scope(self, scope: Scope) -> None:
        """No Workspace is in that scope any more: what its account was told is given back."""
        self.listings.forget(scope)
        self.names.forget(scope)
        self.batches.forget(scope)

    def _go_on(self, path: str, version: int) -> None:
        """Note the version of a list; versions only grow, unless somebody restored the cluster from a backup."""
        before = self._versions.get(path, 0)
        if version < before:
            raise ClusterRestoredError(
                f"the cluster was restored to an earlier state (resource version {version} of {path} after {before})"
            )
        self._versions[path] = version

    def _lost(self, kind: str, gone: Mapping[str, Any]) -> None:
        """An object is gone, and no watch event has said so."""
        metadata = gone["metadata"]
        if kind == WORKSPACE_KIND:
            self.sessions.gone(Ref(metadata["namespace"], metadata["name"]))
            self.queue.add(Key(WORKSPACE_KIND, metadata["namespace"], metadata["name"]))
        if kind == SYNC_KIND:
            self.forget_sync(gone)
            self.queue.add(Key(WORKSPACE_KIND, metadata["namespace"], workspace_name(gone)))

    def forget_sync(self, sync: Mapping[str, Any]) -> None:
        """A Sync is gone, whether or not its deletion was carried out: give back all that is kept of it."""
        metadata = sync["metadata"]
        if not self.cache.has(SYNC_KIND, Ref(metadata["namespace"], metadata["name"])):
            self.queue.forget(Key(SYNC_KIND, metadata["namespace"], metadata["name"]))
        self.duplicates.pop(metadata["uid"], None)
        for memory in (self.creates, self.crd, self.starts):
            memory.forget(metadata["uid"])
        for uids in (self.recheck, self.watch_runs, self.cleaned, self.released):
            uids.discard(metadata["uid"])

    def forget_workspace(self, ref: Ref) -> None:
        """Neither a Workspace of that name nor a Sync of it is there any more: give back all that is kept of it."""
        self.sessions.forget(ref)
        self.comparisons.forget(ref)
        for kind in (WORKSPACE_KIND, DRIFT_KIND):
            self.queue.forget(Key(kind, *ref))
        for forget in self.forgets:
            forget(f"{ref.namespace}/{ref.name}")

    def kept(self) -> dict[str, int]:
        """How much is kept of each kind, for the metrics: it follows what there is, and does not grow by churn."""
        return {
            "syncs": sum(1 for _ in self.cache.all(SYNC_KIND)),
            "workspaces": sum(1 for _ in self.cache.all(WORKSPACE_KIND)),
            "creates": self.creates.kept,
            "listings": self.listings.kept,
            "names": self.names.kept,
            "batches": self.batches.kept,
            **self.sessions.kept(),
        }

    def knows(self, plural: str, seen: Seen) -> bool:
        """True when this state of an object, or a later one, is known; never for kinds that are not cached."""
        return plural in _KINDS and self.cache.knows(_KINDS[plural], seen)

    def lacks_cronjob(self, seen: Seen) -> bool:
        """True when no state of a CronJob is known: one that we deleted was forgotten at that moment."""
        return not self.cache.holds("CronJob", seen)

    def notice(self, sync: Mapping[str, Any]) -> None:
        """Remember since when it is known of a Sync that its create was announced, or that it is being deleted.

        The create may have been sent by somebody else.
        """
        metadata = sync["metadata"]
        if "deletionTimestamp" in metadata:
            self.crd.noticed(metadata["uid"])
        if CREATE_STARTED in metadata.get("annotations", {}) and not sync.get("status", {}).get("id"):
            self.creates.noticed(metadata["uid"], self.clock())

    def _kept(self, kind: str, resource: Resource, obj: dict[str, Any]) -> dict[str, Any] | None:
        """What is kept of a listed object; None for one that cannot be kept, which is told."""
        obj = {"apiVersion": resource.api_version, "kind": kind} | obj
        try:
            return self.cache.kept(kind, obj)
        except Exception as error:  # noqa: BLE001 (whatever one object does, all others are to be kept)
            self._left_out(kind, obj, error)
            return None

    def take(self, kind: str, obj: dict[str, Any]) -> bool:
        """Keep an object that a watch tells of; True when it brought something new.

        One that cannot be kept is told, and nothing is known of it then.
        """
        try:
            return self.cache.put(kind, obj)
        except Exception as error:  # noqa: BLE001 (as above)
            self._left_out(kind, obj, error)
            self.cache.drop(kind, obj)
            return False

    def _left_out(self, kind: str, obj: Mapping[str, Any], error: Exception) -> None:
        """Name an object that cannot be kept: once for each state of it."""
        namespace, name, version = (obj["metadata"][key] for key in ("namespace", "name", "resourceVersion"))
        if self._unkept.get(Ref(namespace, f"{kind}/{name}")) == version:
            return
        self._unkept[Ref(namespace, f"{kind}/{name}")] = version
        while len(self._unkept) > _MAX_UNKEPT:
            del self._unkept[next(iter(self._unkept))]
        words = f"this {kind} cannot be worked with ({type(error).__name__}) and is left out; make it simpler"
        _log.error("%s %s/%s is left out: %s", kind, namespace, name, redact(f"{type(error).__name__}: {error}"))
        self.events.record(obj, Notice(Reason.INVALID_SPEC, words, warning=True), now=self.clock())

    def enqueue_all(self) -> None:
        """Ask for a reconcile of every Workspace and Sync: of settled Syncs within the time of a resync."""
        for obj in self.cache.all(WORKSPACE_KIND):
            self.queue.add(Key(WORKSPACE_KIND, obj["metadata"]["namespace"], obj["metadata"]["name"]))
        self._unsorted.add(
            Key(SYNC_KIND, obj["metadata"]["namespace"], obj["metadata"]["name"]) for obj in self.cache.all(SYNC_KIND)
        )

    def server_of(self, key: Key) -> str | None:
        """The server that the reconcile of a key may have to ask, as host and port; None when none is known."""
        home = Ref(key.namespace, key.name)
        if key.kind == SYNC_KIND:
            sync = self.cache.get(SYNC_KIND, home)
            home = Ref(key.namespace, workspace_name(sync)) if sync else home
        url = (self.cache.get(WORKSPACE_KIND, home) or {}).get("spec", {}).get("url")
        return server_of(url) if isinstance(url, str) else None

    def wake_syncs(self, workspace: Ref, *, changed: bool) -> None:
        """Ask for a reconcile of every Sync of a Workspace: of settled ones at once only when the Workspace changed."""
        syncs = self.cache.syncs_of(workspace)
        if not changed:
            self._unsorted.add(syncs)
            return
        for key in syncs:
            self.queue.add(key)

    def _add_in_order(self, sync: Key) -> None:
        if self._is_settled(sync):
            self.queue.add_slowly((sync,), within=self.resync.total_seconds())
        else:
            self.queue.add(sync)

    def _is_settled(self, key: Key) -> bool:
        here, cronjob = Ref(key.namespace, key.name), Ref(key.namespace, cronjob_name(key.name))
        obj = self.cache.get(SYNC_KIND, here)
        return obj is not None and is_settled(
            obj,
            has_cronjob=self.cache.has("CronJob", cronjob),
            jobs=self.cache.jobs_of(here),
            now=self.clock(),
            cluster=self.cluster,
        )

    async def write_status(
        self, resource: Resource, kind: str, obj: Mapping[str, Any], status: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """Write a status where it differs from the one the object has, as one merge patch.

        Where others changed the object in between, the answer is the first to tell; the watch that tells it once more
        is not listened to, so the object is looked at again.

        Returns:
            The object as it is now; None when it is gone.
        """
        patch = merge_patch(obj.get("status", {}), status)
        if not patch:
            return dict(obj)
        metadata = obj["metadata"]
        answer = await self.kube.merge(
            resource, metadata["namespace"], metadata["name"], {"status": patch}, subresource="status"
        )
        if answer is not None:
            self.cache.put(kind, answer)
            if any(kept_metadata(kind, answer).get(name) != metadata.get(name) for name in _OF_OTHERS):
                self.queue.add(Key(kind, metadata["namespace"], metadata["name"]))
        return answer
