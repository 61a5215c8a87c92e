"""Reading an answer's body as its bytes come: nothing is read further than its bounds, and a list item by item.

`json.loads` of a whole list would hold the event loop, and every other thread, for as long as it takes; and a megabyte
of ``{}`` becomes 24 MB of Python objects. So of a list no more than one item is in memory as such at any time.
"""

import codecs
import json
from collections.abc import Callable
from typing import Any, Final, NoReturn

from sync_operator.bounds import MAX_DEPTH, MAX_ITEM_BYTES, MAX_LIST_ITEMS, is_too_deep
from sync_operator.errors import TransientError
from sync_operator.remote.answers import parse_body

__all__ = ["ListBody", "PlainBody"]

_SPACE: Final = " \t\r\n"
_NUMBER_GOES_ON: Final = frozenset(("", ".", "e", "E"))
_STEP: Final = 16 * 1024
"""Bytes that are read at once; between two steps others have their turn."""


class PlainBody:
    """A body about one thing, kept as bytes until its end."""

    step: Final = 2**20

    def __init__(self) -> None:
        self._content = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take what came."""
        self._content += chunk

    def end(self) -> Any:
        """The JSON value, or None where it is none."""
        return parse_body(bytes(self._content))


class ListBody:
    """A list, bare or in ``data`` of an object; what `read` makes of an item takes its place.

    Args:
        read: reads one item.
    """

    step: Final = _STEP

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self._read = read
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._decode = json.JSONDecoder(parse_constant=_no_constant).raw_decode
        self._text = ""
        self._parts: list[str] = []
        self._waiting = 0
        self._wanted = 0
        self._items: list[Any] = []
        self._found: dict[str, Any] = {}
        self._state: Callable[[int], int] = self._begin
        self._key = ""
        self._bare = False
        self._listed = False
        self._last = False
        self._ended = False
        self._broken = False

    def feed(self, chunk: bytes) -> None:
        """Take what came, and read all that is whole.

        Raises:
            TransientError: the list has more items than are read, or one that is longer.
        """
        if self._broken:
            return
        try:
            part = self._utf8.decode(chunk, self._last)
        except UnicodeDecodeError:
            self._broken = True
            return
        self._parts.append(part)
        self._waiting += len(part)
        if self._waiting < self._wanted and not self._last:
            return
        self._text = "".join([self._text, *self._parts])
        self._parts.clear()
        self._waiting = 0
        self._advance()

    def end(self) -> Any:
        """The value with its items read, None for those that cannot be; None where it is no JSON."""
        self._last = True
        self.feed(b"")
        if self._broken or not self._ended:
            return None
        return self._items if self._bare else self._found

    def _advance(self) -> None:
        """Go on from value to value until one is not whole yet."""
        at = 0
        try:
            while not self._ended:
                at = self._blank(at)
                if at == len(self._text):
                    raise _NotWholeError  # noqa: TRY301 (one way out for all that is not whole)
                at = self._state(at)
            self._broken = self._blank(at) != len(self._text)
            at = len(self._text)
            self._wanted = 0
        except _NotWholeError:
            rest = len(self._text) - at
            self._wanted = rest  # twice as much as now, so that a long value is not read again and again
            self._broken = self._last
            if rest > MAX_ITEM_BYTES and not self._last:
                raise self._too_long(f"at least {rest // 1024} KiB") from None
        except (ValueError, RecursionError):
            self._broken = True
        self._text = "" if self._broken else self._text[at:]

    def _blank(self, at: int) -> int:
        text, end = self._text, len(self._text)
        while at < end and text[at] in _SPACE:
            at += 1
        return at

    def _value(self, at: int) -> tuple[Any, int]:
        """The value that begins there, and where it ends."""
        try:
            value, end = self._decode(self._text, at)
        except json.JSONDecodeError:
            raise _NotWholeError from None
        if self._text[end : end + 1] in _NUMBER_GOES_ON and not self._last:
            raise _NotWholeError  # of `1.5`, `1.` may be all that has come yet, which reads as 1
        if end - at > MAX_ITEM_BYTES:
            raise self._too_long(f"{(end - at) // 1024} KiB")  # it may come whole at once, and is as long all the same
        piece = self._text[at:end]
        if piece.count("[") + piece.count("{") > MAX_DEPTH and is_too_deep(piece.encode("utf-8", "surrogatepass")):
            return None, end
        return value, end

    def _too_long(self, length: str) -> TransientError:
        """What to say of a value that is longer than is read; what has come of it is forgotten."""
        self._broken, self._text = True, ""
        return TransientError(
            f"item {len(self._items) + 1} of the list is too long: {length}, and no more than "
            f"{MAX_ITEM_BYTES // 1024} KiB are read; make what it holds on the server smaller"
        )

    def _begin(self, at: int) -> int:
        match self._text[at]:
            case "[":
                self._bare, self._listed, self._state = True, True, self._item
            case "{":
                self._state = self._member
            case _:
                raise ValueError
        return at + 1

    def _member(self, at: int) -> int:
        """A key of the object around the list, or its end."""
        if self._text[at] == ",":
            return at + 1
        if self._text[at] == "}":
            self._ended = True
            return at + 1
        key, end = self._value(at)
        end = self._blank(end)
        if not isinstance(key, str) or (end < len(self._text) and self._text[end] != ":"):
            raise ValueError
        if end == len(self._text):
            raise _NotWholeError
        self._key, self._state = key, self._content
        return end + 1

    def _content(self, at: int) -> int:
        """What belongs to that key."""
        if self._key == "data" and self._text[at] == "[" and not self._listed:
            self._listed, self._found["data"], self._state = True, self._items, self._item
            return at + 1
        value, end = self._value(at)
        if len(self._found) < MAX_DEPTH:
            self._found[self._key[:MAX_DEPTH]] = value
        self._state = self._member
        return end

    def _item(self, at: int) -> int:
        """An item of the list, or its end."""
        if self._text[at] == ",":
            return at + 1
        if self._text[at] == "]":
            self._ended, self._state = self._bare, self._member
            return at + 1
        value, end = self._value(at)
        if len(self._items) >= MAX_LIST_ITEMS:
            raise TransientError(
                f"the list has more than {MAX_LIST_ITEMS} items; so many are not read: spread them over several "
                "workspaces of the server"
            )
        self._items.append(self._read(value))
        return end


class _NotWholeError(Exception):
    """A value that goes on behind what has come so far."""


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
