"""The store of Kubernetes objects, updated by watch events and by the responses to our own writes."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from itertools import chain, islice
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sync_operator.api.base import normalized_id
from sync_operator.api.constants import (
    CONNECTOR_FINALIZER,
    CONNECTOR_KIND,
    FINALIZER,
    MODEL_FINALIZER,
    MODEL_KIND,
    SYNC_KIND,
    WORKSPACE_KIND,
)
from sync_operator.api.kinds.workspace import RemoteWorkspace, remote_workspace_now, remote_workspace_of
from sync_operator.controller.informer.compact import expand, trim
from sync_operator.controller.informer.index_keys import claim_of, config_map_of, is_unresolved, secrets_of
from sync_operator.controller.informer.indexer import Indexer
from sync_operator.controller.informer.reference_index import ReferenceIndex
from sync_operator.controller.informer.tombstones import Tombstones
from sync_operator.controller.workqueue.time_slices import Slices
from sync_operator.controller.workqueue.workqueue import Key
from sync_operator.domain.create_fence.matching import Claim
from sync_operator.kubernetes.converters import owning_sync
from sync_operator.kubernetes.watch.own_write_filter import ObjectVersion
from sync_operator.syncapi.types import RemoteResource

__all__ = ["NamespacedName", "Store", "wanted_id", "workspace_name"]

_REGISTERED: Final = MappingProxyType(
    {SYNC_KIND: FINALIZER, CONNECTOR_KIND: CONNECTOR_FINALIZER, MODEL_KIND: MODEL_FINALIZER}
)


class NamespacedName(NamedTuple):
    """Namespace and name of an object."""

    namespace: str
    name: str


class Store:
    """Objects by kind and name, with the indexes that a reconcile needs.

    A deleted object leaves a tombstone for a while: the response to an earlier write may arrive after the deletion and
    would bring the object back.

    Args:
        monotonic: monotonic clock, in seconds.
        registered: the kinds that are registered on servers, each with its finalizer.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        registered: Mapping[str, str] = _REGISTERED,
    ) -> None:
        self._registered = registered
        self._objects: dict[str, dict[NamespacedName, dict[str, Any]]] = {}
        self._tombstones = Tombstones(monotonic)
        self._uids: set[str] = set()
        self._jobs_by_sync: Indexer[NamespacedName, NamespacedName] = Indexer()
        self._by_remote_id: Indexer[tuple[str, str], NamespacedName] = Indexer()
        self._unresolved: Indexer[str, NamespacedName] = Indexer()
        self._by_workspace: Indexer[tuple[str, NamespacedName], NamespacedName] = Indexer()
        self.references = ReferenceIndex()
        self._by_secret: Indexer[tuple[str, NamespacedName], NamespacedName] = Indexer()
        self._by_config_map: Indexer[NamespacedName, NamespacedName] = Indexer()

    def get(self, kind: str, ref: NamespacedName) -> dict[str, Any] | None:
        """The cached object, unpacked; None if there is none."""
        held = self._find(kind, ref)
        return expand(held) if held is not None else None

    def has(self, kind: str, ref: NamespacedName) -> bool:
        """True if an object of that name is cached."""
        return ref in self._objects.get(kind, {})

    def has_version_at_least(self, kind: str, seen: ObjectVersion) -> bool:
        """True if this version of an object, or a later one, is cached."""
        held = self._find_by_uid(kind, seen)
        return held is not None and version_of(held) >= seen.version

    def has_uid(self, kind: str, seen: ObjectVersion) -> bool:
        """True if any version of this object (same uid) is cached."""
        return self._find_by_uid(kind, seen) is not None

    def has_registered(self, uid: str) -> bool:
        """True if an object of a kind that is registered on servers has this uid."""
        return uid in self._uids

    def _find(self, kind: str, ref: NamespacedName) -> dict[str, Any] | None:
        """The cached object, still packed."""
        return self._objects.get(kind, {}).get(ref)

    def _find_by_uid(self, kind: str, seen: ObjectVersion) -> dict[str, Any] | None:
        held = self._find(kind, NamespacedName(seen.namespace, seen.name))
        return held if held is not None and held["metadata"]["uid"] == seen.uid else None

    def all(self, kind: str) -> Iterable[dict[str, Any]]:
        """All cached objects of a kind, still packed (see `trim`)."""
        return self._objects.get(kind, {}).values()

    def latest(self, kind: str, count: int) -> Iterable[dict[str, Any]]:
        """At most ``count`` objects of a kind, those cached last first, still packed."""
        return islice(reversed(self._objects.get(kind, {}).values()), count)

    def put(self, kind: str, obj: dict[str, Any]) -> bool:
        """Cache an object unless this or a newer version, or a tombstone, is there; True if it was cached."""
        is_new = not self.has_version_at_least(kind, ObjectVersion.of(obj)) and not self._has_tombstone(obj)
        if is_new:
            self._set(kind, trim(kind, obj, self._find(kind, ref_of(obj))))
        return is_new

    def _set(self, kind: str, obj: dict[str, Any]) -> None:
        """Replace the cached object of that name by a trimmed object, and update the indexes."""
        ref = ref_of(obj)
        objects = self._objects.setdefault(kind, {})
        held = objects.get(ref)
        objects[ref] = obj
        if kind in self._registered:
            self._uids.discard(held["metadata"]["uid"] if held is not None else "")
            self._uids.add(obj["metadata"]["uid"])
        entries = list(self._index_entries(kind, ref, obj))
        for index, key in self._index_entries(kind, ref, held) if held is not None else ():
            if (index, key) not in entries:
                index.discard(key, ref)
        for index, key in entries:
            index.add(key, ref)

    def _index_entries(
        self, kind: str, ref: NamespacedName, obj: Mapping[str, Any]
    ) -> Iterator[tuple[Indexer[Any, NamespacedName], Any]]:
        """The indexes that an object is in, each with its index key."""
        if kind in self._registered:
            yield from self.references.entries(kind, obj)
            yield self._by_workspace, (kind, NamespacedName(ref.namespace, workspace_name(obj)))
            if remote_id := wanted_id(obj):
                yield self._by_remote_id, (kind, remote_id)
            if is_unresolved(obj, self._registered[kind]):
                yield self._unresolved, kind
        if kind == "Job" and (owner := owning_sync(obj)):
            yield self._jobs_by_sync, NamespacedName(ref.namespace, owner)
        if kind == WORKSPACE_KIND or kind in self._registered:
            for name in secrets_of(kind, obj):
                yield self._by_secret, (kind, NamespacedName(ref.namespace, name))
        if kind == MODEL_KIND and (config_map := config_map_of(obj)):
            yield self._by_config_map, NamespacedName(ref.namespace, config_map)

    def trimmed(self, kind: str, obj: dict[str, Any]) -> dict[str, Any]:
        """The object as it is cached: the cached one itself if it has this version, else the trimmed object."""
        held = self._find(kind, ref_of(obj))
        known = held is not None and _same_uid(held, obj) and version_of(held) == version_of(obj)
        return held if known and held is not None else trim(kind, obj, held)

    def drop(self, kind: str, obj: Mapping[str, Any]) -> None:
        """Remove an object, unless another one (different uid) has taken its name."""
        ref = ref_of(obj)
        held = self._find(kind, ref)
        if held is None or not _same_uid(held, obj):
            return
        del self._objects[kind][ref]
        self._uids.discard(held["metadata"]["uid"])
        for index, key in self._index_entries(kind, ref, held):
            index.discard(key, ref)

    def mark_deleted(self, kind: str, obj: Mapping[str, Any]) -> None:
        """Remove a deleted object and leave a tombstone, so that a late response does not bring it back."""
        self._tombstones.add(obj["metadata"]["uid"])
        self.drop(kind, obj)

    def _has_tombstone(self, obj: Mapping[str, Any]) -> bool:
        return obj["metadata"]["uid"] in self._tombstones

    async def replace(
        self, kind: str, objects: Iterable[dict[str, Any]], *, known: Iterable[Mapping[str, Any]]
    ) -> list[Mapping[str, Any]]:
        """Replace the objects of a kind by a full list, in time slices: what is not listed is gone.

        Args:
            kind: kind of the objects.
            objects: the listed objects, each as returned by `trimmed`.
            known: the objects cached when the list was requested; changes since then are left to the watch.

        Returns:
            Those of ``known`` that are gone.
        """
        slices = Slices()
        listed, before = {ref_of(obj): obj for obj in objects}, {ref_of(held): held for held in known}
        gone = []
        for ref, held in before.items():
            await slices.yield_if_due()
            obj = listed.get(ref)
            is_there = obj is not None and not self._has_tombstone(obj)
            if obj is None or not is_there or not _same_uid(held, obj):
                gone.append(held)
            if not is_there:
                self.mark_deleted(kind, held)
        for ref, obj in listed.items():
            await slices.yield_if_due()
            if not self._was_deleted_since(kind, obj, before.get(ref)) and not self.has_version_at_least(
                kind, ObjectVersion.of(obj)
            ):
                self._set(kind, obj)
        return gone

    def _was_deleted_since(self, kind: str, listed: Mapping[str, Any], before: Mapping[str, Any] | None) -> bool:
        """True if the deletion of a listed object was seen after it was listed."""
        now = self._find(kind, ref_of(listed))
        was_held = before is not None and _same_uid(before, listed)
        return self._has_tombstone(listed) or (was_held and (now is None or not _same_uid(listed, now)))

    def jobs_of(self, sync: NamespacedName) -> list[dict[str, Any]]:
        """The Jobs of a Sync, oldest first."""
        held = self._objects.get("Job", {})
        jobs = [held[ref] for ref in self._jobs_by_sync.get(sync)]
        return sorted(jobs, key=lambda job: (job["metadata"]["creationTimestamp"], job["metadata"]["name"]))

    def resources_of(self, kind: str, workspace: NamespacedName) -> list[Key]:
        """Keys of a kind's resources that refer to a Workspace."""
        return [Key(kind, *ref) for ref in self._by_workspace.get((kind, workspace))]

    def resources_using(self, kind: str, secret: NamespacedName) -> list[Key]:
        """Keys of a kind's resources that refer to a Secret: Workspaces, or those with values of it in a body."""
        return [Key(kind, *ref) for ref in self._by_secret.get((kind, secret))]

    def models_using(self, config_map: NamespacedName) -> list[Key]:
        """Keys of the Models that take their query from a ConfigMap."""
        return [Key(MODEL_KIND, *ref) for ref in self._by_config_map.get(config_map)]

    def registered_at(
        self, kind: str, remote_workspace: RemoteWorkspace, homes: Iterable[NamespacedName]
    ) -> Iterator[str]:
        """Server ids of these Workspaces' resources that are registered in a remote workspace and not being deleted.

        Evaluated lazily: the cache may change between two of them.
        """
        for ref in chain.from_iterable(self._by_workspace.get((kind, home)) for home in homes):
            resource = self._find(kind, ref) or {}
            remote_id = resource.get("status", {}).get("id")
            if (
                remote_id
                and "deletionTimestamp" not in resource["metadata"]
                and self.remote_workspace(resource) == remote_workspace
            ):
                yield normalized_id(remote_id)

    def unresolved(self, kind: str) -> Iterator[dict[str, Any]]:
        """Resources with a create intent and without an id, still packed: their create may have been carried out."""
        held = self._objects.get(kind, {})
        return (held[ref] for ref in self._unresolved.get(kind))

    def is_registered(self, kind: str, remote: RemoteResource, *, if_unknown: bool = False) -> bool:
        """True if a resource is registered with that remote resource, by whatever URL of its server.

        An id alone is on many servers; with the same creation time it is taken for the same one. ``if_unknown`` is
        returned where a resource only asks for the id, or a time is missing.
        """
        refs = self._by_remote_id.get((kind, remote.id))
        statuses = ((self._find(kind, ref) or {}).get("status", {}) for ref in refs)
        times = (status.get("registeredAt") if remote.created_at and status.get("id") else None for status in statuses)
        return any(remote.was_created_at(datetime.fromisoformat(time)) if time else if_unknown for time in times)

    def claimants(self, kind: str, remote_id: str) -> set[NamespacedName]:
        """Resources that have, or ask for, a remote resource of that id, on whatever server."""
        return set(self._by_remote_id.get((kind, remote_id)))

    def competing_claims(
        self,
        kind: str,
        remote_workspace: RemoteWorkspace,
        remote_id: str,
        *,
        exclude: NamespacedName,
        may_not_claim: Callable[[NamespacedName], bool],
    ) -> tuple[Claim, ...]:
        """Claims of others to one remote resource: of those registered with it, and of those allowed to ask for it.

        Args:
            kind: of the resources.
            remote_workspace: where the remote resource is.
            remote_id: its id.
            exclude: the resource to exclude.
            may_not_claim: True for a Workspace that may not claim it, because its credentials do not work or belong to
                an account that does not see it. Otherwise anybody could claim anything by writing its id in a manifest.
        """
        refs = (ref for ref in self._by_remote_id.get((kind, remote_id)) if ref != exclude)
        others = (obj for obj in (self.get(kind, ref) for ref in refs) if obj is not None)
        here = (obj for obj in others if self.remote_workspace(obj) == remote_workspace)
        claims = ((NamespacedName(ref_of(obj).namespace, workspace_name(obj)), claim_of(obj)) for obj in here)
        return tuple(claim for home, claim in claims if claim.registered or not may_not_claim(home))

    def claimed(
        self,
        kind: str,
        remote_workspace: RemoteWorkspace,
        remote_ids: Iterable[str],
        *,
        exclude: NamespacedName,
        may_not_claim: Callable[[NamespacedName], bool],
    ) -> frozenset[str]:
        """Those of the remote resources that others claim, by the rules of `competing_claims`."""
        competing = partial(self.competing_claims, kind, remote_workspace, exclude=exclude, may_not_claim=may_not_claim)
        return frozenset(filter(competing, remote_ids))

    def remote_workspace(self, resource: Mapping[str, Any]) -> RemoteWorkspace | None:
        """The remote workspace where a resource is registered, or would be; None if its Workspace is unknown."""
        status = resource.get("status", {})
        home = self.get(WORKSPACE_KIND, NamespacedName(resource["metadata"]["namespace"], workspace_name(resource)))
        spec = home.get("spec", {}) if home else {}
        if status.get("id") and status.get("url"):
            remote_workspace = remote_workspace_of(status["url"], status.get("workspaceId"))
            return (
                remote_workspace_now(remote_workspace, spec["url"], spec["previousUrls"])
                if "previousUrls" in spec
                else remote_workspace
            )
        return remote_workspace_of(spec["url"], spec.get("workspaceId")) if "url" in spec else None


def ref_of(obj: Mapping[str, Any]) -> NamespacedName:
    """Namespace and name of an object."""
    return NamespacedName(obj["metadata"]["namespace"], obj["metadata"]["name"])


def version_of(obj: Mapping[str, Any]) -> int:
    """``metadata.resourceVersion`` as a number: comparable for objects of the same uid (KEP-5504)."""
    return int(obj["metadata"]["resourceVersion"])


def workspace_name(resource: Mapping[str, Any]) -> str:
    """Name of the Workspace that a resource refers to."""
    name: str = resource.get("spec", {}).get("workspaceRef", {}).get("name", "default")
    return name


def wanted_id(resource: Mapping[str, Any]) -> str | None:
    """The server id that a resource has (``status.id``) or asks for (``spec.externalId``); None without either."""
    wanted: str | None = resource.get("status", {}).get("id") or resource.get("spec", {}).get("externalId")
    return normalized_id(wanted) if wanted else None


def _same_uid(held: Mapping[str, Any], obj: Mapping[str, Any]) -> bool:
    return bool(held["metadata"].get("uid") == obj["metadata"].get("uid"))
