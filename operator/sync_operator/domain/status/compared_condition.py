"""The condition ``Compared`` of a Workspace: the periodic comparison of its resources with the server. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.api.statuses.status import WorkspaceStatus
from sync_operator.api.statuses.status_fields import Condition
from sync_operator.domain.status.event_specs import EventSpec
from sync_operator.domain.status.set_conditions import DesiredCondition

__all__ = [
    "CompareMethod",
    "Comparison",
    "KindComparison",
    "compared",
    "compared_event",
    "comparison_changed",
    "comparison_message",
    "last_compared_at",
]

PERIODS: Final = 3
"""A comparison older than this many periods is too old."""
STATUS_PRECISION: Final = timedelta(hours=1)
"""How far ``status.lastComparedAt`` may lag behind, so that an idle Workspace is not written at each comparison."""


class CompareMethod:
    """How the resources of a kind are compared; each value is in the condition's message, and identifies it."""

    BY_LIST: Final = " are compared with the server's list"
    BUT_FOR_ROWS: Final = " are compared with the server's list, but for what the server refuses to list: "
    ONE_BY_ONE: Final = " are compared one by one, because the server's list cannot be read: "


@dataclass(frozen=True, slots=True)
class KindComparison:
    """How the resources of one kind were compared.

    Attributes:
        kind: such as ``Sync``.
        method: one of `CompareMethod`.
        detail: the end of the message, for a method other than `CompareMethod.BY_LIST`.
    """

    kind: str
    method: str = CompareMethod.BY_LIST
    detail: str = ""


def comparison_message(kinds: Sequence[KindComparison]) -> str:
    """The message about a complete comparison of these kinds."""
    incomplete = [each for each in kinds if each.method != CompareMethod.BY_LIST]
    if incomplete:
        return "; ".join(f"its {each.kind}s{each.method}{each.detail}" for each in incomplete)
    *names, last = (f"{each.kind}s" for each in kinds)
    listed = f"{', '.join(names)} and {last}" if names else last
    return f"all its {listed}{CompareMethod.BY_LIST}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """State of the comparisons of one Workspace.

    Attributes:
        period: time between two comparisons.
        due_from: since when there is something to compare.
        completed_at: start of the last complete comparison; None if this process has completed none.
        message: message for that comparison, by `comparison_message`.
        failure: why the last comparison was not completed; empty if it was.
    """

    period: timedelta
    due_from: datetime
    completed_at: datetime | None = None
    message: str = ""
    failure: str = ""

    def is_late(self, now: datetime) -> bool:
        """True if the last complete comparison is too old."""
        return now - (self.completed_at or self.due_from) > PERIODS * self.period


def compared(comparison: Comparison | None, before: tuple[Condition, ...], now: datetime) -> DesiredCondition | None:
    """The condition Compared; None before the first comparison. While `CompareMethod` is the same, so is the message.

    Args:
        comparison: state of the comparisons; None if this process has not begun one.
        before: the conditions as last written.
        now: the current time.
    """
    old = _condition(before)
    if comparison is not None and comparison.is_late(now):
        if old is not None and old.status == "False":
            return DesiredCondition(ConditionType.COMPARED, False, Reason.COMPARE_FAILED, old.message)
        why = comparison.failure or "a comparison takes longer than that"
        minutes = PERIODS * comparison.period.total_seconds() / 60
        words = f"not compared with the server for more than {minutes:g} minutes: {why}; what others change or delete"
        message = f"{words} there is not found. This is tried again by itself"
        return DesiredCondition(ConditionType.COMPARED, False, Reason.COMPARE_FAILED, message)
    if comparison is None or comparison.completed_at is None:
        # After a restart, the condition stays as the process before has written it.
        return (
            DesiredCondition(ConditionType.COMPARED, old.status == "True", Reason(old.reason), old.message)
            if old
            else None
        )
    method = _method(comparison.message)
    same = old is not None and old.status == "True" and _method(old.message) == method != CompareMethod.BY_LIST
    message = old.message if old is not None and same else comparison.message
    return DesiredCondition(ConditionType.COMPARED, True, Reason.RECONCILED, message)


def comparison_changed(comparison: Comparison, status: WorkspaceStatus, now: datetime) -> bool:
    """True if the comparison alone is reason enough to write the status."""
    said, old = compared(comparison, status.conditions, now), _condition(status.conditions)
    if said is not None and (old is None or (old.status == "True", old.message) != (said.status, said.message)):
        return True
    written = status.last_compared_at
    whole_at = comparison.completed_at
    return whole_at is not None and (written is None or whole_at - written >= STATUS_PRECISION)


def last_compared_at(comparison: Comparison, status: WorkspaceStatus) -> datetime | None:
    """``lastComparedAt`` for a status that is written anyway."""
    return comparison.completed_at or status.last_compared_at


def compared_event(before: WorkspaceStatus, after: WorkspaceStatus) -> EventSpec | None:
    """An event if the condition or the `CompareMethod` changed; none for a first comparison by the whole list."""
    old, new = _condition(before.conditions), _condition(after.conditions)
    if new is None or (old is None and _method(new.message) == CompareMethod.BY_LIST):
        return None
    if old is not None and (old.status, _method(old.message)) == (new.status, _method(new.message)):
        return None
    fine = new.status == "True" and _method(new.message) == CompareMethod.BY_LIST
    return EventSpec(Reason.RECONCILED if fine else Reason.COMPARE_FAILED, new.message, warning=not fine)


def _condition(conditions: tuple[Condition, ...]) -> Condition | None:
    return next((entry for entry in conditions if entry.type == ConditionType.COMPARED), None)


def _method(message: str) -> str:
    ways = (CompareMethod.ONE_BY_ONE, CompareMethod.BUT_FOR_ROWS, CompareMethod.BY_LIST)
    return next((way for way in ways if way in message), "")
