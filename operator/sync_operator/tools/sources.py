"""The FILES that a tool is given: files, folders, and `-` for standard input."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

__all__ = ["STDIN", "Source", "UsageError", "read_sources"]

STDIN: Final = "-"
_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})


class UsageError(Exception):
    """The command was called with what cannot be used; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text and where it came from; ``name`` is the path as given, or ``-``."""

    name: str
    text: str

    @property
    def shown(self) -> str:
        """The name for people."""
        return "standard input" if self.name == STDIN else self.name


def read_sources(names: Sequence[str], stdin: BinaryIO) -> list[Source]:
    """Read what the words name; each file once.

    Raises:
        UsageError: one of them cannot be read, or a folder holds nothing to read.
    """
    found: dict[str, Source] = {}
    for name in names:
        for source in _read(name, stdin):
            found.setdefault(source.name, source)
    return list(found.values())


def _read(name: str, stdin: BinaryIO) -> Iterator[Source]:
    if name == STDIN:
        try:
            yield Source(STDIN, stdin.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise UsageError("standard input is no UTF-8 text; save it as UTF-8") from None
        return
    path = Path(name)
    paths = sorted(_within(path)) if path.is_dir() else [path]
    if not paths:
        raise UsageError(f"{name}: holds no .yaml, .yml or .json file; name the folder that does")
    for file in paths:
        try:
            yield Source(str(file), file.read_text("utf-8-sig"))
        except UnicodeDecodeError:
            raise UsageError(f"{file}: is no UTF-8 text; save it as UTF-8, or leave it out") from None
        except OSError as error:
            raise UsageError(f"{file}: {error.strerror}") from None


def _within(folder: Path) -> Iterator[Path]:
    """Files below a folder; what begins with a dot (``.git``, ``.github``) is passed over, as `ls` does."""
    for root, folders, files in folder.walk():
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (
            root / name for name in files if Path(name).suffix.lower() in _SUFFIXES and not name.startswith(".")
        )
