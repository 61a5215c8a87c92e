"""A rule between fields: as CEL for the API server, and as a predicate for objects that predate the rule."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sync_operator.errors import InvalidSpecError

__all__ = ["CelReason", "CelRule", "Rule", "check"]


class CelReason(StrEnum):
    """Machine reasons that the API server puts on a refusal."""

    REQUIRED = "FieldValueRequired"
    INVALID = "FieldValueInvalid"
    FORBIDDEN = "FieldValueForbidden"


@dataclass(frozen=True, slots=True)
class CelRule:
    """A rule that the API server holds.

    Attributes:
        at: path of the schema that carries it, such as ``spec``; empty for the root.
        field: path of the field that the refusal names.
        cel: the expression that must be true.
        message: what is wrong and what to do; continues the field's name to a sentence.
        reason: machine reason of the refusal.
    """

    at: str
    field: str
    cel: str
    message: str
    reason: CelReason = CelReason.INVALID


@dataclass(frozen=True, slots=True)
class Rule[S](CelRule):
    """A rule that this process holds too.

    Attributes:
        holds: the same as ``cel``, for a spec that has been read.
    """

    holds: Callable[[S], bool] = lambda _: True


def check[S](spec: S, rules: tuple[Rule[S], ...]) -> None:
    """Hold a spec against rules.

    Raises:
        InvalidSpecError: names the field and message of the first rule that does not hold.
    """
    for rule in rules:
        if not rule.holds(spec):
            raise InvalidSpecError(rule.field, rule.message)
