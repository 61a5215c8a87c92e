"""The create intent and its fencing token: annotations that are written before a create. Pure.

They hold the time of the create, the uid of the process that sends it, and the time of the last repetition. The uid is
the fencing token: a process sends a create only while the annotation has its own uid.
"""

from datetime import datetime

from sync_operator.api.constants import CREATE_LOST_ANNOTATION, CREATE_STARTED_ANNOTATION
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot

__all__ = ["intent_annotations", "intent_time", "is_fenced", "repeated_at"]


def intent_annotations(at: datetime, process: str, *, fresh: bool, repeated: datetime | None) -> dict[str, str | None]:
    """The annotations of a create intent, as a merge patch.

    Args:
        at: since when a create may have been sent.
        process: uid of the process that is to send it.
        fresh: True if no create was sent before; then an earlier repetition is forgotten.
        repeated: time at which an earlier create is given up and sent again; None if it is not.
    """
    marks: dict[str, str | None] = {CREATE_STARTED_ANNOTATION: f"{at.isoformat(timespec='seconds')}/{process}"}
    if repeated is not None:
        return marks | {CREATE_LOST_ANNOTATION: repeated.isoformat(timespec="seconds")}
    return marks | {CREATE_LOST_ANNOTATION: None} if fresh else marks


def is_fenced(snapshot: ResourceSnapshot) -> bool:
    """True if our finalizer and a create intent of this process are there: then no other process sends a create."""
    owner = snapshot.resource.annotations.get(CREATE_STARTED_ANNOTATION, "").partition("/")[2]
    return snapshot.kind.finalizer in snapshot.resource.finalizers and owner == snapshot.process


def intent_time(snapshot: ResourceSnapshot) -> datetime:
    """Time of the create intent; if it is missing or malformed, the creation time of the resource."""
    return (
        _time(snapshot.resource.annotations.get(CREATE_STARTED_ANNOTATION, "").partition("/")[0])
        or snapshot.resource.created_at
    )


def repeated_at(snapshot: ResourceSnapshot) -> datetime | None:
    """When a create was last given up and sent again; None if that never happened."""
    return _time(snapshot.resource.annotations.get(CREATE_LOST_ANNOTATION, ""))


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None
