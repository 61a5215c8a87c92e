"""What the registration engine needs to know about a kind of resource: one `ResourceKind` value for each kind. Pure.

How the controller reaches a kind, in the cluster and on the server, is `controller.registration.registered_kind`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sync_operator.api.enums import AdoptionPolicy, DeletionPolicy, DriftPolicy
from sync_operator.api.kinds.resource_ref import ConfigurationSecret
from sync_operator.api.statuses.status_fields import Condition
from sync_operator.domain.blocker import Blocker
from sync_operator.domain.registration.field_diff import FieldRules
from sync_operator.errors import InvalidSpecError

__all__ = ["ConfigMapText", "HiddenDrift", "RegisteredStatus", "ResourceKind", "ResourceSpec"]


class ResourceSpec(Protocol):
    """What every spec has."""

    @property
    def external_id(self) -> str | None:
        """Id of a remote resource to adopt."""

    @property
    def adoption_policy(self) -> AdoptionPolicy:
        """Whether one that equals it is adopted instead of creating one."""

    @property
    def deletion_policy(self) -> DeletionPolicy | None:
        """What becomes of the remote resource."""

    @property
    def drift_policy(self) -> DriftPolicy:
        """What is done about drift."""


class RegisteredStatus(Protocol):
    """What every status has."""

    @property
    def id(self) -> str | None:
        """The server's id."""

    @property
    def workspace_id(self) -> str | None:
        """The server's workspace."""

    @property
    def url(self) -> str | None:
        """The server."""

    @property
    def registered_at(self) -> datetime | None:
        """When the server created it, by the server's clock."""

    @property
    def account(self) -> str | None:
        """The account that registered it."""

    @property
    def origin(self) -> str | None:
        """``Created`` or ``Adopted``."""

    @property
    def drift(self) -> tuple[str, ...]:
        """Drift that is reported and not corrected, as message lines."""

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions as last written."""


@dataclass(frozen=True, slots=True)
class ConfigMapText:
    """A text in a ConfigMap that a body needs.

    Attributes:
        pointer: its name among the values of the snapshot.
        name: of the ConfigMap, in the resource's namespace.
        key: in its data.
        field: path of the reference in the manifest.
    """

    pointer: str
    name: str
    key: str
    field: str


@dataclass(frozen=True, slots=True)
class HiddenDrift:
    """Drift that a comparison of the attributes does not show.

    Attributes:
        line: message line ``field: old → new``.
        correction: message line about its correction.
    """

    line: str
    correction: str


def _nothing(*_: object) -> None:
    """The answer of a kind that has no such thing."""


def _unchanged(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a kind without marks."""
    return fields


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceKind[S]:
    """One kind, as the registration engine knows it: words for messages, and pure functions on a snapshot of type S.

    The engine asks the functions for a body and the like only while there are a valid spec and a known dialect.

    Attributes:
        kind: of the resource in the cluster, such as ``Sync``.
        noun: for the resource on the server, in messages, such as ``sync``.
        finalizer: our finalizer.
        rules: how the fields of a body are compared with the server's attributes.
        refusal: why a valid spec cannot be registered on this server or by this controller; None if it can.
        body: the body of a create. May raise `InvalidSpecError`.
        known_fields: what is certain about the body of a create that an earlier process has sent at or after a time (by
            the server's clock), and whether all references in it are known.
        identifying: API names of plain fields that the spec has by the same name (in the manifest: camelCase), and in
            which what two resources have created never differs if one could be taken for the other.
        partition: the one of them for whose values creates and searches for lost ones exclude each other; all of the
            kind if empty.
        field_path: of a spec, the path in the manifest of an API field.
        secrets: of a spec, the values from Secrets and ConfigMaps that are inserted into the body.
        lookup: the next action that resolves references before the registration; None if none is needed.
        reference_blocker: why the references do not resolve.
        hidden_drift: drift that the comparison of the attributes does not show: a state that is set by a call of its
            own, or a Secret that has changed since it was sent.
        unique: API names of the fields by which a server tells that a name is taken; empty for a kind without unique
            names.
        is_name_taken: of an error, True if the server has refused a create because its name is taken.
        proof: True if a mark on the remote resource proves that a create of this resource made it, False if it proves
            that another's did; None without one. None for a kind without marks.
        mark_owner: of a remote resource, the uid of the resource that its mark names; None without a mark.
        unmarked: of a body or of attributes, the same fields without the mark, to compare what others have made.
        update: of a remote resource and the corrections that it makes, the action that ends its drift.
        before_delete: the next action of a deletion before the remote resource is deleted; None if all is done.
        deletion_lookup: as ``lookup``, for what a deletion has to know to find the result of a lost create.
        in_use: why the remote resource must not be deleted yet; None if it may.
        delete: of an id, the action that deletes the remote resource.
        duplicate_effect: part of a message: what two remote resources that are alike do; empty if nothing.
    """

    kind: str
    noun: str
    finalizer: str
    rules: Callable[[S], FieldRules]
    body: Callable[[S], dict[str, Any]]
    known_fields: Callable[[S, datetime], tuple[Mapping[str, Any], bool]]
    field_path: Callable[[Any, str], str]
    secrets: Callable[[Any], tuple[ConfigurationSecret | ConfigMapText, ...]]
    update: Callable[[S, Any, tuple[str, ...]], Any]
    delete: Callable[[S, str], Any]
    identifying: tuple[str, ...] = ()
    partition: str = ""
    unique: tuple[str, ...] = ()
    refusal: Callable[[S], InvalidSpecError | None] = _nothing
    lookup: Callable[[S], Any] = _nothing
    reference_blocker: Callable[[S], Blocker | None] = _nothing
    hidden_drift: Callable[[S, Any], HiddenDrift | None] = _nothing
    is_name_taken: Callable[[Exception], bool | None] = _nothing
    proof: Callable[[S, Any], bool | None] | None = None
    mark_owner: Callable[[Any], str | None] = _nothing
    unmarked: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _unchanged
    before_delete: Callable[[S], Any] = _nothing
    deletion_lookup: Callable[[S], Any] = _nothing
    in_use: Callable[[S], Blocker | None] = _nothing
    duplicate_effect: str = ""
