"""Reads the input of a command: files, folders, and `-` for standard input."""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Final

from sync_operator.commands.manifests.spans import Lines

__all__ = ["STDIN", "Source", "UsageError", "read_sources", "read_with_errors"]

STDIN: Final = "-"
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""The byte order marks that `kubectl` accepts."""
_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})


class UsageError(Exception):
    """The command's arguments cannot be used; the message says what to write instead."""


@dataclass(frozen=True)
class Source:
    """The text of one file or of standard input.

    Attributes:
        name: the path as given, or ``-``.
        text: the text; empty if it could not be read.
        read_error: why it could not be read, and how to fix that; empty if it was read.
    """

    name: str
    text: str = field(repr=False)
    read_error: str = ""

    @property
    def display_name(self) -> str:
        """The name for messages."""
        return "standard input" if self.name == STDIN else self.name

    def line(self, number: int) -> str | None:
        """A line of the text, counted from 0; None if the text has fewer lines."""
        return self._lines.line(number)

    @cached_property
    def _lines(self) -> Lines:
        return Lines(self.text)


def read_sources(names: Sequence[str], stdin: BinaryIO) -> list[Source]:
    """Read files, folders and standard input; each file once.

    Raises:
        UsageError: one of them cannot be read, or a folder contains no manifest file.
    """
    found = read_with_errors(names, stdin)
    for source in found:
        if source.read_error:
            raise UsageError(f"{source.display_name}: {source.read_error}")
    return found


def read_with_errors(names: Sequence[str], stdin: BinaryIO) -> list[Source]:
    """Read files, folders and standard input; each file once. An unreadable file is included, with its error.

    Raises:
        UsageError: a folder contains no manifest file.
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
    paths = sorted(_manifest_files(path))
    if not paths:
        raise UsageError(f"{name}: holds no .yaml, .yml or .json file; name the folder that does")
    for file in paths:
        # Reading a pipe found in a folder could block for ever; one that is named explicitly is read.
        is_special = file.exists() and not file.is_file()
        error = "is not a regular file; move it out of the folder"
        yield Source(str(file), "", error) if is_special else _from_file(file)


def _from_file(file: Path) -> Source:
    try:
        return _decoded(str(file), file.read_bytes())
    except OSError as error:
        return Source(str(file), "", error.strerror or str(error))


def _decoded(name: str, content: bytes) -> Source:
    """Decode a text as `kubectl` does: by its byte order mark, else as UTF-8."""
    mark, encoding = next((known for known in _BOMS if content.startswith(known[0])), (b"", "utf-8"))
    try:
        return Source(name, content[len(mark) :].decode(encoding))
    except UnicodeDecodeError:
        return Source(name, "", f"is not {encoding.upper()} text; save it as UTF-8, or leave it out")


def _manifest_files(folder: Path) -> Iterator[Path]:
    """Manifest files below a folder; hidden files and folders (``.git``, ``.github``) are skipped, as `ls` does."""
    for root, folders, files in folder.walk():
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (
            root / name for name in files if Path(name).suffix.lower() in _SUFFIXES and not name.startswith(".")
        )
