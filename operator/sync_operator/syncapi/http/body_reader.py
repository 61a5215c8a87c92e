"""Reads a response body while it is received: nothing is read beyond its size limit, and a list item by item.

`json.loads` of a whole list would block the event loop, and every other thread, for as long as it takes; and a megabyte
of ``{}`` becomes 24 MB of Python objects. So at any time only one item of a list exists as such objects.
"""

import asyncio
import codecs
import json
from collections.abc import Callable
from typing import Any, Final, NoReturn

import httpx

from sync_operator.errors import TransientError
from sync_operator.syncapi.http.responses import Response, parse_body
from sync_operator.util.bounds import MAX_DEPTH, MAX_ITEM_BYTES, MAX_LIST_ITEMS, is_too_deep

__all__ = ["ListBody", "PlainBody", "read_response"]

_SPACE: Final = " \t\r\n"
_NUMBER_GOES_ON: Final = frozenset(("", ".", "e", "E"))
_STEP: Final = 16 * 1024
"""Bytes that are parsed at once; between two steps the event loop runs other tasks."""
_MAX_REFUSAL_BYTES: Final = 64 * 1024


async def read_response(
    response: httpx.Response, parse_item: Callable[[Any], Any] | None, max_bytes: int
) -> Response | None:
    """Read and parse a response; None if it is too large. An error response that is too large has no body then.

    Args:
        response: of which only the head was read. Its body is taken as it is: nothing is decompressed.
        parse_item: parses an item of a list, see `ListBody`; None for the body of a single resource.
        max_bytes: maximum size of the body.

    Raises:
        TransientError: the list has too many items, or one that is too large.
        httpx.TransportError: the body was lost.
    """
    refused = not response.is_success
    limit = min(_MAX_REFUSAL_BYTES, max_bytes) if refused else max_bytes
    body = PlainBody() if refused or parse_item is None else ListBody(parse_item)
    async for chunk in response.aiter_raw():
        if response.num_bytes_downloaded > limit:
            return Response(response.status_code, response.headers, None) if refused else None
        for at in range(0, len(chunk), body.step):
            if at or response.num_bytes_downloaded > len(chunk):
                await asyncio.sleep(0)  # between two steps, let other tasks run, however fast the server is
            body.feed(chunk[at : at + body.step])
    return Response(response.status_code, response.headers, body.end())


class PlainBody:
    """The body of a single resource, kept as bytes until its end."""

    step: Final = 2**20

    def __init__(self) -> None:
        self._content = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Append a chunk."""
        self._content += chunk

    def end(self) -> Any:
        """The JSON value; None if the body is not valid JSON."""
        return parse_body(bytes(self._content))


class ListBody:
    """A list, bare or in ``data`` of an object; each item is replaced by the result of ``read``.

    Args:
        read: parses one item.
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
        """Append a chunk, and parse every value that is complete.

        Raises:
            TransientError: the list has too many items, or one that is too large.
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
        """The value with its parsed items, None for each that cannot be parsed; None if it is not valid JSON."""
        self._last = True
        self.feed(b"")
        if self._broken or not self._ended:
            return None
        return self._items if self._bare else self._found

    def _advance(self) -> None:
        """Parse value after value until one is incomplete."""
        at = 0
        try:
            while not self._ended:
                at = self._skip_whitespace(at)
                if at == len(self._text):
                    raise _IncompleteError  # noqa: TRY301 (one exit for everything incomplete)
                at = self._state(at)
            self._broken = self._skip_whitespace(at) != len(self._text)
            at = len(self._text)
            self._wanted = 0
        except _IncompleteError:
            rest = len(self._text) - at
            self._wanted = rest  # wait for as much again, so that a long value is not parsed over and over
            self._broken = self._last
            if rest > MAX_ITEM_BYTES and not self._last:
                raise self._too_long(f"at least {rest // 1024} KiB") from None
        except (ValueError, RecursionError):
            self._broken = True
        self._text = "" if self._broken else self._text[at:]

    def _skip_whitespace(self, at: int) -> int:
        text, end = self._text, len(self._text)
        while at < end and text[at] in _SPACE:
            at += 1
        return at

    def _value(self, at: int) -> tuple[Any, int]:
        """The value that begins at a position, and the position of its end."""
        try:
            value, end = self._decode(self._text, at)
        except json.JSONDecodeError:
            raise _IncompleteError from None
        if self._text[end : end + 1] in _NUMBER_GOES_ON and not self._last:
            raise _IncompleteError  # of `1.5` only `1.` may have been received, which parses as 1
        if end - at > MAX_ITEM_BYTES:
            raise self._too_long(f"{(end - at) // 1024} KiB")  # received in one chunk, but too long
        piece = self._text[at:end]
        if piece.count("[") + piece.count("{") > MAX_DEPTH and is_too_deep(piece.encode("utf-8", "surrogatepass")):
            return None, end
        return value, end

    def _too_long(self, length: str) -> TransientError:
        """The error for a value that exceeds the size limit; what was received of it is dropped."""
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
        """A key of the object around the list, or the end of that object."""
        if self._text[at] == ",":
            return at + 1
        if self._text[at] == "}":
            self._ended = True
            return at + 1
        key, end = self._value(at)
        end = self._skip_whitespace(end)
        if not isinstance(key, str) or (end < len(self._text) and self._text[end] != ":"):
            raise ValueError
        if end == len(self._text):
            raise _IncompleteError
        self._key, self._state = key, self._content
        return end + 1

    def _content(self, at: int) -> int:
        """The value of that key."""
        if self._key == "data" and self._text[at] == "[" and not self._listed:
            self._listed, self._found["data"], self._state = True, self._items, self._item
            return at + 1
        value, end = self._value(at)
        if len(self._found) < MAX_DEPTH:
            self._found[self._key[:MAX_DEPTH]] = value
        self._state = self._member
        return end

    def _item(self, at: int) -> int:
        """An item of the list, or the end of the list."""
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


class _IncompleteError(Exception):
    """A value is incomplete in what has been received so far."""


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
