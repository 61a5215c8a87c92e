"""The five shapes of an error response (contract section 2)."""

from typing import Any

from aiohttp import web

__all__ = ["Refusal", "api_error", "bad_request", "non_json_error", "plain_error", "validation_error"]


class Refusal(Exception):  # noqa: N818 (a response, not an error of ours)
    """An error response, raised to end a request; ``body`` None is an empty HTML page."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers or {}

    def response(self) -> web.Response:
        """The HTTP response."""
        if self.body is None:
            return web.Response(status=self.status, content_type="text/html", headers=self.headers)
        return web.json_response(self.body, status=self.status, headers=self.headers)


def validation_error(errors: dict[str, Any]) -> Refusal:
    """E1: 400 of the contract validation, with messages by field."""
    return Refusal(400, {"errors": errors})


def bad_request(detail: str) -> Refusal:
    """E2: 400 for any exception in the server's action."""
    message = f"There was a problem with the request format: {detail}"
    source = {"pointer": "/request/payload"}
    return Refusal(400, {"errors": [{"status": 400, "title": "Bad Request", "detail": message, "source": source}]})


def api_error(status: int, detail: str, source: dict[str, str] | None = None) -> Refusal:
    """E3: 401, 403, 404, 422 and 424 that the server renders on purpose."""
    error: dict[str, Any] = {"status": status, "title": "Error", "detail": detail}
    return Refusal(status, {"errors": [error | ({"source": source} if source else {})]})


def plain_error(status: int, message: str) -> Refusal:
    """E4: 404 and 422 of syncs and models."""
    return Refusal(status, {"error": message})


def non_json_error(status: int) -> Refusal:
    """E5: no JSON at all, for unknown routes, malformed JSON and the host check."""
    return Refusal(status, None)
