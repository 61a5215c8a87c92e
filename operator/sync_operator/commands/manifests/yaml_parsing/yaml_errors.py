"""Rewrites errors of the YAML parser: what is wrong, where, and how to fix it. Pure."""

from dataclasses import dataclass
from typing import Final

import yaml

__all__ = ["Mark", "explain_yaml_error"]

type Mark = tuple[int, int]
"""Line and column, counted from 0."""


@dataclass(frozen=True, slots=True)
class _Objection:
    """The message for one error of the parser.

    Attributes:
        problem: the parser's ``problem``.
        said: the message; ``{char}`` is the character at the position, ``{line}`` the line where the context begins.
        context: text in the parser's ``context``, which says what it was reading; empty for any.
        char: the character at the position; empty for any.
        at_begin: True to report the position where the context begins.
    """

    problem: str
    said: str
    context: str = ""
    char: str = ""
    at_begin: bool = False


_TAB: Final = "a tab, which YAML does not take as indentation; use spaces"
_OBJECTIONS: Final = (
    _Objection("found a tab character that violates indentation", _TAB),
    _Objection("found character that cannot start any token", _TAB, char="\t"),
    _Objection("found character that cannot start any token", "{char!r} cannot begin a value; put the value in quotes"),
    _Objection(
        "did not find expected alphabetic or numeric character",
        "{char!r} has a meaning of its own here; put the value in quotes",
        at_begin=True,
    ),
    _Objection("found undefined alias", "an undefined alias; put the value in quotes, or write its anchor"),
    _Objection(
        "found unexpected end of stream",
        "a quote that is never closed; close it",
        context="while scanning a quoted scalar",
        at_begin=True,
    ),
    _Objection(
        "could not find expected ':'",
        "no ':' comes after this; write a field as 'name: value'",
        at_begin=True,
    ),
    _Objection(
        "mapping values are not allowed in this context",
        "no ':' can be here; put a text that holds one in quotes, or correct the indentation",
    ),
    _Objection(
        "did not find expected key",
        "no field can begin here; correct the indentation, or the quotes before it",
    ),
    _Objection(
        "did not find expected '-' indicator",
        "no item of the list begins here; correct the indentation, or begin one with '-'",
    ),
    _Objection(
        "did not find expected ',' or '}'",
        "',' or '}}' is missing before this, for the '{{' in line {line}",
    ),
    _Objection(
        "did not find expected ',' or ']'",
        "',' or ']' is missing before this, for the '[' in line {line}",
    ),
    _Objection(
        "found unknown escape character",
        "a '\\' in double quotes that begins no escape; write '\\\\', or use single quotes",
    ),
)


def explain_yaml_error(error: yaml.MarkedYAMLError, lines: list[str], first: int = 0) -> tuple[Mark, str]:
    """Position in the document and message of a parser error.

    Args:
        error: the parser's error.
        lines: the lines of the document.
        first: the line of the whole text at which the document begins.
    """
    begin, end = error.context_mark or error.problem_mark, error.problem_mark or error.context_mark
    if begin is None or end is None:
        return (0, 0), str(error.problem)
    for known in _OBJECTIONS:
        mark = begin if known.at_begin else end
        char = lines[mark.line][mark.column : mark.column + 1] if mark.line < len(lines) else ""
        if known.problem == error.problem and known.context in (error.context or "") and known.char in ("", char):
            return (mark.line, mark.column), known.said.format(char=char, line=first + begin.line + 1)
    return (end.line, end.column), "; ".join(words for words in (error.context, error.problem) if words)
