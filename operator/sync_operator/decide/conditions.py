"""The one place that writes conditions: the transition time moves only when the status does."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from sync_operator.bounds import one_line
from sync_operator.decide.picture import Obstacle
from sync_operator.model.conditions import ConditionType, Reason
from sync_operator.model.reading import field_path
from sync_operator.model.status import Condition
from sync_operator.model.warning_rules import Doubt

__all__ = ["Said", "progress_conditions", "warning_words", "worst", "write_conditions"]

_MESSAGE_LIMIT: Final = 1024
"""Characters of a message; the CRD allows more, people do not read more."""
_MAX_WARNINGS: Final = 2
"""Kinds of warnings that a message spells out."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is to be said in one condition."""

    type: ConditionType
    status: bool
    reason: Reason
    message: str


def write_conditions(
    said: Iterable[Said], before: Iterable[Condition], *, generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Turn what is to be said into conditions, in the order given.

    Whoever composed a message, it is one line of printable characters, of bounded length.

    Args:
        said: every condition that is to be present; one that is not named disappears.
        before: the conditions as last written.
        generation: the resource's ``metadata.generation`` that they speak of.
        now: transition time of what changes its status.
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
    """The message of what is worst: Ready before all others, then what is False in the order written."""
    known = {entry.type: entry for entry in conditions}
    ready = known.get(ConditionType.READY)
    if ready is None:
        return None
    wrong = (entry for entry in known.values() if entry.status == "False")
    said = next(wrong, ready) if ready.status == "True" else ready
    return said.message or None


def warning_words(doubts: Iterable[Doubt]) -> str:
    """What a message says besides of what is hardly meant as it is written, in short; empty where there is nothing."""
    found: dict[str, list[str]] = {}
    for doubt in doubts:
        found.setdefault(doubt.message, []).append(field_path(doubt.place))
    said = [
        f"{first} (and {len(more)} more): {message}" if more else f"{first} {message}"
        for message, (first, *more) in islice(found.items(), _MAX_WARNINGS)
    ]
    rest = len(found) - len(said)
    also = (f"{rest} more, see sync-operator validate",) if rest > 0 else ()
    return "".join(f"; warning: {words}" for words in (*said, *also))


def progress_conditions(obstacle: Obstacle | None) -> tuple[Said, ...]:
    """``Stalled`` or ``Reconciling``, whichever is true of the obstacle; nothing without one (kstatus)."""
    if obstacle is None:
        return ()
    kind = ConditionType.STALLED if obstacle.stalled else ConditionType.RECONCILING
    return (Said(kind, True, obstacle.reason, obstacle.message),)
