"""What keeps a Sync from being registered, as far as the picture shows it without asking anybody."""

from collections.abc import Iterable

from sync_operator.decide.body import sync_body
from sync_operator.decide.candidates import doubtful_creates, lost_creates
from sync_operator.decide.cluster_mark import cluster_changed
from sync_operator.decide.id_check import id_obstacle
from sync_operator.decide.identity import account_changed, identity_conflict
from sync_operator.decide.match import Claim, elder
from sync_operator.decide.obstacles import OUTAGES, SLOW_RETRY, obstacle_of, reset_remedy, reset_words
from sync_operator.decide.once import once
from sync_operator.decide.picture import MassAbsence, Obstacle, Phase, Picture
from sync_operator.decide.refs import field_path, name_obstacle
from sync_operator.decide.run_pods import pod_refusal
from sync_operator.decide.server import drift, fixed_fields, lacks_secrets, wrong_fields
from sync_operator.errors import InvalidSpecError
from sync_operator.model.conditions import ConditionType, Reason
from sync_operator.model.sync import DriftPolicy, SyncSpec

__all__ = [
    "conflict",
    "registration_obstacle",
    "unknown_outcome",
    "workspace_changed",
    "workspace_obstacle",
    "workspace_suspended",
]

_STANDING = (Reason.REJECTED, Reason.DRIFT_FOUND)
"""What stands until the spec or the server changes, also over a restart of the controller."""


@once
def registration_obstacle(picture: Picture) -> Obstacle | None:
    """The first obstacle: a failure of this reconcile, else what the picture shows; None when the way is free."""
    return (
        picture.failures.get(Phase.REGISTRATION)
        or cluster_changed(picture)
        or _invalid_spec(picture)
        or workspace_changed(picture)
        or workspace_obstacle(picture)
        or conflict(picture)
        or identity_conflict(picture)
        or name_obstacle(picture)
        or id_obstacle(picture)
        or _on_the_server(picture)
        or _made_otherwise(picture)
        or unknown_outcome(picture)
        or _standing(picture)
    )


def workspace_obstacle(picture: Picture) -> Obstacle | None:
    """The Workspace is missing, not usable, or suspended while the server has to be asked."""
    workspace = picture.workspace
    if not workspace.found:
        return Obstacle(
            Reason.WORKSPACE_NOT_FOUND,
            f"spec.workspaceRef.name: there is no Workspace {workspace.name!r} in namespace "
            f"{picture.sync.namespace!r}; create it, and this Sync goes on by itself",
            waits=True,
        )
    if workspace.obstacle is not None and not (picture.registered and workspace.obstacle.reason in OUTAGES):
        return workspace.obstacle
    return None if picture.registered else workspace_suspended(picture)


def workspace_suspended(picture: Picture) -> Obstacle | None:
    """The Workspace's owner wants no traffic."""
    if not picture.workspace.suspended:
        return None
    message = f"Workspace {picture.workspace.name!r} is suspended; set its spec.suspend to false to go on"
    return Obstacle(Reason.WORKSPACE_NOT_READY, message, waits=True)


def workspace_changed(picture: Picture) -> Obstacle | None:
    """The Workspace is no longer the one in which the Sync's id was given: ids mean something else there."""
    status, workspace = picture.sync.status, picture.workspace
    if status.id is None or not workspace.found or status.url is None:
        return None
    if picture.place == workspace.place:
        return account_changed(picture)
    return Obstacle(
        Reason.WORKSPACE_CHANGED,
        f"spec.workspaceRef: sync {status.id} lives in workspace {status.workspace_id or '(none)'} of {status.url}, "
        f"but Workspace {workspace.name!r} now names workspace {workspace.workspace_id or '(none)'} of "
        f"{workspace.url}; put it back, or set deletionPolicy: Retain and delete this Sync",
        stalled=True,
    )


def conflict(picture: Picture) -> Obstacle | None:
    """Another Sync has, or asked earlier for, the server sync that this one has or asks for."""
    sync, spec = picture.sync, picture.sync.spec
    wanted = sync.status.id or (spec.external_id if spec else None)
    if wanted is None:
        return None
    own = Claim(f"{sync.namespace}/{sync.name}", sync.status.id is not None, sync.created_at, sync.uid)
    other = elder(own, picture.rivals)
    if other is None:
        return None
    field = "status.id" if sync.status.id else "spec.externalId"
    ours = other.holder.partition("/")[0] == sync.namespace or other.account == picture.workspace.account != ""
    holder = f"Sync {other.holder}" if ours else "a Sync of another namespace"
    message = f"{field}: sync {wanted} already belongs to {holder}; delete one of the two Syncs"
    return Obstacle(Reason.CONFLICT, message, stalled=True)


def unknown_outcome(picture: Picture) -> Obstacle | None:
    """A create may have got through, or still get through, and the list does not tell."""
    if picture.sync_id is not None or picture.listing is None or picture.sync.spec is None or picture.create_fresh:
        return None
    doubtful = doubtful_creates(picture)
    if doubtful:
        ageless = doubtful[0].created_at is None
        changed = "the spec, a Secret in it, or what a name in it leads to may have changed since"
        why = "the server does not tell when its syncs were made" if ageless else changed
        return Obstacle(
            Reason.OUTCOME_UNKNOWN,
            f"an earlier create may have made sync {' or '.join(remote.id for remote in doubtful[:3])}, but {why}; "
            "look there, and set spec.externalId to the id of the one that was made for this resource, or make this "
            "Sync anew when none was",
            stalled=True,
            retry_after=SLOW_RETRY,
        )
    if lost_creates(picture) or picture.settles_at is None or (picture.listed_at or picture.now) >= picture.settles_at:
        return None
    return Obstacle(
        Reason.OUTCOME_UNKNOWN,
        "an earlier create may still be under way; looking again before it is repeated",
        retry_after=max(0.1, (picture.settles_at - picture.now).total_seconds()),
    )


