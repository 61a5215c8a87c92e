"""What is wrong, where in a file, and how that is shown: with the line and a caret under the place."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sync_operator.redact import mask
from sync_operator.tools.sources import STDIN, Source
from sync_operator.tools.spots import Spot
from sync_operator.tools.terminal import Style, first_columns, last_columns, text_width, wrapped

__all__ = ["Problem", "Severity", "github_line", "shown_problem"]

_LONGEST_LINE: Final = 160
"""Characters of a line that are quoted where there is no terminal to fit."""
_SECRET: Final = re.compile(r"""^[ \t{]*["']?kind["']?[ \t]*:[ \t]*["']?Secret\b""", re.MULTILINE)


class Severity(StrEnum):
    """How bad it is: an error makes a manifest invalid."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a manifest.

    Attributes:
        source: the text it stands in.
        spot: where in it.
        subject: what it is about, such as ``Sync orders``; empty for a text that holds no manifest yet.
        field: path of the field; empty when it is about the whole.
        message: what is wrong, and what to do.
    """

    source: Source
    spot: Spot
    subject: str
    field: str
    message: str
    severity: Severity = Severity.ERROR

    @property
    def line(self) -> int:
        """As editors count."""
        return self.spot.line + 1

    @property
    def column(self) -> int:
        """As editors count."""
        return self.spot.column + 1

    @property
    def said(self) -> str:
        """Field and message as one sentence."""
        return f"{self.field}: {self.message}" if self.field else self.message


def shown_problem(problem: Problem, style: Style) -> list[str]:
    """A problem for people: where, what, and the line with a caret."""
    paint = style.red if problem.severity is Severity.ERROR else style.yellow
    spot = "" if problem.source.unread else f"{problem.line}:{problem.column}:"
    where, what = f"{problem.source.name}:{spot}", f"{problem.severity}:"
    about = f"{problem.subject}: " if problem.subject else ""
    # Painted afterwards: to the wrapping, colours would be characters.
    head = wrapped(f"{where} {what} {about}{problem.said}", style, indent="  ")
    head = head.replace(where, style.bold(where), 1).replace(f" {what}", f" {paint(what)}", 1)
    return [head, *_quoted(problem, style, paint)]


def github_line(problem: Problem) -> str:
    """A problem as a workflow command of GitHub Actions, which becomes an annotation of the line."""
    where = {} if problem.source.name == STDIN else {"file": problem.source.name}
    fields = {**where, "line": str(problem.line), "col": str(problem.column), "title": problem.subject or "YAML"}
    listed = ",".join(f"{name}={_property(value)}" for name, value in fields.items())
    return f"::{problem.severity} {listed}::{_data(problem.said)}"


def _quoted(problem: Problem, style: Style, paint: Callable[[str], str]) -> list[str]:
    written = problem.source.line(problem.spot.line)
    if written is None or problem.source.unread:
        return []
    number = str(problem.line)
    line, start, end = _public(written.replace("\t", " "), problem), problem.spot.column, problem.spot.end
    room = (style.width or _LONGEST_LINE) - len(number) - 5
    if text_width(line) > room:
        # A long line is shown around the place.
        before, whole = last_columns(line[:start], room // 3), last_columns(line, room)
        cut = min(start - len(before), len(line) - len(whole))
        line, start, end = first_columns(line[cut:], room), start - cut, end - cut
    end = min(max(end, start + 1), max(len(line), start + 1))
    pad, carets = " " * text_width(line[:start]), "^" * max(1, text_width(line[start:end]))
    bar = style.faint("|")

    return [f"  {style.faint(number)} {bar} {line}", f"  {' ' * len(number)} {bar} {pad}{paint(carets)}"]


def _public(line: str, problem: Problem) -> str:
    """A line fit to be shown in the log of a CI run: only its beginning where it may hold a secret."""
    unread = not problem.subject and _SECRET.search(problem.source.text)
    if mask(line) == line and not unread:
        return line
    name, colon, _ = line.partition(":")
    return f"{name}{colon} (hidden)"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
