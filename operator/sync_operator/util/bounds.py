"""Limits for untrusted input from servers, manifests and cluster objects, checked before anything else is done with it.

The source of a text, a number, a date or a JSON value may be hostile or broken. Every function here takes time in
proportion to its limit, not to the size of its input.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any, Final

__all__ = [
    "HASHED",
    "MAX_BODY_BYTES",
    "MAX_CONFIGURATION_BYTES",
    "MAX_DEPTH",
    "MAX_ITEM_BYTES",
    "MAX_KEPT_BYTES",
    "MAX_LIST_BYTES",
    "MAX_LIST_ITEMS",
    "MAX_NUMBER",
    "MAX_TEXT",
    "MAX_TOKEN",
    "MAX_VALUES",
    "MAX_VALUES_OF_SERVER",
    "bounded_date",
    "bounded_id",
    "bounded_number",
    "bounded_text",
    "bounded_time",
    "bounded_token",
    "escaped",
    "has_nul",
    "is_too_deep",
    "one_line",
    "outgrown",
    "texts_in",
]

MAX_TEXT: Final = 4096
"""Maximum characters of an untrusted text that are processed; messages show fewer still."""
MAX_NUMBER: Final = 2**63 - 1
"""Largest id or count: a signed 64-bit integer, as databases store it and the CRDs accept it."""
MAX_DEPTH: Final = 64
"""Maximum nesting depth of objects and lists."""
MAX_BODY_BYTES: Final = 512 * 1024
"""Maximum size of a response about one resource."""
MAX_ITEM_BYTES: Final = 512 * 1024
"""Maximum size of a list item: a sync with the largest configuration, each character of it escaped."""
MAX_LIST_BYTES: Final = 8 * 1024 * 1024
"""Maximum size of a page of a list: ten thousand syncs with ordinary configurations."""
MAX_LIST_ITEMS: Final = 20_000
"""Maximum number of items of a list, all pages together."""
MAX_KEPT_BYTES: Final = 16 * 1024 * 1024
"""Maximum size, as JSON, of what is kept of one list, all pages together."""
MAX_CONFIGURATION_BYTES: Final = 256 * 1024
"""Maximum size of a manifest's configuration, as JSON."""
MAX_VALUES: Final = 8_192
"""Maximum number of objects, lists and plain values in a manifest's configuration. As Python objects they take 100
times the memory of their JSON text, and many reconciles hold them at once. Two thousand mapped columns have that many.
"""
MAX_VALUES_OF_SERVER: Final = 2 * MAX_VALUES
"""The same for a sync's configuration in a server's response: the server adds fields to what was written."""
MAX_TOKEN: Final = 253
"""Maximum length of an opaque token in an annotation, such as a run request."""
HASHED: Final = "sha256:"
"""Prefix of the hash that replaces a longer token."""

_NUL_IN_REPR: Final = re.compile(r"(?<!\\)(?:\\\\)*\\x00")
"""A NUL as `repr` shows it: a backslash that no other one escapes."""
_MAX_DATE: Final = 64
_FIRST_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_TIME: Final = datetime(2200, 1, 1, tzinfo=UTC)
_DIGITS: Final = len(str(MAX_NUMBER))
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_ENCODER: Final = json.JSONEncoder(separators=(", ", ": "), ensure_ascii=False)


def bounded_text(value: Any, limit: int = MAX_TEXT) -> str:
    """A JSON value as text of at most ``limit`` characters; empty for null and for what cannot be encoded."""
    match value:
        case None:
            return ""
        case str():
            return value[:limit]
        case bool() | float():
            return str(value)
        case int():
            return str(value) if abs(value) <= MAX_NUMBER else ""
        case Mapping() | list():
            return _beginning(value, limit)
        case _:
            return ""


def _beginning(value: Any, limit: int) -> str:
    """The first ``limit`` characters of a value as JSON; no more than those are encoded."""
    parts: list[str] = []
    size = 0
    try:
        for part in _ENCODER.iterencode(value):
            parts.append(part)
            size += len(part)
            if size >= limit:
                break
    except (TypeError, ValueError, RecursionError):
        return ""
    return "".join(parts)[:limit]


def bounded_number(value: Any) -> int | None:
    """A whole number from 0 to `MAX_NUMBER`, given as a number or as digits; None for everything else."""
    match value:
        case bool():
            return None
        case int():
            number = value
        case float() if value.is_integer() and abs(value) < MAX_NUMBER:
            number = int(value)
        case str() if len(value) <= _DIGITS and value.isascii() and value.isdigit():
            number = int(value)
        case _:
            return None
    return number if 0 <= number <= MAX_NUMBER else None


