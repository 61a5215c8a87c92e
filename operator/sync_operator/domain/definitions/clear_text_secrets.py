"""Finds secrets that a manifest holds in clear text, by the names that the connector's definition marks. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from sync_operator.api.validation.strict_validation import FieldPath, field_path
from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.pipeline.definitions import Definition
from sync_operator.util.bounds import one_line

__all__ = ["clear_text_errors"]

_FROM_SERVER: Final = re.compile(r"ENV\[(?:'[^']*'|\"[^\"]*\")\]")
"""A text that the server replaces by a variable of its own process (contract, part two, section 3): no secret."""
_MAX_PATH: Final = 400


def clear_text_errors(
    definition: Definition, configuration: Mapping[str, Any], pointers: Collection[str]
) -> Iterator[InvalidSpecError]:
    """An error for each secret in clear text. Names count at any depth, as the server masks them.

    Args:
        definition: the connector's definition.
        configuration: ``spec.configuration``, whose depth is bounded.
        pointers: JSON pointers of ``spec.configurationSecrets``: what is there is replaced when it is sent.
    """
    replaced = frozenset(pointers)
    for path, pointer in _secrets(configuration, definition.secret_names, (), ""):
        if pointer not in replaced:
            shown = one_line(pointer, _MAX_PATH)
            yield InvalidSpecError(
                one_line(field_path(path, "spec.configuration"), _MAX_PATH),
                f"is a secret in clear text; put it into a Secret, name that in spec.configurationSecrets with pointer "
                f"{shown}, and remove it here",
            )


def _secrets(value: Any, names: frozenset[str], path: FieldPath, pointer: str) -> Iterator[tuple[FieldPath, str]]:
    """Path and JSON pointer of each value that has the name of a secret."""
    items: Any = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    for key, inner in items:
        at, below = (*path, key), f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
        if key in names:
            if inner not in (None, "", False) and not _is_from_server(inner):
                yield at, below
        else:
            yield from _secrets(inner, names, at, below)


def _is_from_server(value: Any) -> bool:
    return isinstance(value, str) and _FROM_SERVER.search(value) is not None
