"""Sends a request to a sync server, with headers, limits and timeouts; failures become errors of the tree.

The HTTP client is httpx: it follows no redirects, keeps no cookies, decompresses nothing and reads no environment.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import httpx

from sync_operator import __version__
from sync_operator.errors import (
    AccessError,
    InvalidSpecError,
    OutcomeUnknownError,
    ProxyError,
    ResponseTooLargeError,
    SyncOperatorError,
    TransientError,
    UnauthorizedError,
    UnreachableError,
)
from sync_operator.syncapi.flow.circuit_breaker import CallOutcome
from sync_operator.syncapi.http.body_reader import read_response
from sync_operator.syncapi.http.connection_pool import ServerTransport
from sync_operator.syncapi.http.responses import Quoting, Response, error_from_response, is_conclusive, retry_after
from sync_operator.syncapi.http.transport_errors import INDETERMINATE, NOT_SENT, describe_error
from sync_operator.util.bounds import MAX_BODY_BYTES, MAX_LIST_BYTES, texts_in
from sync_operator.util.redact import redact

__all__ = ["Gate", "RequestObserver", "ServerClient", "no_token_refresh", "noop_observer"]

logging.getLogger("httpx").setLevel(logging.WARNING)  # it writes a line with the URL for each request, at INFO

type RequestObserver = Callable[[str, int, float], None]
_ID: Final = re.compile(r"/[0-9]+")

_CALL_TIMEOUT_FACTOR: Final = 2
"""A whole call, from the wait for a connection to the last byte, may take this many times the timeout between two
bytes: with `timeoutSeconds` of 60 at most, two minutes."""
_MIN_VALUE_LENGTH: Final = 4
"""Shorter configuration values are words like `id`, no secrets, and masking them would garble messages."""
_AMBIGUOUS_STATUSES: Final = frozenset({400, *range(500, 600)})
"""Status codes of failures that may occur after the work was done (400: any exception in the action, contract E2)."""
_PROXY_STATUSES: Final = frozenset({502, 504})
_MAX_PROXY_MESSAGE: Final = 500
"""Characters of a message about a proxy, which names three hosts and says what to do."""


def noop_observer(_operation: str, _status: int, _seconds: float) -> None:
    """Default request observer: records nothing."""


async def no_token_refresh(_: str) -> bool:
    """Default ``renew``, for a token that this client cannot replace."""
    return False


class Gate[T](Protocol):
    """Admits each request: a `RequestGate`, or a Workspace's `Route`."""

    async def admit_request(self) -> T:
        """Wait until a request may be sent."""
        ...

    def record_result(
        self, admission: T, outcome: CallOutcome, retry_after: float | None = None, *, words: str = ""
    ) -> None:
        """Record how a request went."""


class _NoCookies(httpx.Cookies):
    def extract_cookies(self, response: httpx.Response) -> None:
        """Keep none."""


class _CookielessClient(httpx.AsyncClient):
    """httpx's client without cookies: to look for them in each response is half of the work that httpx does."""

    cookies = _NoCookies()  # type: ignore[override]  # nobody sets any


