"""What this process remembers of the registrations of one kind: creates, lists, absences, duplicates."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sync_operator.api.constants import CREATE_STARTED_ANNOTATION
from sync_operator.api.scope import Scope
from sync_operator.controller.deletion.crd_deletion import CrdDeletion
from sync_operator.controller.drift.absences import Absences
from sync_operator.controller.drift.list_memory import ListMemory
from sync_operator.controller.drift.remote_lists import RemoteListCache
from sync_operator.controller.registration.create_fence import CreateFence
from sync_operator.controller.registration.registered_kind import RegisteredKind
from sync_operator.domain.registration.resource_snapshot import Duplicate
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.syncapi.types import RemoteResource

__all__ = ["Registrations"]


@dataclass(frozen=True, slots=True)
class Registrations[R: RemoteResource]:
    """What this process remembers of the registrations of one kind.

    Attributes:
        registered_kind: the kind.
        create_fence: state of the creates that this process has announced or sent.
        crd_deletion: tells the deletion of the CRD from that of a single resource.
        absences: which registered ones the lists lack.
        lists: the last list of each scope.
        duplicates: by uid of a resource, the unclaimed remote ones of the last list that equal its own, if it is
            checked for any.
        waiting: by uid of a new resource, since when it waits for what was applied with it, and has not said so.
    """

    registered_kind: RegisteredKind[R]
    create_fence: CreateFence[R]
    crd_deletion: CrdDeletion
    absences: Absences
    lists: RemoteListCache[R]
    duplicates: dict[str, tuple[Duplicate, ...]] = field(default_factory=dict)
    waiting: dict[str, datetime] = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        registered_kind: RegisteredKind[R],
        *,
        kube: KubeClient,
        clock: Callable[[], datetime],
        settle: timedelta,
        drift_period: timedelta,
        clusterwide: bool,
        registered_ids: Callable[[str, Scope], Iterable[str]],
        memory: ListMemory,
    ) -> "Registrations[R]":
        """Of a process that has just started.

        Args:
            registered_kind: the kind.
            kube: client of the API server.
            clock: returns the current time.
            settle: as of `CreateFence`.
            drift_period: as of `Absences`.
            clusterwide: as of `CrdDeletion`.
            registered_ids: returns the server ids of a kind's registered resources in a scope.
            memory: limits the memory of the lists of all kinds.
        """
        kind = registered_kind.kind.kind
        return cls(
            registered_kind,
            CreateFence(clock(), settle=settle),
            CrdDeletion(kube, clock, kind, registered_kind.resource, clusterwide=clusterwide),
            Absences(drift_period),
            RemoteListCache(registered_kind, clock, partial(registered_ids, kind), memory=memory),
        )

    def observe_event(self, resource: Mapping[str, Any], at: datetime) -> None:
        """Record when this process first saw that a resource is being deleted, or has an unresolved create.

        Another process may have sent that create.
        """
        metadata = resource["metadata"]
        if "deletionTimestamp" in metadata:
            self.crd_deletion.observe_deletion(metadata["uid"])
        if CREATE_STARTED_ANNOTATION in metadata.get("annotations", {}) and not resource.get("status", {}).get("id"):
            self.create_fence.observed_unresolved(metadata["uid"], at)

    def forget(self, uid: str) -> None:
        """Drop all state of a resource that no longer exists."""
        self.duplicates.pop(uid, None)
        self.waiting.pop(uid, None)
        self.create_fence.forget(uid)
        self.crd_deletion.forget(uid)
