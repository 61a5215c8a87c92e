"""Inserts values from Secrets into ``configuration`` at their JSON pointers (RFC 6901) before it is sent. Pure."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from sync_operator.errors import InvalidSpecError

__all__ = ["value_at", "with_secrets"]


def with_secrets(configuration: Any, values: Mapping[str, str]) -> Any:
    """A copy of the configuration with the values inserted; the configuration itself if there are no values.

    Args:
        configuration: ``spec.configuration``.
        values: JSON pointer → value.

    Raises:
        InvalidSpecError: a pointer does not resolve; everything but its last part must exist.
    """
    result = deepcopy(configuration) if values else configuration
    for number, (pointer, value) in enumerate(values.items()):
        *path, last = _parts(pointer)
        node = result
        for part in path:
            node = _step(node, part)
        if isinstance(node, dict):
            node[last] = value
        elif isinstance(node, list) and _names_item(last, node):
            node[int(last)] = value
        else:
            raise InvalidSpecError(
                f"spec.configurationSecrets[{number}].pointer",
                f"{pointer!r} leads nowhere in spec.configuration; everything but its last part must be there",
            )
    return result


def value_at(configuration: Any, pointer: str) -> Any:
    """The value at a JSON pointer, or None."""
    node = configuration
    for part in _parts(pointer):
        node = _step(node, part)
    return node


def _parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _step(node: Any, part: str) -> Any:
    if isinstance(node, dict):
        return node.get(part)
    if isinstance(node, list) and _names_item(part, node):
        return node[int(part)]
    return None


def _names_item(part: str, items: list[Any]) -> bool:
    """True if the part is a valid index of ``items``: digits without leading zeros."""
    return part.isascii() and part.isdigit() and part == str(int(part)) and int(part) < len(items)
