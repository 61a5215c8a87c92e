"""Deletion, in an order that loses nothing: what the kind has in the cluster, the remote resource, the finalizer."""

from typing import Any

from sync_operator.api.constants import CREATE_STARTED_ANNOTATION
from sync_operator.api.enums import DeletionPolicy
from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.create_fence.candidates import is_certain, lost_creates
from sync_operator.domain.identity.cluster_mark import cluster_changed
from sync_operator.domain.identity.resource_identity import identity_conflict
from sync_operator.domain.registration.desired_state import lacks_secrets
from sync_operator.domain.registration.preconditions import (
    claim_conflict,
    unknown_outcome,
    workspace_blocker,
    workspace_changed,
    workspace_suspended,
)
from sync_operator.domain.registration.registration_actions import (
    CheckCrd,
    DropFinalizer,
    ListRemotes,
    ReadRemote,
    ReadSecrets,
    RegistrationAction,
)
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot

__all__ = ["deletion_blocker", "deletion_step", "keeps", "retains"]


def deletion_step(snapshot: ResourceSnapshot) -> RegistrationAction | Any:
    """The next action for a resource that is being deleted, or None if its finalizer is gone or it is blocked.

    The action may be one of the kind's own.
    """
    kind, spec = snapshot.kind, snapshot.resource.spec
    if kind.finalizer not in snapshot.resource.finalizers or Phase.DELETION in snapshot.failures:
        return None
    first = kind.before_delete(snapshot)
    if first is not None:
        return first
    if snapshot.released or snapshot.not_found or keeps(snapshot):
        return DropFinalizer()
    if snapshot.remote_id is None and not _may_have_created(snapshot):
        return DropFinalizer()
    if snapshot.crd_deleted is None:
        return CheckCrd()
    if deletion_blocker(snapshot):
        return None
    if snapshot.remote_id is not None:
        return _look_and_delete(snapshot, snapshot.remote_id)
    if snapshot.create_sent is None:
        if lacks_secrets(snapshot):
            return ReadSecrets(kind.secrets(spec) if spec else (), Phase.DELETION)
        lookup = kind.deletion_lookup(snapshot)
        if lookup is not None:
            return lookup
    if snapshot.listing is None:
        return ListRemotes(Phase.DELETION)
    found = next((remote for remote in lost_creates(snapshot) if is_certain(snapshot, remote)), None)
    return kind.delete(snapshot, found.id) if found else DropFinalizer()


def _look_and_delete(snapshot: ResourceSnapshot, remote_id: str) -> RegistrationAction | Any:
    if not snapshot.was_read or snapshot.remote is None:
        return ReadRemote(remote_id, Phase.DELETION)
    return snapshot.kind.delete(snapshot, remote_id)


def deletion_blocker(snapshot: ResourceSnapshot) -> Blocker | None:
    """What keeps the remote resource from being deleted, with a way to delete the resource all the same."""
    found = snapshot.failures.get(Phase.DELETION)
    if found is None:
        if snapshot.released or snapshot.not_found or keeps(snapshot):
            return None
        found = (
            _unreadable(snapshot)
            or workspace_changed(snapshot)
            or identity_conflict(snapshot)
            or _unreachable(snapshot)
            or unknown_outcome(snapshot)
        )
    if found is None:
        return snapshot.kind.in_use(snapshot)
    kind, noun = snapshot.kind.kind, snapshot.kind.noun
    message = (
        f"the server's {noun} cannot be deleted: {found.message}; to let this {kind} go without it, set "
        f"spec.deletionPolicy to Retain: the server's {noun} then stays"
    )
    return Blocker(
        Reason.DELETE_FAILED,
        message,
        retry_after=found.retry_after,
        resolved_by_watch=found.resolved_by_watch,
        error=found.error,
    )


def _unreadable(snapshot: ResourceSnapshot) -> Blocker | None:
    """The spec is invalid, so neither the deletion policy nor what a lost create may have made is known."""
    resource = snapshot.resource
    if resource.spec is not None or resource.spec_error is None:
        return None
    return Blocker(Reason.INVALID_SPEC, f"{resource.spec_error}, which hides spec.deletionPolicy too", stalled=True)


def _unreachable(snapshot: ResourceSnapshot) -> Blocker | None:
    """As for any other request, but kept credentials suffice if Workspace or Secret are gone."""
    blocker = workspace_suspended(snapshot) or workspace_blocker(snapshot)
    return None if snapshot.workspace.credentials_kept else blocker


def keeps(snapshot: ResourceSnapshot) -> bool:
    """True if the remote resource is kept.

    By policy; because it belongs to another resource or another cluster; or because the deletion is only a side
    effect of deleting the CRD.
    """
    of_others = cluster_changed(snapshot) or claim_conflict(snapshot)
    return retains(snapshot) or bool(snapshot.crd_deleted) or of_others is not None


def retains(snapshot: ResourceSnapshot) -> bool:
    """True if the deletion policy keeps the remote resource; by default only an adopted one is kept."""
    policy = snapshot.resource.spec.deletion_policy if snapshot.resource.spec else None
    adopted = snapshot.resource.status.origin == "Adopted"
    return policy is DeletionPolicy.RETAIN or (policy is None and adopted)


def _may_have_created(snapshot: ResourceSnapshot) -> bool:
    """True if there is a create intent, so that the server may have one of ours whose id we do not know."""
    external = snapshot.resource.spec is not None and snapshot.resource.spec.external_id
    announced = CREATE_STARTED_ANNOTATION in snapshot.resource.annotations and not snapshot.create_fresh
    return (announced or snapshot.create_sent is not None) and not external
