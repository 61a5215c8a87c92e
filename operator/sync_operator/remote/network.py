"""Connections that are made to checked addresses only, and through the environment's proxies where they apply."""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import unquote, urlsplit

import httpcore

from sync_operator.errors import HostRefusedError
from sync_operator.host_patterns import HostRules
from sync_operator.remote.hosts import DEFAULT_PORTS, address_refusal

__all__ = ["CheckedBackend", "Resolve", "addresses_of", "cause", "proxy_for", "resolve"]

type Resolve = Callable[[str, int], Awaitable[list[str]]]
_CAUSES: Final[Mapping[type[BaseException], str]] = {
    httpcore.ConnectTimeout: "no connection in time",
    httpcore.PoolTimeout: "all connections were busy for too long",
    httpcore.ProxyError: "the proxy refused",
    httpcore.RemoteProtocolError: "it hung up, or does not speak HTTP",
    httpcore.LocalProtocolError: "the request cannot be written as HTTP",
    httpcore.ReadTimeout: "silent for too long",
    TimeoutError: "not finished in time",
}


def addresses_of(host: str) -> list[str]:
    """All addresses of a host, in the order in which they are to be tried. Takes as long as the system likes.

    Raises:
        OSError: it has none, or none that could be found out.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "not the form of a name") from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def resolve(host: str, _port: int) -> list[str]:
    """The same, for a process that has nothing else to do meanwhile: what is looked up is not shared out."""
    return await asyncio.get_running_loop().run_in_executor(None, addresses_of, host)


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Resolves a host itself, checks every address, and connects to an address that it has checked.

    So a name cannot stand for one address when it is checked and for another when it is used. ``Host`` header, SNI and
    certificate go on to speak of the name.
    """

    def __init__(self, rules: HostRules, resolve: Resolve = resolve) -> None:
        self._rules = rules
        self._resolve = resolve
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the signature is httpcore's)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers.

        Raises:
            HostRefusedError: one of the addresses is never a sync server's, or not without being listed.
            httpcore.ConnectError: no address, or none that answers.
        """
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except OSError as error:
            raise httpcore.ConnectError(error) from error
        for address in addresses:
            refused = address_refusal(ip_address(address), host, port, self._rules)
            if refused:
                raise HostRefusedError(f"host {host} stands for {address}, which is {refused}")
        failed: httpcore.ConnectError | httpcore.ConnectTimeout = httpcore.ConnectError("no address")
        share = None if timeout is None else timeout / max(1, len(addresses))
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed


def proxy_for(url: str, variables: Mapping[str, str]) -> httpcore.Proxy | None:
    """The proxy through which a server is reached, or None.

    A proxy resolves names by itself, so of a server behind one only its name, or a literal address, is checked.

    Args:
        url: of the server.
        variables: ``HTTPS_PROXY``, ``HTTP_PROXY``, ``NO_PROXY`` in upper or lower case. ``NO_PROXY`` lists hosts,
            domains (``example.com`` and ``.example.com`` alike), addresses, networks (``10.0.0.0/8``), or ``*``.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]
    known = {name.lower(): value for name, value in variables.items()}
    proxy = known.get(f"{parts.scheme}_proxy", "").strip()
    exempt = (entry.strip().lower() for entry in known.get("no_proxy", "").split(","))
    if not proxy or any(_is_exempt(host, port, entry) for entry in exempt):
        return None
    found = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    auth = (unquote(found.username), unquote(found.password or "")) if found.username else None
    location = found._replace(netloc=found.netloc.rpartition("@")[2])
    return httpcore.Proxy(location.geturl(), auth=auth)


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


def cause(error: BaseException) -> str:
    """A few words on why an exchange failed: never its own text, which may quote headers or what the server sent."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {link.verify_message}"
        if isinstance(link, ssl.SSLError):
            return f"TLS failed: {link.reason or 'no reason'}"
        if isinstance(link, socket.gaierror):
            return "its name cannot be resolved"
        if isinstance(link, OSError) and link.errno:
            return os.strerror(link.errno)
        link = link.__cause__ or link.__context__
    return _CAUSES.get(type(error), type(error).__name__)
