"""A rule between fields: as CEL for the API server, and as a predicate for objects stored before the rule existed."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sync_operator.errors import InvalidSpecError

__all__ = ["CelReason", "CelRule", "Rule", "check"]


class CelReason(StrEnum):
    """Machine-readable reasons with which the API server rejects an object (``reason`` of a CEL validation)."""

    REQUIRED = "FieldValueRequired"
    INVALID = "FieldValueInvalid"
    FORBIDDEN = "FieldValueForbidden"


@dataclass(frozen=True, slots=True)
class CelRule:
    """A rule that the API server enforces.

    Attributes:
        at: path of the schema node that carries it, such as ``spec``; empty for the root.
        field: path of the field that the rejection names.
        cel: the expression that must be true.
        message: what is wrong and how to fix it; phrased to follow the field's path in a sentence.
        reason: machine-readable reason of the rejection.
    """

    at: str
    field: str
    cel: str
    message: str
    reason: CelReason = CelReason.INVALID


@dataclass(frozen=True, slots=True)
class Rule[S](CelRule):
    """A rule that this process enforces as well.

    Attributes:
        predicate: the predicate equivalent to ``cel``, for a parsed spec.
    """

    predicate: Callable[[S], bool] = lambda _: True


def check[S](spec: S, rules: tuple[Rule[S], ...]) -> None:
    """Check a spec against rules.

    Raises:
        InvalidSpecError: a rule does not hold; has the field and message of the first such rule.
    """
    for rule in rules:
        if not rule.predicate(spec):
            raise InvalidSpecError(rule.field, rule.message)
