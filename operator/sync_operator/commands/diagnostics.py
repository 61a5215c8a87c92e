"""Diagnostics: errors and warnings with their position in a file, shown with the line and a caret."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sync_operator.commands.input_files import STDIN, Source
from sync_operator.commands.manifests.spans import Span
from sync_operator.commands.terminal import Style, first_columns, last_columns, text_width, wrapped
from sync_operator.util.redact import mask

__all__ = ["Diagnostic", "Severity", "github_line", "shown_problem"]

_MAX_LINE: Final = 160
"""Maximum length of a quoted line if the output is not a terminal."""
_SECRET: Final = re.compile(r"""^[ \t{]*["']?kind["']?[ \t]*:[ \t]*["']?Secret\b""", re.MULTILINE)


class Severity(StrEnum):
    """Severity of a diagnostic; only an error makes a manifest invalid."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error or warning about a manifest.

    Attributes:
        source: the text that it is about.
        spot: position in the text.
        subject: the object that it is about, such as ``Sync orders``; empty if the text could not be read as an object.
        field: path of the field; empty if it is about the whole object.
        message: what is wrong, and how to fix it.
    """

    source: Source
    spot: Span
    subject: str
    field: str
    message: str
    severity: Severity = Severity.ERROR

    @property
    def line(self) -> int:
        """The line, counted from 1."""
        return self.spot.line + 1

    @property
    def column(self) -> int:
        """The column, counted from 1."""
        return self.spot.column + 1

    @property
    def message_with_field(self) -> str:
        """Field and message as one sentence."""
        return f"{self.field}: {self.message}" if self.field else self.message


def shown_problem(problem: Diagnostic, style: Style) -> list[str]:
    """A problem as lines of text: position, message, and the quoted line with a caret."""
    paint = style.red if problem.severity is Severity.ERROR else style.yellow
    spot = "" if problem.source.read_error else f"{problem.line}:{problem.column}:"
    where, what = f"{problem.source.name}:{spot}", f"{problem.severity}:"
    about = f"{problem.subject}: " if problem.subject else ""
    # Coloured after wrapping, which would count the escape sequences as characters.
    head = wrapped(f"{where} {what} {about}{problem.message_with_field}", style, indent="  ")
    head = head.replace(where, style.bold(where), 1).replace(f" {what}", f" {paint(what)}", 1)
    return [head, *_quoted(problem, style, paint)]


def github_line(problem: Diagnostic) -> str:
    """A problem as a workflow command of GitHub Actions, shown there as an annotation of the line."""
    where = {} if problem.source.name == STDIN else {"file": problem.source.name}
    fields = {**where, "line": str(problem.line), "col": str(problem.column), "title": problem.subject or "YAML"}
    listed = ",".join(f"{name}={_property(value)}" for name, value in fields.items())
    return f"::{problem.severity} {listed}::{_data(problem.message_with_field)}"


def _quoted(problem: Diagnostic, style: Style, paint: Callable[[str], str]) -> list[str]:
    written = problem.source.line(problem.spot.line)
    if written is None or problem.source.read_error:
        return []
    number = str(problem.line)
    line, start, end = _public(written.replace("\t", " "), problem), problem.spot.column, problem.spot.end
    room = (style.width or _MAX_LINE) - len(number) - 5
    if text_width(line) > room:
        # Of a long line, only the part around the position is shown.
        before, whole = last_columns(line[:start], room // 3), last_columns(line, room)
        cut = min(start - len(before), len(line) - len(whole))
        line, start, end = first_columns(line[cut:], room), start - cut, end - cut
    end = min(max(end, start + 1), max(len(line), start + 1))
    pad, carets = " " * text_width(line[:start]), "^" * max(1, text_width(line[start:end]))
    bar = style.faint("|")

    return [f"  {style.faint(number)} {bar} {line}", f"  {' ' * len(number)} {bar} {pad}{paint(carets)}"]


def _public(line: str, problem: Diagnostic) -> str:
    """A line that is safe in the log of a CI run: if it may hold a secret, only the text before the colon."""
    unread = not problem.subject and _SECRET.search(problem.source.text)
    if mask(line) == line and not unread:
        return line
    name, colon, _ = line.partition(":")
    return f"{name}{colon} (hidden)"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
