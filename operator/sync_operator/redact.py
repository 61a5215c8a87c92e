"""Making foreign words fit for people's eyes: one line, cut, and without anything that looks like a secret."""

import json
import re
from base64 import b64encode
from itertools import takewhile
from typing import Final
from urllib.parse import quote, quote_plus

__all__ = ["mask", "redact"]

_MASK: Final = "[redacted]"
_LONG: Final = 16
_BEGINNING: Final = 12
"""Characters by which the beginning of a long secret is known."""
_SECRET_SHAPES: Final = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+){0,2}"),  # a JSON web token, or the beginning of one
    re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"),  # credentials in a URL
    re.compile(r"(?i)(?<=\bbearer )\S+"),
    re.compile(r"(?i)(?<=\bbasic )[a-z0-9+/=]{8,}"),
    re.compile(
        r"""(?ix) (?<![a-z]) (?: api[_-]?key | secret\w* | token | passw(?:or)?d | pwd | authorization | credentials? )
            ["']? \s* (?: => | [:=] ) \s* (?: "[^"]*" | '[^']*' | [^\s,;}\]]+ )"""
    ),
)


def mask(text: str, *, secrets: tuple[str, ...] = ()) -> str:
    """The text with secrets masked: those named, in any way a server may write them, and what looks like one."""
    forms = {form for secret in secrets if secret for form in _forms(secret)}
    if forms:
        longest_first = sorted(forms, key=len, reverse=True)
        text = re.sub("|".join(re.escape(form) for form in longest_first), lambda _: _MASK, text)
    for form in forms:
        if len(form) >= _LONG:
            text = _mask_beginnings(text, form)
    for shape in _SECRET_SHAPES:
        text = shape.sub(_MASK, text)
    return text


def redact(text: str, *, secrets: tuple[str, ...] = (), limit: int = 300) -> str:
    """Make one short line of foreign text.

    Args:
        text: words of a server or of an exception.
        secrets: values that must not appear, such as the token in use.
        limit: most characters of the result.
    """
    text = mask(text, secrets=secrets)
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _mask_beginnings(text: str, secret: str) -> str:
    """A server may cut what it quotes: mask what is left of a long secret too."""
    start = text.find(secret[:_BEGINNING])
    while start >= 0:
        same = takewhile(lambda pair: pair[0] == pair[1], zip(text[start:], secret, strict=False))
        end = start + sum(1 for _ in same)
        text = f"{text[:start]}{_MASK}{text[end:]}"
        start = text.find(secret[:_BEGINNING], start + len(_MASK))
    return text


def _forms(secret: str) -> tuple[str, ...]:
    """A secret as it is, within JSON, within a URL, and in base64."""
    return (
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
        quote_plus(secret),
        b64encode(secret.encode("utf-8", "surrogatepass")).decode("ascii"),
    )
