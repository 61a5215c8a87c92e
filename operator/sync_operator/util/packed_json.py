"""JSON values kept as text: a seventh of the memory of Python objects, for values that are seldom read."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sync_operator.util.bounds import outgrown

__all__ = ["Outgrown", "PackedFields", "Text", "packed", "unpacked"]


@dataclass(frozen=True, slots=True)
class Text:
    """A JSON value as text."""

    text: bytes

    @classmethod
    def of(cls, value: Any) -> "Text":
        """Encode a value; a lone surrogate, which is not valid text, is kept as its code point."""
        if isinstance(value, PackedFields):
            return value.text
        return cls(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass"))

    def read(self) -> Any:
        """Decode the value; every call returns a new object."""
        return json.loads(self.text.decode("utf-8", "surrogatepass"))


class PackedFields(Mapping[str, Any]):
    """The fields of an object, kept as text and decoded at each access.

    Args:
        fields: the fields to keep.
    """

    __slots__ = ("text",)

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.text = Text.of(dict(fields))

    def __getitem__(self, name: str) -> Any:
        """The value of a field."""
        return self.text.read()[name]

    def __iter__(self) -> Iterator[str]:
        """The names of all fields."""
        return iter(self.text.read())

    def __len__(self) -> int:
        """The number of fields."""
        return len(self.text.read())


def unpacked(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields as Python objects, for a caller that reads several of them."""
    return fields.text.read() if isinstance(fields, PackedFields) else fields


@dataclass(frozen=True, slots=True)
class Outgrown:
    """Placeholder for a value that is too large, or nested too deep, to be kept; ``words`` is the message."""

    words: str


def packed(value: Any) -> Text | Outgrown:
    """The value as text, or a placeholder with the reason why it is not kept."""
    words = outgrown(value)
    return Outgrown(words) if words else Text.of(value)
