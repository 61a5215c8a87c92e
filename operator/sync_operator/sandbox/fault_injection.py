"""Fault injection and the request log, in front of the API's handlers."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from sync_operator.sandbox.error_shapes import non_json_error

__all__ = ["Fault", "Faults", "LoggedRequest"]

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_MAX_LOGGED_REQUESTS: Final = 100_000


@dataclass(slots=True)
class Fault:
    """A fault: which requests it hits, how often, and what happens to them.

    Attributes:
        method: HTTP method, or ``*``.
        path: regular expression that the path below ``/api/v1`` must match from its start.
        times: number of further requests that it hits; -1 for all.
        status: respond with this status code instead of carrying the request out.
        body: JSON body of that response; None for an empty HTML page.
        retry_after: value of the ``Retry-After`` header of that response.
        delay: seconds to wait first; the request is carried out even if the client has disconnected meanwhile.
        linger: seconds between carrying the request out and the response.
        lose: ``before`` closes the connection without carrying the request out, ``after`` once it is carried out.
        garbage: carry the request out, then respond with this text instead of JSON.
        token: hit only requests with this bearer token; empty for all.
    """

    method: str = "*"
    path: str = ".*"
    times: int = 1
    status: int | None = None
    body: Any = None
    retry_after: str | None = None
    delay: float = 0.0
    linger: float = 0.0
    lose: str = ""
    garbage: str | None = None
    token: str = ""

    def matches(self, request: web.Request) -> bool:
        """True if this fault applies to the request."""
        path = request.path.removeprefix("/api/v1")
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return (
            self.token in {"", token}
            and self.times != 0
            and self.method in {"*", request.method}
            and re.match(self.path, path) is not None
        )


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One received request; ``at`` is Unix time in seconds, and the headers are without the token."""

    at: float
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    status: int


@dataclass(slots=True)
class Faults:
    """The faults to inject, and the log of received requests."""

    waiting: list[Fault] = field(default_factory=list)
    log: list[LoggedRequest] = field(default_factory=list)

    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Handle one API request, with the first fault that applies to it."""
        fault = next((entry for entry in self.waiting if entry.matches(request)), None)
        if fault is None:
            return await self._carry_out(request, handler)
        fault.times -= 1 if fault.times > 0 else 0
        if fault.delay:
            await request.read()  # otherwise the body is lost if the client disconnects meanwhile
            await asyncio.sleep(fault.delay)
        if fault.lose == "before":
            return self._hang_up(request, await self._logged(request, 0))
        if fault.status is not None:
            await self._logged(request, fault.status)
            headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            if fault.body is None:
                return web.Response(status=fault.status, content_type="text/html", headers=headers)
            return web.json_response(fault.body, status=fault.status, headers=headers)
        response = await self._carry_out(request, handler)
        if fault.linger:
            await asyncio.sleep(fault.linger)
        if fault.lose == "after":
            return self._hang_up(request, response)
        if fault.garbage is not None:
            return web.Response(text=fault.garbage, status=response.status, content_type="application/json")
        return response

    async def _carry_out(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        await self._logged(request, response.status)
        return response

    def _hang_up(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return response

    async def _logged(self, request: web.Request, status: int) -> web.StreamResponse:
        text = await request.text()
        try:
            body = json.loads(text) if text else None
        except ValueError:
            body = None
        headers = {name.lower(): value for name, value in request.headers.items() if name.lower() != "authorization"}
        body = _without_secrets(request.path, body)
        entry = LoggedRequest(time.time(), request.method, request.path, dict(request.query), headers, body, status)
        self.log.append(entry)
        del self.log[:-_MAX_LOGGED_REQUESTS]
        return web.Response(status=status or 500)


def _without_secrets(path: str, body: Any) -> Any:
    """The body as it is logged: without password, and without the configuration of a connector."""
    if not isinstance(body, dict):
        return body
    if path.endswith("/login"):
        return {"email": body.get("email")}
    if "/connector" in path:
        return {
            key: _without_secrets(path, value)
            for key, value in body.items()
            if key not in {"configuration", "connection_spec"}
        }
    return body


async def json_body(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request; empty for another content type, because the server does not read that.

    Raises:
        Refusal: 400, for malformed JSON.
    """
    if request.content_type != "application/json":
        return {}
    try:
        value = json.loads(await request.text() or "{}")
    except ValueError:
        raise non_json_error(400) from None
    return value if isinstance(value, dict) else {}
