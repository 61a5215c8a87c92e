"""Middleware for kopf's session: turns what would end all of kopf's watches into what kopf tries again.

Kopf repeats a request that was refused with 403, 429 or 5xx, or that got no answer, and restarts a watch when its
response breaks off. After anything else it gives up, and with one watch all others end. Answers that no controller
should end for: a page of a list that has expired (410), a token that was not accepted once (401), an answer that
breaks off or that a proxy on the way wrote, an error event other than 410. client-go's reflector lists again after
each of them, so that is what happens here.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any, Final, cast

import aiohttp

__all__ = ["WatchErrorMiddleware"]

_PAUSE_SECONDS: Final = 1.0
"""Seconds before a watch is restarted after an error event, or after a line that is not an event."""
_MAX_RETRY_AFTER: Final = 60
"""Longest ``Retry-After`` in seconds that kopf is to obey; its sleep cannot be ended by anything but a cancellation."""

_BAD_REQUEST: Final = 400
_NOT_FOUND: Final = 404
_GONE: Final = 410
_TOO_MANY_REQUESTS: Final = 429

_GROUP_VERSION: Final = re.compile(r"/api/[^/]+$|/apis/[^/]+/[^/]+$")
"""Path of the discovery of one group and version. Kopf handles a 404 for it correctly: the last kind of it is gone."""

_EVENT: Final = b'{"type":"'
_ERROR_EVENT: Final = b'{"type":"ERROR"'
_EXPIRED_EVENT: Final = b'{"type":"ERROR","object":{"code":410}}\n'
"""The one error event after which kopf lists and watches again."""


class WatchErrorMiddleware:
    """Client middleware of kopf's session; the outermost, so that it sees what kopf would see.

    Args:
        pause_seconds: seconds before a watch is restarted after an error event, or after a line that is not an event.
    """

    def __init__(self, pause_seconds: float = _PAUSE_SECONDS) -> None:
        self._pause_seconds = pause_seconds

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request.

        Raises:
            aiohttp.ClientConnectionError: the answer is of no use to kopf; it repeats the request, with a backoff.
            aiohttp.ClientPayloadError: a page of a list has expired; kopf lists from the beginning.
        """
        is_watch = "watch" in request.url.query
        response = await handler(request)
        if response.status >= _BAD_REQUEST:
            return _refusal(request, response, is_watch=is_watch)
        if is_watch:
            body = _WatchBody(response.content, self._pause_seconds)
            response.content = cast("aiohttp.StreamReader", body)
            return response
        try:
            body_read = await response.read()
        except aiohttp.ClientPayloadError as error:
            raise aiohttp.ClientConnectionError("the answer broke off") from error
        if not _is_kubernetes(body_read):
            raise aiohttp.ClientConnectionError("the answer is not an object of the Kubernetes API")
        return response


def _refusal(
    request: aiohttp.ClientRequest, response: aiohttp.ClientResponse, *, is_watch: bool
) -> aiohttp.ClientResponse:
    """The response, if kopf handles its status as it should; else raise what it does handle."""
    if response.status == _NOT_FOUND and _GROUP_VERSION.search(request.url.path):
        return response
    if response.status == _TOO_MANY_REQUESTS and _is_short(response.headers.get("Retry-After", "0")):
        return response
    response.close()
    if response.status == _GONE and not is_watch:
        # The same page would be refused again, so the request must not be repeated.
        raise aiohttp.ClientPayloadError("a page of the list has expired")
    raise aiohttp.ClientConnectionError(f"HTTP status {response.status}")


def _is_short(retry_after: str) -> bool:
    """True if kopf can read this ``Retry-After``, and will not sleep for long."""
    return retry_after.isascii() and retry_after.isdigit() and int(retry_after[:9]) <= _MAX_RETRY_AFTER


def _is_kubernetes(body: bytes) -> bool:
    """True for the JSON of a list, or of an answer of discovery."""
    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(decoded, dict) and isinstance(decoded.get("kind"), str)


class _WatchBody:
    """The response body of a watch: whole events only.

    Args:
        content: the body.
        pause_seconds: seconds before the end of a body that ends with an error event or with something else.
    """

    def __init__(self, content: aiohttp.StreamReader, pause_seconds: float) -> None:
        self._content = content
        self._pause_seconds = pause_seconds

    def __getattr__(self, name: str) -> Any:
        """Everything except the method with which kopf reads is delegated to the body."""
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """The body up to the first line that is not an event for kopf. An error event makes kopf list again."""
        rest = b""
        async for data in self._content.iter_chunked(size):
            *lines, rest = (rest + data).split(b"\n")
            good = next((number for number, line in enumerate(lines) if not _is_event(line)), len(lines))
            if good:
                yield b"\n".join([*lines[:good], b""])
            if good < len(lines):
                await asyncio.sleep(self._pause_seconds)
                if lines[good].startswith(_ERROR_EVENT):
                    yield _EXPIRED_EVENT
                return
        if rest:
            # The API server ends each event with a line feed: this one broke off. The next watch brings it again.
            await asyncio.sleep(self._pause_seconds)


def _is_event(line: bytes) -> bool:
    """True for an event other than an error; an empty line is skipped by kopf."""
    return not line or (line.startswith(_EVENT) and line.endswith(b"}") and not line.startswith(_ERROR_EVENT))
