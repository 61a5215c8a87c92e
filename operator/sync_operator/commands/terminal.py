"""Terminal output: colours, wrapping, tables that fit, a progress line; plain text if it is not a terminal."""

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from typing import Final, TextIO

__all__ = [
    "Progress",
    "Style",
    "first_columns",
    "fitted_table",
    "in_utf8",
    "last_columns",
    "plain_characters",
    "print_error",
    "style_of",
    "text_width",
    "wrapped",
]

_NARROWEST: Final = 8
"""Minimum width of a table's column."""
_GAP: Final = "   "


@dataclass(frozen=True, slots=True)
class Style:
    """The output style of one stream.

    Attributes:
        colour: True to use ANSI colours.
        width: columns of the terminal; None if the stream is none, so that nothing is cut or wrapped.
    """

    colour: bool = False
    width: int | None = None

    def bold(self, text: str) -> str:
        """For headings and locations."""
        return self._painted("1", text)

    def faint(self, text: str) -> str:
        """For secondary text."""
        return self._painted("2", text)

    def red(self, text: str) -> str:
        """For errors and deletions."""
        return self._painted("1;31", text)

    def green(self, text: str) -> str:
        """For success and additions."""
        return self._painted("32", text)

    def yellow(self, text: str) -> str:
        """For warnings and changes."""
        return self._painted("33", text)

    def _painted(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text


def style_of(stream: TextIO, *, colour: bool) -> Style:
    """The style for a stream: that of a terminal, or plain.

    Args:
        stream: the output stream.
        colour: False if the environment turns colours off.
    """
    if not stream.isatty():
        return Style()
    return Style(colour=colour, width=shutil.get_terminal_size().columns)


def plain_characters(stream: TextIO) -> None:
    """Make a stream write an escape for a character that its encoding lacks, instead of raising an error."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def in_utf8(stream: TextIO) -> TextIO:
    """Set a stream that programs read to UTF-8, whatever the locale, and return it."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    return stream


def text_width(text: str) -> int:
    """Number of columns that a text takes on a terminal: none for a combining mark, two for most emoji."""
    if text.isascii():
        return len(text)
    from wcwidth import width  # noqa: PLC0415 (its tables take 0.2 s to load, and most manifests are ASCII)

    return width(text, control_codes="ignore")


def first_columns(text: str, width: int) -> str:
    """The longest beginning of a text that fits into ``width`` columns."""
    if text.isascii():
        return text[: max(width, 0)]
    from wcwidth import iter_graphemes  # noqa: PLC0415 (see text_width)

    return "".join(_fitting(iter_graphemes(text), width))


def last_columns(text: str, width: int) -> str:
    """The longest end of a text that fits into ``width`` columns."""
    if text.isascii():
        return text[max(len(text) - max(width, 0), 0) :]
    from wcwidth import iter_graphemes_reverse  # noqa: PLC0415 (see text_width)

    return "".join(reversed(_fitting(iter_graphemes_reverse(text), width)))


def _fitting(graphemes: Iterable[str], width: int) -> list[str]:
    """The first graphemes that fit: a family of emoji, or a letter with its marks, is never cut in two."""
    fitting = []
    for grapheme in graphemes:
        width -= text_width(grapheme)
        if width < 0:
            break
        fitting.append(grapheme)
    return fitting


def wrapped(text: str, style: Style, *, indent: str = "") -> str:
    """A paragraph wrapped to the terminal's width; all lines but the first are indented."""
    if style.width is None:
        return text
    return textwrap.fill(
        text, max(style.width, 40), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def print_error(command: str, words: object, *, program: str = "sync-operator") -> None:
    """Print to standard error why a command stops.

    Args:
        command: its name, such as ``plan``.
        words: the error, and how to fix it.
        program: what the command is one of.
    """
    style = style_of(sys.stderr, colour=False)
    sys.stderr.write(f"{wrapped(f'{program} {command}: {words}', style, indent='  ')}\n")


def fitted_table(head: Sequence[str], rows: Sequence[Sequence[str]], style: Style) -> list[str]:
    """The lines of a table; if it is too wide for the terminal, the widest columns are cut."""
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
    """A progress line; shows nothing if the stream is not a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = stream.isatty()

    def update(self, words: str) -> None:
        """Replace the line."""
        if self._shown:
            # A line that wraps could not be erased again.
            self._stream.write(f"\r\x1b[K{_cut(words, shutil.get_terminal_size().columns - 1)}")
            self._stream.flush()

    def done(self) -> None:
        """Erase the line."""
        self.update("")
