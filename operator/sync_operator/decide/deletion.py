"""Deletion, in the order that loses nothing: stop the schedule, settle the server's side, let the resource go."""

from sync_operator.decide.actions import (
    Action,
    DeleteCronJob,
    DeleteSync,
    DropFinalizer,
    ListNames,
    ListSyncs,
    LookAtCrd,
    ReadSecrets,
    ReadSync,
)
from sync_operator.decide.blocking import (
    conflict,
    unknown_outcome,
    workspace_changed,
    workspace_obstacle,
    workspace_suspended,
)
from sync_operator.decide.candidates import is_certain, lost_creates
from sync_operator.decide.cluster_mark import cluster_changed
from sync_operator.decide.cronjob import cronjob_name
from sync_operator.decide.identity import identity_conflict
from sync_operator.decide.picture import Obstacle, Phase, Picture
from sync_operator.decide.refs import lacks_names, named_roles
from sync_operator.decide.server import lacks_secrets
from sync_operator.model.conditions import Reason
from sync_operator.model.names import CREATE_STARTED, FINALIZER
from sync_operator.model.sync import DeletionPolicy
from sync_operator.remote.types import Dialect, RemoteSync

__all__ = ["deletion_obstacle", "deletion_step", "keeps"]

_WAY_OUT = "to let this Sync go without it, set spec.deletionPolicy to Retain: the server's sync then stays"


def deletion_step(picture: Picture) -> Action | None:
    """The next thing to do for a resource that is being deleted, or None when it is gone or has to wait."""
    if FINALIZER not in picture.sync.finalizers or Phase.DELETION in picture.failures:
        return None
    if not picture.cleaned:
        return DeleteCronJob(cronjob_name(picture.sync.name), Phase.DELETION)
    if picture.released or picture.gone or keeps(picture):
        return DropFinalizer()
    if picture.sync_id is None and not _may_have_created(picture):
        return DropFinalizer()
    if picture.crd_deleted is None:
        return LookAtCrd()
    if deletion_obstacle(picture):
        return None
    if picture.sync_id is not None:
        return _look_and_delete(picture, picture.sync_id)
    if picture.create_sent is None and lacks_secrets(picture):
        return ReadSecrets(picture.sync.spec.configuration_secrets if picture.sync.spec else (), Phase.DELETION)
    if picture.create_sent is None and picture.sync.spec is not None and lacks_names(picture):
        return ListNames(named_roles(picture.sync.spec), Phase.DELETION)
    if picture.listing is None:
        return ListSyncs(Phase.DELETION)
    found = next((remote for remote in lost_creates(picture) if is_certain(picture, remote)), None)
    return DeleteSync(found.id) if found else DropFinalizer()


def _look_and_delete(picture: Picture, sync_id: str) -> ReadSync | DeleteSync:
    if not picture.looked or picture.remote is None:
        return ReadSync(sync_id, Phase.DELETION)
    return DeleteSync(sync_id, cancels=_cancels(picture, picture.remote))


def _cancels(picture: Picture, remote: RemoteSync) -> bool:
    """Whether the server would cancel a run of it at all (contract section 7)."""
    if picture.workspace.dialect is not Dialect.MULTIWOVEN:
        return True
    return remote.status != "disabled" and remote.attributes.get("schedule_type") in {None, "manual"}


def deletion_obstacle(picture: Picture) -> Obstacle | None:
    """What keeps the server's sync from being deleted, with the way out."""
    found = picture.failures.get(Phase.DELETION) or (
        None
        if picture.released or picture.gone or keeps(picture)
        else _unreadable(picture)
        or workspace_changed(picture)
        or identity_conflict(picture)
        or _unreachable(picture)
        or unknown_outcome(picture)
    )
    if found is None:
        return None
    message = f"the server's sync cannot be deleted: {found.message}; {_WAY_OUT}"
    return Obstacle(Reason.DELETE_FAILED, message, retry_after=found.retry_after, waits=found.waits, error=found.error)


def _unreadable(picture: Picture) -> Obstacle | None:
    """A spec that cannot be read hides the deletion policy, and what a lost create may have made."""
    sync = picture.sync
    if sync.spec is not None or sync.spec_error is None:
        return None
    return Obstacle(Reason.INVALID_SPEC, f"{sync.spec_error}, which hides spec.deletionPolicy too", stalled=True)


def _unreachable(picture: Picture) -> Obstacle | None:
    """As for any other call, but credentials that worked are good enough after Workspace or Secret have gone."""
    obstacle = workspace_suspended(picture) or workspace_obstacle(picture)
    return None if picture.workspace.credentials_kept else obstacle


def keeps(picture: Picture) -> bool:
    """True when the server's sync outlives this resource.

    By policy, because it belongs to another Sync or another cluster, or because nobody asked for this deletion: the CRD
    goes, and takes all Syncs along.
    """
    of_others = cluster_changed(picture) or conflict(picture)
    return retains(picture) or bool(picture.crd_deleted) or of_others is not None


def retains(picture: Picture) -> bool:
    """True when the policy says that the server's sync stays; by default only an adopted one does."""
    policy = picture.sync.spec.deletion_policy if picture.sync.spec else None
    adopted = picture.sync.status.origin == "Adopted"
    return policy is DeletionPolicy.RETAIN or (policy is None and adopted)


def _may_have_created(picture: Picture) -> bool:
    """True when a create was announced, so that something of ours may be on the server without our knowing its id."""
    external = picture.sync.spec is not None and picture.sync.spec.external_id
    announced = CREATE_STARTED in picture.sync.annotations and not picture.create_fresh
    return (announced or picture.create_sent is not None) and not external