def bounded_id(value: Any) -> str | None:
    """An id of the API, as digits, from 1 to `MAX_NUMBER`; None for everything else."""
    number = bounded_number(value)
    return str(number) if number else None


def bounded_time(value: Any) -> datetime | None:
    """An aware ISO 8601 time as UTC, from 1970 to 2200; None for everything else."""
    if not isinstance(value, str) or len(value) > _MAX_DATE:
        return None
    try:
        return _in_our_time(datetime.fromisoformat(value))
    except ValueError:
        return None


def bounded_date(text: str) -> datetime | None:
    """The date of an HTTP header as UTC, from 1970 to 2200; None for everything else."""
    if len(text) > _MAX_DATE:
        return None
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError, IndexError):  # its parser was not made for hostile input
        return None
    return _in_our_time(date if date.tzinfo else date.replace(tzinfo=UTC))


def _in_our_time(time: datetime) -> datetime | None:
    """The time in UTC; None before 1970 and from 2200 on, where later arithmetic or formatting could raise."""
    if time.tzinfo is None:
        return None
    try:
        moment = time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if _FIRST_TIME <= moment < _LAST_TIME else None


def bounded_token(token: str) -> str:
    """The opaque token itself, or its hash if it is longer than `MAX_TOKEN`."""
    if len(token) <= MAX_TOKEN:
        return token
    return f"{HASHED}{sha256(token.encode('utf-8', 'surrogatepass')).hexdigest()}"


def one_line(text: str, limit: int = MAX_TEXT) -> str:
    """The text as one printable line: without line breaks, control characters, direction marks or lone surrogates."""
    cut = text[: limit * 2]
    line = " ".join("".join(char if char.isprintable() else " " for char in cut).split())
    return line if len(line) <= limit and len(cut) == len(text) else f"{line[: limit - 1]}…"


def escaped(text: str) -> str:
    """The text with every character that is not printable written as a JSON escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(ord(char)) for char in text)


def _escape(code: int) -> str:
    if code <= 0xFFFF:  # noqa: PLR2004 (the last character that is a single UTF-16 unit)
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def is_too_deep(document: bytes) -> bool:
    """True for a JSON document that is nested deeper than `MAX_DEPTH`; checked without parsing it."""
    if document.count(b"[") + document.count(b"{") <= MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", document).translate(None, _NO_BRACKETS).translate(_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")  # removes the innermost level everywhere
        if not brackets:
            return False
    return bool(brackets)


def outgrown(value: Any, max_bytes: int = MAX_CONFIGURATION_BYTES, max_values: int = MAX_VALUES) -> str:
    """Message about the limit that a JSON value exceeds (depth, number of values or size); empty if it exceeds none.

    It stops at the first exceeded limit, and uses no recursion.
    """
    size = count = 0
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        count += len(level)
        if count > max_values:
            return f"has more than {max_values} values; a mapping of columns needs far fewer"
        for item in level:
            if isinstance(item, str):
                # A text that is too long is not encoded.
                is_plain = item.isascii() or len(item) > max_bytes
                size += 2 + (len(item) if is_plain else len(item.encode("utf-8", "surrogatepass")))
            elif isinstance(item, list):
                size += 2 + len(item)
                below.extend(item)
            elif isinstance(item, (dict, Mapping)):  # the check for a Mapping is the slowest
                size += 2 + 4 * len(item) + sum(map(len, item))
                below.extend(item.values())
            else:
                size += 1
            if size > max_bytes:
                return f"is larger than {max_bytes // 1024} KiB of JSON; a mapping of columns needs far less"
        if not below:
            return ""
        level = below
    return f"has more than {MAX_DEPTH} levels of objects and lists within each other; make it flatter"


def has_nul(value: Any) -> bool:
    """True if a string in a JSON value, or the key of an object, has the character U+0000; `outgrown` comes before."""
    text = repr(value)
    # Nearly no value has one, which is seen much faster without the pattern.
    return r"\x00" in text and _NUL_IN_REPR.search(text) is not None


def texts_in(value: Any) -> Iterator[str]:
    """Yield every string in a JSON value except the keys of objects, without recursion."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case Mapping() as found:
                waiting.extend(found.values())
            case list() as found:
                waiting.extend(found)
