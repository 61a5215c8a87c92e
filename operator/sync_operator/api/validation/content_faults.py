"""What is wrong with the contents of fields that a server is sent: characters, masks and queries that it cannot use."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sync_operator.api.base import Model
from sync_operator.api.kinds.connector import ConnectorSpec
from sync_operator.api.kinds.model import ModelSpec
from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.api.rules.query_text import query_faults
from sync_operator.util.bounds import has_nul

__all__ = ["MASK", "content_faults", "masked_paths"]

MASK: Final = "*" * 13
"""What a server shows instead of a secret. One that is sent is stored as the secret."""

_NUL_MESSAGE: Final = "holds the character NUL (U+0000), which no server stores; remove it"
_MASK_MESSAGE: Final = (
    f"is {MASK}, which a server shows instead of a secret and would store as the secret; put the secret into a Secret, "
    "and name that in configurationSecrets"
)

type _Path = tuple[str | int, ...]


def content_faults(spec: Model) -> Iterator[tuple[_Path, str]]:
    """For each field whose contents cannot be sent: its path in the spec, and what is wrong and how to fix it."""
    for name, value in _sent(spec).items():
        if has_nul(value):
            yield (name,), _NUL_MESSAGE
    if isinstance(spec, ConnectorSpec):
        for path in masked_paths(spec.configuration):
            yield ("configuration", *path), _MASK_MESSAGE
    if isinstance(spec, ModelSpec) and spec.query is not None:
        for message in query_faults(spec.query):
            yield ("query",), message


def masked_paths(value: Any) -> Iterator[_Path]:
    """Where in a JSON value the server's mask stands."""
    waiting: list[tuple[_Path, Any]] = [((), value)]
    while waiting:
        path, item = waiting.pop()
        if item == MASK:
            yield path
        elif isinstance(item, (dict, Mapping)):
            waiting.extend(((*path, str(key)), inner) for key, inner in item.items())
        elif isinstance(item, list):
            waiting.extend(((*path, index), inner) for index, inner in enumerate(item))


def _sent(spec: Model) -> dict[str, Any]:
    """The values of the fields of free text or free form that are sent to the server."""
    match spec:
        case SyncSpec():
            return {
                "configuration": spec.configuration,
                "streamName": spec.stream_name,
                "cursorField": spec.cursor_field,
            }
        case ConnectorSpec():
            return {
                "connectorName": spec.connector_name,
                "name": spec.name,
                "description": spec.description,
                "configuration": spec.configuration,
            }
        case ModelSpec():
            return {
                "name": spec.name,
                "description": spec.description,
                "query": spec.query,
                "primaryKey": spec.primary_key,
            }
        case _:
            return {}
