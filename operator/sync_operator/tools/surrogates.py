r"""Characters that JSON writes as two escapes: ``"\ud83d\ude00"`` is one, and nothing that YAML knows.

`kubectl` reads a file that begins with ``{`` as JSON, and many programs write JSON in plain ASCII.
"""

import re
from typing import Final

__all__ = ["joined", "paired"]

_PAIR: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_FILLER: Final = "\a"
_FILLED: Final = re.compile(f"([\U00010000-\U0010ffff]){_FILLER}")


def paired(text: str) -> str:
    r"""A JSON text with YAML's one escape in the place of two; any other text as it is.

    No column moves: the escape of two characters less is filled up with ``\a``, which JSON does not have.
    """
    return _PAIR.sub(_one_escape, text) if text.lstrip().startswith("{") else text


def joined(value: str) -> str:
    """A string of a text that was changed so, without what it was filled up with."""
    return _FILLED.sub(r"\1", value)


def _one_escape(found: re.Match[str]) -> str:
    high, low = int(found[2], 16), int(found[3], 16)
    return f"{found[1]}\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08X}\\a"
