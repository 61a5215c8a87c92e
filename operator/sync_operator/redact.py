"""Making foreign words fit for people's eyes: one line, cut, and without anything that looks like a secret.

Everything here takes time in proportion to the length of its input, whatever the input is.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

from sync_operator.bounds import bounded_text, one_line

__all__ = ["mask", "redact", "redact_each"]

_MASK: Final = "[redacted]"
_PIECE: Final = 8
"""Characters by which a piece of a secret is known, be it its beginning, its middle or its end."""
_SAMPLED: Final = 16 * 1024
"""Of a value longer than this only each eighth piece is looked for, so that twice as long a piece is found for sure."""
_SECRET_SHAPES: Final = (
    re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+){0,2}"),  # a JSON web token, or the beginning of one
    re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"),  # credentials in a URL
    re.compile(r"(?i)(?<=\bbearer )\S+"),
    re.compile(r"(?i)(?<=\bbasic )[a-z0-9+/=]{8,}"),
    re.compile(
        r"""(?ix) (?<![a-z])
            (?: api[_-]?key | secret[a-z0-9_-]{0,20} | token | passw(?:or)?d | pwd | authorization | credentials? )
            ["']? \s* (?: => | [:=] ) \s* (?: "[^"]*" | '[^']*' | [^\s,;}\]]+ )"""
    ),
)
_RUN: Final = re.compile(rb"\x01+")


def mask(text: str, *, secrets: tuple[str, ...] = ()) -> str:
    """The text with secrets masked: those named, in any way a server may write them, and what looks like one."""
    if secrets:
        text = _hide(text, _pieces((text,), secrets))
    for shape in _SECRET_SHAPES:
        text = shape.sub(_MASK, text)
    return text


def redact(text: str, *, secrets: tuple[str, ...] = (), limit: int = 300) -> str:
    """Make one short line of foreign text, of which no more than `MAX_TEXT` characters are looked at.

    Args:
        text: words of a server or of an exception.
        secrets: values that must not appear, such as the token in use.
        limit: most characters of the result.
    """
    return redact_each((text,), secrets=secrets, limit=limit)[0]


def redact_each(texts: Iterable[str], *, secrets: tuple[str, ...] = (), limit: int = 300) -> list[str]:
    """The same for several texts, for which the secrets are gone through once."""
    cut = [bounded_text(text) for text in texts]
    pieces = _pieces(cut, secrets) if secrets else frozenset()
    return [one_line(mask(_hide(text, pieces)), limit) for text in cut]


def _pieces(texts: Iterable[str], secrets: Iterable[str]) -> frozenset[str]:
    """What must not appear: secrets shorter than a piece, and of all others the pieces that are in the texts."""
    shown = {text[at : at + _PIECE] for text in texts for at in range(len(text) - _PIECE + 1)}
    found: set[str] = set()
    for form in {form for secret in secrets if secret for form in _forms(secret)}:
        if len(form) < _PIECE:
            found.add(form)
        else:
            step = 1 if len(form) <= _SAMPLED else _PIECE
            found |= shown.intersection(form[at : at + _PIECE] for at in range(0, len(form) - _PIECE + 1, step))
    return frozenset(found)


def _hide(text: str, pieces: frozenset[str]) -> str:
    """The text with one mask for each stretch that pieces cover."""
    covered = bytearray(len(text))
    for size in {len(piece) for piece in pieces}:
        for at in range(len(text) - size + 1):
            if text[at : at + size] in pieces:
                covered[at : at + size] = b"\x01" * size
    shown, end = [], 0
    for run in _RUN.finditer(covered):
        shown += [text[end : run.start()], _MASK]
        end = run.end()
    return "".join([*shown, text[end:]])


def _forms(secret: str) -> tuple[str, ...]:
    """A secret as it is, within JSON, within a URL, and in base64."""
    return (
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe="", errors="surrogatepass"),
        quote_plus(secret, errors="surrogatepass"),
        b64encode(secret.encode("utf-8", "surrogatepass")).decode("ascii"),
    )
