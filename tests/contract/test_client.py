import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.support.hosts import LOCAL
from tests.support.served import BODY, START, Served, served

from sync_operator.errors import (
    FailedPreconditionError,
    ForbiddenError,
    NotFoundError,
    OutcomeUnknownError,
    PreconditionFailure,
    RejectedError,
    ServerFaultError,
    SyncOperatorError,
    ThrottledError,
    TransientError,
    UnauthorizedError,
    UnknownWorkspaceError,
)
from sync_operator.sandbox.state import Token
from sync_operator.syncapi.client import ApiClient, Endpoint
from sync_operator.syncapi.dialect import detect_dialect
from sync_operator.syncapi.http.connection_pool import PoolManager
from sync_operator.syncapi.types import Dialect, RunStatus

AUTOMATED = {"schedule_type": "automated", "sync_interval": 30, "sync_interval_unit": "minutes"}


def body(dialect: Dialect, **changes: Any) -> dict[str, Any]:
    return BODY | (AUTOMATED if dialect is Dialect.DOCUMENTED else {}) | changes


async def test_a_sync_lives_through_all_calls_in_both_dialects(either: Served) -> None:
    client = either.client
    made = await client.syncs.create(body(client.dialect))
    assert made.id == "1"
    assert made.status == "pending"
    assert (made.created_at == START) == (client.dialect is Dialect.MULTIWOVEN)
    assert (await client.syncs.get("1")).attributes["stream_name"] == "orders"
    assert [sync.id for sync in (await client.syncs.list()).rows] == ["1"]
    assert (await client.syncs.update("1", body(client.dialect, stream_name="new"))).attributes["stream_name"] == "new"
    await client.trigger("1")
    either.clock.advance(2)
    [run] = await client.list_runs("1")
    assert run.status is RunStatus.PENDING
    either.clock.advance(60)
    assert (await client.get_run("1", run.id)).rows.succeeded == 100
    await client.syncs.delete("1")
    await client.syncs.delete("1")
    with pytest.raises(NotFoundError):
        await client.syncs.get("1")


async def test_a_list_is_whole_whatever_the_page_size(either: Served) -> None:
    for _ in range(250):
        await either.client.syncs.create(body(either.client.dialect))
    assert len((await either.client.syncs.list()).rows) == 250


async def test_a_list_without_syncs_ends(either: Served) -> None:
    assert (await either.client.syncs.list()).rows == ()


async def test_enable_and_cancel_count_being_so_already_as_done(api: Served) -> None:
    await api.client.syncs.create(BODY)
    await api.client.set_enabled("1", True)
    assert await api.client.cancel("1") is False
    await api.client.trigger("1")
    api.clock.advance(2)
    assert await api.client.cancel("1") is True
    await api.client.set_enabled("1", False)
    with pytest.raises(FailedPreconditionError) as refused:
        await api.client.trigger("1")
    assert refused.value.state is PreconditionFailure.DISABLED


@pytest.mark.parametrize(
    ("prepare", "state"),
    [("active", PreconditionFailure.RUN_ACTIVE), ("interval", PreconditionFailure.NOT_MANUAL)],
)
async def test_a_refused_trigger_names_the_state(api: Served, prepare: str, state: PreconditionFailure) -> None:
    await api.client.syncs.create(BODY)
    if prepare == "active":
        await api.client.trigger("1")
        api.clock.advance(2)
    else:
        await api.client.syncs.update("1", AUTOMATED | {"schedule_type": "interval"})
    with pytest.raises(FailedPreconditionError) as refused:
        await api.client.trigger("1")
    assert refused.value.state is state


async def test_reasons_of_refused_rows_are_grouped_and_show_no_rows(api: Served) -> None:
    await api.client.syncs.create(BODY)
    planned = type(api.store.default_outcome)(rows=5, failed_rows=3, seconds=1, reason="no such list, token=abc123")
    api.store.planned[1] = [planned]
    await api.client.trigger("1")
    api.clock.advance(3)
    assert await api.client.failure_reasons("1", 1, 3) == ("no such list, [redacted] (3 rows)",)
    hidden = await api.client.failure_reasons("1", 1, 3, secrets=("such list",))
    assert hidden == ("no [redacted], [redacted] (3 rows)",)
    assert await api.client.failure_reasons("1", 77, 3) == ()


