"""Secrets planted in every place of an answer: none of them may show in what is told to people."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from tests.support.hosts import LOCAL
from tests.support.raw import Raw, answer, raw_server
from tests.support.served import BODY, START, Served

from sync_operator.domain.status.error_classification import classify_error
from sync_operator.errors import RejectedError, SyncOperatorError, UnauthorizedError
from sync_operator.sandbox.state import Token
from sync_operator.syncapi.auth.login import request_token
from sync_operator.syncapi.client import ApiClient, Endpoint
from sync_operator.syncapi.http.connection_pool import PoolManager
from sync_operator.syncapi.http.server_client import ServerClient
from sync_operator.syncapi.types import Dialect

TOKEN = "planted-token-e5d1"
PASSWORD = 'planted pass"wörd\\$&'
VALUE = "planted value of <configuration> ü"
CONFIGURATION = [
    {"from": VALUE, "to": "key", "mapping_type": "static"},
    {"from": "v", "to": "v", "mapping_type": "vector", "embedding_config": {"api_key": VALUE, "mode": "x"}},
]


def forms(secret: str) -> list[str]:
    plain, escaped = secret, json.dumps(secret)[1:-1]
    encoded = base64.b64encode(secret.encode()).decode()
    return [plain, escaped, json.dumps(secret, ensure_ascii=False)[1:-1], quote(secret), encoded]


SENT_WITH_A_SYNC = [form for secret in (TOKEN, VALUE) for form in forms(secret)]
SENT_WITH_A_LOGIN = forms(PASSWORD)


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def entry(**fields: Any) -> dict[str, Any]:
    return {"errors": [{"status": 422, "title": "Error", **fields}]}


def shapes(secrets: list[str]) -> list[tuple[str, Any]]:
    """Every shape of a refusal (contract section 2), with the secrets in every place that words can have."""
    cut = secrets[0][:-4]
    words, one = " and ".join([*secrets, cut]), secrets[0]
    return [
        ("400 Bad Request", {"errors": {"sync": {"configuration": [words, words]}}}),
        ("400 Bad Request", {"errors": {"sync": {words: ["is unknown"]}}}),
        ("400 Bad Request", {"errors": {"sync": {"configuration": {words: {"deep": words}}}}}),
        ("400 Bad Request", {"errors": {"sync": words}}),
        ("400 Bad Request", entry(detail=words)),
        ("400 Bad Request", entry(detail=f"{words}… Workspace not found")),
        ("400 Bad Request", entry(detail=f"'{one}' is not a valid {words}")),
        ("400 Bad Request", entry(detail=f"Event '{one}' cannot transition from '{words}'.")),
        ("401 Unauthorized", entry(detail=words)),
        ("401 Unauthorized", {"error": words}),
        ("403 Forbidden", entry(title=words)),
        ("403 Forbidden", {"message": words}),
        ("404 Not Found", {"error": words}),
        ("404 Not Found", {"message": words, "status": words}),
        ("418 Teapot", {"message": words}),
        ("422 Unprocessable", entry(detail="Sync creation failed", source={"configuration": words})),
        ("422 Unprocessable", entry(detail=words, source={words: [words]})),
        ("422 Unprocessable", {"error": words}),
        ("424 Failed Dependency", entry(detail=words)),
        ("429 Too Many", {"error": words}),
        ("500 Internal", {"error": words}),
        ("502 Bad Gateway", {"message": words}),
        ("422 Unprocessable", words),
        ("422 Unprocessable", [words]),
    ]


WIRES = [
    answer("302 Found", headers=f"Location: http://me:{TOKEN}@host/?token={quote(VALUE)}\r\n"),
    answer(f"500 {quote(VALUE)}", body=VALUE.encode()),
    answer(f"400 {TOKEN}", body=VALUE.encode(), headers=f"X-Echo: {TOKEN}\r\nRetry-After: {TOKEN}\r\n"),
    answer("201 Created", body=VALUE.encode()),
    answer("201 Created", body=body({"data": {"id": TOKEN, "attributes": {"configuration": VALUE}}})),
    f"{TOKEN} {TOKEN}\r\n\r\n".encode(),
    f"HTTP/1.1 200 OK\r\n{TOKEN}\x00: {TOKEN}\r\n\r\n".encode(),
    f"HTTP/1.1 200 OK\r\nContent-Length: {TOKEN}\r\n\r\n".encode(),
    f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{TOKEN}\r\n".encode(),
]


@pytest.fixture
async def raw() -> AsyncIterator[Raw]:
    async with raw_server() as running:
        yield running


def told(error: SyncOperatorError) -> str:
    """Everything that an error may be turned into on its way to people, causes included."""
    texts = [str(error), repr(error), classify_error(error).message, repr(classify_error(error))]
    if isinstance(error, RejectedError):
        texts.append(repr(error.details))
    cause = error.__cause__
    while cause is not None:
        texts.append(str(cause))
        cause = cause.__cause__
    return "\n".join(texts)


def assert_clean(text: str) -> None:
    shown = [form for form in (*SENT_WITH_A_SYNC, *SENT_WITH_A_LOGIN) if form in text]
    assert not shown, text
    assert "planted" not in text, text


async def create(raw: Raw, wire: bytes, token: str = TOKEN) -> SyncOperatorError:
    raw.answers[:] = [wire]
    pool = PoolManager(LOCAL)
    endpoint = Endpoint(f"http://127.0.0.1:{raw.port}", "1", Dialect.MULTIWOVEN, timeout_seconds=5)
    client = ApiClient(endpoint, token=lambda: token, pool=pool)
    with pytest.raises(SyncOperatorError) as refused:
        await client.syncs.create(BODY | {"configuration": CONFIGURATION})
    await pool.aclose()
    return refused.value


@pytest.mark.parametrize(("status", "shape"), shapes(SENT_WITH_A_SYNC))
async def test_no_refusal_of_a_sync_shows_token_or_configuration(raw: Raw, status: str, shape: Any) -> None:
    assert_clean(told(await create(raw, answer(status, body(shape)))))
    assert TOKEN in raw.received[0]
    assert json.dumps(VALUE) in raw.received[0]


@pytest.mark.parametrize("wire", WIRES)
async def test_nothing_else_on_the_wire_shows_them_either(raw: Raw, wire: bytes) -> None:
    assert_clean(told(await create(raw, wire)))


@pytest.mark.parametrize(("status", "shape"), shapes(SENT_WITH_A_LOGIN))
async def test_no_refusal_of_a_login_shows_the_password(raw: Raw, status: str, shape: Any) -> None:
    raw.answers[:] = [answer(status, body(shape))]
    assert_clean(told(await login(raw)))
    assert json.loads(raw.received[0].partition("\r\n\r\n")[2])["password"] == PASSWORD


@pytest.mark.parametrize(
    "data", [{"data": {"attributes": {"token": ["planted"]}}}, {"data": ["planted"]}, ["planted"], {"token": "planted"}]
)
async def test_a_login_without_a_token_shows_nothing(raw: Raw, data: Any) -> None:
    raw.answers[:] = [answer(body=body(data))]
    assert_clean(told(await login(raw)))


async def login(raw: Raw) -> SyncOperatorError:
    pool = PoolManager(LOCAL)
    base = f"http://127.0.0.1:{raw.port}"
    client = ServerClient(pool.transport(base), base, token=None, timeout_seconds=5)
    with pytest.raises(SyncOperatorError) as refused:
        await request_token(client, "ops@example.com", PASSWORD, now=START)
    await pool.aclose()
    return refused.value


@pytest.mark.parametrize("token", ["planted\r\nX-Evil: 1", "planted token", "planted-tökèn", "planted\x00", ""])
async def test_a_token_that_no_header_can_carry_is_not_quoted(raw: Raw, token: str) -> None:
    error = await create(raw, answer(), token)
    assert isinstance(error, UnauthorizedError)
    assert "put the token alone, without Bearer, into the Secret of spec.auth" in str(error)
    assert_clean(told(error))
    assert raw.received == []


async def test_credentials_in_a_url_are_not_shown() -> None:
    pool = PoolManager(LOCAL)
    endpoint = Endpoint("http://me:planted@127.0.0.1:1", "1", Dialect.MULTIWOVEN, timeout_seconds=5)
    with pytest.raises(SyncOperatorError) as refused:
        await ApiClient(endpoint, token=lambda: TOKEN, pool=pool).ping()
    assert_clean(told(refused.value))
    await pool.aclose()


async def test_what_a_status_takes_from_the_server_is_cut_and_masked(api: Served) -> None:
    made = await api.client.syncs.create(BODY)
    api.store.syncs[int(made.id)].status = f"token={TOKEN} " + "x" * 1000
    shown = await api.client.syncs.get(made.id)
    assert len(shown.status) == 253
    assert_clean(shown.status)
    api.store.tokens["good"] = Token(role=f"Bearer {TOKEN}" + "y" * 1000)
    user = await api.client.whoami()
    assert len(user.role) <= 253
    assert_clean(user.role)
