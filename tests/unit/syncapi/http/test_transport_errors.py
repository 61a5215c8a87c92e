import ssl

import httpcore
import httpx
import pytest

from sync_operator.syncapi.http.transport_errors import NOT_SENT, TRANSPORT_ERRORS, describe_error, httpx_error

_NEVER_RAISED = {"ConnectionNotAvailable", "NetworkError", "ProtocolError", "TimeoutException"}
"""The first never leaves httpcore; the others are the base classes of those that are raised."""


def raised_by_httpcore() -> list[type[Exception]]:
    found = (getattr(httpcore, name) for name in httpcore.__all__ if name not in _NEVER_RAISED)
    return [each for each in found if isinstance(each, type) and issubclass(each, Exception)]


def test_every_error_of_httpcore_is_known() -> None:
    assert {*raised_by_httpcore(), ssl.SSLError} == set(TRANSPORT_ERRORS)


@pytest.mark.parametrize("kind", raised_by_httpcore())
def test_an_error_of_httpcore_becomes_the_one_of_httpx_with_the_same_name(kind: type[Exception]) -> None:
    error = httpx_error(kind("407 Proxy Authentication Required"))

    assert type(error) is getattr(httpx, kind.__name__)
    assert str(error) == "407 Proxy Authentication Required"


def test_an_error_of_tls_after_the_handshake_leaves_unknown_what_the_server_did() -> None:
    error = httpx_error(ssl.SSLCertVerificationError("planted"))

    assert type(error) is httpx.ReadError
    assert not isinstance(error, NOT_SENT)


def test_a_reason_never_quotes_the_error() -> None:
    assert describe_error(httpx.ReadError("planted")) == "ReadError"
    assert describe_error(httpx.ReadTimeout("planted")) == "silent for too long"
