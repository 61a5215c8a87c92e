"""The actions of a registration. Each is a value; `controller.registration` carries it out.

A kind may use its own subclass of `UpdateRemote` and `DeleteRemote`, which says more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from sync_operator.api.kinds.resource_ref import ConfigurationSecret
from sync_operator.domain.blocker import Phase
from sync_operator.domain.registration.resource_kind import ConfigMapText
from sync_operator.domain.registration.resource_snapshot import Duplicate

__all__ = [
    "AdoptCreated",
    "CheckCrd",
    "CreateRemote",
    "DeleteDuplicate",
    "DeleteRemote",
    "DropFinalizer",
    "ForgetRemote",
    "ListRemotes",
    "LookForEqual",
    "ReadRemote",
    "ReadSecrets",
    "RecordClusterUid",
    "RecordCreateIntent",
    "RegistrationAction",
    "RemoteAction",
    "ResourceAction",
    "UpdateRemote",
    "VerifyWorkspace",
]


@dataclass(frozen=True, slots=True)
class ReadSecrets:
    """Read the values that a body needs: those of Secrets for its ``configuration``, and texts in ConfigMaps."""

    wanted: tuple[ConfigurationSecret | ConfigMapText, ...]
    phase: Phase


@dataclass(frozen=True, slots=True)
class RecordCreateIntent:
    """One patch that adds our finalizer and the create intent (annotation), before anything is sent to the server.

    Attributes:
        at: time of the intent.
        fresh: True if no create can have been sent before it.
        repeats: True if a create that may have been sent before is given up and sent again. Both may be carried out in
            the end, so the patch also records the time of the repetition.
    """

    at: datetime
    fresh: bool
    repeats: bool = False
    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class RecordClusterUid:
    """Write the annotation with this cluster's uid on a resource that has none, or that of a cluster which is gone."""

    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class CreateRemote:
    """`POST` to the collection."""

    body: Mapping[str, Any] = field(repr=False)
    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class ListRemotes:
    """List the workspace's collection, to find what an earlier create has made, or one to adopt."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class LookForEqual:
    """Look in the last list of the workspace's collection, unless it is too old, for one to adopt."""

    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class AdoptCreated:
    """Take a listed remote resource that matches the desired state as this resource's own.

    Attributes:
        remote: the remote resource, of the kind's own type.
        others: ids of further ones that match.
        adopted: False if it is certain that a create of ours made it.
    """

    remote: Any
    others: tuple[str, ...]
    adopted: bool
    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class DeleteDuplicate:
    """Delete the second remote resource that a create of ours made after it had been given up."""

    duplicate: Duplicate
    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class ReadRemote:
    """`GET` by id: the registered remote resource, or the one that ``spec.externalId`` asks for."""

    remote_id: str
    phase: Phase


@dataclass(frozen=True, slots=True)
class UpdateRemote:
    """`PUT` by id.

    Attributes:
        body: without the fields that are fixed once registered.
        changes: the drift that it corrects, as message lines; empty if the spec changed.
    """

    remote_id: str
    body: Mapping[str, Any] = field(repr=False)
    changes: tuple[str, ...]
    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class VerifyWorkspace:
    """Verify that the workspace is still the one of the registration; only then does "not found" mean deleted."""

    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class ForgetRemote:
    """Remove the id from the status: what it named was deleted on the server and is to be created again."""

    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class CheckCrd:
    """Check whether the CRD of all resources of the kind is being deleted."""

    phase: ClassVar[Phase] = Phase.DELETION


@dataclass(frozen=True, slots=True)
class DeleteRemote:
    """`DELETE` by id."""

    remote_id: str
    phase: ClassVar[Phase] = Phase.DELETION


@dataclass(frozen=True, slots=True)
class DropFinalizer:
    """Remove our finalizer, so that the API server deletes the resource."""

    phase: ClassVar[Phase] = Phase.DELETION


type RemoteAction = (
    CreateRemote
    | ListRemotes
    | LookForEqual
    | AdoptCreated
    | ReadRemote
    | UpdateRemote
    | VerifyWorkspace
    | DeleteRemote
    | DeleteDuplicate
)
"""Those that need the sync server."""

type ResourceAction = ReadSecrets | RecordCreateIntent | RecordClusterUid | CheckCrd | DropFinalizer
"""Those that need the cluster only."""

type RegistrationAction = RemoteAction | ResourceAction | ForgetRemote
