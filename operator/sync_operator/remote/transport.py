"""One exchange with a sync server: headers, limits and time-outs on the way out, errors of the tree on the way in."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from sync_operator import __version__
from sync_operator.errors import InvalidSpecError, OutcomeUnknownError, TransientError
from sync_operator.remote.answers import Answer, parse_body, refusal

__all__ = ["Connection", "Exchange", "HttpPool"]

_MOST_CONNECTIONS: Final = 16
_MOST_BYTES: Final = 64 * 1024 * 1024
"""Longest answer read: a list of ten thousand syncs with long configurations fits."""
_UNSENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
"""After these no byte of the request has reached the server."""

_IN_THE_MIDDLE: Final = frozenset({400, *range(500, 600)})
"""Statuses that may come of trouble after the work was done (400: any exception in the action, contract E2)."""
_FROM_A_PROXY: Final = frozenset({502, 504})


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection pool and the gate in front of it: httpx slows down when many tasks wait inside its pool."""

    http: httpx.AsyncClient
    gate: asyncio.Semaphore


class HttpPool:
    """Connections by certificate authority; proxies come from the environment."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._transport = transport
        self._connections: dict[str | None, Connection] = {}

    def connection(self, ca_pem: str | None = None) -> Connection:
        """The connection pool for servers that this authority vouches for; the system's own when None.

        Raises:
            InvalidSpecError: the bundle holds no certificate that can be read.
        """
        if ca_pem not in self._connections:
            verify = _trust(ca_pem) if ca_pem is not None else True
            http = httpx.AsyncClient(
                verify=verify,
                transport=self._transport,
                follow_redirects=False,
                limits=httpx.Limits(max_connections=_MOST_CONNECTIONS, keepalive_expiry=30),
                headers={"User-Agent": f"sync-operator/{__version__}", "Accept": "application/json"},
            )
            self._connections[ca_pem] = Connection(http, asyncio.Semaphore(_MOST_CONNECTIONS))
        return self._connections[ca_pem]

    async def aclose(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            await connection.http.aclose()


@dataclass(frozen=True, slots=True)
class Exchange:
    """How one server is spoken to.

    Attributes:
        connection: where requests go out.
        base: URL of the server, without ``/api/v1``.
        token: gives the bearer token at the time of sending.
        workspace_id: value of the ``Workspace-Id`` header, or None.
        timeout_seconds: for connecting, and between two bytes.
    """

    connection: Connection
    base: str
    token: Callable[[], str]
    workspace_id: str | None = None
    timeout_seconds: float = 30.0

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        repeatable: bool = True,
    ) -> Answer:
        """Send one request and return its 2xx answer.

        Args:
            method: HTTP method.
            path: below ``/api/v1``.
            query: query parameters.
            body: JSON body.
            repeatable: False for a write that does harm when it is carried out twice.

        Raises:
            TransientError: nothing was carried out, or carrying it out again does no harm.
            OutcomeUnknownError: not repeatable, and it may have been carried out.
            SyncOperatorError: the server refused; which class, see `sync_operator.errors`.
        """
        token = self.token()
        call = f"{method} {path}"
        headers = {"Authorization": f"Bearer {token}"}
        if self.workspace_id:
            headers["Workspace-Id"] = self.workspace_id
        lost = TransientError if repeatable else OutcomeUnknownError
        try:
            async with self.connection.gate, asyncio.timeout(4 * self.timeout_seconds):
                answer = await self._exchange(method, path, headers, query, body)
        except _UNSENT as error:
            raise TransientError(f"{call}: the server at {self.base} cannot be reached ({_cause(error)})") from error
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise lost(f"{call}: the answer of {self.base} was lost ({_cause(error)})") from error
        if answer is None:
            raise lost(f"{call}: the answer of {self.base} was longer than {_MOST_BYTES // 2**20} MiB")
        if 200 <= answer.status < 300:  # noqa: PLR2004 (HTTP: success)
            if answer.body is None and answer.status != 204:  # noqa: PLR2004 (HTTP: no content)
                raise lost(f"{call} was answered with {answer.status} but no JSON; is {self.base} the sync server?")
            return answer
        refused = refusal(answer, call, now=datetime.now(UTC), secrets=(token,))
        if not repeatable and isinstance(refused, TransientError) and answer.status in _IN_THE_MIDDLE:
            ended = answer.status not in _FROM_A_PROXY
            raise OutcomeUnknownError(f"{refused}; it may have been carried out all the same", ended=ended)
        raise refused

    async def _exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
    ) -> Answer | None:
        """The answer, or None when it is too long to be read."""
        async with self.connection.http.stream(
            method,
            f"{self.base}/api/v1{path}",
            headers=headers,
            params=query,
            json=body,
            timeout=self.timeout_seconds,
        ) as response:
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > _MOST_BYTES:
                    return None
            return Answer(response.status_code, dict(response.headers), parse_body(bytes(content)))


def _trust(ca_pem: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=ca_pem)
    except (ssl.SSLError, ValueError):
        message = "holds no certificate in PEM form; put the server's certificate authority there"
        raise InvalidSpecError("spec.caSecretRef", message) from None
    return context


def _cause(error: Exception) -> str:
    """A few words on an exception; its text may name hosts and errno words, but never headers or bodies."""
    words = str(error).partition("\n")[0][:120]
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
