"""Making foreign words fit for people's eyes: one line, cut, and without anything that looks like a secret."""

import re
from typing import Final

__all__ = ["redact"]

_MASK: Final = "[redacted]"
_SECRET_SHAPES: Final = (
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+){1,2}"),  # a JSON web token
    re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"),  # credentials in a URL
    re.compile(r"(?i)(?<=bearer )\S+"),
    re.compile(
        r"""(?ix) (?<![a-z]) (?: api[_-]?key | secret\w* | token | passw(?:or)?d | pwd | authorization | credentials? )
            ["']? \s* (?: => | [:=] ) \s* (?: "[^"]*" | '[^']*' | [^\s,;}\]]+ )"""
    ),
)


def redact(text: str, *, secrets: tuple[str, ...] = (), limit: int = 300) -> str:
    """Make one short line of foreign text.

    Args:
        text: words of a server or of an exception.
        secrets: values that must not appear, such as the token in use.
        limit: most characters of the result.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, _MASK)
    for shape in _SECRET_SHAPES:
        text = shape.sub(_MASK, text)
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
