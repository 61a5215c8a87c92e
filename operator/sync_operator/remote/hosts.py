"""Which servers may be spoken to."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from sync_operator.errors import InvalidSpecError
from sync_operator.host_patterns import HostRules, literal_address

__all__ = ["DEFAULT_PORTS", "address_refusal", "check_url"]

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_METADATA: Final = frozenset(
    ip_address(text)
    for text in (
        *("100.100.100.200", "168.63.129.16", "192.0.0.192"),
        *("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42"),
    )
)
"""Metadata services (of Alibaba, Azure, Oracle, AWS and EKS, Google, Scaleway) outside the link-local ranges."""
_NEVER: Final = "link-local or a metadata service, which is never a sync server"
_THIS_HOST: Final = ip_network("0.0.0.0/8")
_COMPATIBLE: Final = ip_network("::/96")
_NAT64: Final = ip_network("64:ff9b::/96")
_LOCAL_NAT64: Final = ip_network("64:ff9b:1::/48")
"""Translated to IPv4 in a way that each network chooses for itself: it may lead anywhere."""


def check_url(url: str, rules: HostRules, *, field: str = "spec.url") -> None:
    """Refuse a URL that the rules do not allow. What its name stands for is looked at when a connection is made.

    Args:
        url: base URL of a server.
        rules: the controller's host rules.
        field: where the URL was written, for the message.

    Raises:
        InvalidSpecError: not http(s), carries credentials, not allowed, an address that is no sync server's, or plain
            http where https is due.
    """
    parts = urlsplit(url)
    try:
        host, given = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host, given = "", None
    if parts.scheme not in DEFAULT_PORTS or not host or not url.isascii():
        raise InvalidSpecError(field, "is no http or https URL with a host; write it like https://api.example.com")
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidSpecError(field, "may carry no credentials, query or fragment; give scheme, host and path only")
    port = DEFAULT_PORTS[parts.scheme] if given is None else given
    literal = literal_address(host)
    if literal is not None and _is_never_a_server(literal):
        raise InvalidSpecError(field, f"host {host} is {_NEVER}; use its real name")
    place = host if given is None else f"{host}:{given}"
    if not rules.allows(host, port):
        raise InvalidSpecError(
            field, f"host {place} is not among the allowed hosts; ask for it in SYNC_OPERATOR_ALLOWED_HOSTS"
        )
    if parts.scheme == "http" and not rules.allows_http(host, port):
        raise InvalidSpecError(
            field, f"must be https, unless SYNC_OPERATOR_ALLOW_INSECURE_HOSTS of the operator names {host}"
        )
    if literal is not None:
        refused = address_refusal(literal, host, port, rules)
        if refused:
            raise InvalidSpecError(field, f"host {host} is {refused}")


def address_refusal(address: IPv4Address | IPv6Address, host: str, port: int, rules: HostRules) -> str:
    """What is wrong with connecting to an address, continuing "which is"; empty when nothing is.

    Args:
        address: what the host stands for.
        host: as the URL writes it.
        port: of the server.
        rules: the controller's host rules.
    """
    if _is_never_a_server(address):
        return f"{_NEVER}; put another host into spec.url, or mend its DNS entry"
    if any(_is_internal(found, rules) for found in (address, *_wrapped(address))):
        name = host.lower()
        if not rules.opens(name, port, address):
            return (
                "a loopback address or one of the cluster's own; where a sync server really is there, name the host "
                f"in SYNC_OPERATOR_ALLOW_INTERNAL_HOSTS of the operator ({name}, without *)"
            )
    return ""


def _is_never_a_server(address: IPv4Address | IPv6Address) -> bool:
    """True for link-local addresses and metadata services, also wrapped in IPv6."""
    return any(found.is_link_local or found in _METADATA for found in (address, *_wrapped(address)))


def _is_internal(address: IPv4Address | IPv6Address, rules: HostRules) -> bool:
    return (
        address.is_loopback
        or address.is_unspecified
        or address in _THIS_HOST
        or address in _LOCAL_NAT64
        or rules.is_of_cluster(address)
    )


def _wrapped(address: IPv4Address | IPv6Address) -> tuple[IPv4Address, ...]:
    """IPv4 addresses that an IPv6 address leads to: mapped, compatible, 6to4, Teredo, NAT64."""
    if isinstance(address, IPv4Address):
        return ()
    last = IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 or address in _COMPATIBLE else None
    found = (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()), last)
    return tuple(each for each in found if each is not None)
