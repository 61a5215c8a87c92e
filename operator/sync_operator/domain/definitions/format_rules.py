"""The formats ``uri`` and ``email`` as Multiwoven servers check them (gem json_schemer 0.2, on Ruby's URI). Pure."""

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final

__all__ = ["is_email", "is_uri"]

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*", re.ASCII)
_ESCAPE: Final = "%[0-9A-Fa-f]{2}"
_USER: Final = re.compile(rf"(?:{_ESCAPE}|[A-Za-z0-9._~!$&'()*+,;=:-])*", re.ASCII)
_NAME: Final = re.compile(rf"(?:{_ESCAPE}|[A-Za-z0-9._~!$&'()*+,;=-])*", re.ASCII)
_PATH: Final = re.compile(rf"(?:{_ESCAPE}|[A-Za-z0-9._~!$&'()*+,;=:@/-])*", re.ASCII)
_FRAGMENT: Final = re.compile(rf"(?:{_ESCAPE}|[A-Za-z0-9._~!$&'()*+,;=:@/?-])*", re.ASCII)
_BLANK: Final = re.compile(r"[ \t\r\n\f\v]")
_PORT: Final = re.compile("[0-9]*")
_FUTURE: Final = re.compile(r"v[0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+", re.ASCII)
_EMAIL: Final = re.compile(r"[^@\s]+@(?:[a-z0-9-]+\.)+[a-z0-9-]{2,}", re.ASCII | re.IGNORECASE)


def is_email(text: str) -> bool:
    """True for an address such as ``name@example.com``."""
    return text.isascii() and _EMAIL.fullmatch(text) is not None


def is_uri(text: str) -> bool:
    """True for a URI with its scheme, such as ``https://example.com/path``; its query may hold what no RFC allows."""
    if not text.isascii():
        return False
    before, _, fragment = text.partition("#")
    hierarchy, _, query = before.partition("?")
    scheme, colon, rest = hierarchy.partition(":")
    if not colon or _SCHEME.fullmatch(scheme) is None or _BLANK.search(query) or _FRAGMENT.fullmatch(fragment) is None:
        return False
    if not rest.startswith("//"):
        return _PATH.fullmatch(rest) is not None
    authority, slash, path = rest[2:].partition("/")
    return _is_authority(authority) and _PATH.fullmatch(slash + path) is not None


def _is_authority(text: str) -> bool:
    user, at, place = text.rpartition("@")
    if at and _USER.fullmatch(user) is None:
        return False
    if place.startswith("["):
        literal, closed, port = place[1:].partition("]")
        return bool(closed) and _is_literal(literal) and (not port or (port[0] == ":" and _is_port(port[1:])))
    host, _, port = place.partition(":")
    return _NAME.fullmatch(host) is not None and _is_port(port)


def _is_port(text: str) -> bool:
    return _PORT.fullmatch(text) is not None


def _is_literal(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return _FUTURE.fullmatch(text) is not None
    return "%" not in text
