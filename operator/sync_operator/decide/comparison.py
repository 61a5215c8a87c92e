"""What is said of the comparisons of a Workspace's syncs with its server: condition ``Compared``. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sync_operator.decide.conditions import Said
from sync_operator.decide.events import Notice
from sync_operator.model.conditions import ConditionType, Reason
from sync_operator.model.status import Condition, WorkspaceStatus

__all__ = ["Comparison", "Way", "compared", "compared_notice", "is_news", "last_compared_at"]

PERIODS: Final = 3
"""A comparison older than that many periods counts as none."""
STATUS_PRECISION: Final = timedelta(hours=1)
"""How old the time in the status may be, so that an idle Workspace is not written at each comparison."""


class Way:
    """The ways of a comparison, each by the beginning of its message, which tells one from another."""

    BY_LIST: Final = "all its Syncs are compared with the server's list"
    BUT_FOR_ROWS: Final = "its Syncs are compared with the server's list, but for what the server refuses to list: "
    ONE_BY_ONE: Final = "its Syncs are compared one by one, because the server's list cannot be read: "


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the comparisons of one Workspace go.

    Attributes:
        period: time between two of them.
        due_from: since when there is something to compare.
        whole_at: when the last one began that got to its end; None when there is none in this process.
        words: how that was done, one of `Way` with details.
        trouble: why the last one did not get to its end; empty when it did.
    """

    period: timedelta
    due_from: datetime
    whole_at: datetime | None = None
    words: str = ""
    trouble: str = ""

    def is_late(self, now: datetime) -> bool:
        """True when the last whole one is too old."""
        return now - (self.whole_at or self.due_from) > PERIODS * self.period


def compared(comparison: Comparison | None, before: tuple[Condition, ...], now: datetime) -> Said | None:
    """The condition; None while there was no comparison yet. Of the same kind, the words stay as they were.

    Args:
        comparison: how it goes; None where this process has not begun to compare.
        before: the conditions as last written.
        now: the time now.
    """
    old = _condition(before)
    if comparison is not None and comparison.is_late(now):
        if old is not None and old.status == "False":
            return Said(ConditionType.COMPARED, False, Reason.COMPARE_FAILED, old.message)
        why = comparison.trouble or "a comparison takes longer than that"
        minutes = PERIODS * comparison.period.total_seconds() / 60
        words = f"not compared with the server for more than {minutes:g} minutes: {why}; what others change or delete"
        message = f"{words} there is not found. This is tried again by itself"
        return Said(ConditionType.COMPARED, False, Reason.COMPARE_FAILED, message)
    if comparison is None or comparison.whole_at is None:
        # After a restart: as the process before has seen it.
        return Said(ConditionType.COMPARED, old.status == "True", Reason(old.reason), old.message) if old else None
    same = old is not None and old.status == "True" and _way(old.message) == _way(comparison.words)
    message = old.message if old is not None and same else comparison.words
    return Said(ConditionType.COMPARED, True, Reason.RECONCILED, message)


def is_news(comparison: Comparison, status: WorkspaceStatus, now: datetime) -> bool:
    """True when the comparison alone is reason enough to write the status."""
    said, old = compared(comparison, status.conditions, now), _condition(status.conditions)
    if said is not None and (old is None or (old.status == "True", old.message) != (said.status, said.message)):
        return True
    written = status.last_compared_at
    whole_at = comparison.whole_at
    return whole_at is not None and (written is None or whole_at - written >= STATUS_PRECISION)


def last_compared_at(comparison: Comparison, status: WorkspaceStatus) -> datetime | None:
    """What a status that is written anyway says."""
    return comparison.whole_at or status.last_compared_at


def compared_notice(before: WorkspaceStatus, after: WorkspaceStatus) -> Notice | None:
    """An event when the condition turned, or when the list is not whole any more; none for the first comparison."""
    old, new = _condition(before.conditions), _condition(after.conditions)
    if new is None or (old is None and new.message == Way.BY_LIST):
        return None
    if old is not None and (old.status, _way(old.message)) == (new.status, _way(new.message)):
        return None
    fine = new.status == "True" and new.message == Way.BY_LIST
    return Notice(Reason.RECONCILED if fine else Reason.COMPARE_FAILED, new.message, warning=not fine)


def _condition(conditions: tuple[Condition, ...]) -> Condition | None:
    return next((entry for entry in conditions if entry.type == ConditionType.COMPARED), None)


def _way(message: str) -> str:
    ways = (Way.BY_LIST, Way.BUT_FOR_ROWS, Way.ONE_BY_ONE)
    return next((way for way in ways if message.startswith(way)), "")
