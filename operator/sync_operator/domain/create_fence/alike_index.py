"""Index of a list's rows by a few plain fields, so that thousands of resources find those like their own. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from sync_operator.syncapi.types import RemoteResource
from sync_operator.util.packed_json import unpacked

__all__ = ["AlikeIndex"]

_UNKNOWN: Final = None
"""Key of the rows that lack one of the fields: they may be like any other."""


class AlikeIndex[R: RemoteResource]:
    """Rows of one list by the values of these fields.

    Args:
        names: API names of plain fields in which rows that are alike never differ.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = tuple(names)
        self._rows = defaultdict[tuple[str, ...] | None, list[R]](list)

    def add(self, remote: R) -> None:
        """Add a row."""
        self._rows[self._key(unpacked(remote.attributes))].append(remote)

    def find(self, body: Mapping[str, Any]) -> Iterator[R]:
        """The rows that do not differ from a body in any of the fields, as far as they have them."""
        key = self._key(body)
        for each in {key, _UNKNOWN}:
            yield from self._rows.get(each, ())

    def _key(self, fields: Mapping[str, Any]) -> tuple[str, ...] | None:
        values = [fields.get(name) for name in self._names]
        return _UNKNOWN if None in values else tuple(str(value).strip() for value in values)
