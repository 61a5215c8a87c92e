"""The FILES that a tool is given: files, folders, and `-` for standard input."""

import codecs
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Final

from sync_operator.tools.spots import line_starts, lines_of

__all__ = ["STDIN", "Source", "UsageError", "read_all", "read_sources"]

STDIN: Final = "-"
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Those that `kubectl` knows."""
_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})


class UsageError(Exception):
    """The command was called with what cannot be used; the message says what to write instead."""


@dataclass(frozen=True)
class Source:
    """A text and where it came from.

    Attributes:
        name: the path as given, or ``-``.
        unread: why it cannot be read, and what to do; empty where it was.
    """

    name: str
    text: str = field(repr=False)
    unread: str = ""

    @property
    def shown(self) -> str:
        """The name for people."""
        return "standard input" if self.name == STDIN else self.name

    def line(self, number: int) -> str | None:
        """A line of the text, counted from 0; None where there are fewer."""
        if number >= len(self._starts):
            return None
        end = self._starts[number + 1] if number + 1 < len(self._starts) else len(self.text)
        return lines_of(self.text[self._starts[number] : end])[0]

    @cached_property
    def _starts(self) -> array[int]:
        return line_starts(self.text)


def read_sources(names: Sequence[str], stdin: BinaryIO) -> list[Source]:
    """Read what the words name; each file once.

    Raises:
        UsageError: one of them cannot be read, or a folder holds nothing to read.
    """
    found = read_all(names, stdin)
    for source in found:
        if source.unread:
            raise UsageError(f"{source.shown}: {source.unread}")
    return found


def read_all(names: Sequence[str], stdin: BinaryIO) -> list[Source]:
    """Read what the words name; each file once. What cannot be read is among it, and says why.

    Raises:
        UsageError: a folder holds nothing to read.
    """
    found: dict[str, Source] = {}
    for name in names:
        for source in _read(name, stdin):
            found.setdefault(source.name, source)
    return list(found.values())


def _read(name: str, stdin: BinaryIO) -> Iterator[Source]:
    if name == STDIN:
        yield _decoded(STDIN, stdin.read())
        return
    path = Path(name)
    if not path.is_dir():
        yield _from_file(path)
        return
    paths = sorted(_within(path))
    if not paths:
        raise UsageError(f"{name}: holds no .yaml, .yml or .json file; name the folder that does")
    for file in paths:
        # A pipe would keep everybody waiting; named by itself it is read, since then somebody writes to it.
        is_special = file.exists() and not file.is_file()
        yield Source(str(file), "", "is no regular file; move it out of the folder") if is_special else _from_file(file)


def _from_file(file: Path) -> Source:
    try:
        return _decoded(str(file), file.read_bytes())
    except OSError as error:
        return Source(str(file), "", error.strerror or str(error))


def _decoded(name: str, content: bytes) -> Source:
    """A text as `kubectl` takes it: UTF-8, or what its byte order mark says."""
    mark, encoding = next((known for known in _BOMS if content.startswith(known[0])), (b"", "utf-8"))
    try:
        return Source(name, content[len(mark) :].decode(encoding))
    except UnicodeDecodeError:
        return Source(name, "", f"is no {encoding.upper()} text; save it as UTF-8, or leave it out")


def _within(folder: Path) -> Iterator[Path]:
    """Files below a folder; what begins with a dot (``.git``, ``.github``) is passed over, as `ls` does."""
    for root, folders, files in folder.walk():
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (
            root / name for name in files if Path(name).suffix.lower() in _SUFFIXES and not name.startswith(".")
        )
