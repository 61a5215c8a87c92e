"""Which listed syncs an unanswered create of this Sync may have made. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sync_operator.decide.diff import FIXED
from sync_operator.decide.match import made_by_us
from sync_operator.decide.picture import Picture
from sync_operator.decide.server import desired_body
from sync_operator.errors import InvalidSpecError
from sync_operator.model.names import CREATE_STARTED
from sync_operator.remote.types import Listing, RemoteSync

__all__ = ["lost_creates"]


def lost_creates(picture: Picture) -> tuple[RemoteSync, ...]:
    """Syncs on the server that an unanswered create of this resource may have made, oldest first.

    What this process has sent it still knows. What an earlier one sent is taken to be what is wanted now; where the
    spec, or a Secret in it, may have changed since, those count that have the fields which nobody changes once a sync
    is made.
    """
    spec = picture.sync.spec
    if spec is None or picture.workspace.dialect is None or picture.listing is None:
        return ()
    if picture.create_sent is not None:
        return _made(picture, picture.listing, picture.create_sent)
    found: tuple[RemoteSync, ...] = ()
    changed = picture.sync.generation > 1 or bool(spec.configuration_secrets)
    try:
        found = _made(picture, picture.listing, desired_body(picture))
    except InvalidSpecError:
        changed = True
    if found or not changed:
        return found
    fixed = {name: getattr(spec, name) for name in FIXED}
    return _made(picture, picture.listing, {name: value for name, value in fixed.items() if value is not None})


def _made(picture: Picture, listing: Listing, body: Mapping[str, Any]) -> tuple[RemoteSync, ...]:
    return made_by_us(
        body,
        listing,
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
