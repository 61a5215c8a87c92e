r"""Surrogate pairs: two JSON escapes for one character, such as ``"\ud83d\ude00"``, which YAML does not support.

`kubectl` reads a file that begins with ``{`` as JSON, and many programs write JSON in plain ASCII.
"""

import re
from typing import Final

__all__ = ["pairs_to_yaml", "without_padding"]

_PAIR: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_FILLER: Final = "\a"
_FILLED: Final = re.compile(f"([\U00010000-\U0010ffff]){_FILLER}")


def pairs_to_yaml(text: str) -> str:
    r"""A JSON text with each surrogate pair replaced by YAML's single escape; any other text unchanged.

    Columns stay the same: YAML's escape is two characters shorter and is padded with ``\a``, which JSON does not have.
    """
    return _PAIR.sub(_one_escape, text) if text.lstrip().startswith("{") else text


def without_padding(value: str) -> str:
    """A string that was parsed from the result of `pairs_to_yaml`, without the padding."""
    return _FILLED.sub(r"\1", value)


def _one_escape(found: re.Match[str]) -> str:
    high, low = int(found[2], 16), int(found[3], 16)
    return f"{found[1]}\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08X}\\a"
