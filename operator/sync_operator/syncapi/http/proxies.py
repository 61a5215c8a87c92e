"""Proxies of the environment: which one a server is reached through, and what to say when it fails."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import unquote, urlsplit

import httpcore
import httpx

from sync_operator.syncapi.http.blocked_hosts import DEFAULT_PORTS
from sync_operator.syncapi.http.transport_errors import describe_error

__all__ = ["ProxyRoute", "proxy_for"]

_MAX_STATUS_DIGITS: Final = 3
_LOGIN_WANTED: Final = "407"
_NOT_CONNECTED: Final = frozenset({"502", "503", "504"})
"""Statuses by which a proxy says that it did not get to the server either."""


@dataclass(frozen=True, slots=True)
class ProxyRoute:
    """The proxy through which a server is reached.

    Attributes:
        variable: the environment variable that names it, as it is written there.
        proxy: the same for httpcore, with its credentials.
        server: host of the server.
        tunnel: True where the proxy only passes bytes on (https), so that each answer is the server's own.
    """

    variable: str
    proxy: httpcore.Proxy
    server: str
    tunnel: bool

    def __str__(self) -> str:
        """For messages: host, port and variable, never credentials."""
        url = self.proxy.url
        host, port = url.host.decode("ascii"), "" if url.port is None else f":{url.port}"
        return f"the proxy {f'[{host}]' if ':' in host else host}{port} ({self.variable})"

    def describe_failure(self, error: BaseException) -> str:
        """What is wrong with the proxy and what to do, where it is why nothing has reached the server; else empty.

        Args:
            error: as the HTTP client raised it.
        """
        if isinstance(error, httpx.ProxyError):
            return self.describe_refusal(str(error)[:_MAX_STATUS_DIGITS])
        if not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) or _is_tls_error(error):
            return ""
        return (
            f"{self} does not answer ({describe_error(error)}); check that it runs and that {self.variable} is right, "
            f"or {self._no_proxy_hint}"
        )

    def describe_refusal(self, status: str) -> str:
        """What is wrong, and what to do, where the proxy itself refused with this HTTP status."""
        if status == _LOGIN_WANTED:
            remedy = f"write the proxy's login into {self.variable}, as USER:PASSWORD@ before its host"
        elif status in _NOT_CONNECTED:
            remedy = (
                "check that the server runs, host and port of spec.url of the Workspace, and that the proxy gets there"
            )
        else:
            remedy = f"let the proxy connect to {self.server}, or {self._no_proxy_hint}"
        return f"{self} refused with {status if status.isdecimal() else 'an error'}; {remedy}"

    @property
    def _no_proxy_hint(self) -> str:
        return f"add {self.server} to NO_PROXY where it is reached without a proxy"


def _is_tls_error(error: BaseException) -> bool:
    """Whether a handshake failed: with the server, whose name its certificate has to show, also through a proxy."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, ssl.SSLError):
            return True
        link = link.__cause__ or link.__context__
    return False


def proxy_for(url: str, variables: Mapping[str, str]) -> ProxyRoute | None:
    """The proxy through which a server is reached, or None.

    A proxy resolves names by itself, so of a server behind one only its name, or a literal address, is checked.

    Args:
        url: of the server.
        variables: ``HTTPS_PROXY``, ``HTTP_PROXY``, ``NO_PROXY`` in upper or lower case. ``NO_PROXY`` lists hosts,
            domains (``example.com`` and ``.example.com`` alike), addresses, networks (``10.0.0.0/8``), or ``*``.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]
    known = {name.lower(): (name, value.strip()) for name, value in variables.items()}
    variable, proxy = known.get(f"{parts.scheme}_proxy", ("", ""))
    _, exempt = known.get("no_proxy", ("", ""))
    if not proxy or any(_is_exempt(host, port, entry.strip().lower()) for entry in exempt.split(",")):
        return None
    found = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    auth = (unquote(found.username), unquote(found.password or "")) if found.username else None
    location = found._replace(netloc=found.netloc.rpartition("@")[2])
    return ProxyRoute(variable, httpcore.Proxy(location.geturl(), auth=auth), host, tunnel=parts.scheme == "https")


def _is_exempt(host: str, port: int, entry: str) -> bool:
    name, _, wanted = entry.rpartition(":") if entry.count(":") == 1 else (entry, "", "")
    if wanted and wanted != str(port):
        return False
    if "/" in name:
        try:
            return ip_address(host) in ip_network(name, strict=False)
        except ValueError:
            return False
    name = name.strip("[]").removeprefix("*").lstrip(".")
    return entry == "*" or (bool(name) and (host == name or host.endswith(f".{name}")))
