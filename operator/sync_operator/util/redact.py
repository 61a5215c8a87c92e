"""Makes untrusted text safe to show: one line, truncated, and with anything masked that looks like a secret.

Every function here takes time in proportion to the length of its input, whatever the input is.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

from sync_operator.util.bounds import bounded_text, one_line
from sync_operator.util.secret_names import NAME_PATTERN

__all__ = ["mask", "redact", "redact_each"]

_MASK: Final = "[redacted]"
_PIECE: Final = 8
"""Length of the pieces by which a secret is recognised, so that a part of it is masked too: start, middle or end."""
_SAMPLED: Final = 16 * 1024
"""In a longer value only every eighth piece is searched for; a part of twice that length is still sure to be found."""
_SECRET_SHAPES: Final = (
    re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+){0,2}"),  # a JSON web token, or its beginning
    re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"),  # credentials in a URL
    re.compile(r"(?i)(?<=\bbearer )\S+"),
    re.compile(r"(?i)(?<=\bbasic )[a-z0-9+/=]{8,}"),
    re.compile(
        r"(?ix) (?: secret[a-z0-9_-]{0,20} |" + NAME_PATTERN + r"s? )"
        r"""["']? \s* (?: => | [:=] ) \s* (?: "[^"]*" | '[^']*' | [^\s,;}\]]+ )"""
    ),
)
_COVERED: Final = re.compile(rb"\x01+")


def mask(text: str, *, secrets: tuple[str, ...] = ()) -> str:
    """The text with secrets masked: the given ones, in any encoding a server may use, and what looks like one."""
    if secrets:
        text = _hide(text, _pieces((text,), secrets))
    for shape in _SECRET_SHAPES:
        text = shape.sub(_MASK, text)
    return text


def redact(text: str, *, secrets: tuple[str, ...] = (), limit: int = 300) -> str:
    """One short line of untrusted text with secrets masked; no more than `MAX_TEXT` characters are processed.

    Args:
        text: message of a server or of an exception.
        secrets: values that must not appear, such as the token in use.
        limit: maximum length of the result.
    """
    return redact_each((text,), secrets=secrets, limit=limit)[0]


def redact_each(texts: Iterable[str], *, secrets: tuple[str, ...] = (), limit: int = 300) -> list[str]:
    """As `redact`, for several texts; the secrets are processed once for all of them."""
    cut = [bounded_text(text) for text in texts]
    pieces = _pieces(cut, secrets) if secrets else frozenset()
    return [one_line(mask(_hide(text, pieces)), limit) for text in cut]


def _pieces(texts: Iterable[str], secrets: Iterable[str]) -> frozenset[str]:
    """The strings to mask: secrets shorter than a piece, and of all others the pieces that occur in the texts."""
    present = {text[at : at + _PIECE] for text in texts for at in range(len(text) - _PIECE + 1)}
    found: set[str] = set()
    for form in {form for secret in secrets if secret for form in _encodings(secret)}:
        if len(form) < _PIECE:
            found.add(form)
        else:
            step = 1 if len(form) <= _SAMPLED else _PIECE
            found |= present.intersection(form[at : at + _PIECE] for at in range(0, len(form) - _PIECE + 1, step))
    return frozenset(found)


def _hide(text: str, pieces: frozenset[str]) -> str:
    """The text with each stretch that is covered by pieces replaced by one mask."""
    covered = bytearray(len(text))
    for size in {len(piece) for piece in pieces}:
        for at in range(len(text) - size + 1):
            if text[at : at + size] in pieces:
                covered[at : at + size] = b"\x01" * size
    parts, end = [], 0
    for run in _COVERED.finditer(covered):
        parts += [text[end : run.start()], _MASK]
        end = run.end()
    return "".join([*parts, text[end:]])


def _encodings(secret: str) -> tuple[str, ...]:
    """The secret as it is, escaped for JSON, escaped for a URL, and in base64."""
    return (
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe="", errors="surrogatepass"),
        quote_plus(secret, errors="surrogatepass"),
        b64encode(secret.encode("utf-8", "surrogatepass")).decode("ascii"),
    )
