"""Which listed syncs an unanswered create of this Sync may have made. Pure."""

from datetime import datetime

from sync_operator.decide.match import made_by_us
from sync_operator.decide.picture import Picture
from sync_operator.decide.server import desired_body
from sync_operator.model.names import CREATE_STARTED
from sync_operator.remote.types import RemoteSync

__all__ = ["lost_creates"]


def lost_creates(picture: Picture) -> tuple[RemoteSync, ...]:
    """Syncs on the server that an unanswered create of this resource may have made, oldest first."""
    sync = picture.sync
    if sync.spec is None or picture.workspace.dialect is None or picture.listing is None:
        return ()
    return made_by_us(
        desired_body(picture),
        picture.listing,
        marked_at=_marked_at(picture),
        now=picture.listed_at or picture.now,
        claimed=picture.claimed,
    )


def _marked_at(picture: Picture) -> datetime:
    """When the create was announced; a mark that somebody spoiled says no more than the resource's own age."""
    mark = picture.sync.annotations.get(CREATE_STARTED, "").partition("/")[0]
    try:
        marked = datetime.fromisoformat(mark)
    except ValueError:
        return picture.sync.created_at
    return marked if marked.tzinfo else picture.sync.created_at
