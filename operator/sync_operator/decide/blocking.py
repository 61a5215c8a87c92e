"""What keeps a Sync from being registered, as far as the picture shows it without asking anybody."""

from sync_operator.decide.body import check_dialect, sync_body
from sync_operator.decide.match import differing_fields
from sync_operator.decide.obstacles import SLOW_RETRY, obstacle_of
from sync_operator.decide.picture import Obstacle, Phase, Picture
from sync_operator.errors import InvalidSpecError
from sync_operator.model.conditions import ConditionType, Reason

__all__ = ["registration_obstacle", "workspace_changed", "workspace_obstacle", "workspace_suspended"]

_STANDING = (Reason.REJECTED, Reason.EXTERNAL_NOT_FOUND)
"""The server's refusals, which stand until the spec changes, also over a restart of the controller."""


def registration_obstacle(picture: Picture) -> Obstacle | None:
    """The first obstacle: a failure of this reconcile, else what the picture shows; None when the way is free."""
    return (
        picture.failures.get(Phase.REGISTRATION)
        or _invalid_spec(picture)
        or workspace_changed(picture)
        or workspace_obstacle(picture)
        or _adoption(picture)
        or _unknowable(picture)
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
    if workspace.obstacle is not None:
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
    if (status.url, status.workspace_id) == (workspace.url, workspace.workspace_id):
        return None
    return Obstacle(
        Reason.WORKSPACE_CHANGED,
        f"spec.workspaceRef: sync {status.id} lives in workspace {status.workspace_id or '(none)'} of {status.url}, "
        f"but Workspace {workspace.name!r} now names workspace {workspace.workspace_id or '(none)'} of "
        f"{workspace.url}; put it back, or set deletionPolicy: Retain and delete this Sync",
        stalled=True,
    )


def _invalid_spec(picture: Picture) -> Obstacle | None:
    sync, dialect = picture.sync, picture.workspace.dialect
    error = sync.spec_error
    if sync.spec is not None and sync.spec.configuration_secrets:
        error = InvalidSpecError("spec.configurationSecrets", "is not supported by this release; remove it")
    if sync.spec is not None and dialect is not None and error is None:
        try:
            check_dialect(sync.spec, dialect)
        except InvalidSpecError as refused:
            error = refused
    return obstacle_of(error) if error is not None else None


def _adoption(picture: Picture) -> Obstacle | None:
    """``spec.externalId`` names a sync that another Sync holds, or one that cannot become what the spec says."""
    sync, dialect = picture.sync, picture.workspace.dialect
    if sync.spec is None or dialect is None or not sync.spec.external_id or sync.status.id is not None:
        return None
    wanted = sync.spec.external_id
    if wanted in picture.claims:
        return Obstacle(
            Reason.CONFLICT,
            f"spec.externalId: sync {wanted} already belongs to Sync {picture.claims[wanted]}; delete one of the two",
            stalled=True,
        )
    if picture.remote is None:
        return None
    names = differing_fields(sync_body(sync.spec, dialect), picture.remote, only_fixed=True)
    if not names:
        return None
    return Obstacle(
        Reason.CONFLICT,
        f"spec.externalId: sync {wanted} has another {', '.join(names)} on the server, which cannot be changed "
        "there; write the server's values into the spec, or name another sync",
        stalled=True,
    )


def _unknowable(picture: Picture) -> Obstacle | None:
    """A create may have got through, and the server does not tell when its syncs were made."""
    if picture.sync_id is not None or picture.listing is None:
        return None
    if all(remote.created_at is not None for remote in picture.listing):
        return None
    return Obstacle(
        Reason.OUTCOME_UNKNOWN,
        "an earlier create may have reached the server, which does not tell when its syncs were made; look there, "
        "and set spec.externalId to the id of the sync that was made for this resource",
        stalled=True,
        retry_after=SLOW_RETRY,
    )


def _standing(picture: Picture) -> Obstacle | None:
    """A refusal already written for this generation: the same body would only be refused again."""
    sync = picture.sync
    written = sync.condition(ConditionType.REGISTERED)
    stalled = sync.condition(ConditionType.STALLED)
    if written is None or stalled is None or written.observed_generation != sync.generation:
        return None
    if written.status == "True" or written.reason not in _STANDING:
        return None
    return Obstacle(Reason(written.reason), written.message, stalled=True)
