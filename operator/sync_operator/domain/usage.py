"""What uses a connector or model on the server: its deletion waits, because the server would delete that too. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND
from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.registration.registration_actions import DeleteRemote
from sync_operator.domain.registration.resource_kind import ResourceKind
from sync_operator.domain.registration.resource_snapshot import ResourceView
from sync_operator.domain.status.error_classification import SLOW_RETRY

__all__ = [
    "REFERENCE_FIELDS",
    "USER_FIELDS",
    "ListUsers",
    "Usage",
    "Used",
    "delete_unused",
    "in_use",
    "used_ids",
    "users_words",
]

REFERENCE_FIELDS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    SYNC_KIND: (("source", CONNECTOR_KIND), ("destination", CONNECTOR_KIND), ("model", MODEL_KIND)),
    MODEL_KIND: (("connector", CONNECTOR_KIND),),
}
"""Of a kind, what its fields ``…Ref`` and ``…Id`` begin with, and the kind that each refers to."""
USER_FIELDS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    CONNECTOR_KIND: ((SYNC_KIND, "source_id"), (SYNC_KIND, "destination_id"), (MODEL_KIND, "connector_id")),
    MODEL_KIND: ((SYNC_KIND, "model_id"),),
}
"""Of a kind, what uses it on the server, and in which attribute."""

_MAX_NAMED: Final = 5
"""Users that a message names."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What uses a connector or model.

    Attributes:
        resources: resources of the cluster, as a message names them; only looked up while it is being deleted.
        leaving: True if all these resources are being deleted, too.
        remotes: what else the server's lists show, such as ``sync 7``; None before they were read.
    """

    resources: tuple[str, ...] = ()
    remotes: tuple[str, ...] | None = field(default=None)
    leaving: bool = False


class Used(Protocol):
    """The snapshot of a kind that others use."""

    @property
    def kind(self) -> "ResourceKind[object]":
        """The kind."""

    @property
    def resource(self) -> ResourceView:
        """The resource."""

    @property
    def remote_id(self) -> str | None:
        """The server's id."""

    @property
    def usage(self) -> Usage:
        """What uses it."""


@dataclass(frozen=True, slots=True)
class ListUsers:
    """List what may use a connector or model, right before it is deleted or changed so that this concerns its users."""

    remote_id: str
    phase: Phase = Phase.DELETION


def used_ids(kind: str, obj: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Kind and server id of what a Sync or Model was registered with, or asks for by its id."""
    spec, status, fields = obj.get("spec", {}), obj.get("status", {}), REFERENCE_FIELDS.get(kind, ())
    found = ((target, status.get(f"{field}Id") or spec.get(f"{field}Id")) for field, target in fields)
    return {(target, str(number)) for target, number in found if number}


def delete_unused(snapshot: Used, remote_id: str) -> ListUsers | DeleteRemote:
    """The action that deletes it; before that the lists are read once more, for what others made there by hand."""
    return DeleteRemote(remote_id) if snapshot.usage.remotes is not None else ListUsers(remote_id)


def in_use(snapshot: Used) -> Blocker | None:
    """The blocker of a deletion while something uses what is to be deleted; None if nothing is known to."""
    usage, kind = snapshot.usage, snapshot.kind
    users = usage.resources or usage.remotes or ()
    if not users:
        return None
    words = (
        f"{kind.noun} {snapshot.remote_id} is used by {users_words(users)}, which the server would delete with it, "
        f"for good; it is deleted once nothing uses it; to let this {kind.kind} go without it, set "
        f"spec.deletionPolicy to Retain: the server's {kind.noun} then stays"
    )
    by_watch = bool(usage.resources)  # what is on the server alone is looked at again after a while
    retry_after = None if by_watch else SLOW_RETRY
    brief = by_watch and usage.leaving
    return Blocker(Reason.IN_USE, words, retry_after=retry_after, resolved_by_watch=by_watch, brief=brief)


def users_words(users: tuple[str, ...]) -> str:
    """Part of a message: the first of those that use something, and how many more there are."""
    more = f" and {len(users) - _MAX_NAMED} more" if len(users) > _MAX_NAMED else ""
    return f"{', '.join(users[:_MAX_NAMED])}{more}"
