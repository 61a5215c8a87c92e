"""The bounds of what a server, a manifest or anybody's object can fill, checked before anything else is done with it.

Whoever writes a text, a number, a date or a JSON value into this process may be hostile or broken. Everything here
takes time in proportion to its limit, not to what came.
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
    "is_too_deep",
    "one_line",
    "outgrown",
    "texts_in",
]

MAX_TEXT: Final = 4096
"""Characters of any foreign text that are looked at; people are shown fewer still."""
MAX_NUMBER: Final = 2**63 - 1
"""Largest id or count: what a database holds, and what the CRDs accept."""
MAX_DEPTH: Final = 64
"""Levels of objects and lists within each other."""
MAX_BODY_BYTES: Final = 512 * 1024
"""Longest answer about one thing."""
MAX_ITEM_BYTES: Final = 512 * 1024
"""Longest item of a list: a sync with the largest configuration, each character of it escaped."""
MAX_LIST_BYTES: Final = 8 * 1024 * 1024
"""Longest page of a list: ten thousand syncs with ordinary configurations."""
MAX_LIST_ITEMS: Final = 20_000
"""Most items of a list, all of its pages together."""
MAX_KEPT_BYTES: Final = 16 * 1024 * 1024
"""Most that is kept of one list, all of its pages together, as JSON."""
MAX_CONFIGURATION_BYTES: Final = 256 * 1024
"""Largest configuration of a manifest, as JSON."""
MAX_VALUES: Final = 8_192
"""Most objects, lists and plain values within a manifest's configuration: as Python objects they take 100 times their
text, and many reconciles hold them at once. Two thousand mapped columns take as many."""
MAX_VALUES_OF_SERVER: Final = 2 * MAX_VALUES
"""The same for what a server answers of a sync: it adds fields to what was written."""
MAX_TOKEN: Final = 253
"""Characters of an opaque token in an annotation, such as a run request."""
HASHED: Final = "sha256:"
"""Begins what stands for such a token that is longer."""

_MAX_DATE: Final = 64
_FIRST_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_TIME: Final = datetime(2200, 1, 1, tzinfo=UTC)
_DIGITS: Final = len(str(MAX_NUMBER))
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_ENCODER: Final = json.JSONEncoder(separators=(", ", ": "), ensure_ascii=False)


def bounded_text(value: Any, limit: int = MAX_TEXT) -> str:
    """A JSON value as text of at most ``limit`` characters; empty for null and for what cannot be written."""
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
    """The first characters of a JSON document, of which no more is made than that."""
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
    """A date as HTTP headers write it, as UTC, from 1970 to 2200; None for everything else."""
    if len(text) > _MAX_DATE:
        return None
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError, IndexError):  # its parser was not made for hostile input
        return None
    return _in_our_time(date if date.tzinfo else date.replace(tzinfo=UTC))


def _in_our_time(time: datetime) -> datetime | None:
    """The same in UTC; None where nobody can mean it, as adding to it or writing it would raise somewhere else."""
    if time.tzinfo is None:
        return None
    try:
        moment = time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if _FIRST_TIME <= moment < _LAST_TIME else None


def bounded_token(token: str) -> str:
    """An opaque token, or of one that is too long the hash that stands for it."""
    if len(token) <= MAX_TOKEN:
        return token
    return f"{HASHED}{sha256(token.encode('utf-8', 'surrogatepass')).hexdigest()}"


def one_line(text: str, limit: int = MAX_TEXT) -> str:
    """A text as one line of printable characters: no line breaks, controls, marks of direction, or halves of pairs."""
    cut = text[: limit * 2]
    line = " ".join("".join(char if char.isprintable() else " " for char in cut).split())
    return line if len(line) <= limit and len(cut) == len(text) else f"{line[: limit - 1]}…"


def escaped(text: str) -> str:
    """A text in which each character that does not print is written as its code, as JSON writes it."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(ord(char)) for char in text)


def _escape(code: int) -> str:
    if code <= 0xFFFF:  # noqa: PLR2004 (the last character of one UTF-16 unit)
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def is_too_deep(document: bytes) -> bool:
    """True for a JSON document of more than `MAX_DEPTH` levels; found out without reading it."""
    if document.count(b"[") + document.count(b"{") <= MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", document).translate(None, _NO_BRACKETS).translate(_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")  # one level less everywhere
        if not brackets:
            return False
    return bool(brackets)


def outgrown(value: Any, max_bytes: int = MAX_CONFIGURATION_BYTES, max_values: int = MAX_VALUES) -> str:
    """Says what is too large about a JSON value, for people; empty where it is neither too deep nor too long.

    It stops as soon as that is clear, and takes no recursion.
    """
    size = count = 0
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        count += len(level)
        if count > max_values:
            return f"has more than {max_values} values; a mapping of columns needs far fewer"
        for item in level:
            match item:
                case dict() | Mapping():
                    size += 2 + 4 * len(item) + sum(map(len, item))
                    below.extend(item.values())
                case list():
                    size += 2 + len(item)
                    below.extend(item)
                case str():
                    size += len(item.encode("utf-8", "surrogatepass")) + 2 if len(item) <= max_bytes else len(item)
                case _:
                    size += 1
            if size > max_bytes:
                return f"is larger than {max_bytes // 1024} KiB of JSON; a mapping of columns needs far less"
        if not below:
            return ""
        level = below
    return f"has more than {MAX_DEPTH} levels of objects and lists within each other; make it flatter"


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a JSON value but the keys of its objects, without recursion."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case Mapping() as found:
                waiting.extend(found.values())
            case list() as found:
                waiting.extend(found)
