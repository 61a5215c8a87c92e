"""One exchange with a sync server: headers, limits and time-outs on the way out, errors of the tree on the way in.

The HTTP client is httpcore: it follows no redirects, keeps no cookies, unpacks nothing and reads no environment.
"""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import httpcore

from sync_operator import __version__
from sync_operator.bounds import MAX_BODY_BYTES, MAX_LIST_BYTES, texts_in
from sync_operator.errors import (
    AccessError,
    AnswerTooLongError,
    OutcomeUnknownError,
    SyncOperatorError,
    TransientError,
    UnauthorizedError,
    UnreachedError,
)
from sync_operator.redact import redact
from sync_operator.remote.answers import Answer, is_usable, refusal, retry_after
from sync_operator.remote.body import ListBody, PlainBody
from sync_operator.remote.connections import Connection
from sync_operator.remote.network import cause
from sync_operator.remote.pressure import Sign

__all__ = ["Exchange", "Gate", "Told", "no_renewal", "untold"]

type Told = Callable[[str, int, float], None]
_ID: Final = re.compile(r"/[0-9]+")

_MOST_REFUSAL_BYTES: Final = 64 * 1024
_WHOLE_CALL: Final = 2
"""A whole call, from the wait for a connection to the last byte, may take this many times the time that is allowed
between two bytes: with `timeoutSeconds` of 60 at most, two minutes."""
_SHORTEST_VALUE: Final = 4
"""Configuration values of fewer characters are words like `id`, no secrets, and masking them would garble messages."""
_UNSENT: Final = (
    httpcore.ConnectError,
    httpcore.ConnectTimeout,
    httpcore.PoolTimeout,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpcore.LocalProtocolError,
)
"""After these no byte of the request has reached the server."""
_IN_THE_MIDDLE: Final = frozenset({400, *range(500, 600)})
"""Statuses that may come of trouble after the work was done (400: any exception in the action, contract E2)."""
_FROM_A_PROXY: Final = frozenset({502, 504})
_LOST: Final = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, TimeoutError)


def untold(_operation: str, _status: int, _seconds: float) -> None:
    """Nobody counts."""


async def no_renewal(_: str) -> bool:
    """For a token that only somebody else can replace."""
    return False


