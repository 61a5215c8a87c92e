"""Places in a text, and what is wrong at them before the text means anything. Pure."""

import re
from array import array
from dataclasses import dataclass
from itertools import chain
from typing import Final

from sync_operator.model.reading import Place

__all__ = ["Misprint", "Spot", "break_count", "line_starts", "lines_of", "spot_at"]

_BREAKS: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_RARE_BREAK: Final = re.compile("[\r\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a text, counted from 0; ``end`` is the column after it, on the same line."""

    line: int
    column: int
    end: int


@dataclass(frozen=True, slots=True)
class Misprint:
    """What is wrong with a text before it means anything; ``place`` is the object or list that it stands in."""

    spot: Spot
    message: str
    place: Place = ()


def lines_of(text: str) -> list[str]:
    """The lines of a text as YAML counts them."""
    return _BREAKS.split(text)


def line_starts(text: str) -> array[int]:
    """Where in a text each of its lines begins."""
    return array("Q", chain((0,), (found.end() for found in _BREAKS.finditer(text))))


def break_count(text: str, start: int, end: int) -> int:
    """How many lines end in a part of a text, as YAML counts them."""
    if _RARE_BREAK.search(text, start, end) is None:
        return text.count("\n", start, end)
    return sum(1 for _ in _BREAKS.finditer(text, start, end))


def spot_at(text: str, index: int) -> Spot:
    """The place of one character."""
    lines = lines_of(text[:index])
    return Spot(len(lines) - 1, len(lines[-1]), len(lines[-1]) + 1)
