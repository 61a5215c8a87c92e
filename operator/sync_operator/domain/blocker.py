"""The phases of a reconcile, and what keeps one of them from being finished. Pure."""

from dataclasses import dataclass, field
from enum import Enum

from sync_operator.api.statuses.conditions import Reason

__all__ = ["Blocker", "Phase"]


class Phase(Enum):
    """The independent parts of a reconcile: a failure in one does not stop the others."""

    REGISTRATION = "registration"
    SCHEDULING = "scheduling"
    RUNS = "runs"
    DISCOVERY = "discovery"
    CHECK = "check"
    PREVIEW = "preview"
    DELETION = "deletion"


@dataclass(frozen=True, slots=True)
class Blocker:
    """Why a phase cannot be finished now.

    Attributes:
        reason: becomes the condition's reason.
        message: what is wrong, where, and what to do next.
        stalled: True if waiting does not help (kstatus ``Stalled``), False if it may (``Reconciling``).
        retry_after: seconds until the next attempt; None means exponential backoff if ``stalled`` is False, and no
            attempt before something changes if it is True.
        resolved_by_watch: True if a change of another resource requeues the resource, so that no retry is needed.
        brief: True if it usually passes within moments, by itself: of a new resource, or one that is being deleted, it
            is not reported at once.
        error: the exception behind it, or None if the snapshot itself shows the blocker.
    """

    reason: Reason
    message: str
    stalled: bool = False
    retry_after: float | None = None
    resolved_by_watch: bool = False
    brief: bool = False
    error: Exception | None = field(default=None, compare=False)