def _invalid_spec(picture: Picture) -> Obstacle | None:
    sync, dialect = picture.sync, picture.workspace.dialect
    error = sync.spec_error
    if sync.spec is not None and error is None:
        error = pod_refusal(sync.spec.run.pod, picture.deployment.run_pods)
    if sync.spec is not None and dialect is not None and error is None:
        try:
            sync_body(sync.spec, {}, dialect, picture.secrets or {})
        except InvalidSpecError as refused:
            error = refused
    return obstacle_of(error) if error is not None else None


def _on_the_server(picture: Picture) -> Obstacle | None:
    """What the server holds cannot be, or is not to be, made what the spec says."""
    sync, spec = picture.sync, picture.sync.spec
    if spec is None or picture.workspace.dialect is None or picture.workspace.suspended:
        return None
    if picture.missing and picture.mass_absence is not None and picture.remote is None:
        return _server_reset(picture, picture.mass_absence)
    if picture.gone:
        return _gone(picture, spec)
    remote = picture.remote
    if remote is not None and sync.status.id is None and spec.external_id and not picture.updated:
        names = fixed_fields(picture, remote)
        if names:
            listed = _paths(spec, names)
            return Obstacle(
                Reason.CONFLICT,
                f"{listed}: sync {remote.id} (spec.externalId) has another value on the server, which cannot be "
                "changed there; write the server's value into the spec, or name another sync",
                stalled=True,
            )
    if remote is not None and picture.updated and wrong_fields(picture, remote):
        listed = _paths(spec, wrong_fields(picture, remote))
        message = f"{listed}: the server took the update but kept another value; write what it keeps, or mend it there"
        return Obstacle(Reason.REJECTED, message, stalled=True)
    return _drift_found(picture, spec)


def _paths(spec: SyncSpec, names: Iterable[str]) -> str:
    """Field paths of API names, for a message."""
    return ", ".join(field_path(spec, name) for name in names)


def _gone(picture: Picture, spec: SyncSpec) -> Obstacle | None:
    """The registered sync was deleted on the server."""
    words = f"status.id: sync {picture.sync.status.id} was deleted on the server"
    if spec.drift_policy is DriftPolicy.REPORT:
        message = f"{words}; set spec.driftPolicy to Correct to have it made anew, or delete this Sync"
        return Obstacle(Reason.DRIFT_FOUND, message, stalled=True, retry_after=SLOW_RETRY)
    if spec.external_id is None and spec.drift_policy is DriftPolicy.CORRECT:
        if picture.missing:
            return None
        message = f"{words}, or so it says; it is made anew when two lists of the workspace, a period apart, lack it"
        return Obstacle(Reason.EXTERNAL_NOT_FOUND, message, waits=True)
    remedy = "remove spec.externalId" if spec.external_id else "set spec.driftPolicy to Correct"
    message = f"{words}; {remedy} to have it made anew, or delete this Sync"
    return Obstacle(Reason.EXTERNAL_NOT_FOUND, message, stalled=True, retry_after=SLOW_RETRY)


def _made_otherwise(picture: Picture) -> Obstacle | None:
    """A create of ours was carried out, and a field that is fixed by it has changed in the spec since.

    Its id is not written to the status before that is settled: there it would fix the spec too.
    """
    sync, spec = picture.sync, picture.sync.spec
    if spec is None or sync.status.id is not None or spec.external_id or lacks_secrets(picture):
        return None
    made = picture.remote or next(iter(lost_creates(picture)), None)
    names = fixed_fields(picture, made) if made is not None else ()
    if made is None or not names:
        return None
    listed = _paths(spec, names)
    return Obstacle(
        Reason.CONFLICT,
        f"{listed}: changed since sync {made.id} was made for this Sync, which cannot be changed there; put the old "
        "value back, or delete this Sync, and that sync with it, and make it anew",
        stalled=True,
        retry_after=SLOW_RETRY,
    )


def _server_reset(picture: Picture, absence: MassAbsence) -> Obstacle:
    """Too much is missing at once to be the work of people who delete one sync after the other."""
    return Obstacle(
        Reason.SERVER_RESET,
        f"status.id: sync {picture.sync.status.id} is not on the server any more; {reset_words(absence)}. None is made "
        f"anew. {reset_remedy(picture.workspace.name, picture.sync.namespace)}",
        stalled=True,
    )


def _drift_found(picture: Picture, spec: SyncSpec) -> Obstacle | None:
    actual = picture.remote or picture.seen
    if spec.drift_policy is not DriftPolicy.REPORT or not picture.settled or picture.recheck:
        return None
    if actual is None or lacks_secrets(picture):
        return None
    lines = drift(picture, actual)
    if not lines:
        return None
    message = f"changed on the server: {'; '.join(lines)}; write it into the spec, or set spec.driftPolicy to Correct"
    return Obstacle(Reason.DRIFT_FOUND, message, stalled=True)


def _standing(picture: Picture) -> Obstacle | None:
    """A refusal already written for this generation: the same body would only be refused again."""
    sync = picture.sync
    written = sync.condition(ConditionType.REGISTERED)
    stalled = sync.condition(ConditionType.STALLED)
    if written is None or stalled is None or written.observed_generation != sync.generation:
        return None
    if written.status == "True" or written.reason not in _STANDING or picture.recheck or picture.remote is not None:
        return None
    if written.reason == Reason.DRIFT_FOUND and picture.seen is not None:
        return None
    return Obstacle(Reason(written.reason), written.message, stalled=True)
