"""The sandbox's control API for connectors, models, catalogs and definitions."""

from dataclasses import replace
from typing import Any

from aiohttp import web

from sync_operator.sandbox.access import STORE
from sync_operator.sandbox.pipeline.records import DiscoverOutcome, QueryOutcome, StoredCatalog
from sync_operator.sandbox.routes.control_routes import known_fields
from sync_operator.sandbox.routes.pipeline.connector_routes import destroy_connector, destroy_model

__all__ = ["routes"]

routes = web.RouteTableDef()


@routes.put("/sandbox/connectors/{id}")
async def name_connector(request: web.Request) -> web.Response:
    """Create or replace a connector of which only the name matters: ``name``, ``workspace_id``, ``kind``."""
    store, body = request.app[STORE], await known_fields(request, {"name", "workspace_id", "kind"})
    workspace_id = body.get("workspace_id", min(store.workspaces))
    store.add_named(body.get("kind", "source"), _id(request), body["name"], workspace_id)
    return web.json_response({})


@routes.patch("/sandbox/connectors/{id}")
async def edit_connector(request: web.Request) -> web.Response:
    """Change a connector as somebody else would, or as the server does by itself: any fields of `StoredConnector`."""
    store = request.app[STORE]
    held = store.connectors.get(_id(request))
    if held is None:
        raise web.HTTPNotFound(text="no such connector; GET /sandbox/state lists them\n")
    body = await known_fields(request, set(held.__dataclass_fields__) - {"id", "created_at", "updated_at"})
    store.add_connector(replace(held, **body, updated_at=store.clock()))
    return web.json_response({})


@routes.put("/sandbox/models/{id}")
async def name_model(request: web.Request) -> web.Response:
    """Create or replace a model of which only the name matters: ``name``, ``workspace_id``, ``connector_id``."""
    store, body = request.app[STORE], await known_fields(request, {"name", "workspace_id", "connector_id"})
    workspace_id = body.get("workspace_id", min(store.workspaces))
    store.add_named("model", _id(request), body["name"], workspace_id, body.get("connector_id", 1))
    return web.json_response({})


@routes.delete("/sandbox/connectors/{id}")
async def delete_connector(request: web.Request) -> web.Response:
    """Delete a connector, as another client would: with everything below it."""
    destroy_connector(request.app[STORE], _id(request))
    return web.json_response({})


@routes.delete("/sandbox/models/{id}")
async def delete_model(request: web.Request) -> web.Response:
    """Delete a model, as another client would: with its syncs."""
    destroy_model(request.app[STORE], _id(request))
    return web.json_response({})


@routes.put("/sandbox/catalogs/{id}")
async def set_catalog(request: web.Request) -> web.Response:
    """Set the streams of a connector's catalog, as a JSON list; null makes the catalog missing.

    A stream is a name, or an object of ``name`` and ``batch_support`` (true: it is written in batches). From then on
    a discover finds these streams.
    """
    store, number = request.app[STORE], _id(request)
    body: list[Any] | None = await request.json()
    if body is None:
        store.catalogs.pop(number, None)
    else:
        store.live_streams[number] = _streams(body)
        store.catalogs[number] = StoredCatalog(store.new_id("catalogs"), _streams(body))
    return web.json_response({})


@routes.put("/sandbox/discovers/{id}")
async def plan_discover(request: web.Request) -> web.Response:
    """How discovers of a connector go that ask its live system, because no catalog is stored or they refresh it.

    ``streams``: what the system has from now on, as in `PUT /sandbox/catalogs/ID`. ``failure`` (``swallowed``: 422,
    ``raised``: 400 E2) and ``seconds`` concern the next ``times`` discovers.
    """
    store, number = request.app[STORE], _id(request)
    body = await known_fields(request, {"streams", "failure", "seconds", "times"})
    if "streams" in body:
        store.live_streams[number] = _streams(body["streams"])
    if "failure" in body or "seconds" in body:
        outcome = DiscoverOutcome(body.get("failure", ""), body.get("seconds", 0.0))
        store.discovers.setdefault(number, []).extend([outcome] * body.get("times", 1))
    return web.json_response({})


@routes.put("/sandbox/queries/{id}")
async def set_query(request: web.Request) -> web.Response:
    """What the source of an id answers to every query: ``rows``, or an ``error`` in its own words."""
    outcome = QueryOutcome(**await known_fields(request, QueryOutcome.__dataclass_fields__))
    request.app[STORE].queries[_id(request)] = outcome
    return web.json_response({})


@routes.put("/sandbox/release")
async def set_release(request: web.Request) -> web.Response:
    """Simulate an older release, and systems that cannot be reached.

    ``masks_secrets`` (false: before v0.74.0), ``sizes_connectors`` (false: ten connectors a page), ``connections_work``
    (false: every check of a connection fails).
    """
    store = request.app[STORE]
    for name, value in (await known_fields(request, {"masks_secrets", "sizes_connectors", "connections_work"})).items():
        setattr(store, name, value)
    return web.json_response({})


@routes.put("/sandbox/definitions/{kind}/{name}")
async def set_definition(request: web.Request) -> web.Response:
    """Add or replace a connector definition: ``definition``, ``streams``; without these, put the bundled one back."""
    body = await known_fields(request, {"definition", "streams"})
    held, kind, name = request.app[STORE].definitions, request.match_info["kind"], request.match_info["name"]
    if not held.put(kind, name, body.get("definition"), body.get("streams", [])):
        raise web.HTTPNotFound(text="no such definition is bundled; send one\n")
    return web.json_response({})


@routes.delete("/sandbox/definitions/{kind}/{name}")
async def remove_definition(request: web.Request) -> web.Response:
    """Take a connector definition away, as another release does: its connectors break every list that shows them."""
    if not request.app[STORE].definitions.remove(request.match_info["kind"], request.match_info["name"]):
        raise web.HTTPNotFound(text="no such definition; GET /api/v1/connector_definitions lists them\n")
    return web.json_response({})


def _id(request: web.Request) -> int:
    return int(request.match_info["id"])


def _streams(entries: list[Any]) -> list[dict[str, Any]]:
    return [{"name": entry} if isinstance(entry, str) else entry for entry in entries]
