"""The part of a snapshot that the registration engine decides from: one resource of any kind, and its Workspace."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from sync_operator.api.kinds.workspace import RemoteWorkspace, remote_workspace_of
from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.api.statuses.status_fields import Condition
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.create_fence.matching import Claim
from sync_operator.domain.create_fence.unresolved_creates import UnresolvedCreate
from sync_operator.domain.registration.resource_kind import RegisteredStatus, ResourceKind, ResourceSpec
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.types import RemoteList, RemoteResource

__all__ = ["Duplicate", "MassAbsence", "ResourceSnapshot", "ResourceView"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceView:
    """A resource as stored in the cluster, parsed.

    Attributes:
        spec: None if it is invalid; then ``spec_error`` says why.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str
    created_at: datetime
    status: RegisteredStatus
    spec: ResourceSpec | None
    spec_error: InvalidSpecError | None = None
    finalizers: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    deleting: bool = False

    @property
    def remote_workspace(self) -> RemoteWorkspace | None:
        """Server and workspace that have the registered resource, by the status; None before it is registered."""
        return remote_workspace_of(self.status.url, self.status.workspace_id) if self.status.url else None

    def condition(self, kind: str) -> Condition | None:
        """The condition of a type as last written, or None."""
        return next((entry for entry in self.status.conditions if entry.type == kind), None)

    def registration_state(self) -> tuple[bool, bool]:
        """Whether, by the status, this generation has been registered on the server, and whether it still is unchanged.

        In the order of the fields ``was_in_sync`` and ``registered`` of a snapshot.
        """
        entry = self.condition(ConditionType.REGISTERED)
        if self.status.id is None or entry is None or entry.observed_generation != self.generation:
            return False, False
        return entry.status == "True" or entry.reason == Reason.DRIFT_FOUND, entry.status == "True"


