"""The registration half: one server sync for this Sync, holding what the spec says."""

from datetime import datetime

from sync_operator.decide.actions import (
    Action,
    AdoptSync,
    CreateSync,
    ListSyncs,
    MarkCreate,
    TakeCreated,
    UpdateSync,
)
from sync_operator.decide.blocking import registration_obstacle
from sync_operator.decide.body import sent_schedule_type, sync_body
from sync_operator.decide.match import made_by_us
from sync_operator.decide.picture import Phase, Picture
from sync_operator.model.names import CREATE_STARTED, FINALIZER
from sync_operator.remote.types import RemoteSync

__all__ = ["lost_creates", "registration_step"]


def registration_step(picture: Picture) -> Action | None:
    """The next thing to do for the registration, or None when it is done or cannot go on."""
    sync, dialect = picture.sync, picture.workspace.dialect
    if picture.registered or sync.spec is None or dialect is None or registration_obstacle(picture):
        return None
    if not (FINALIZER in sync.finalizers and (picture.sync_id or CREATE_STARTED in sync.annotations)):
        return MarkCreate()
    body = sync_body(sync.spec, dialect)
    if picture.sync_id is not None:
        wanted = sent_schedule_type(sync.spec, dialect)
        scheduled_there = picture.remote is not None and picture.remote.attributes.get("schedule_type") != wanted
        return UpdateSync(picture.sync_id, body, take_over=scheduled_there)
    if sync.spec.external_id:
        return AdoptSync(sync.spec.external_id)
    if picture.create_fresh:
        return CreateSync(body)
    if picture.listing is None:
        return ListSyncs(Phase.REGISTRATION)
    found = lost_creates(picture)
    return TakeCreated(found[0]) if found else CreateSync(body)


def lost_creates(picture: Picture) -> tuple[RemoteSync, ...]:
    """Syncs on the server that an unanswered create of this resource may have made, oldest first."""
    sync, dialect = picture.sync, picture.workspace.dialect
    mark = sync.annotations.get(CREATE_STARTED, "").partition("/")[0]
    if sync.spec is None or dialect is None or picture.listing is None or not mark:
        return ()
    body = sync_body(sync.spec, dialect)
    return made_by_us(body, picture.listing, marked_at=_time(mark, picture.now), claims=picture.claims)


def _time(mark: str, now: datetime) -> datetime:
    """The time in a create mark; one that somebody spoiled says nothing, so only what is new can match it."""
    try:
        return datetime.fromisoformat(mark)
    except ValueError:
        return now
