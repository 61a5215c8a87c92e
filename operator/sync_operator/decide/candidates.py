"""Which listed syncs an unanswered create of this Sync may have made. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sync_operator.decide.create_mark import marked_at
from sync_operator.decide.match import CLOCK_MARGIN, earliest, made_by_us
from sync_operator.decide.picture import Picture
from sync_operator.decide.refs import certain_ids
from sync_operator.decide.server import desired_body
from sync_operator.errors import InvalidSpecError
from sync_operator.remote.types import RemoteSync, Role

__all__ = ["doubtful_creates", "equals", "is_certain", "lost_creates"]

_MAX_ATTEMPT: Final = timedelta(minutes=15)
"""How long after its mark a create of an earlier process was carried out at the latest, to be taken for certain."""
_CLOCK_STEP: Final = timedelta(seconds=5)
"""By how much two readings of the same clocks may differ: servers tell whole seconds, and answers take their time."""


def lost_creates(picture: Picture) -> tuple[RemoteSync, ...]:
    """Syncs on the server that hold what an unanswered create of this resource sent, oldest first.

    What this process has sent it still knows. What an earlier one sent is taken to be what is wanted now.
    """
    body = _sent(picture)
    return _made(picture, body) if body is not None else ()


def equals(picture: Picture) -> tuple[RemoteSync, ...]:
    """Syncs on the server that hold what is wanted and that no Sync has, whoever made them, oldest first."""
    if picture.listing is None:
        return ()
    begin = datetime.min.replace(tzinfo=picture.now.tzinfo) + timedelta(days=2)
    return made_by_us(desired_body(picture), picture.listing, marked_at=begin, now=picture.now, claimed=picture.claimed)


def is_certain(picture: Picture, remote: RemoteSync) -> bool:
    """True when that sync is as old as what a create of this Sync has made: not older than the mark, nor much younger.

    A mark ends with its create. One that was copied or restored says nothing about what was made long after it.
    """
    if remote.created_at is None or picture.listing is None:
        return False
    since = earliest(picture.listing, marked_at=marked_at(picture), now=_listed_at(picture))
    begun = since + CLOCK_MARGIN - _CLOCK_STEP
    return begun <= remote.created_at and (picture.create_sent is not None or remote.created_at <= begun + _MAX_ATTEMPT)


def doubtful_creates(picture: Picture) -> tuple[RemoteSync, ...]:
    """Syncs that such a create may have made, and just as well somebody else, oldest first.

    Where another process has sent it, and the spec, a Secret in it, or what a name leads to may have changed since,
    only those fields tell that nobody changes once a sync is made. And there are servers that do not tell when their
    syncs were made.
    """
    spec, found = picture.sync.spec, lost_creates(picture)
    if found or spec is None or picture.create_sent is not None:
        return tuple(remote for remote in found if remote.created_at is None)
    ids = certain_ids(picture, _since(picture))
    same = picture.sync.generation == 1 and not spec.configuration_secrets and len(ids) == len(Role)
    if same and _sent(picture) is not None:
        return ()
    fixed = {**ids, "stream_name": spec.stream_name, "cursor_field": spec.cursor_field}
    return _made(picture, {name: value for name, value in fixed.items() if value is not None})


def _sent(picture: Picture) -> Mapping[str, Any] | None:
    """The body of the create, as far as is known; None when what is wanted now can be no body."""
    if picture.create_sent is not None or picture.sync.spec is None or picture.workspace.dialect is None:
        return picture.create_sent
    try:
        return desired_body(picture)
    except InvalidSpecError:
        return None


def _made(picture: Picture, body: Mapping[str, Any]) -> tuple[RemoteSync, ...]:
    if picture.listing is None:
        return ()
    return made_by_us(
        body,
        picture.listing,
        marked_at=marked_at(picture),
        now=_listed_at(picture),
        claimed=picture.claimed,
    )


def _since(picture: Picture) -> datetime:
    """When, by the server's clock, the create may have been made at the earliest."""
    marked = marked_at(picture)
    return earliest(picture.listing, marked_at=marked, now=_listed_at(picture)) if picture.listing else marked


def _listed_at(picture: Picture) -> datetime:
    return picture.listed_at or picture.now
