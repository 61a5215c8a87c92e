"""The mark of a create: when it was announced, by which process, and when its outcome was found to be unknown. Pure."""

from datetime import datetime

from sync_operator.decide.picture import Picture
from sync_operator.model.names import CREATE_LOST, CREATE_STARTED, FINALIZER

__all__ = ["create_marks", "is_fenced", "lost_at", "marked_at"]


def create_marks(at: datetime, process: str, *, lost: datetime | None) -> dict[str, str | None]:
    """Annotations, as a merge patch.

    Args:
        at: since when something may have been sent.
        process: uid of the process that is to send it.
        lost: when it was found that the outcome of a create is unknown; None where nothing was sent before.
    """
    marks: dict[str, str | None] = {CREATE_STARTED: f"{at.isoformat(timespec='seconds')}/{process}"}
    return marks | {CREATE_LOST: lost.isoformat(timespec="seconds") if lost else None}


def is_fenced(picture: Picture) -> bool:
    """True when finalizer and mark are there, and the mark is this process's: no other one sends a create then."""
    owner = picture.sync.annotations.get(CREATE_STARTED, "").partition("/")[2]
    return FINALIZER in picture.sync.finalizers and owner == picture.process


def marked_at(picture: Picture) -> datetime:
    """When the create was announced; a mark that somebody spoiled says no more than the resource's own age."""
    return _time(picture.sync.annotations.get(CREATE_STARTED, "").partition("/")[0]) or picture.sync.created_at


def lost_at(picture: Picture) -> datetime | None:
    """When it was found last that the outcome of a create was unknown; None when that never was so."""
    return _time(picture.sync.annotations.get(CREATE_LOST, ""))


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None
