"""The five shapes in which the server refuses (contract section 2)."""

from typing import Any

from aiohttp import web

__all__ = ["Refusal", "e1", "e2", "e3", "e4", "e5"]


class Refusal(Exception):  # noqa: N818 (an answer, not an error of ours)
    """An answer that ends a request early; ``body`` None is an empty HTML page."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers or {}

    def response(self) -> web.Response:
        """The answer on the wire."""
        if self.body is None:
            return web.Response(status=self.status, content_type="text/html", headers=self.headers)
        return web.json_response(self.body, status=self.status, headers=self.headers)


def e1(errors: dict[str, Any]) -> Refusal:
    """400 of the first gate: messages by field."""
    return Refusal(400, {"errors": errors})


def e2(detail: str) -> Refusal:
    """400 for any exception in the action."""
    words = f"There was a problem with the request format: {detail}"
    source = {"pointer": "/request/payload"}
    return Refusal(400, {"errors": [{"status": 400, "title": "Bad Request", "detail": words, "source": source}]})


def e3(status: int, detail: str, source: dict[str, str] | None = None) -> Refusal:
    """401, 403, 404, 422, 424: rendered on purpose."""
    error: dict[str, Any] = {"status": status, "title": "Error", "detail": detail}
    return Refusal(status, {"errors": [error | ({"source": source} if source else {})]})


def e4(status: int, words: str) -> Refusal:
    """404 and 422 of syncs and models."""
    return Refusal(status, {"error": words})


def e5(status: int) -> Refusal:
    """No JSON at all: routing, malformed JSON, host check."""
    return Refusal(status, None)
