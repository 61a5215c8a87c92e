"""Connects to checked addresses only (SSRF protection)."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address

import httpcore

from sync_operator.errors import BlockedAddressError
from sync_operator.syncapi.http.blocked_hosts import address_refusal
from sync_operator.util.host_patterns import EgressPolicy

__all__ = ["Resolve", "SsrfSafeBackend", "addresses_of", "resolve"]

type Resolve = Callable[[str, int], Awaitable[list[str]]]


def addresses_of(host: str) -> list[str]:
    """All addresses of a host, in the order in which to try them. Blocks for as long as the system's resolver does.

    Raises:
        OSError: it has none, or the lookup failed.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "not the form of a name") from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def resolve(host: str, _port: int) -> list[str]:
    """As `addresses_of`, in a thread of the default executor, for a process without several tenants."""
    return await asyncio.get_running_loop().run_in_executor(None, addresses_of, host)


class SsrfSafeBackend(httpcore.AsyncNetworkBackend):
    """Resolves a host itself, checks every address, and connects to an address that it has checked.

    So a name cannot resolve to one address for the check and to another for the connection (DNS rebinding). ``Host``
    header, SNI and certificate check still use the name.
    """

    def __init__(self, rules: EgressPolicy, resolve: Resolve = resolve) -> None:
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
        """Connect to the first address that accepts the connection.

        Raises:
            BlockedAddressError: one of the addresses is never a sync server's, or is internal and not listed.
            httpcore.ConnectError: no address, or none that accepts.
            httpcore.ConnectTimeout: no address or no connection in time.
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
                raise BlockedAddressError(f"host {host} stands for {address}, which is {refused}")
        failed: httpcore.ConnectError | httpcore.ConnectTimeout = httpcore.ConnectError("no address")
        share = None if timeout is None else timeout / max(1, len(addresses))
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed
