"""Reads the JSON values of a text one by one, as Kubernetes does. Pure."""

import json
import re
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sync_operator.commands.manifests.yaml_parsing.yaml_scalars import plain_value

__all__ = [
    "MAX_LEVELS",
    "TOO_DEEP",
    "JsonItems",
    "JsonValue",
    "is_encodable",
    "is_too_deep",
    "json_end",
    "json_items",
    "json_value",
]

MAX_LEVELS: Final = 200
"""Maximum nesting depth of a document, also in YAML."""
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_ITEMS: Final = "items"
_LIST: Final = "List"
TOO_DEEP: Final = f"nested more than {MAX_LEVELS} levels deep"


@dataclass(frozen=True, slots=True)
class JsonValue:
    """A JSON value; ``has_duplicate_key`` is True if an object in it has a key twice."""

    value: Any
    has_duplicate_key: bool = False


@dataclass(frozen=True, slots=True)
class JsonItems:
    """Positions of the items of a List in a text.

    Attributes:
        head: the fields of the List, without its items.
        starts: index in the text where each item begins.
        ends: index where it ends.
        end: index where the List ends.
    """

    head: Mapping[str, Any]
    starts: array[int]
    ends: array[int]
    end: int

    def spans(self) -> Iterator[tuple[int, int]]:
        """Begin and end of each item."""
        yield from zip(self.starts, self.ends, strict=True)


class _DuplicateKeyError(Exception):
    """A JSON object has a duplicate key."""


def _json_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DuplicateKeyError
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a number that JSON knows")


_STRICT: Final = json.JSONDecoder(
    object_pairs_hook=_json_object, parse_int=plain_value, parse_float=plain_value, parse_constant=_no_number
)
_PLAIN: Final = json.JSONDecoder(parse_constant=_no_number)
"""Without hooks; several times faster."""
_WITHOUT_KEY_CHECK: Final = json.JSONDecoder(parse_int=plain_value, parse_float=plain_value, parse_constant=_no_number)
"""As `_STRICT`, but of a duplicate key the last value is taken, so that the value can be reported with the error."""


def json_value(text: str, start: int) -> tuple[JsonValue, int]:
    """The JSON value that begins at an index, and the index of its end.

    Raises:
        ValueError: there is no valid one, or it is nested too deeply.
    """
    try:
        value, end = _STRICT.raw_decode(text, start)
    except _DuplicateKeyError:
        value, end = _WITHOUT_KEY_CHECK.raw_decode(text, start)
        return JsonValue(value, has_duplicate_key=True), end
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    return JsonValue(value), end


def json_end(text: str, start: int) -> int:
    """The index of the end of the JSON value that begins at an index; takes less time than `json_value`.

    Raises:
        ValueError: there is no valid one, or it is nested too deeply.
    """
    try:
        return _PLAIN.raw_decode(text, start)[1]
    except RecursionError:
        raise ValueError(TOO_DEEP) from None


def json_items(text: str, start: int) -> JsonItems | None:
    """The items of the List that begins at an index; None if it is not valid, or no List.

    It is read twice: here to see that all of it is valid, and then item by item, so that a long one is never held as
    values as a whole.
    """
    try:
        return _json_items(text, start)
    except (ValueError, IndexError, RecursionError, _DuplicateKeyError):
        return None


def _json_items(text: str, start: int) -> JsonItems | None:
    head: dict[str, Any] = {}
    starts, ends = array("Q"), array("Q")
    at = _after(text, start, "{")
    while True:
        key, at = _STRICT.raw_decode(text, at)
        at = _after(text, _end_of_space(text, at), ":")
        if key in head or not isinstance(key, str):
            return None
        if key == _ITEMS:
            head[_ITEMS], at = None, _skip_items(text, at, starts, ends)
        else:
            head[key], at = _STRICT.raw_decode(text, at)
            if key == "spec" or not str(head.get("kind", _LIST)).endswith(_LIST):
                return None
        at = _end_of_space(text, at)
        if text[at] == "}":
            break
        at = _after(text, at, ",")
    if not {"apiVersion", "kind", _ITEMS} <= set(head):
        return None
    del head[_ITEMS]
    return JsonItems(head, starts, ends, at + 1)


def _skip_items(text: str, at: int, starts: array[int], ends: array[int]) -> int:
    """Append begin and end of each item of the list that begins at an index; return the index of the list's end."""
    at = _after(text, at, "[")
    if text[at] == "]":
        return at + 1
    while True:
        _, end = _PLAIN.raw_decode(text, at)
        starts.append(at)
        ends.append(end)
        at = _end_of_space(text, end)
        if text[at] == "]":
            return at + 1
        at = _after(text, at, ",")


def _after(text: str, at: int, char: str) -> int:
    """The index after a character and the space behind it.

    Raises:
        ValueError: there is another character.
    """
    if text[at] != char:
        raise ValueError(char)
    return _end_of_space(text, at + 1)


def _end_of_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def is_too_deep(value: Any) -> bool:
    """True if a value is nested so deeply that a recursive walk would exhaust the stack."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_LEVELS + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def is_encodable(value: Any) -> bool:
    """False if a text in it contains an unpaired surrogate, which cannot be encoded in UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
