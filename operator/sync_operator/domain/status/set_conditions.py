"""Builds status conditions (as ``meta.SetStatusCondition``): the transition time changes only with the status."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.api.statuses.status_fields import Condition
from sync_operator.api.validation.strict_validation import field_path
from sync_operator.api.validation.warning_rules import SpecWarning
from sync_operator.domain.blocker import Blocker
from sync_operator.util.bounds import one_line

__all__ = ["DesiredCondition", "kept_condition", "progress_conditions", "set_conditions", "warning_message", "worst"]

_MESSAGE_LIMIT: Final = 1024
"""Maximum length of a message in characters; the CRD allows more, but more is not readable."""
_MAX_WARNINGS: Final = 2
"""Number of different warnings that a message has in full."""


@dataclass(frozen=True, slots=True)
class DesiredCondition:
    """Desired content of one condition."""

    type: ConditionType
    status: bool
    reason: Reason
    message: str


def kept_condition(before: Condition | None) -> DesiredCondition | None:
    """A condition as last written; None if there was none."""
    if before is None:
        return None
    return DesiredCondition(ConditionType(before.type), before.status == "True", Reason(before.reason), before.message)


def set_conditions(
    said: Iterable[DesiredCondition], before: Iterable[Condition], *, generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Build the conditions, in the order given.

    Each message is reduced to one line of printable characters and a maximum length.

    Args:
        said: all conditions that are to be present; others are removed.
        before: the conditions as last written.
        generation: ``observedGeneration``: the resource's ``metadata.generation`` that they are about.
        now: transition time of conditions whose status changes.
    """
    known = {entry.type: entry for entry in before}
    written = []
    for entry in said:
        status = "True" if entry.status else "False"
        old = known.get(entry.type)
        unchanged = old is not None and old.status == status
        written.append(
            Condition(
                type=entry.type,
                status=status,
                reason=entry.reason,
                message=one_line(entry.message, _MESSAGE_LIMIT),
                last_transition_time=old.last_transition_time if old and unchanged else now,
                observed_generation=generation,
            )
        )
    return tuple(written)


def worst(conditions: Iterable[Condition]) -> str | None:
    """The message of the worst condition: Ready if it is not True, else the first that is False, else Ready."""
    known = {entry.type: entry for entry in conditions}
    ready = known.get(ConditionType.READY)
    if ready is None:
        return None
    wrong = (entry for entry in known.values() if entry.status == "False")
    said = next(wrong, ready) if ready.status == "True" else ready
    return said.message or None


def warning_message(doubts: Iterable[SpecWarning]) -> str:
    """Suffix of a message with the first warnings, shortened; empty without warnings."""
    found: dict[str, list[str]] = {}
    for doubt in doubts:
        found.setdefault(doubt.message, []).append(field_path(doubt.path))
    said = [
        f"{first} (and {len(more)} more): {message}" if more else f"{first} {message}"
        for message, (first, *more) in islice(found.items(), _MAX_WARNINGS)
    ]
    rest = len(found) - len(said)
    also = (f"{rest} more, see sync-operator validate",) if rest > 0 else ()
    return "".join(f"; warning: {words}" for words in (*said, *also))


def progress_conditions(blocker: Blocker | None) -> tuple[DesiredCondition, ...]:
    """``Stalled`` or ``Reconciling`` by the blocker (kstatus); neither without a blocker."""
    if blocker is None:
        return ()
    kind = ConditionType.STALLED if blocker.stalled else ConditionType.RECONCILING
    return (DesiredCondition(kind, True, blocker.reason, blocker.message),)
