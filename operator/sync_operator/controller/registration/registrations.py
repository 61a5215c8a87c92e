"""One kind that is registered on servers: how the controller reaches it, and what it remembers of its resources."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sync_operator.api.constants import CREATE_STARTED_ANNOTATION
from sync_operator.controller.drift.absences import Absences
from sync_operator.controller.drift.sync_lists import SyncListCache
from sync_operator.controller.informer.crd_deletion import CrdDeletion
from sync_operator.controller.registration.create_fence import CreateFence
from sync_operator.domain.registration.resource_kind import ResourceKind
from sync_operator.domain.registration.resource_snapshot import Duplicate, ResourceView
from sync_operator.kubernetes.kube_client import KubeClient, Resource
from sync_operator.syncapi.client import ApiClient
from sync_operator.syncapi.collection import ResourceCollection
from sync_operator.syncapi.types import RemoteResource

__all__ = ["RegisteredKind", "Registrations"]


async def _never(_client: ApiClient, _remote_id: str) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredKind[R: RemoteResource]:
    """How the controller reaches one kind.

    Attributes:
        kind: what the registration engine decides by.
        resource: its collection in the API server.
        collection: of a client, its collection on the sync server.
        view: converts an object as returned by the API server; an invalid spec is in ``spec_error``.
        is_used: True if the server shows that a remote resource, by its id, has been used: then it is nobody's
            leftover.
    """

    kind: ResourceKind[Any]
    resource: Resource
    collection: Callable[[ApiClient], ResourceCollection[R]]
    view: Callable[[Mapping[str, Any]], ResourceView]
    is_used: Callable[[ApiClient, str], Awaitable[bool]] = _never


@dataclass(frozen=True, slots=True)
class Registrations[R: RemoteResource]:
    """What this process remembers of the registrations of one kind.

    Attributes:
        of: the kind.
        create_fence: state of the creates that this process has announced or sent.
        crd_deletion: tells the deletion of the CRD from that of a single resource.
        absences: which registered ones the lists lack.
        lists: the last list of each scope.
        duplicates: by uid of a resource, the unclaimed remote ones of the last list that equal its own, if it is
            checked for any.
    """

    of: RegisteredKind[R]
    create_fence: CreateFence[R]
    crd_deletion: CrdDeletion
    absences: Absences
    lists: SyncListCache
    duplicates: dict[str, tuple[Duplicate, ...]] = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        of: RegisteredKind[R],
        *,
        kube: KubeClient,
        clock: Callable[[], datetime],
        settle: timedelta,
        drift_period: timedelta,
        clusterwide: bool,
        lists: SyncListCache,
    ) -> "Registrations[R]":
        """Of a process that has just started.

        Args:
            of: the kind.
            kube: client of the API server.
            clock: returns the current time.
            settle: as of `CreateFence`.
            drift_period: as of `Absences`.
            clusterwide: as of `CrdDeletion`.
            lists: the lists.
        """
        return cls(
            of,
            CreateFence(clock(), settle=settle),
            CrdDeletion(kube, clock, of.kind.kind, of.resource, clusterwide=clusterwide),
            Absences(drift_period),
            lists,
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
        self.create_fence.forget(uid)
        self.crd_deletion.forget(uid)