class ServerClient:
    """Sends requests to one server.

    Args:
        transport: the connections to the server.
        base: URL of the server, without ``/api/v1``.
        token: returns the bearer token at the time of sending; None sends no token.
        renew: called with a token that got a 401; True if `token` returns another one now.
        workspace_id: value of the ``Workspace-Id`` header, or None.
        timeout_seconds: for connecting, and between two bytes.
        gate: admits each request; None if all may be sent.
        observer: called after every request: method and path without ids, status code (0: no response), seconds.

    Attributes:
        base: the same.

    Raises:
        InvalidSpecError: `base` is not a valid URL.
    """

    def __init__(
        self,
        transport: ServerTransport,
        base: str,
        *,
        token: Callable[[], str] | None,
        renew: Callable[[str], Awaitable[bool]] = no_token_refresh,
        workspace_id: str | None = None,
        timeout_seconds: float = 30.0,
        gate: Gate[Any] | None = None,
        observer: RequestObserver = noop_observer,
    ) -> None:
        self.base = base
        try:
            self._url = httpx.URL(f"{base}/api/v1")
        except httpx.InvalidURL:
            raise InvalidSpecError("spec.url", "is not a valid URL; write it like https://api.example.com") from None
        self._path = self._url.raw_path.decode("ascii")
        self._http = _CookielessClient(transport=transport, trust_env=False)
        self._headers = httpx.Headers(
            {
                "User-Agent": f"sync-operator/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                **({"Workspace-Id": workspace_id} if workspace_id else {}),
            }
        )
        self._proxy = transport.proxy
        self._token = token
        self._renew = renew
        self._timeout_seconds = timeout_seconds
        self._gate = gate
        self._observer = observer

    async def send(  # noqa: PLR0913 (each is a part of one request)
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        idempotent: bool = True,
        timeout_seconds: float | None = None,
        parse_item: Callable[[Any], Any] | None = None,
        secrets: tuple[str, ...] = (),
        quoting: Quoting = Quoting.ALL,
        max_bytes: int | None = None,
    ) -> Response:
        """Send one request and return its 2xx response.

        Args:
            method: HTTP method.
            path: below ``/api/v1``.
            query: query parameters.
            body: JSON body.
            idempotent: False for a write that does harm when it is carried out twice.
            timeout_seconds: for this call, if the server is known to take longer for it.
            parse_item: parses one item of a list, which is parsed while it is received; see `ListBody`.
            secrets: values in the body that no message may show; a configuration in it is never shown anyway.
            quoting: which error responses the error may quote.
            max_bytes: maximum size of the response; None for the usual one.

        Raises:
            NotAdmittedError: nothing was sent, because the gate did not admit it.
            ResponseTooLargeError: idempotent, and the response exceeds the size limit.
            TransientError: nothing was carried out, or carrying it out again does no harm.
            OutcomeUnknownError: not idempotent, and it may have been carried out.
            SyncOperatorError: the server refused; which class, see `sync_operator.errors`.
        """
        limit = max_bytes or (MAX_BODY_BYTES if parse_item is None else MAX_LIST_BYTES)
        request = _Request(method, path, query, body, timeout_seconds or self._timeout_seconds, parse_item, limit)
        token = _checked_token(self._token()) if self._token else ""
        answer = await self._send_admitted(request, token, idempotent=idempotent)
        if answer.status == httpx.codes.UNAUTHORIZED and self._token and await self._renew(token):
            token = _checked_token(self._token())
            answer = await self._send_admitted(request, token, idempotent=idempotent)
        if httpx.codes.is_success(answer.status):
            if not is_conclusive(answer):
                words = f"{request} was answered with {answer.status} but no JSON; is {self.base} the sync server?"
                raise _indeterminate(words, idempotent=idempotent)
            return answer
        hidden = (token, *secrets, *_configuration_values(body))
        call = self._describe_request(request, answer)
        refused = error_from_response(answer, call, now=datetime.now(UTC), secrets=hidden, quoting=quoting)
        if not idempotent and isinstance(refused, TransientError) and answer.status in _AMBIGUOUS_STATUSES:
            settled = answer.status not in _PROXY_STATUSES
            raise OutcomeUnknownError(f"{refused}; it may have been carried out all the same", settled=settled)
        raise refused

    async def _send_admitted(self, request: "_Request", token: str, *, idempotent: bool) -> Response:
        """Send a request once the gate admits it, and record its result there."""
        if self._gate is None:
            return await self._send_observed(request, token, idempotent=idempotent)
        admission = await self._gate.admit_request()
        outcome, pause, words = CallOutcome.FAILURE, None, ""
        try:
            answer = await self._send_observed(request, token, idempotent=idempotent)
            outcome, pause = _classify(answer), retry_after(answer, datetime.now(UTC))
            words = (
                ""
                if outcome is CallOutcome.SUCCESS
                else f"{self._describe_request(request, answer)} was answered with {answer.status}"
            )
        except SyncOperatorError as error:
            # A blocked address, too, is only detected while connecting.
            outcome = (
                CallOutcome.UNREACHABLE if isinstance(error, UnreachableError | AccessError) else CallOutcome.FAILURE
            )
            words = str(error)
            raise
        else:
            return answer
        finally:
            self._gate.record_result(admission, outcome, pause, words=words)

    async def _send_observed(self, request: "_Request", token: str, *, idempotent: bool) -> Response:
        started, status = time.monotonic(), 0
        try:
            answer = await self._exchange(request, token, idempotent=idempotent)
            status = answer.status
        finally:
            self._observer(f"{request.method} {_ID.sub('/:id', request.path)}", status, time.monotonic() - started)
        return answer

    async def _exchange(self, request: "_Request", token: str, *, idempotent: bool) -> Response:
        """Send a request, and map each failure of the HTTP client to the error tree: this is done nowhere else."""
        try:
            async with asyncio.timeout(_CALL_TIMEOUT_FACTOR * request.timeout_seconds):
                response = await self._http.send(self._http_request(request, token), stream=True)
                try:
                    with _prefix_errors(request):
                        answer = await read_response(response, request.parse_item, request.max_bytes)
                finally:
                    await response.aclose()
        except NOT_SENT as error:
            raise self._unreachable(request, error) from None
        except INDETERMINATE as error:
            words = f"{request}: the answer of {self.base}{self._via_proxy} was lost ({describe_error(error)})"
            # The message says all that may be shown; the error itself may quote headers or the response.
            raise _indeterminate(words, idempotent=idempotent) from None
        if answer is None:
            mebibytes = request.max_bytes / 2**20
            words = f"{request}: the answer of {self.base} was longer than {mebibytes:g} MiB"
            raise ResponseTooLargeError(redact(words)) if idempotent else OutcomeUnknownError(redact(words))
        if answer.status == httpx.codes.PROXY_AUTHENTICATION_REQUIRED and self._proxy is not None:
            raise self._proxy_error(request, self._proxy.describe_refusal("407"))
        return answer

    def _http_request(self, request: "_Request", token: str) -> httpx.Request:
        """The request for httpx. Path and query are an extension of it, since httpx takes long to parse a URL."""
        headers, content = self._headers.copy(), None
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if request.body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(request.body).encode()
        query = f"?{httpx.QueryParams(request.query)}" if request.query else ""
        extensions = {
            "timeout": httpx.Timeout(request.timeout_seconds).as_dict(),
            "target": f"{self._path}{request.path}{query}".encode("ascii"),
        }
        return httpx.Request(request.method, self._url, headers=headers, content=content, extensions=extensions)

    def _unreachable(self, request: "_Request", error: BaseException) -> UnreachableError:
        if self._proxy is not None and (trouble := self._proxy.describe_failure(error)):
            return self._proxy_error(request, trouble)
        words = f"{request}: the server at {self.base} cannot be reached{self._via_proxy} ({describe_error(error)})"
        return UnreachableError(redact(words))

    def _proxy_error(self, request: "_Request", trouble: str) -> ProxyError:
        words = f"{request}: the server at {self.base} cannot be reached: {trouble}"
        return ProxyError(redact(words, limit=_MAX_PROXY_MESSAGE))

    @property
    def _via_proxy(self) -> str:
        """For messages: the proxy in between, if there is one."""
        return f" through {self._proxy}" if self._proxy is not None else ""

    def _describe_request(self, request: "_Request", answer: Response) -> str:
        """The request for a message about its answer: a page without words of the API may be a proxy's own."""
        foreign = answer.body is None and self._proxy is not None and not self._proxy.tunnel
        return f"{request}{self._via_proxy}" if foreign else str(request)


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    query: Mapping[str, str] | None
    body: Mapping[str, Any] | None
    timeout_seconds: float
    parse_item: Callable[[Any], Any] | None
    max_bytes: int

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@contextmanager
def _prefix_errors(request: _Request) -> Iterator[None]:
    """Prefix errors about a list with the request."""
    try:
        yield
    except TransientError as error:
        raise TransientError(f"{request}: {error}") from None


def _checked_token(token: str) -> str:
    """The token, if it is valid in a header: the HTTP client would quote an invalid one in its error.

    Raises:
        UnauthorizedError: it contains characters that no token has.
    """
    if not token or not all("!" <= char <= "~" for char in token):
        raise UnauthorizedError(
            "the token has characters that no token has, such as blanks; put the token alone, without Bearer, into the "
            "Secret of spec.auth"
        )
    return token


def _classify(answer: Response) -> CallOutcome:
    if answer.status == httpx.codes.TOO_MANY_REQUESTS:
        return CallOutcome.THROTTLED
    return CallOutcome.SUCCESS if is_conclusive(answer) else CallOutcome.FAILURE


def _indeterminate(words: str, *, idempotent: bool) -> TransientError | OutcomeUnknownError:
    return TransientError(redact(words)) if idempotent else OutcomeUnknownError(redact(words))


def _configuration_values(body: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The strings in a configuration that was sent: a server may quote them in an error, and some are secrets."""
    written = [fields.get("configuration") for fields in (body or {}).values() if isinstance(fields, Mapping)]
    return tuple(text for text in texts_in(written) if len(text) >= _MIN_VALUE_LENGTH)
