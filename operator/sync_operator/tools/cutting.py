"""From a file's text to its documents, cut as `kubectl` cuts it. Pure.

A text that begins with `{` is a stream of JSON values, one after the other. Where that fails before a second value, and
in any other text, documents are cut at lines that begin with `---`. Each is then read by itself, so a directive
(`%YAML`) above such a line stands in a document of its own, which is an error.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sync_operator.tools.spots import Misprint, Spot, break_count, spot_at

__all__ = ["Cut", "cut_documents"]

type ReadJson = Callable[[str, int], tuple[Any, int]]
"""From a text and a place in it to the JSON value that begins there, and where it ends; ValueError if none does."""

_SPACE: Final = re.compile(r"\s*")
_JSON_SPACE: Final = re.compile(r"[ \t\n\r]*")
_LINE_END: Final = re.compile(r"[^\S\n]*\n?")
_SEPARATOR_HERE: Final = re.compile(r"---(.*)")
_SEPARATOR: Final = re.compile(r"^---(.*)", re.MULTILINE)
_PEEKED: Final = 4096
"""Bytes in which `kubectl` looks for the brace of JSON."""
_AMBIGUOUS: Final = 1
"""After more JSON values than this, a text is JSON to its end."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One document of a text.

    Attributes:
        whole: the text.
        start: where in it the document begins.
        end: where it ends.
        line: the line, counted from 0, at which it begins.
        column: the column there; not 0 only where JSON values share a line.
        is_json: True for one of a stream of JSON values.
    """

    whole: str
    start: int
    end: int
    line: int
    column: int = 0
    is_json: bool = False

    @property
    def text(self) -> str:
        """The document."""
        return self.whole[self.start : self.end]

    def spot(self, spot: Spot) -> Spot:
        """A place in the document as a place in the whole text."""
        shift = 0 if spot.line else self.column
        return Spot(self.line + spot.line, spot.column + shift, spot.end + shift)


def cut_documents(text: str, read_json: ReadJson) -> Iterator[tuple[Cut, Any] | Misprint]:
    """The documents of a text, in their order, each JSON one with its value; or what ends the reading early."""
    at, line, count = 0, 0, 0
    first = _SPACE.match(text)
    is_stream = first is not None and text.startswith("{", first.end()) and first.end() < _PEEKED
    if is_stream:
        while True:
            begin = _end_of(_JSON_SPACE, text, at)
            if begin == len(text):
                return
            here = line + break_count(text, at, begin)
            newline = text.rfind("\n", 0, begin)
            column = begin - max(newline, text.rfind("\r", newline + 1, begin)) - 1
            try:
                value, end = read_json(text, begin)
            except ValueError as error:
                if count > _AMBIGUOUS:
                    yield Misprint(
                        Spot(here, column, column + 1),
                        f"cannot be read as JSON, as which the file begins: {_words(error)}; write nothing but JSON "
                        "objects, or put --- on a line before each of them but the first",
                    )
                    return
                break
            yield Cut(text, begin, end, here, column, is_json=True), value
            line = here + break_count(text, begin, end)
            at, count = end, count + 1
    rest = _end_of(_LINE_END, text, at) if is_stream else 0
    if count and rest == len(text) and rest > at and not text.endswith("\n"):
        yield Misprint(spot_at(text, at), "is no space that JSON knows; remove what stands behind the last value")
        return
    yield from _cut_yaml(text, rest, line + break_count(text, at, rest))


def _cut_yaml(text: str, start: int, line: int) -> Iterator[tuple[Cut, Any] | Misprint]:
    separator = _SEPARATOR_HERE.match(text, start) or _SEPARATOR.search(text, start)
    while separator is not None:
        here, end = separator.span()
        beside = separator[1].strip()
        is_wrong = bool(beside) and not beside.startswith("#")
        if is_wrong:
            at = spot_at(text, separator.start(1))
            yield Misprint(
                Spot(at.line, at.column, at.column + len(separator[1].rstrip())),
                "kubectl takes nothing but a comment on the line of a '---'; write the document from the next line on",
            )
        if here > start or is_wrong:
            yield Cut(text, start, here, line), None
            # It is left out between two documents, and a part of a document that it begins.
            end = min(end + 1, len(text))
            line, start = line + break_count(text, start, end), end
        separator = _SEPARATOR.search(text, end)
    yield Cut(text, start, len(text), line), None


def _end_of(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return start if found is None else found.end()


def _words(error: ValueError) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)
