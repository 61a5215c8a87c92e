"""Errors of the HTTP client: those below httpx become httpx's, and each gets a short reason for messages."""

import os
import socket
import ssl
from collections.abc import Mapping
from typing import Final

import httpcore
import httpx

__all__ = ["INDETERMINATE", "NOT_SENT", "TRANSPORT_ERRORS", "describe_error", "httpx_error"]

NOT_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
"""After these errors no byte of the request has reached the server."""
INDETERMINATE: Final = (httpx.TransportError, TimeoutError)
"""After these errors, where they are none of `NOT_SENT`, the server may have carried the request out."""
_HTTPX: Final[Mapping[type[Exception], type[httpx.TransportError]]] = {
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.PoolTimeout: httpx.PoolTimeout,
    httpcore.ProxyError: httpx.ProxyError,
    httpcore.ReadError: httpx.ReadError,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
    httpcore.UnsupportedProtocol: httpx.UnsupportedProtocol,
    httpcore.WriteError: httpx.WriteError,
    httpcore.WriteTimeout: httpx.WriteTimeout,
}
"""The classes of httpcore that are raised, with the class of the same meaning in httpx."""
_REASONS: Final[Mapping[type[BaseException], str]] = {
    httpx.ConnectTimeout: "no connection in time",
    httpx.PoolTimeout: "all connections were busy for too long",
    httpx.RemoteProtocolError: "it hung up, or does not speak HTTP",
    httpx.LocalProtocolError: "the request cannot be written as HTTP",
    httpx.ReadTimeout: "silent for too long",
    TimeoutError: "not finished in time",
}
TRANSPORT_ERRORS: Final[tuple[type[Exception], ...]] = (*_HTTPX, ssl.SSLError)
"""What httpcore raises. Errors of TLS after the handshake, as where a server requires a client certificate (TLS 1.3) or
a record is damaged, come out of it as they are."""


def httpx_error(error: Exception) -> httpx.TransportError:
    """The error of httpx that means the same as one of `TRANSPORT_ERRORS`, with its text."""
    return _HTTPX.get(type(error), httpx.ReadError)(str(error))


def describe_error(error: BaseException) -> str:
    """Short reason why a request failed: never the error's own text, which may quote headers or the response."""
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
    return _REASONS.get(type(error), type(error).__name__)
