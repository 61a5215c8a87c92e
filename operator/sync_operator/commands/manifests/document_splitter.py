"""Splits a text into documents as `kubectl` does. Pure.

A text that begins with `{` is a stream of JSON values. If that fails before a second value, and in any other text,
documents are split at lines that begin with `---`. Each is then read separately, so a directive (`%YAML`) above such a
line is in a document of its own, which is an error.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from sync_operator.commands.manifests.spans import Span, YamlError, break_count, line_start, spot_at

__all__ = ["Cut", "cut_documents"]

type ReadJson = Callable[[str, int], tuple[Any, int]]
"""Looks at the JSON value at an index of a text; returns what it found and the index of the value's end. ValueError if
there is no value."""

_SPACE: Final = re.compile(r"\s*")
_JSON_SPACE: Final = re.compile(r"[ \t\n\r]*")
_LINE_END: Final = re.compile(r"[^\S\n]*\n?")
_SEPARATOR: Final = re.compile(r"---(.*)")
_PEEKED: Final = 4096
"""Bytes in which `kubectl` searches for the opening brace of JSON."""
_AMBIGUOUS: Final = 1
"""After more JSON values than this, the rest of a text must be JSON too."""


class Cut(NamedTuple):
    """One document's part of a text.

    Attributes:
        whole: the whole text.
        start: index at which the document begins.
        end: index at which it ends.
        line: line at which it begins, counted from 0.
        column: column at which it begins; other than 0 only if JSON values share a line.
        is_json: True for a value of a JSON stream.
    """

    whole: str
    start: int
    end: int
    line: int
    column: int = 0
    is_json: bool = False

    @property
    def text(self) -> str:
        """The text of the document."""
        return self.whole[self.start : self.end]

    def spot(self, spot: Span) -> Span:
        """Convert a position in the document to one in the whole text."""
        shift = 0 if spot.line else self.column
        return Span(self.line + spot.line, spot.column + shift, spot.end + shift)


def cut_documents(text: str, read_json: ReadJson) -> Iterator[tuple[Cut, Any] | YamlError]:
    """The documents of a text in order, with what was found in JSON; an error where reading cannot go on."""
    at, line, count = 0, 0, 0
    first = _SPACE.match(text)
    is_stream = first is not None and text.startswith("{", first.end()) and first.end() < _PEEKED
    if is_stream:
        while True:
            begin = _end_of(_JSON_SPACE, text, at)
            if begin == len(text):
                return
            here = line + break_count(text, at, begin)
            column = begin - line_start(text, begin)
            try:
                value, end = read_json(text, begin)
            except ValueError as error:
                if count > _AMBIGUOUS:
                    yield YamlError(
                        Span(here, column, column + 1),
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
        yield YamlError(spot_at(text, at), "is not a space that JSON knows; remove what stands behind the last value")
        return
    yield from _cut_yaml(text, rest, line + break_count(text, at, rest))


def _cut_yaml(text: str, start: int, line: int) -> Iterator[tuple[Cut, Any] | YamlError]:
    separator = _SEPARATOR.match(text, start) or _next_separator(text, start)
    while separator is not None:
        here, end = separator.span()
        beside = separator[1].strip()
        is_wrong = bool(beside) and not beside.startswith("#")
        if is_wrong:
            at = spot_at(text, separator.start(1))
            yield YamlError(
                Span(at.line, at.column, at.column + len(separator[1].rstrip())),
                "kubectl takes nothing but a comment on the line of a '---'; write the document from the next line on",
            )
        if here > start or is_wrong:
            yield Cut(text, start, here, line), None
            # A separator between two documents is dropped; one that begins a document is part of it.
            end = min(end + 1, len(text))
            line, start = line + break_count(text, start, end), end
        # The character before `end` may be the line break before the next separator.
        separator = _next_separator(text, max(end - 1, 0))
    yield Cut(text, start, len(text), line), None


def _next_separator(text: str, start: int) -> re.Match[str] | None:
    """The next separator behind a line break at or after an index."""
    at = text.find("\n---", start)
    return None if at < 0 else _SEPARATOR.match(text, at + 1)


def _end_of(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return start if found is None else found.end()


def _words(error: ValueError) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)
