"""What makes output pleasant for people: colours on a terminal only, tables that fit, a line that tells progress."""

import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import accumulate
from typing import Final, TextIO

__all__ = [
    "Progress",
    "Style",
    "complain",
    "first_columns",
    "fitted_table",
    "in_utf8",
    "last_columns",
    "plain_characters",
    "style_of",
    "text_width",
    "wrapped",
]

_NARROWEST: Final = 8
"""A column is never cut to less than this."""
_GAP: Final = "   "
_WIDE: Final = frozenset("WF")


@dataclass(frozen=True, slots=True)
class Style:
    """How to write to one stream.

    Attributes:
        colour: whether to use ANSI colours.
        width: columns of the terminal; None where there is none, so that nothing is cut or wrapped.
    """

    colour: bool = False
    width: int | None = None

    def bold(self, text: str) -> str:
        """Headings and places."""
        return self._painted("1", text)

    def faint(self, text: str) -> str:
        """What is there for orientation."""
        return self._painted("2", text)

    def red(self, text: str) -> str:
        """Errors, and what goes."""
        return self._painted("1;31", text)

    def green(self, text: str) -> str:
        """What is well, and what comes."""
        return self._painted("32", text)

    def yellow(self, text: str) -> str:
        """Warnings, and what changes."""
        return self._painted("33", text)

    def _painted(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text


def style_of(stream: TextIO, *, colour: bool) -> Style:
    """The style for a stream: that of a terminal, or plain.

    Args:
        stream: where it is written.
        colour: False where the environment asks for none.
    """
    if not stream.isatty():
        return Style()
    return Style(colour=colour, width=shutil.get_terminal_size().columns)


def plain_characters(stream: TextIO) -> None:
    """Have a stream write an escape for what its encoding cannot say, instead of ending in an error."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def in_utf8(stream: TextIO) -> TextIO:
    """A stream that programs read: UTF-8, whatever the locale says."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    return stream


def text_width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in _WIDE else 1 for char in text
    )


def first_columns(text: str, width: int) -> str:
    """As much of a text's beginning as fits into so many columns."""
    ends = accumulate(map(text_width, text))
    return text[: sum(end <= width for end in ends)]


def last_columns(text: str, width: int) -> str:
    """As much of a text's end as fits into so many columns."""
    return first_columns(text[::-1], width)[::-1]


def wrapped(text: str, style: Style, *, indent: str = "") -> str:
    """A paragraph in lines that fit; only its later lines are indented."""
    if style.width is None:
        return text
    return textwrap.fill(
        text, max(style.width, 40), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def complain(command: str, words: object) -> None:
    """Say on standard error why a command cannot go on.

    Args:
        command: its name, such as ``plan``.
        words: what is wrong, and what to do.
    """
    style = style_of(sys.stderr, colour=False)
    sys.stderr.write(f"{wrapped(f'sync-operator {command}: {words}', style, indent='  ')}\n")


def fitted_table(head: Sequence[str], rows: Sequence[Sequence[str]], style: Style) -> list[str]:
    """Lines of a table; where it is too wide for the terminal, the widest columns are cut."""
    table = [head, *rows]
    widths = [max(text_width(row[column]) for row in table) for column in range(len(head))]
    if style.width is not None:
        room = style.width - len(_GAP) * (len(head) - 1)
        while sum(widths) > room and max(widths) > _NARROWEST:
            widths[widths.index(max(widths))] -= 1
    lines = [
        _GAP.join(_padded(_cut(text, width), width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    return [style.bold(lines[0]), *lines[1:]]


def _cut(text: str, width: int) -> str:
    return text if text_width(text) <= width else f"{first_columns(text, width - 1)}…"


def _padded(text: str, width: int) -> str:
    return text + " " * (width - text_width(text))


class Progress:
    """One line that tells how far long work has come; nothing at all where the stream is no terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = stream.isatty()

    def tell(self, words: str) -> None:
        """Replace the line."""
        if self._shown:
            # A line that runs over into the next one could not be taken away again.
            self._stream.write(f"\r\x1b[K{_cut(words, shutil.get_terminal_size().columns - 1)}")
            self._stream.flush()

    def done(self) -> None:
        """Take the line away."""
        self.tell("")
