"""Splits a List in block style into its items, so that a long one is never held as values as a whole. Pure."""

import re
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sync_operator.commands.manifests.yaml_parsing.block_yaml_reader import block_value

__all__ = ["BlockItems", "block_items"]

_ITEMS: Final = re.compile(r"^items: *\n(?: *(?:#[^\n]*)?\n)*(?P<indent> *)- ", re.MULTILINE)
_FIELD: Final = re.compile(r"^[A-Za-z_]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class BlockItems:
    """Positions of the items of a List in a text.

    Attributes:
        head: the fields of the List, without its items.
        starts: index in the text where each item begins.
        end: index where the last item ends.
    """

    head: Mapping[str, Any]
    starts: array[int]
    end: int

    def spans(self) -> Iterator[tuple[int, int]]:
        """Begin and end of each item; the text between them is a list of this item alone."""
        yield from zip(self.starts, (*self.starts[1:], self.end), strict=True)


def block_items(text: str) -> BlockItems | None:
    """The items of a List; None if the text is no List in block style.

    Each item that a YAML parser can read by itself is the one that it reads in the whole text.
    """
    # Most texts are no List, which is faster to see without a pattern.
    found = _ITEMS.search(text) if "\nitems:" in text or text.startswith("items:") else None
    if found is None:
        return None
    after = _FIELD.search(text, found.end())
    end = after.start() if after else len(text)
    head = block_value(text[: found.start()] + text[end:])
    if head is None or head[1].column or not isinstance(head[0], dict):
        return None
    if not {"apiVersion", "kind"} <= set(head[0]) or "items" in head[0]:
        return None
    begins = re.compile(rf"^{found['indent']}- ", re.MULTILINE)
    starts = array("Q", (each.start() for each in begins.finditer(text, found.start("indent"), end)))
    return BlockItems(head[0], starts, end)
