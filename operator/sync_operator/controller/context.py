"""The context that all reconciles share: API client, caches, connections to servers, work queue, clock."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sync_operator.api.constants import MANAGED_BY, MANAGED_BY_LABEL, SYNC_KIND, WORKSPACE_KIND
from sync_operator.api.scope import Scope
from sync_operator.api.statuses.conditions import Reason
from sync_operator.api.statuses.run_status import LastRun
from sync_operator.controller.connector.definition_cache import DefinitionCache
from sync_operator.controller.connector.registered_connector import REGISTERED_CONNECTOR
from sync_operator.controller.deletion.vanished_resources import VanishedResources
from sync_operator.controller.drift.batch_streams import BatchStreams
from sync_operator.controller.drift.comparisons import Comparisons
from sync_operator.controller.drift.list_memory import ListMemory
from sync_operator.controller.drift.name_lists import NameListCache
from sync_operator.controller.informer.compact import trimmed_metadata
from sync_operator.controller.informer.in_sync import is_cached_in_sync
from sync_operator.controller.informer.store import NamespacedName, Store, workspace_name
from sync_operator.controller.model.registered_model import REGISTERED_MODEL
from sync_operator.controller.registration.registered_kind import RegisteredKind
from sync_operator.controller.registration.registrations import Registrations
from sync_operator.controller.sync.registered_sync import REGISTERED_SYNC
from sync_operator.controller.sync.start_lookups import StartDiagnoses
from sync_operator.controller.workqueue.time_slices import Backlog
from sync_operator.controller.workqueue.workqueue import DRIFT_KIND, Key, WorkQueue
from sync_operator.controller.workspace.connections import WorkspaceConnections
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.domain.snapshot import RunnerConfig
from sync_operator.domain.status.event_specs import EventSpec
from sync_operator.errors import ClusterRestoredError, KubernetesError
from sync_operator.kubernetes.event_recorder import EventRecorder
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.merge_patch import merge_patch
from sync_operator.kubernetes.resources import CRONJOBS, JOBS, WORKSPACES, Resource
from sync_operator.kubernetes.watch.own_write_filter import ObjectVersion
from sync_operator.syncapi.types import RemoteSync
from sync_operator.util.redact import redact

__all__ = ["OURS", "ControllerContext"]

_log = logging.getLogger(__name__)

OURS = f"{MANAGED_BY_LABEL}={MANAGED_BY}"
_DESIRED_STATE_FIELDS = ("generation", "deletionTimestamp", "finalizers", "annotations")
"""Metadata fields whose change means that another client changed the desired state."""
_MAX_UNCACHEABLE = 1024
"""Maximum number of objects that could not be cached and are remembered, so that each is reported once."""
_NO_SUCH_NAMESPACE = frozenset({403, 404})
"""Status codes of a list in a deleted namespace, whose Role is gone too; the other namespaces are still served."""


@dataclass(slots=True)
class ControllerContext:
    """The controller's components and in-memory state.

    Attributes:
        queue: the work queue.
        uid: unique id of this process, part of every create annotation that it writes.
        clock: returns the current time (aware, UTC).
        drift_period: period of the drift check of each Workspace.
        create_settle: how long after a create without a response the server may still carry it out.
        namespaces: the namespaces served; empty means all.
        cluster: uid that identifies this cluster; empty until this process acts, or if unknown.
        require_secret_label: True if only labelled Secrets may be sent in a configuration.
        events: records Kubernetes events.
        registrations: what is remembered of the registered resources of each kind.
        watched: the cached kinds, each with its resource and label selector.
        comparisons: state of each Workspace's drift check.
        name_lists: the last lists of connectors and models, for Syncs that refer to them by name.
        batch_streams: which streams of each destination are written in batches.
        definitions: the connector definitions of each server.
        start_diagnoses: the last start check of each Job that has not started.
        watch_runs: uids of Syncs scheduled by their servers whose runs the next reconcile must read.
        recheck: uids of resources with a value from a Secret or ConfigMap that may have changed.
        on_workspace_gone: called with each Workspace that is gone (``namespace/name``), to drop their state of it.
        on_run_ended: called with each run of a Sync that has ended, once the Sync's status holds it.
        children_deleted: uids of Syncs under deletion whose CronJob and Jobs this process has deleted.
        finalizer_removed: uids of resources whose finalizer was removed, until the watch event of their deletion comes.
        vanished: resources that are gone in the cluster while their deletion is still to be carried out.
    """

    kube: KubeClient
    connections: WorkspaceConnections
    queue: WorkQueue
    events: EventRecorder
    runner_config: RunnerConfig
    uid: str
    clock: Callable[[], datetime]
    drift_period: timedelta
    create_settle: timedelta = timedelta(seconds=300)
    namespaces: tuple[str, ...] = ()
    cluster: str = ""
    require_secret_label: bool = False
    store: Store = field(default_factory=Store)
    recheck: set[str] = field(default_factory=set)
    watch_runs: set[str] = field(default_factory=set)
    start_diagnoses: StartDiagnoses = field(default_factory=StartDiagnoses)
    children_deleted: set[str] = field(default_factory=set)
    finalizer_removed: set[str] = field(default_factory=set)
    vanished: VanishedResources = field(default_factory=VanishedResources)
    on_run_ended: Callable[[NamespacedName, LastRun], None] = lambda *_: None
    on_workspace_gone: Callable[[str], None] = lambda _: None
    _versions: dict[str, int] = field(default_factory=dict)
    kinds: tuple[RegisteredKind[Any], ...] = (REGISTERED_CONNECTOR, REGISTERED_MODEL, REGISTERED_SYNC)
    registrations: Mapping[str, Registrations[Any]] = field(init=False)
    watched: Mapping[str, tuple[Resource, str]] = field(init=False)
    comparisons: Comparisons = field(init=False)
    name_lists: NameListCache = field(init=False)
    batch_streams: BatchStreams = field(init=False)
    definitions: DefinitionCache = field(init=False)
    _kinds: Mapping[str, str] = field(init=False)
    _uncacheable: dict[NamespacedName, str] = field(init=False, default_factory=dict)
    _enqueue_backlog: Backlog[Key] = field(init=False)

    def __post_init__(self) -> None:
        """Create the caches and the other in-memory state, all empty."""
        memory = ListMemory()
        begin = partial(
            Registrations.begin,
            kube=self.kube,
            clock=self.clock,
            settle=self.create_settle,
            drift_period=self.drift_period,
            clusterwide=not self.namespaces,
            registered_ids=self._registered_in,
            memory=memory,
        )
        self.registrations = {each.kind.kind: begin(each) for each in self.kinds}
        self.watched = {
            WORKSPACE_KIND: (WORKSPACES, ""),
            **{each.kind.kind: (each.resource, "") for each in self.kinds},
            "CronJob": (CRONJOBS, OURS),
            "Job": (JOBS, OURS),
        }
        self._kinds = {resource.plural: kind for kind, (resource, _) in self.watched.items()}
        self.comparisons = Comparisons(self.clock, self.drift_period)
        self.name_lists = NameListCache(self.clock, memory)
        self.batch_streams = BatchStreams(self.clock, memory)
        self.definitions = DefinitionCache(self.clock, memory)
        self._enqueue_backlog = Backlog(self._enqueue_by_priority)

    @property
    def syncs(self) -> Registrations[RemoteSync]:
        """What is remembered of registered Syncs."""
        return self.registrations[SYNC_KIND]

    def registrations_of(self, snapshot: ResourceSnapshot) -> Registrations[Any]:
        """What is remembered of the kind that the snapshot is about."""
        return self.registrations[snapshot.kind.kind]

    async def relist(self) -> dict[str, str]:
        """List every watched kind: fills the caches at startup, and finds changes that a broken watch missed.

        If a watched namespace cannot be read, its objects in the caches are kept as they are.

        Returns:
            The resource version of each list, by the path that was listed.

        Raises:
            KubernetesError: a list was refused or got no response.
            ClusterRestoredError: a list is older than the list before it.
        """
        versions = {}
        for kind, (resource, selector) in self.watched.items():
            known = [obj for obj in self.store.all(kind) if obj["metadata"]["uid"] not in self.vanished]
            objects: list[dict[str, Any]] = []
            for namespace in self.namespaces or (None,):
                try:
                    listed, versions[resource.path(namespace)] = await self.kube.list_with_version(
                        resource, namespace, selector=selector, keep=partial(self._trim, kind, resource)
                    )
                except KubernetesError as error:
                    if namespace is None or error.status not in _NO_SUCH_NAMESPACE:
                        raise
                    _log.warning("namespace %s is left out: %s", namespace, error)
                    objects += [obj for obj in self.store.all(kind) if obj["metadata"]["namespace"] == namespace]
                else:
                    objects += listed
                    self._check_version(resource.path(namespace), int(versions[resource.path(namespace)]))
            for gone in await self.store.replace(kind, objects, known=known):
                self._handle_missed_deletion(kind, gone)
        for kind, registrations in self.registrations.items():
            for obj in self.store.all(kind):
                registrations.observe_event(obj, self.clock())
        self.connections.close_idle()
        return versions

    def _registered_in(self, kind: str, scope: Scope) -> Iterable[str]:
        """Server ids of a kind registered in one scope: an account's list need not show what another account has."""
        return self.store.registered_at(kind, scope.remote_workspace, self.connections.workspaces_of(scope))

    def forget_scope(self, scope: Scope) -> None:
        """Drop the cached lists of a scope that no Workspace uses any more."""
        for registrations in self.registrations.values():
            registrations.lists.forget(scope)
        self.name_lists.forget(scope)
        self.batch_streams.forget(scope)
        self.definitions.forget(scope)

    def _check_version(self, path: str, version: int) -> None:
        """Record the resource version of a list; a lower one than before means a cluster restored from a backup."""
        before = self._versions.get(path, 0)
        if version < before:
            raise ClusterRestoredError(
                f"the cluster was restored to an earlier state (resource version {version} of {path} after {before})"
            )
        self._versions[path] = version

    def _handle_missed_deletion(self, kind: str, gone: Mapping[str, Any]) -> None:
        """Handle a deletion that only the list showed: no watch event was received for it."""
        metadata = gone["metadata"]
        if kind == WORKSPACE_KIND:
            self.connections.workspace_deleted(NamespacedName(metadata["namespace"], metadata["name"]))
            self.queue.add(Key(WORKSPACE_KIND, metadata["namespace"], metadata["name"]))
        if kind in self.registrations:
            self.forget_resource(kind, gone)
            self.queue.add(Key(WORKSPACE_KIND, metadata["namespace"], workspace_name(gone)))

    def forget_resource(self, kind: str, obj: Mapping[str, Any]) -> None:
        """Drop all in-memory state of a resource that no longer exists, whether or not its deletion was carried out."""
        metadata, remote_workspace = obj["metadata"], self.store.remote_workspace(obj)
        by_others = metadata["uid"] not in self.finalizer_removed and bool(obj.get("status", {}).get("id"))
        if by_others and remote_workspace is not None:
            self.registrations[kind].lists.released(remote_workspace)
        key = Key(kind, metadata["namespace"], metadata["name"])
        if not self.store.has(kind, NamespacedName(key.namespace, key.name)):
            self.queue.forget(key)
            if route := self.connections.route(NamespacedName(key.namespace, workspace_name(obj))):
                route.forget(key)
        self.registrations[kind].forget(metadata["uid"])
        self.start_diagnoses.forget(metadata["uid"])
        for uids in (self.recheck, self.watch_runs, self.children_deleted, self.finalizer_removed, self.vanished):
            uids.discard(metadata["uid"])

    def forget_workspace(self, ref: NamespacedName) -> None:
        """Drop all in-memory state of a Workspace that no longer exists and that no resource refers to."""
        self.connections.forget(ref)
        self.comparisons.forget(ref)
        for kind in (WORKSPACE_KIND, DRIFT_KIND):
            self.queue.forget(Key(kind, *ref))
        self.on_workspace_gone(f"{ref.namespace}/{ref.name}")

    def entry_counts(self) -> dict[str, int]:
        """Number of entries held in memory, by kind, for metrics: follows the objects that exist, not the churn."""
        return {
            **{f"{kind.lower()}s": sum(1 for _ in self.store.all(kind)) for kind in self.registrations},
            "workspaces": sum(1 for _ in self.store.all(WORKSPACE_KIND)),
            "creates": sum(held.create_fence.entry_count for held in self.registrations.values()),
            "listings": sum(held.lists.entry_count for held in self.registrations.values()),
            "names": self.name_lists.entry_count,
            "batches": self.batch_streams.entry_count,
            "definitions": self.definitions.entry_count,
            **self.connections.entry_counts(),
        }

    def is_cached(self, plural: str, seen: ObjectVersion) -> bool:
        """True if this version of an object, or a later one, is in the cache; False for kinds that are not cached."""
        return plural in self._kinds and self.store.has_version_at_least(self._kinds[plural], seen)

    def lacks_cronjob(self, seen: ObjectVersion) -> bool:
        """True if a CronJob is not in the cache; our own deletion removes it from there at once."""
        return not self.store.has_uid("CronJob", seen)

    def _trim(self, kind: str, resource: Resource, obj: dict[str, Any]) -> dict[str, Any] | None:
        """A listed object as the cache stores it; None for one that cannot be cached, which is reported."""
        obj = {"apiVersion": resource.api_version, "kind": kind} | obj
        try:
            return self.store.trimmed(kind, obj)
        except Exception as error:  # noqa: BLE001 (one bad object must not keep the others out of the cache)
            self._report_uncacheable(kind, obj, error)
            return None

    def cache_watched(self, kind: str, obj: dict[str, Any]) -> bool:
        """Cache an object from a watch event; True if it was new or newer.

        An object that cannot be cached is reported, and dropped from the cache.
        """
        try:
            return self.store.put(kind, obj)
        except Exception as error:  # noqa: BLE001 (as above)
            self._report_uncacheable(kind, obj, error)
            self.store.drop(kind, obj)
            return False

    def _report_uncacheable(self, kind: str, obj: Mapping[str, Any], error: Exception) -> None:
        """Report an object that cannot be cached, by log and event: once per resource version."""
        namespace, name, version = (obj["metadata"][key] for key in ("namespace", "name", "resourceVersion"))
        if self._uncacheable.get(NamespacedName(namespace, f"{kind}/{name}")) == version:
            return
        self._uncacheable[NamespacedName(namespace, f"{kind}/{name}")] = version
        while len(self._uncacheable) > _MAX_UNCACHEABLE:
            del self._uncacheable[next(iter(self._uncacheable))]
        words = f"this {kind} cannot be worked with ({type(error).__name__}) and is left out; make it simpler"
        _log.error("%s %s/%s is left out: %s", kind, namespace, name, redact(f"{type(error).__name__}: {error}"))
        self.events.record(obj, EventSpec(Reason.INVALID_SPEC, words, warning=True), now=self.clock())

    def enqueue_all(self) -> None:
        """Queue everything; resources that are in sync have low priority, within one drift period."""
        for obj in self.store.all(WORKSPACE_KIND):
            self.queue.add(Key(WORKSPACE_KIND, obj["metadata"]["namespace"], obj["metadata"]["name"]))
        for kind in self.registrations:
            refs = (obj["metadata"] for obj in self.store.all(kind))
            self._enqueue_backlog.add(Key(kind, ref["namespace"], ref["name"]) for ref in refs)

    def enqueue_dependents(self, workspace: NamespacedName, *, changed: bool) -> None:
        """Queue every resource of a Workspace; those in sync have low priority unless the Workspace has changed."""
        if not changed:
            self._enqueue_backlog.add(self.dependents(workspace))
            return
        for key in self.dependents(workspace):
            self.queue.add(key)

    def dependents(self, workspace: NamespacedName) -> list[Key]:
        """Keys of the registered resources that refer to a Workspace, of all kinds."""
        return [key for kind in self.registrations for key in self.store.resources_of(kind, workspace)]

    def _enqueue_by_priority(self, key: Key) -> None:
        finalizer = self.registrations[key.kind].registered_kind.kind.finalizer
        if is_cached_in_sync(self.store, key, finalizer, cluster=self.cluster, now=self.clock()):
            self.queue.add_low_priority((key,), within=self.drift_period.total_seconds())
        else:
            self.queue.add(key)

    async def write_status(
        self, resource: Resource, kind: str, obj: Mapping[str, Any], status: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """Write a status as one merge patch, if it differs from the object's present one.

        If another client changed the object in the meantime, only this response shows it (its watch event is dropped
        as an own write), so the key is queued again.

        Returns:
            The object as it is now; None if it no longer exists.
        """
        metadata, patch = obj["metadata"], {"status": merge_patch(obj.get("status", {}), status)}
        where, vanished = (metadata["namespace"], metadata["name"]), metadata["uid"] in self.vanished
        if vanished or not patch["status"]:
            return None if vanished else dict(obj)
        answer = await self.kube.merge_patch(resource, *where, patch, subresource="status")
        if answer is not None:
            self.store.put(kind, answer)
            if any(trimmed_metadata(kind, answer).get(name) != metadata.get(name) for name in _DESIRED_STATE_FIELDS):
                self.queue.add(Key(kind, *where))
        return answer