async def test_reasons_of_more_refused_rows_than_are_read_are_told_as_a_share(either: Served) -> None:
    await either.client.syncs.create(body(either.client.dialect))
    planned = type(either.store.default_outcome)(rows=2000, failed_rows=1000, seconds=1, reason="no such list")
    either.store.planned[1] = [planned]
    await either.client.trigger("1")
    either.clock.advance(3)
    [told] = await either.client.failure_reasons("1", 1, 1000)

    assert re.fullmatch(r"no such list \((\d+) of the first \1 rows\)", told)


def e2(detail: str) -> dict[str, Any]:
    return {"errors": [{"status": 400, "title": "Bad Request", "detail": detail}]}


@pytest.mark.parametrize(
    ("status", "answer", "kind", "words"),
    [
        (400, {"errors": {"sync": {"model_id": ["is missing"]}}}, RejectedError, "spec.modelId is missing"),
        (400, {"errors": {"id": ["must be an integer"]}}, RejectedError, "400: id must be an integer"),
        (400, e2("… Workspace not found"), UnknownWorkspaceError, "spec.workspaceId"),
        (400, e2("'Manual' is not a valid schedule_type"), RejectedError, "is not a valid"),
        (400, e2("could not obtain a connection from the pool"), ServerFaultError, "pool"),
        (400, None, ServerFaultError, "400"),
        (401, e2("Unauthorized"), UnauthorizedError, "put a valid one into the Secret of spec.auth"),
        (403, e2("You are not authorized"), ForbiddenError, "role"),
        (403, None, ForbiddenError, "host name"),
        (404, {"error": "Couldn't find Sync"}, NotFoundError, "Couldn't find Sync"),
        (404, {"message": "Sync not found", "status": "not_found"}, NotFoundError, "Sync not found"),
        (418, {"odd": 1}, RejectedError, "418"),
        (424, e2("something new"), FailedPreconditionError, "something new"),
        (429, None, ThrottledError, "429"),
        (302, None, TransientError, "redirect"),
        (500, None, ServerFaultError, "500"),
        (503, {"error": "down"}, TransientError, "down"),
    ],
)
async def test_refusals_are_told_apart_by_their_shape(
    api: Served, status: int, answer: Any, kind: type[SyncOperatorError], words: str
) -> None:
    await api.client.syncs.create(BODY)
    api.fault(method="GET", path="/syncs/1", status=status, body=answer)
    with pytest.raises(SyncOperatorError) as refused:
        await api.client.syncs.get("1")
    assert type(refused.value) is kind
    assert words in str(refused.value)
    assert str(refused.value).startswith("GET /syncs/1 was answered with")


async def test_422_is_retryable(api: Served) -> None:
    seeded = api.store.catalogs.pop(2)
    with pytest.raises(RejectedError) as missing:
        await api.client.syncs.create(BODY)
    assert missing.value.retryable
    assert missing.value.details == {"catalog": "Catalog is missing"}
    api.store.catalogs[2] = replace(seeded, streams=[{"name": "other"}], any_stream=False)
    with pytest.raises(RejectedError) as wrong:
        await api.client.syncs.create(BODY)
    assert not wrong.value.retryable
    assert "spec.streamName" in str(wrong.value)


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [("7", 7.0), ("Sun, 01 Mar 2020 12:00:30 GMT", 0.0), ("soon", None), (None, None)]
)
async def test_retry_after_is_seconds_or_a_date(api: Served, retry_after: str | None, seconds: float | None) -> None:
    api.fault(path="/syncs", status=429, retry_after=retry_after)
    with pytest.raises(ThrottledError) as throttled:
        await api.client.syncs.list()
    assert throttled.value.retry_after == seconds


