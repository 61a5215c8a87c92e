"""JSON values kept as text: a seventh as large as Python objects, for what is looked at now and then."""

import json
from dataclasses import dataclass
from typing import Any

from sync_operator.bounds import outgrown

__all__ = ["Outgrown", "Text", "packed"]


@dataclass(frozen=True, slots=True)
class Text:
    """A JSON value as text."""

    text: bytes

    @classmethod
    def of(cls, value: Any) -> "Text":
        """Write it; of halves of surrogate pairs, which are no text, only their codes are kept."""
        return cls(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass"))

    def read(self) -> Any:
        """Read it anew: nobody else has the result."""
        return json.loads(self.text.decode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Outgrown:
    """Stands for a value that is too large, or nested too deep, to be kept: ``words`` say which, for people."""

    words: str


def packed(value: Any) -> Text | Outgrown:
    """The value as text, or what says why it is not kept."""
    words = outgrown(value)
    return Outgrown(words) if words else Text.of(value)
