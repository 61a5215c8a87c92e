"""Positions in a text, and syntax errors at them. Pure."""

import re
from array import array
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple

from sync_operator.api.validation.strict_validation import FieldPath

__all__ = ["Lines", "Span", "YamlError", "break_count", "line_start", "lines_of", "spot_at"]

_BREAKS: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_RARE_BREAKS: Final = "\r\x85\u2028\u2029"
_PART: Final = 4096
"""Characters between two positions of a text whose line numbers are kept."""


class Span(NamedTuple):
    """A span within one line of a text, counted from 0; ``end`` is the column after it."""

    line: int
    column: int
    end: int


@dataclass(frozen=True, slots=True)
class YamlError:
    """A syntax error of a text; ``path`` is that of the object or list that it is in."""

    spot: Span
    message: str
    path: FieldPath = ()


def lines_of(text: str) -> list[str]:
    """The lines of a text, split at YAML's line breaks."""
    return _BREAKS.split(text)


def line_start(text: str, index: int) -> int:
    """The index at which the line of a JSON value begins."""
    newline = text.rfind("\n", 0, index)
    return max(newline, text.rfind("\r", newline + 1, index)) + 1


class Lines:
    """Finds the lines of a text, split at YAML's line breaks, by their numbers."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = array("Q", (0,))
        """Index at which each part of the text begins: to hold that of each line would take much memory."""
        self._counts = array("Q", (0,))
        """Number of line breaks before each part."""
        start = 0
        while (end := start + _PART) < len(text):
            end += text[end - 1] == "\r" and text[end] == "\n"  # both are one line break
            self._counts.append(self._counts[-1] + break_count(text, start, end))
            self._starts.append(end)
            start = end

    def line(self, number: int) -> str | None:
        """A line, counted from 0; None if the text has fewer lines."""
        part = max(bisect_left(self._counts, number) - 1, 0)
        breaks = _BREAKS.finditer(self._text, self._starts[part])
        start = 0
        if number:
            before = next(islice(breaks, number - self._counts[part] - 1, None), None)
            if before is None:
                return None
            start = before.end()
        after = next(breaks, None)
        return self._text[start : after.start() if after else None]


def break_count(text: str, start: int, end: int) -> int:
    """Number of YAML line breaks in a part of a text."""
    rare = _rare_breaks(text)
    if not rare or all(text.find(char, start, end) < 0 for char in rare):
        return text.count("\n", start, end)
    return sum(1 for _ in _BREAKS.finditer(text, start, end))


@lru_cache(maxsize=2)
def _rare_breaks(text: str) -> tuple[str, ...]:
    """The rare line breaks in a text; cached, because it is asked for each of its parts."""
    return tuple(char for char in _RARE_BREAKS if char in text)


def spot_at(text: str, index: int) -> Span:
    """The span of one character."""
    lines = lines_of(text[:index])
    return Span(len(lines) - 1, len(lines[-1]), len(lines[-1]) + 1)
