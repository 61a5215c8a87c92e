"""The calls on connectors and models against the sandbox, in both dialects."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.pipeline import MASK, PASSWORD, SOURCE
from tests.support.running import TOKEN, Sandbox, running_sandbox

from sync_operator.errors import NameTakenError, NotFoundError, RejectedError, SyncOperatorError
from sync_operator.syncapi.client import ApiClient, Endpoint
from sync_operator.syncapi.http.connection_pool import PoolManager
from sync_operator.syncapi.types import Dialect
from sync_operator.util.host_patterns import EgressPolicy

pytestmark = pytest.mark.timeout(120)

CONFIGURATION: dict[str, Any] = {
    **SOURCE["configuration"],
    "credentials": {**SOURCE["configuration"]["credentials"], "password": PASSWORD},
}
BODY: dict[str, Any] = {
    "name": "shop",
    "connector_type": "source",
    "connector_name": "Postgresql",
    "configuration": CONFIGURATION,
}


@pytest.fixture(params=Dialect)
def sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    with running_sandbox(tmp_path, "--dialect", request.param.value.lower()) as running:
        running.control("PUT", "/state", {"syncs": [], "connectors": [], "models": []})
        yield running, request.param


@pytest.fixture
async def client(sandbox: tuple[Sandbox, Dialect]) -> AsyncIterator[ApiClient]:
    pool = PoolManager(EgressPolicy(insecure=("127.0.0.1",), internal=("127.0.0.1",)))
    running, dialect = sandbox
    yield ApiClient(Endpoint(running.url, "1", dialect), token=lambda: TOKEN, pool=pool)
    await pool.aclose()


async def test_a_connector_is_written_and_read_without_its_secret(client: ApiClient) -> None:
    made = await client.connectors.create(BODY)
    read = await client.connectors.get(made.id)
    listed = await client.connectors.list()

    assert made.attributes["configuration"]["credentials"]["password"] == MASK
    assert [row.id for row in listed.rows] == [made.id]
    assert dict(listed.rows[0].attributes) == dict(read.attributes) == dict(made.attributes)
    assert PASSWORD not in repr(made)
    with pytest.raises(NameTakenError):
        await client.connectors.create(BODY)
    changed = await client.connectors.update(made.id, {**BODY, "configuration": {**CONFIGURATION, "host": "other"}})
    assert changed.attributes["configuration"]["host"] == "other"
    await client.connectors.delete(made.id)
    with pytest.raises(NotFoundError):
        await client.connectors.get(made.id)


async def test_a_refused_configuration_is_told_by_the_field_alone(client: ApiClient) -> None:
    with pytest.raises(RejectedError, match=r"about spec\.configuration$"):
        await client.connectors.create({**BODY, "configuration": {"host": PASSWORD}})


async def test_a_model_is_written_and_read_with_the_id_of_its_connector(client: ApiClient) -> None:
    source = await client.connectors.create(BODY)
    body = {
        "name": "m",
        "connector_id": int(source.id),
        "query_type": "raw_sql",
        "query": "SELECT 1",
        "primary_key": "a",
    }
    made = await client.models.create(body)
    [listed] = (await client.models.list()).rows

    assert dict(made.attributes) == dict(listed.attributes) == {**body, "description": None}
    assert made.created_at is not None


async def test_more_connectors_than_a_page_has_are_listed(client: ApiClient, sandbox: tuple[Sandbox, Dialect]) -> None:
    for number in range(23):
        await client.connectors.create({**BODY, "name": f"shop {number}"})
    assert len((await client.connectors.list()).rows) == 23
    sandbox[0].control("PUT", "/release", {"sizes_connectors": False})
    assert len((await client.connectors.list()).rows) == 23


async def test_a_catalog_is_read_checked_and_made_anew(client: ApiClient, sandbox: tuple[Sandbox, Dialect]) -> None:
    made = await client.connectors.create(
        {
            "name": "h",
            "connector_type": "destination",
            "connector_name": "Hubspot",
            "configuration": {"access_token": "t"},
        }
    )
    first = await client.pipeline.discover(made.id, refresh=False)
    assert "contacts" in first.streams
    assert first.count == len(first.streams)
    sandbox[0].control("PUT", f"/discovers/{made.id}", {"streams": ["a", "b"]})
    assert await client.pipeline.discover(made.id, refresh=False) == first
    assert (await client.pipeline.discover(made.id, refresh=True)).streams == ("a", "b")
    for failure in ("swallowed", "raised"):
        sandbox[0].control("PUT", f"/discovers/{made.id}", {"failure": failure})
        with pytest.raises(RejectedError) as refused:
            await client.pipeline.discover(made.id, refresh=True)
        assert refused.value.retryable


async def test_a_connection_is_checked(client: ApiClient, sandbox: tuple[Sandbox, Dialect]) -> None:
    assert (await client.pipeline.check("source", "Postgresql", CONFIGURATION, secrets=())).succeeded
    sandbox[0].control("PUT", "/release", {"connections_work": False})
    found = await client.pipeline.check("source", "Postgresql", CONFIGURATION, secrets=("Connection refused",))
    assert not found.succeeded
    assert found.message == "could not connect to server: [redacted]"


async def test_a_query_tells_its_columns_or_why_it_is_refused(
    client: ApiClient, sandbox: tuple[Sandbox, Dialect]
) -> None:
    source = await client.connectors.create(BODY)
    found = await client.pipeline.query_columns(source.id, "SELECT a, b FROM t")
    assert (found.names, found.count) == (("a", "b"), 2)
    sandbox[0].control("PUT", f"/queries/{source.id}", {"error": "no table t"})
    with pytest.raises(RejectedError, match="no table t"):
        await client.pipeline.query_columns(source.id, "SELECT a, b FROM t")


async def test_an_unforeseen_error_quotes_nothing(client: ApiClient, sandbox: tuple[Sandbox, Dialect]) -> None:
    source = await client.connectors.create(BODY)
    calls = (
        client.connectors.list(),
        client.connectors.get(source.id),
        client.connectors.create({**BODY, "name": "b"}),
        client.connectors.update(source.id, BODY),
        client.connectors.delete(source.id),
        client.models.list(),
        client.pipeline.discover(source.id, refresh=False),
        client.pipeline.query_columns(source.id, "SELECT 1"),
        client.pipeline.check("source", "Postgresql", CONFIGURATION, secrets=()),
    )
    sandbox[0].fault(times=-1, status=400, body={"errors": [{"status": 400, "detail": f"#<Connector {PASSWORD}>"}]})
    for call in calls:
        with pytest.raises(SyncOperatorError) as failed:
            await call
        assert PASSWORD not in str(failed.value)
