"""The registration half: one server sync for this Sync, holding what the spec says."""

from sync_operator.decide.actions import (
    Action,
    CreateSync,
    ForgetSync,
    ListSyncs,
    MarkCluster,
    MarkCreate,
    ProveWorkspace,
    ReadSecrets,
    ReadSync,
    SetEnabled,
    TakeCreated,
    UpdateSync,
)
from sync_operator.decide.blocking import registration_obstacle
from sync_operator.decide.candidates import equals, is_certain, lost_creates
from sync_operator.decide.cluster_mark import cluster_changed, lacks_cluster_mark
from sync_operator.decide.create_mark import is_fenced, lost_at, marked_at
from sync_operator.decide.id_check import list_names
from sync_operator.decide.picture import Phase, Picture
from sync_operator.decide.server import (
    desired_body,
    drift,
    is_registered,
    lacks_secrets,
    runs_by_itself,
    update_body,
    wanted_enabled,
    wrong_fields,
)
from sync_operator.model.names import CREATE_STARTED, FINALIZER
from sync_operator.model.sync import SyncSpec
from sync_operator.remote.types import RemoteSync

__all__ = ["registration_step"]


def registration_step(picture: Picture) -> Action | None:
    """The next thing to do for the registration, or None when it is done or cannot go on."""
    sync = picture.sync
    if cluster_changed(picture):
        return None
    if sync.status.id and FINALIZER not in sync.finalizers and Phase.REGISTRATION not in picture.failures:
        return _mark(picture)  # `kubectl replace` drops it
    if sync.spec is None or picture.workspace.dialect is None:
        return None
    if registration_obstacle(picture) or is_registered(picture):
        return None
    lists = list_names(picture)
    if lists is not None:
        return lists
    if lacks_secrets(picture):
        return ReadSecrets(sync.spec.configuration_secrets, Phase.REGISTRATION)
    if not picture.sync_id and not is_fenced(picture):
        return _mark(picture)
    if lacks_cluster_mark(picture):
        return MarkCluster()
    if picture.sync_id is None:
        return _take_or_create(picture, sync.spec)
    if picture.gone:
        return ForgetSync() if picture.proven else ProveWorkspace()
    if picture.remote is None or not picture.looked:
        return ReadSync(picture.sync_id, Phase.REGISTRATION)
    return _put_right(picture, sync.spec, picture.remote)


def _mark(picture: Picture, *, repeats: bool = False) -> MarkCreate:
    """Finalizer and mark. Where one of the two was there before, the mark keeps the time of the one that was first."""
    known = FINALIZER in picture.sync.finalizers or CREATE_STARTED in picture.sync.annotations
    lost = (known or picture.create_sent is not None) and not picture.create_fresh
    return MarkCreate(marked_at(picture) if lost else picture.now, fresh=not lost, repeats=repeats)


def _take_or_create(picture: Picture, spec: SyncSpec) -> Action:
    if spec.external_id:
        return ReadSync(spec.external_id, Phase.REGISTRATION)
    if picture.create_fresh and not picture.recreated:
        return _create(picture)
    if picture.listing is None:
        return ListSyncs(Phase.REGISTRATION)
    found = equals(picture) if picture.create_fresh else lost_creates(picture)
    if not found:
        return _create(picture)
    certain = () if picture.create_fresh else tuple(remote for remote in found if is_certain(picture, remote))
    taken = (certain or found)[0]
    others = tuple(remote.id for remote in found if remote is not taken)
    return TakeCreated(taken, others, adopted=not certain)


def _create(picture: Picture) -> CreateSync | MarkCreate:
    """The create, once it is certain that the mark still is this process's, and says it where one is sent once more."""
    repeats = not picture.create_fresh
    if picture.mark_verified and (lost_at(picture) is not None or not repeats):
        return CreateSync(desired_body(picture))
    return _mark(picture, repeats=repeats)


def _put_right(picture: Picture, spec: SyncSpec, remote: RemoteSync) -> Action:
    changes = drift(picture, remote) if picture.registered else ()
    if wrong_fields(picture, remote):
        return UpdateSync(remote.id, update_body(picture), runs_by_itself(picture, remote), changes)
    return SetEnabled(remote.id, wanted_enabled(spec), changes)