class Gate[T](Protocol):
    """What a call passes on its way out: a `Traffic`, or a Workspace's `Route`."""

    async def turn(self) -> T:
        """Wait until the call may go out."""
        ...

    def answered(self, passage: T, sign: Sign, wish: float | None = None, *, words: str = "") -> None:
        """Tell how it went."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """How one server is spoken to.

    Attributes:
        connection: the connections to it.
        base: URL of the server, without ``/api/v1``.
        token: gives the bearer token at the time of sending; None sends no token.
        renew: called with a token that was answered 401; True when `token` gives another one now.
        workspace_id: value of the ``Workspace-Id`` header, or None.
        timeout_seconds: for connecting, and between two bytes.
        traffic: decides when a request may go out; None where nobody else has to be considered.
        told: is told of every exchange: the call with ids left out, HTTP status (0: no answer), seconds.
    """

    connection: Connection
    base: str
    token: Callable[[], str] | None
    renew: Callable[[str], Awaitable[bool]] = no_renewal
    workspace_id: str | None = None
    timeout_seconds: float = 30.0
    traffic: Gate[Any] | None = None
    told: Told = untold

    async def send(  # noqa: PLR0913 (each is a part of one request)
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        repeatable: bool = True,
        timeout_seconds: float | None = None,
        each: Callable[[Any], Any] | None = None,
        secrets: tuple[str, ...] = (),
        quoted: bool = True,
    ) -> Answer:
        """Send one request and return its 2xx answer.

        Args:
            method: HTTP method.
            path: below ``/api/v1``.
            query: query parameters.
            body: JSON body.
            repeatable: False for a write that does harm when it is carried out twice.
            timeout_seconds: for this call, where the server is known to take its time for it.
            each: reads an item of a list, which is then read item by item as it comes; see `ListBody`.
            secrets: values in the body that no message may show; a sync's configuration is never shown anyway.
            quoted: False for a call that first has to prove what answers there: its words stay out of the error.

        Raises:
            HeldBackError: nothing was sent, because it is not our turn.
            AnswerTooLongError: repeatable, and the answer is longer than is read.
            TransientError: nothing was carried out, or carrying it out again does no harm.
            OutcomeUnknownError: not repeatable, and it may have been carried out.
            SyncOperatorError: the server refused; which class, see `sync_operator.errors`.
        """
        request = _Request(method, path, query, body, timeout_seconds or self.timeout_seconds, each)
        token = _checked(self.token()) if self.token else ""
        answer = await self._answer(request, token, repeatable=repeatable)
        if answer.status == 401 and self.token and await self.renew(token):  # noqa: PLR2004 (HTTP: unauthorized)
            token = _checked(self.token())
            answer = await self._answer(request, token, repeatable=repeatable)
        if 200 <= answer.status < 300:  # noqa: PLR2004 (HTTP: success)
            if not is_usable(answer):
                words = f"{request} was answered with {answer.status} but no JSON; is {self.base} the sync server?"
                raise _lost(words, repeatable=repeatable)
            return answer
        hidden = (token, *secrets, *_configuration_values(body))
        refused = refusal(answer, str(request), now=datetime.now(UTC), secrets=hidden, quoted=quoted)
        if not repeatable and isinstance(refused, TransientError) and answer.status in _IN_THE_MIDDLE:
            ended = answer.status not in _FROM_A_PROXY
            raise OutcomeUnknownError(f"{refused}; it may have been carried out all the same", ended=ended)
        raise refused

    async def _answer(self, request: "_Request", token: str, *, repeatable: bool) -> Answer:
        """One exchange in its turn; tells the traffic how it went."""
        if self.traffic is None:
            return await self._timed(request, token, repeatable=repeatable)
        passage = await self.traffic.turn()
        sign, pause, words = Sign.BAD, None, ""
        try:
            answer = await self._timed(request, token, repeatable=repeatable)
            sign, pause = _sign(answer), retry_after(answer, datetime.now(UTC))
            words = "" if sign is Sign.GOOD else f"{request} was answered with {answer.status}"
        except SyncOperatorError as error:
            # An address that is refused is found out while connecting, too.
            sign = Sign.UNREACHED if isinstance(error, UnreachedError | AccessError) else Sign.BAD
            words = str(error)
            raise
        else:
            return answer
        finally:
            self.traffic.answered(passage, sign, pause, words=words)

    async def _timed(self, request: "_Request", token: str, *, repeatable: bool) -> Answer:
        begun, status = time.monotonic(), 0
        try:
            answer = await self._exchange(request, token, repeatable=repeatable)
            status = answer.status
        finally:
            self.told(f"{request.method} {_ID.sub('/:id', request.path)}", status, time.monotonic() - begun)
        return answer

    async def _exchange(self, request: "_Request", token: str, *, repeatable: bool) -> Answer:
        headers: dict[str | bytes, str | bytes] = {
            "User-Agent": f"sync-operator/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if self.workspace_id:
            headers["Workspace-Id"] = self.workspace_id
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        seconds = request.timeout_seconds
        try:
            async with asyncio.timeout(_WHOLE_CALL * seconds), self.connection.taken(seconds) as http:
                answer = await self._read(http, request, headers)
        except _UNSENT as error:
            words = f"{request}: the server at {self.base} cannot be reached ({cause(error)})"
            raise UnreachedError(redact(words)) from None
        except _LOST as error:
            words = f"{request}: the answer of {self.base} was lost ({cause(error)})"
            # The words tell all that is fit to be told; the error itself may quote headers or what the server sent.
            raise _lost(words, repeatable=repeatable) from None
        if answer is None:
            mebibytes = request.most_bytes / 2**20
            words = f"{request}: the answer of {self.base} was longer than {mebibytes:g} MiB"
            raise AnswerTooLongError(redact(words)) if repeatable else OutcomeUnknownError(redact(words))
        return answer

    async def _read(
        self, http: httpcore.AsyncConnectionPool, request: "_Request", headers: Mapping[str | bytes, str | bytes]
    ) -> Answer | None:
        """The answer, or None when it is too long; a refusal that is too long is read as one without words."""
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), request.timeout_seconds)
        query = f"?{urlencode(request.query)}" if request.query else ""
        async with http.stream(
            request.method,
            f"{self.base}/api/v1{request.path}{query}",
            headers=headers,
            content=None if request.body is None else json.dumps(request.body).encode(),
            extensions={"timeout": timeouts, **self.connection.extensions},
        ) as response:
            refused = response.status >= 300  # noqa: PLR2004 (HTTP: no success)
            limit = min(_MOST_REFUSAL_BYTES, request.most_bytes) if refused else request.most_bytes
            names = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            body = PlainBody() if refused or request.each is None else ListBody(request.each)
            size = 0
            async for chunk in response.aiter_stream():
                size += len(chunk)
                if size > limit:
                    return Answer(response.status, names, None) if refused else None
                for at in range(0, len(chunk), body.step):
                    with _naming(request):
                        body.feed(chunk[at : at + body.step])
                    await asyncio.sleep(0)  # others have their turn, however fast the server is
            with _naming(request):
                return Answer(response.status, names, body.end())


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    query: Mapping[str, str] | None
    body: Mapping[str, Any] | None
    timeout_seconds: float
    each: Callable[[Any], Any] | None

    @property
    def most_bytes(self) -> int:
        """Longest answer that is read."""
        return MAX_BODY_BYTES if self.each is None else MAX_LIST_BYTES

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@contextmanager
def _naming(request: _Request) -> Iterator[None]:
    """What is wrong with a list is told with the call that it answers."""
    try:
        yield
    except TransientError as error:
        raise TransientError(f"{request}: {error}") from None


def _checked(token: str) -> str:
    """A token fit for a header: the HTTP client would quote a bad one in its error."""
    if not token or not all("!" <= char <= "~" for char in token):
        raise UnauthorizedError("the token has characters that no token has; put a valid one into the Secret")
    return token


def _sign(answer: Answer) -> Sign:
    if answer.status == 429:  # noqa: PLR2004 (HTTP: too many requests)
        return Sign.THROTTLED
    return Sign.GOOD if is_usable(answer) else Sign.BAD


def _lost(words: str, *, repeatable: bool) -> TransientError | OutcomeUnknownError:
    return TransientError(redact(words)) if repeatable else OutcomeUnknownError(redact(words))


def _configuration_values(body: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The strings in a sync's configuration: a server may quote them in its refusal, and some are secrets."""
    sync = (body or {}).get("sync")
    if not isinstance(sync, Mapping):
        return ()
    return tuple(text for text in texts_in(sync.get("configuration")) if len(text) >= _SHORTEST_VALUE)
