"""Patterns of hosts and ports in the operator's settings, and the egress policy that they make up."""

import re
import socket
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

__all__ = ["EgressPolicy", "HostPattern", "literal_address", "parse_network"]

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

_NAME: Final = re.compile(r"\*|(\*\.)?[a-z0-9]([-a-z0-9_.]*[a-z0-9])?")
_BRACKETS: Final = re.compile(r"\[([^][]*)\](?::(.*))?")
_MAX_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class HostPattern:
    """One entry of a list of hosts: a name, ``*.`` and a domain, ``*``, an address or a network; maybe with a port.

    Attributes:
        name: the name in lower case, or ``*.`` and the domain, or ``*`` for all; empty for an address or a network.
        network: the network; a single address is a network of one; None for a name.
        port: the only TCP port that matches; None if every port does.
    """

    name: str
    network: Network | None
    port: int | None

    @classmethod
    def parse(cls, text: str) -> "HostPattern":
        """Parse ``api.example.com``, ``*.example.com:8443``, ``10.0.0.0/8``, ``::1`` or ``[::1]:3000``.

        Raises:
            ValueError: it has none of these forms; lists them.
        """
        return _parse(text.strip().lower())

    def matches(self, host: str, port: int) -> bool:
        """True if a server matches; ``host`` is in lower case."""
        if self.port not in {None, port}:
            return False
        if self.network is not None:
            address = literal_address(host)
            return address is not None and address in self.network
        return self.name in {host, "*"} or (self.name.startswith("*.") and host.endswith(self.name[1:]))

    def matches_exactly(self, host: str, port: int, address: Address) -> bool:
        """True if this names exactly that host, or its address, or a network around it; wildcards do not count."""
        if self.port not in {None, port}:
            return False
        return address in self.network if self.network is not None else host == self.name


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Which API hosts may be called. Each entry is the text of a `HostPattern`.

    Attributes:
        allowed: when not empty, only these hosts.
        insecure: hosts that may be called by plain http.
        internal: hosts whose address may be a loopback address or one of the cluster's own.
        cluster: networks of the cluster itself, from the settings.
        own: addresses of the API server and of this pod.
    """

    allowed: tuple[str, ...] = ()
    insecure: tuple[str, ...] = ()
    internal: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    own: tuple[str, ...] = ()

    def allows(self, host: str, port: int) -> bool:
        """True if the server is on the list of allowed hosts, or that list is empty."""
        return not self.allowed or _any_matches(self.allowed, host, port)

    def allows_http(self, host: str, port: int) -> bool:
        """True if the server may be called by plain http."""
        return _any_matches(self.insecure, host, port)

    def allows_internal(self, host: str, port: int, address: Address) -> bool:
        """True if an internal address may be called.

        An entry of any list must name exactly this host, or its address, or a network around it.
        """
        listed = (*self.allowed, *self.insecure, *self.internal)
        return any(HostPattern.parse(text).matches_exactly(host, port, address) for text in listed)

    def is_of_cluster(self, address: Address) -> bool:
        """True for an address of the cluster itself, according to the settings."""
        return any(address in parse_network(text) for text in (*self.cluster, *self.own))


def literal_address(host: str) -> Address | None:
    """The address if the host is one, also in legacy notation (``0xa9fea9fe``, ``169.254.43518``); else None."""
    host = host.rstrip(".")
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


@lru_cache(maxsize=1024)
def parse_network(text: str) -> Network:
    """Parse an address, as a network of one, or a network.

    Raises:
        ValueError: it is neither.
    """
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is not an address or network, such as 10.96.0.0/12") from None


def _any_matches(listed: tuple[str, ...], host: str, port: int) -> bool:
    return any(HostPattern.parse(text).matches(host, port) for text in listed)


@lru_cache(maxsize=1024)
def _parse(text: str) -> HostPattern:
    brackets = _BRACKETS.fullmatch(text)
    if brackets:
        host, port = brackets[1], brackets[2]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, None
    number = None
    if port is not None:
        if not (port.isascii() and port.isdigit() and len(port) <= len(str(_MAX_PORT)) and 0 < int(port) <= _MAX_PORT):
            raise ValueError(f"{text!r}: the port is not a number from 1 to {_MAX_PORT}")
        number = int(port)
    try:
        return HostPattern("", ip_network(host, strict=False), number)
    except ValueError:
        pass
    if brackets or not _NAME.fullmatch(host):
        raise ValueError(
            f"{text!r} is not a host; write a name, *.example.com, an address or a network, with :PORT where only one "
            "port is meant ([::1]:8443 for IPv6)"
        )
    return HostPattern(host, None, number)
