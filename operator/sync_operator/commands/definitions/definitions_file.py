"""Reads a file of connector definitions: one that `sync-operator definitions` wrote, or an answer of a server."""

import json
from pathlib import Path
from typing import Final

from sync_operator.commands.input_files import UsageError
from sync_operator.errors import SyncOperatorError
from sync_operator.syncapi.pipeline.definitions import DefinitionSet, parse_definitions
from sync_operator.util.bounds import is_too_deep

__all__ = ["read_definitions_file"]

_MAX_BYTES: Final = 8 * 1024 * 1024


def read_definitions_file(file: Path) -> DefinitionSet:
    """The definitions in a file.

    Raises:
        UsageError: it cannot be read, or holds something else.
    """
    try:
        with file.open("rb") as stream:
            document = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    if len(document) <= _MAX_BYTES and not is_too_deep(document):
        try:
            return parse_definitions(json.loads(document))
        except (ValueError, SyncOperatorError):
            pass
    raise UsageError(
        f"{file}: holds no connector definitions; name a file that `sync-operator definitions --output FILE` wrote"
    )