@pytest.mark.parametrize(
    "fault", [{"lose": "after"}, {"lose": "before"}, {"status": 502}, {"garbage": "<html>"}, {"garbage": "{}"}]
)
async def test_a_create_whose_answer_is_lost_has_an_unknown_outcome(api: Served, fault: dict[str, Any]) -> None:
    api.fault(method="POST", path="/syncs", **fault)
    with pytest.raises(OutcomeUnknownError):
        await api.client.syncs.create(BODY)
    carried_out = fault.get("lose") == "after" or "garbage" in fault
    assert len((await api.client.syncs.list()).rows) == int(carried_out)


@pytest.mark.parametrize("fault", [{"lose": "after"}, {"garbage": "<html>"}, {"garbage": "{}"}])
async def test_what_may_be_repeated_is_only_transient(api: Served, fault: dict[str, Any]) -> None:
    await api.client.syncs.create(BODY)
    await api.client.trigger("1")
    api.clock.advance(2)
    calls: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: api.client.syncs.get("1"),
        lambda: api.client.syncs.update("1", BODY),
        lambda: api.client.get_run("1", 1),
    )
    for call in calls:
        api.fault(path="/syncs/1", **fault)
        with pytest.raises(TransientError):
            await call()


async def test_a_server_that_is_not_there_was_surely_not_reached() -> None:
    pool = PoolManager(LOCAL)
    endpoint = Endpoint("http://127.0.0.1:1", "1", Dialect.MULTIWOVEN, timeout_seconds=2)
    client = ApiClient(endpoint, token=lambda: "secret-token", pool=pool)
    with pytest.raises(TransientError) as lost:
        await client.syncs.create(BODY)
    assert "cannot be reached" in str(lost.value)
    assert "secret-token" not in str(lost.value)
    await pool.aclose()


async def test_ids_are_digits_before_they_are_put_into_a_path(api: Served) -> None:
    with pytest.raises(ValueError, match="digits"):
        await api.client.syncs.get("1/../2")
    assert api.seen() == []


async def test_the_token_is_read_at_each_send(api: Served) -> None:
    tokens = iter(["dead", "good"])
    pool = PoolManager(LOCAL)
    client = ApiClient(Endpoint(api.url, "1", Dialect.MULTIWOVEN), token=lambda: next(tokens), pool=pool)
    with pytest.raises(UnauthorizedError):
        await client.whoami()
    assert (await client.whoami()).email == "operator@example.com"
    await pool.aclose()


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_auto_finds_the_dialect(dialect: Dialect) -> None:
    async with served(dialect) as api:
        found, user = await detect_dialect(api.client, None)
        assert found is dialect
        assert (user is None) == (dialect is Dialect.DOCUMENTED)
        assert (await detect_dialect(api.client, dialect))[0] is dialect


async def test_auto_takes_a_refusal_for_what_it_is(api: Served) -> None:
    api.store.tokens["good"] = Token(workspaces=frozenset())
    with pytest.raises(UnknownWorkspaceError):
        await detect_dialect(api.client, None)
    api.fault(path="/users/me", status=404)
    with pytest.raises(UnknownWorkspaceError, match=r"set spec\.dialect to Auto"):
        await detect_dialect(api.client, Dialect.MULTIWOVEN)


async def test_auto_is_not_fooled_by_a_server_of_another_kind(api: Served) -> None:
    api.fault(times=-1, status=404)
    for wanted in (None, Dialect.DOCUMENTED):
        with pytest.raises(UnknownWorkspaceError, match="the sync API is not there"):
            await detect_dialect(api.client, wanted)


async def test_every_exchange_is_told_of_with_ids_left_out(api: Served) -> None:
    told: list[tuple[str, int]] = []
    endpoint = Endpoint(api.url, "1", Dialect.MULTIWOVEN)
    pool = PoolManager(LOCAL)
    client = ApiClient(
        endpoint, token=lambda: "good", pool=pool, observer=lambda call, status, _seconds: told.append((call, status))
    )

    await client.syncs.create(BODY)
    await client.syncs.get("1")
    with pytest.raises(NotFoundError):
        await client.get_run("1", 77)
    api.fault(lose="before")
    with pytest.raises(TransientError):
        await client.syncs.list()
    await pool.aclose()

    assert told == [
        ("POST /syncs", 201),
        ("GET /syncs/:id", 200),
        ("GET /syncs/:id/sync_runs/:id", 404),
        ("GET /syncs", 0),
    ]
