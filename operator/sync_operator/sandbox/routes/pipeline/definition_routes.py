"""Routes of connector definitions: list, show, check of a connection (contract, part two, sections 5 and 10)."""

from typing import Any, Final

from aiohttp import web

from sync_operator.sandbox.access import STORE, authenticate, may_write, workspace_of
from sync_operator.sandbox.error_shapes import bad_request, validation_error
from sync_operator.sandbox.fault_injection import json_body
from sync_operator.sandbox.pipeline.bundled_definitions import KINDS
from sync_operator.sandbox.pipeline.secret_mask import holds_mask
from sync_operator.sandbox.routes.pipeline.connector_routes import definition_problem

__all__ = ["routes"]

routes = web.RouteTableDef()
_PAIR: Final = "[:name, :type]"


@routes.get("/api/v1/connector_definitions")
async def definitions(request: web.Request) -> web.Response:
    """`GET /connector_definitions`: bare, and never in pages; a list with ``type``, which has to be in lower case."""
    token = authenticate(request)
    kind, page = request.query.get("type"), request.query.get("page")
    if page is not None and not page.isdigit():
        raise validation_error({"page": ["must be an integer"]})
    _check_kind(kind)
    workspace_of(request, token)
    held = request.app[STORE].definitions
    if kind is None:
        return web.json_response({name: held.listed(name) for name in KINDS})
    return web.json_response(held.listed(kind) if kind in KINDS else None)


@routes.get("/api/v1/connector_definitions/{name}")
async def definition(request: web.Request) -> web.Response:
    """`GET /connector_definitions/:name`: in any case; an unknown name is a 200 with an empty list."""
    token = authenticate(request)
    kind = request.query.get("type")
    if not kind:
        raise validation_error({"type": ["is missing" if kind is None else "must be filled"]})
    _check_kind(kind)
    workspace_of(request, token)
    if kind not in KINDS:
        raise bad_request("undefined method `find' for nil")
    wanted = request.match_info["name"].lower()
    found = [entry for entry in request.app[STORE].definitions.listed(kind) if entry["name"].lower() == wanted]
    return web.json_response(found[0] if found else {"data": []})


@routes.post("/api/v1/connector_definitions/check_connection")
async def check_connection(request: web.Request) -> web.Response:
    """`POST /connector_definitions/check_connection`: 200 either way; the configuration's schema is not looked at."""
    token, store = authenticate(request), request.app[STORE]
    body = await json_body(request)
    kind, name, spec = body.get("type"), body.get("name"), body.get("connection_spec")
    problems = {key: ["is missing"] for key in ("type", "name") if not isinstance(body.get(key), str)}
    if not isinstance(spec, dict) or not spec:
        problems["connection_spec"] = ["must be filled" if spec == {} else "is missing"]
    if problems:
        raise validation_error(problems)
    _check_kind(str(kind))
    if problem := definition_problem(store, str(kind), str(name)):
        raise validation_error({_PAIR: [problem]})
    if store.definitions.get(str(kind).lower(), str(name)) is None:
        raise bad_request(f"uninitialized constant Multiwoven::Integrations::{str(kind).title()}::{name}")
    workspace_of(request, token)
    may_write(token)
    works = store.connections_work and not holds_mask(spec)
    words = "" if works else "could not connect to server: Connection refused"
    if store.dialect == "documented":
        return web.json_response({"result": "success" if works else "failure", "details": words})
    status: dict[str, Any] = {"status": "succeeded" if works else "failed"} | ({"message": words} if words else {})
    return web.json_response({"type": "connection_status", "connection_status": status})


def _check_kind(kind: str | None) -> None:
    """Gate one of ``type``: any case passes it.

    Raises:
        Refusal: 400 E1.
    """
    if kind is not None and kind.lower() not in KINDS:
        raise validation_error({"type": ["invalid connector type" if kind else "must be filled"]})
