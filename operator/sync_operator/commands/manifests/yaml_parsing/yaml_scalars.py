"""The value of a plain YAML scalar to Kubernetes: go-yaml's YAML 1.1, then JSON. Pure.

`kubectl` and the API server both read YAML that way: ``yes`` and ``on`` are true, ``0o17`` and ``017`` are fifteen,
``1_000`` is a thousand, ``3.0`` is three, and a date is text.
"""

import math
import re
from typing import Final

__all__ = ["WORDS", "plain_value"]

_TRUE: Final = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE: Final = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
"""Plain scalars that stand for true, false or null."""
_NO_JSON: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NUMBER_STARTS: Final = frozenset("+-.0123456789")
_INTEGER: Final = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)|(?P<dec>0|[1-9][0-9]*))"
)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BASES: Final = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_SHORT: Final = 18
"""A whole number of fewer digits is within the bounds below."""
_MIN_INTEGER: Final = -(2**63)
_MAX_INTEGER: Final = 2**63 - 1


def plain_value(text: str) -> str | int | float | bool | None:
    """The value of a plain scalar, written without quotes, block style or tag.

    Raises:
        ValueError: it is an infinity or NaN, which JSON lacks.
    """
    if text in WORDS:
        return WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if len(text) < _SHORT and text.isascii() and text.isdigit() and text[0] != "0":
        return int(text)  # most numbers
    if _NO_JSON.fullmatch(text):
        raise ValueError(f"{text} is not a number that JSON knows; write a finite one, or put it in quotes")
    digits = text.replace("_", "")
    found = _INTEGER.fullmatch(digits)
    if found is not None:
        base = next(name for name in _BASES if found[name] is not None)
        number = int(found["sign"] + found[base], _BASES[base])
        if _MIN_INTEGER <= number <= _MAX_INTEGER:
            return number
    return _float(digits) if _FLOAT.fullmatch(digits) else text


def _float(digits: str) -> str | int | float:
    """A number as converted to JSON, where 3.0 equals 3; a number too large for a float stays text."""
    number = float(digits)
    if math.isinf(number):
        return digits
    return int(number) if number.is_integer() and _MIN_INTEGER <= number <= _MAX_INTEGER else number
