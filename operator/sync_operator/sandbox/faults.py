"""Faults on request, and the log of requests: a middleware in front of the API."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from sync_operator.sandbox.shapes import e5

__all__ = ["Fault", "Faults", "LoggedRequest"]

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_LOG_LIMIT: Final = 100_000


@dataclass(slots=True)
class Fault:
    """What is to go wrong, and how often.

    Attributes:
        method: HTTP method, or ``*``.
        path: regular expression that the path below ``/api/v1`` must match from its start.
        times: how many more requests it hits; -1 for all.
        status: answer with this status instead of carrying the request out.
        body: JSON body of that answer; None for an empty HTML page.
        retry_after: value of the ``Retry-After`` header of that answer.
        delay: seconds to wait before anything else; it goes on when the client has hung up meanwhile.
        linger: seconds to wait after the request was carried out, before it is answered.
        lose: ``before`` closes the connection without carrying the request out, ``after`` once it is carried out.
        garbage: carry out, then answer with this text instead of JSON.
        token: hits only requests with this bearer token; empty for all.
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

    def hits(self, request: web.Request) -> bool:
        """True for a request that this fault is for."""
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
    """One request as received, ``at`` seconds since 1970; headers without the token."""

    at: float
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    status: int


@dataclass(slots=True)
class Faults:
    """Faults in waiting, and what was received."""

    waiting: list[Fault] = field(default_factory=list)
    log: list[LoggedRequest] = field(default_factory=list)

    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer one request of the API, with whatever is to go wrong with it."""
        fault = next((entry for entry in self.waiting if entry.hits(request)), None)
        if fault is None:
            return await self._carry_out(request, handler)
        fault.times -= 1 if fault.times > 0 else 0
        if fault.delay:
            await request.read()  # else it could not be carried out once the client has hung up
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
        if body is not None and request.path.endswith("/login"):
            body = {"email": body.get("email")}
        entry = LoggedRequest(time.time(), request.method, request.path, dict(request.query), headers, body, status)
        self.log.append(entry)
        del self.log[:-_LOG_LIMIT]
        return web.Response(status=status or 500)


async def json_body(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request; without the right content type the server does not read it.

    Raises:
        Refusal: malformed JSON.
    """
    if request.content_type != "application/json":
        return {}
    try:
        value = json.loads(await request.text() or "{}")
    except ValueError:
        raise e5(400) from None
    return value if isinstance(value, dict) else {}
