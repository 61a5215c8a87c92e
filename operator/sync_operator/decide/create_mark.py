"""The mark of a create: when it was announced, by which process, and when it was last sent once more. Pure."""

from datetime import datetime

from sync_operator.decide.picture import Picture
from sync_operator.model.names import CREATE_LOST, CREATE_STARTED, FINALIZER

__all__ = ["create_marks", "is_fenced", "lost_at", "marked_at"]


def create_marks(at: datetime, process: str, *, fresh: bool, repeated: datetime | None) -> dict[str, str | None]:
    """Annotations, as a merge patch.

    Args:
        at: since when something may have been sent.
        process: uid of the process that is to send it.
        fresh: True where nothing was sent before: an earlier sync of this Sync is of the past.
        repeated: when a create is sent once more, because an earlier one is given up; None where it is not.
    """
    marks: dict[str, str | None] = {CREATE_STARTED: f"{at.isoformat(timespec='seconds')}/{process}"}
    if repeated is not None:
        return marks | {CREATE_LOST: repeated.isoformat(timespec="seconds")}
    return marks | {CREATE_LOST: None} if fresh else marks


def is_fenced(picture: Picture) -> bool:
    """True when finalizer and mark are there, and the mark is this process's: no other one sends a create then."""
    owner = picture.sync.annotations.get(CREATE_STARTED, "").partition("/")[2]
    return FINALIZER in picture.sync.finalizers and owner == picture.process


def marked_at(picture: Picture) -> datetime:
    """When the create was announced; a mark that somebody spoiled says no more than the resource's own age."""
    return _time(picture.sync.annotations.get(CREATE_STARTED, "").partition("/")[0]) or picture.sync.created_at


def lost_at(picture: Picture) -> datetime | None:
    """When a create was last given up and sent once more; None when that never was so."""
    return _time(picture.sync.annotations.get(CREATE_LOST, ""))


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None