@dataclass(frozen=True, slots=True)
class MassAbsence:
    """So many of a Workspace's resources of a kind are missing on the server that they were hardly deleted one by one.

    Attributes:
        missing: number of registered ones that the last list lacks.
        known: number of registered ones.
    """

    missing: int
    known: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A remote resource that equals a resource's own and that no resource claims.

    Attributes:
        remote: as in the last list.
        certain: True if it can only come from a create of ours that was given up and carried out later.
    """

    remote: RemoteResource
    certain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceSnapshot(ABC):
    """What the registration of one resource is decided from; each action returns the snapshot after it.

    Attributes:
        kind: of the resource.
        now: current time, aware, UTC.
        cluster: uid that identifies this cluster; empty if unknown.
        process: uid of this process, the fencing token of its creates.
        create_fresh: True if this process wrote the create intent (annotation) and has sent no create since.
        intent_verified: True if the API server confirmed moments ago that the create intent is this process's.
        create_sent: body of a create that this process has sent and whose outcome is unknown, or None.
        indeterminate_until: until when an unanswered create may still be carried out; None if none can be.
        listing: the workspace's collection on the server, listed to find the outcome of a create, or one to adopt; None
            before.
        adoptable: True if a list shows one that equals the desired state and that nobody claims, so that it may be
            adopted instead of creating one; None before that was looked up.
        name_taken: the server's refusal of a create because its name is taken, perhaps by an earlier one; else None.
        listed_at: when that list was requested, by our clock.
        competing_claims: claims of other resources to the remote resource that this one owns or asks for.
        claimed: ids of listed resources that belong to others.
        unresolved: creates of others whose outcome is unknown, and whose result the list may show.
        secrets: values of ``spec.configurationSecrets`` by JSON pointer; None until they were read.
        remote: what the server last returned, in this reconcile or in one whose status was not written.
        was_read: True once the server has returned it, or answered that there is none, in this reconcile.
        created: True once this reconcile has sent a create that was answered with its result.
        updated: True once this reconcile has sent an update.
        registered: True if the status says that the server holds this generation, and no Secret in it may have changed.
        was_in_sync: True if the server has held it at some time, even if others have changed it since.
        last_listed: as in the workspace's last list; None if no list is known since our last write.
        missing_from_lists: True if every list of at least one comparison period lacked it.
        mass_absence: set if the last list lacked too many of the Workspace's resources to recreate any; else None.
        not_found: True if the server answered in this reconcile that there is no such thing.
        workspace_verified: True once the workspace was verified to be the same one, after ``not_found``.
        secrets_may_have_changed: True if a Secret in the configuration may have changed.
        adopted: True if it was found where one was to be created, and may have been made by somebody else.
        duplicates: those in the last list that equal the resource's own; None if they were not searched for.
        removed: ids of duplicates deleted in this reconcile.
        others: ids of further ones that a lost create may have made.
        corrected: drift on the server that this reconcile corrected, as message lines.
        recreated: True if it is created again because it was deleted on the server.
        released: True once nothing on the server belongs to this resource any more (deletion).
        crd_deleted: whether the CRD of the kind is being deleted; None before that was checked (deletion).
        failures: phase → the blocker that it ran into in this reconcile.
        memo: cache of `memoize` for this snapshot; the next snapshot begins with an empty one.
    """

    now: datetime
    kind: ResourceKind[Any]
    workspace: WorkspaceView
    cluster: str = ""
    process: str = ""
    create_fresh: bool = False
    intent_verified: bool = False
    create_sent: Mapping[str, Any] | None = field(default=None, repr=False)
    indeterminate_until: datetime | None = None
    listing: RemoteList[RemoteResource] | None = None
    adoptable: bool | None = None
    name_taken: Blocker | None = None
    listed_at: datetime | None = None
    competing_claims: tuple[Claim, ...] = ()
    claimed: frozenset[str] = frozenset()
    unresolved: tuple[UnresolvedCreate, ...] = ()
    secrets: Mapping[str, str] | None = field(default=None, repr=False)
    remote: RemoteResource | None = None
    was_read: bool = False
    created: bool = False
    updated: bool = False
    registered: bool = False
    was_in_sync: bool = False
    last_listed: RemoteResource | None = None
    missing_from_lists: bool = False
    mass_absence: MassAbsence | None = None
    not_found: bool = False
    workspace_verified: bool = False
    secrets_may_have_changed: bool = False
    adopted: bool = False
    duplicates: tuple[Duplicate, ...] | None = None
    removed: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()
    recreated: bool = False
    released: bool = False
    crd_deleted: bool | None = None
    failures: Mapping[Phase, Blocker] = field(default_factory=dict)
    memo: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    @abstractmethod
    def resource(self) -> ResourceView:
        """The resource, as stored in the cluster."""

    @abstractmethod
    def with_resource(self, resource: Any, **changes: Any) -> Self:
        """The snapshot with the resource as it is now, of the kind's own type, and changes of other fields."""

    @property
    def partition(self) -> Any:
        """Value of the kind's partition field: of the create that was sent, else of the spec."""
        name, sent = self.kind.partition, self.create_sent
        return sent.get(name) if sent is not None else getattr(self.resource.spec, name, None)

    @property
    def remote_workspace(self) -> RemoteWorkspace | None:
        """The registered resource's server and workspace, by the server's current URL; None before registration."""
        registered = self.resource.remote_workspace
        return self.workspace.current_workspace(registered) if registered is not None else None

    @property
    def remote_id(self) -> str | None:
        """The server's id: just returned by the server, or from the status; None before there is one."""
        return self.remote.id if self.remote else self.resource.status.id

    def refused_name(self, blocker: Blocker) -> Self:
        """The snapshot after the server has refused a create because its name is taken: only a new list tells by whom.

        An earlier create whose answer was lost may have taken it.
        """
        return replace(self, name_taken=blocker, listing=None, adoptable=False)

    def forgotten(self) -> Self:
        """The snapshot after the id was removed from the status, and a create intent was written for its successor."""
        return replace(
            self,
            duplicates=None,
            remote=None,
            was_read=False,
            last_listed=None,
            missing_from_lists=False,
            not_found=False,
            registered=False,
            was_in_sync=False,
            recreated=True,
            create_fresh=True,
            intent_verified=True,
        )

    def failed(self, phase: Phase, blocker: Blocker) -> Self:
        """The snapshot after a phase ran into a blocker."""
        return replace(self, failures={**self.failures, phase: blocker})
