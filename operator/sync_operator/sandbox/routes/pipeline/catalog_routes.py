"""Routes of catalogs: discover, create and replace; and `POST /connectors/:id/query_source`.

Contract, part two, section 5: a catalog is one row for each connector, made by the first discover; a refresh deletes it
before it asks the live system.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from sync_operator.sandbox.access import authenticate, may_write
from sync_operator.sandbox.error_shapes import api_error, bad_request, validation_error
from sync_operator.sandbox.fault_injection import json_body
from sync_operator.sandbox.pipeline.records import DiscoverOutcome, QueryOutcome, StoredCatalog, StoredConnector
from sync_operator.sandbox.pipeline.secret_mask import holds_mask
from sync_operator.sandbox.render import catalog_resource
from sync_operator.sandbox.routes.pipeline.lookup import access_to, path_id
from sync_operator.sandbox.routes.request_validation import is_integer
from sync_operator.sandbox.routes.stored_json import as_jsonb
from sync_operator.sandbox.state import Store

__all__ = ["routes"]

routes = web.RouteTableDef()
_COLUMNS: Final = ("id", "name", "email", "updated_at")
_SELECT: Final = re.compile(r"\s*select\s+(?:distinct\s+)?(?P<columns>.+?)\s+from\s", re.IGNORECASE | re.DOTALL)
_LIMITED: Final = re.compile(r"LIMIT\s+(?P<limit>\d+)\s*$", re.IGNORECASE)
_DEFAULT_LIMIT: Final = 50
_SAMPLE_ROWS: Final = 100


@routes.get("/api/v1/connectors/{id}/discover")
async def discover(request: web.Request) -> web.Response:
    """`GET /connectors/:id/discover`: the stored catalog, if there is one; ``refresh=true`` deletes it first."""
    number = path_id(request)
    access = access_to(request)
    store, connector = access.store, access.connector(number)
    held = store.catalog(number)
    if held is None or request.query.get("refresh") == "true":
        store.catalogs.pop(number, None)
        held = await _ask_live_system(store, connector)
        store.catalogs[number] = held
    return web.json_response({"data": catalog_resource(number, held, access.workspace_id)})


@routes.post("/api/v1/catalogs")
async def create(request: web.Request) -> web.Response:
    """`POST /catalogs`: one stream, named like the connector at this moment; all that is kept is ``json_schema``."""
    return await _write(request, replacing=False)


@routes.put("/api/v1/catalogs/{id}")
async def update(request: web.Request) -> web.Response:
    """`PUT /catalogs/:id`: the id is not looked at, ``connector_id`` decides."""
    return await _write(request, replacing=True)


@routes.post("/api/v1/connectors/{id}/query_source")
async def query_source(request: web.Request) -> web.Response:
    """`POST /connectors/:id/query_source`: the only test of a query; a Viewer may do it too."""
    number = path_id(request)
    body = await json_body(request)
    query = body.get("query")
    if not isinstance(query, str) or not query:
        raise validation_error({"query": ["is missing" if "query" not in body else "must be filled"]})
    access = access_to(request)
    store, connector = access.store, access.connector(number)
    if connector.kind != "source":
        raise api_error(422, "Connector is not a source")
    if store.definitions.is_ai_model(connector.kind, connector.definition):
        raise bad_request("undefined method `create_connection' for an AI model")
    answer = store.queries.get(number) or QueryOutcome()
    if answer.error or holds_mask(connector.configuration):
        raise api_error(422, answer.error or 'FATAL:  password authentication failed for user "reader"')
    rows = answer.rows or _sample_rows(query)
    limited = _LIMITED.search(query.removesuffix(";"))
    limit = int(limited["limit"]) if limited else int(body.get("limit") or _DEFAULT_LIMIT)
    found = [dict(row) for row in rows[:limit]]
    return web.json_response(found if store.dialect == "documented" else {"data": found})


async def _ask_live_system(store: Store, connector: StoredConnector) -> StoredCatalog:
    """What a discover finds.

    Raises:
        Refusal: 422 E3 or 400 E2; the reason stands in the server's log alone.
    """
    planned = store.discovers.get(connector.id)
    outcome = planned.pop(0) if planned else DiscoverOutcome()
    await asyncio.sleep(outcome.seconds)
    if store.definitions.get(connector.kind, connector.definition) is None:
        raise bad_request(f"uninitialized constant Multiwoven::Integrations::{connector.definition}")
    if outcome.failure == "raised":
        raise bad_request("Connection reset by peer")
    if outcome.failure or holds_mask(connector.configuration):
        raise api_error(422, "Discover catalog failed", {"catalog": "can't be blank"})
    streams = store.live_streams.get(connector.id)
    any_stream = connector.any_stream and streams is None
    if streams is None:
        names = store.definitions.stream_names(connector.kind, connector.definition)
        streams = [_stream(name) for name in names]
    return StoredCatalog(store.new_id("catalogs"), streams, any_stream=any_stream)


def _stream(name: str) -> dict[str, Any]:
    properties = {column: {"type": ["string", "null"]} for column in _COLUMNS}
    return {
        "name": name,
        "action": "create",
        "json_schema": {"type": "object", "properties": properties},
        "supported_sync_modes": ["full_refresh", "incremental"],
        "batch_support": False,
        "batch_size": 0,
        "request_method": "POST",
        "url": "",
    }


async def _write(request: web.Request, *, replacing: bool) -> web.Response:
    authenticate(request)
    body = await json_body(request)
    number, catalog = body.get("connector_id"), body.get("catalog")
    problems = {} if is_integer(number) else {"connector_id": ["must be an integer" if number else "is missing"]}
    if not isinstance(catalog, Mapping) or not isinstance(catalog.get("json_schema"), Mapping):
        problems["catalog"] = ["must be a hash" if catalog else "is missing"]
    if problems or not isinstance(catalog, Mapping):
        raise validation_error(problems)
    access = access_to(request)
    connector = access.connector(int(str(number)))
    may_write(access.token)
    store = access.store
    held = store.catalogs.get(connector.id)
    if replacing and held is None:
        raise bad_request("undefined method `update' for nil")
    schema = as_jsonb(catalog["json_schema"])
    stream = {"name": connector.name, "json_schema": schema, "url": "unknown", "batch_support": False}
    row = held.id if replacing and held else store.new_id("catalogs")
    stored = store.catalogs[connector.id] = StoredCatalog(row, [stream])
    resource = catalog_resource(connector.id, stored, access.workspace_id)
    if store.dialect == "documented":
        return web.json_response(resource | {"attributes": resource["attributes"] | {"catalog": catalog}})
    return web.json_response({"data": resource}, status=201)


def _sample_rows(query: str) -> Sequence[Mapping[str, Any]]:
    """Rows with the columns that the query selects."""
    selected = _SELECT.match(query)
    listed = selected["columns"].split(",") if selected else ["*"]
    named = [re.split(r"\s+|\.", column.strip())[-1].strip('"`') for column in listed]
    columns = list(_COLUMNS) if named == ["*"] else named
    return [{column: f"{column} {number}" for column in columns} for number in range(1, _SAMPLE_ROWS + 1)]
