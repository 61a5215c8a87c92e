"""JSON values kept as text: a seventh as large as Python objects, for what is looked at now and then."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sync_operator.bounds import outgrown

__all__ = ["Outgrown", "PackedFields", "Text", "packed", "unpacked"]


@dataclass(frozen=True, slots=True)
class Text:
    """A JSON value as text."""

    text: bytes

    @classmethod
    def of(cls, value: Any) -> "Text":
        """Write it; of halves of surrogate pairs, which are no text, only their codes are kept."""
        if isinstance(value, PackedFields):
            return value.text
        return cls(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass"))

    def read(self) -> Any:
        """Read it anew: nobody else has the result."""
        return json.loads(self.text.decode("utf-8", "surrogatepass"))


class PackedFields(Mapping[str, Any]):
    """The fields of an object, kept as text and read anew whenever one is asked for.

    Args:
        fields: what is kept.
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
        """How many there are."""
        return len(self.text.read())


def unpacked(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields as Python objects, for who looks at several of them."""
    return fields.text.read() if isinstance(fields, PackedFields) else fields


@dataclass(frozen=True, slots=True)
class Outgrown:
    """Stands for a value that is too large, or nested too deep, to be kept: ``words`` say which, for people."""

    words: str


def packed(value: Any) -> Text | Outgrown:
    """The value as text, or what says why it is not kept."""
    words = outgrown(value)
    return Outgrown(words) if words else Text.of(value)
