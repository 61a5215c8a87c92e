"""Which servers may be spoken to."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from sync_operator.errors import InvalidSpecError
from sync_operator.settings import HostRules

__all__ = ["check_url", "is_refused"]

_METADATA: Final = frozenset(
    ip_address(text) for text in ("100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254")
)
"""Metadata services of clouds (Alibaba, Azure, AWS, Google) that are not in a link-local range."""
_NAT64: Final = ip_network("64:ff9b::/96")


def check_url(url: str, rules: HostRules, *, field: str = "spec.url") -> None:
    """Refuse a URL that the rules do not allow. What its name stands for is looked at when a connection is made.

    Args:
        url: base URL of a server.
        rules: the controller's host rules.
        field: where the URL was written, for the message.

    Raises:
        InvalidSpecError: not http(s), carries credentials, not allowed, link-local, or plain http where https is due.
    """
    parts = urlsplit(url)
    try:
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host = ""
    if parts.scheme not in {"http", "https"} or not host or not url.isascii():
        raise InvalidSpecError(field, "is no http or https URL with a host; write it like https://api.example.com")
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidSpecError(field, "may carry no credentials, query or fragment; give scheme, host and path only")
    literal = _literal(host)
    if literal is not None and is_refused(literal):
        raise InvalidSpecError(
            field, f"host {host} is link-local or a metadata service, which is never a sync server; use its real name"
        )
    if rules.allowed and not any(_fits(host, pattern) for pattern in rules.allowed):
        raise InvalidSpecError(
            field, f"host {host} is not among the allowed hosts; ask for it in SYNC_OPERATOR_ALLOWED_HOSTS"
        )
    if parts.scheme == "http" and not any(_fits(host, pattern) for pattern in rules.insecure):
        raise InvalidSpecError(
            field, f"must be https, unless SYNC_OPERATOR_ALLOW_INSECURE_HOSTS of the operator names {host}"
        )


def is_refused(address: IPv4Address | IPv6Address) -> bool:
    """True for an address that is never a sync server's: link-local or a metadata service, also wrapped in IPv6."""
    return any(found.is_link_local or found in _METADATA for found in (address, *_wrapped(address)))


def _wrapped(address: IPv4Address | IPv6Address) -> tuple[IPv4Address, ...]:
    """IPv4 addresses that an IPv6 address leads to: mapped, 6to4, NAT64."""
    if isinstance(address, IPv4Address):
        return ()
    nat64 = IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else None
    return tuple(found for found in (address.ipv4_mapped, address.sixtofour, nat64) if found is not None)


def _fits(host: str, pattern: str) -> bool:
    return host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is, also in the old ways of writing it (``0xa9fea9fe``, ``169.254.43518``)."""
    host = host.rstrip(".")
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None
