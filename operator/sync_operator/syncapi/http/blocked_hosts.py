"""Which servers may be called, by URL and by address (SSRF protection)."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from sync_operator.errors import InvalidSpecError
from sync_operator.util.host_patterns import EgressPolicy, literal_address

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
"""Translated to IPv4 in a way that each network configures for itself: it may lead to any address."""


def check_url(url: str, rules: EgressPolicy, *, field: str = "spec.url") -> None:
    """Refuse a URL that the egress policy does not allow. The addresses of its host are checked at each connect.

    Args:
        url: base URL of a server.
        rules: the controller's egress policy.
        field: where the URL was written, for the message.

    Raises:
        InvalidSpecError: not http(s), with credentials, not allowed, a blocked address, or plain http where https is
            required.
    """
    parts = urlsplit(url)
    try:
        host, given = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host, given = "", None
    if parts.scheme not in DEFAULT_PORTS or not host or not url.isascii():
        raise InvalidSpecError(field, "is not an http or https URL with a host; write it like https://api.example.com")
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidSpecError(field, "may carry no credentials, query or fragment; give scheme, host and path only")
    port = DEFAULT_PORTS[parts.scheme] if given is None else given
    literal = literal_address(host)
    if literal is not None and _is_never_a_server(literal):
        raise InvalidSpecError(field, f"host {host} is {_NEVER}; use its real name")
    server = host if given is None else f"{host}:{given}"
    if not rules.allows(host, port):
        raise InvalidSpecError(
            field, f"host {server} is not among the allowed hosts; ask for it in SYNC_OPERATOR_ALLOWED_HOSTS"
        )
    if parts.scheme == "http" and not rules.allows_http(host, port):
        raise InvalidSpecError(
            field, f"must be https, unless SYNC_OPERATOR_ALLOW_INSECURE_HOSTS of the operator names {host}"
        )
    if literal is not None:
        refused = address_refusal(literal, host, port, rules)
        if refused:
            raise InvalidSpecError(field, f"host {host} is {refused}")


def address_refusal(address: IPv4Address | IPv6Address, host: str, port: int, rules: EgressPolicy) -> str:
    """Why an address must not be connected to, as the end of a sentence with "which is"; empty if it may be.

    Args:
        address: an address that the host resolves to.
        host: as the URL writes it.
        port: of the server.
        rules: the controller's egress policy.
    """
    if _is_never_a_server(address):
        return f"{_NEVER}; put another host into spec.url, or correct its DNS entry"
    if any(_is_internal(found, rules) for found in (address, *_embedded_ipv4(address))):
        name = host.lower()
        if not rules.allows_internal(name, port, address):
            return (
                "a loopback address or one of the cluster's own; where a sync server really is there, name the host "
                f"in SYNC_OPERATOR_ALLOW_INTERNAL_HOSTS of the operator ({name}, without *)"
            )
    return ""


def _is_never_a_server(address: IPv4Address | IPv6Address) -> bool:
    """True for link-local addresses and metadata services, also when embedded in an IPv6 address."""
    return any(found.is_link_local or found in _METADATA for found in (address, *_embedded_ipv4(address)))


def _is_internal(address: IPv4Address | IPv6Address, rules: EgressPolicy) -> bool:
    return (
        address.is_loopback
        or address.is_unspecified
        or address in _THIS_HOST
        or address in _LOCAL_NAT64
        or rules.is_of_cluster(address)
    )


def _embedded_ipv4(address: IPv4Address | IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses embedded in an IPv6 address: mapped, compatible, 6to4, Teredo, NAT64."""
    if isinstance(address, IPv4Address):
        return ()
    last = IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 or address in _COMPATIBLE else None
    found = (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()), last)
    return tuple(each for each in found if each is not None)
