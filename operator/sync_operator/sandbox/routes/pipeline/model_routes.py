"""Routes of models: list, show, create, update, delete (contract, part two, sections 6 and 8)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from sync_operator.sandbox.access import STORE, authenticate, may_write
from sync_operator.sandbox.error_shapes import api_error, plain_error, validation_error
from sync_operator.sandbox.pipeline.records import StoredModel
from sync_operator.sandbox.render import listing, model_resource
from sync_operator.sandbox.routes.pipeline.connector_routes import destroy_model
from sync_operator.sandbox.routes.pipeline.lookup import Access, access_to, listed_store, newest_first, path_id, wrapped
from sync_operator.sandbox.routes.request_validation import is_integer
from sync_operator.sandbox.routes.stored_json import refuse_nul, shared_fields
from sync_operator.sandbox.state import Store

__all__ = ["routes"]

routes = web.RouteTableDef()
_QUERY_TYPES: Final = ("raw_sql", "dbt", "soql", "table_selector")
_CONFIGURED: Final[Mapping[str, tuple[str, ...]]] = {
    "ai_ml": ("harvesters",),
    "dynamic_sql": ("harvesters", "json_schema"),
    "unstructured": ("harvesters", "embedding_config", "chunk_config"),
    "vector_search": ("harvesters", "json_schema", "embedding_config"),
}
"""Query type → what its configuration must have."""
_LIMITED: Final = re.compile(r"\b(?:LIMIT|OFFSET)\b\s*\d*\s*;?\s*$", re.IGNORECASE | re.MULTILINE)
_REQUIRED: Final = ("connector_id", "name", "query_type")
_TEXTS: Final = ("name", "query", "query_type", "primary_key")
_NULLABLE: Final = ("query", "primary_key")


@routes.get("/api/v1/models")
async def models(request: web.Request) -> web.Response:
    """`GET /models`."""
    authenticate(request)
    page = request.query.get("page")
    if page is not None and not is_integer(page):
        raise validation_error({"page": ["must be an integer"]})
    store, access = listed_store(request), access_to(request)
    held = newest_first(store.models.values(), access.workspace_id)
    wanted = request.query.get("query_type")
    rows = [row for row in held if wanted is None or row.query_type in wanted.split(",")]
    return listing(request, store, [model_resource(store, row) for row in rows])


@routes.get("/api/v1/models/{id}")
async def show(request: web.Request) -> web.Response:
    """`GET /models/:id`."""
    number = path_id(request)
    access = access_to(request)
    return _answer(access, access.model(number))


@routes.post("/api/v1/models")
async def create(request: web.Request) -> web.Response:
    """`POST /models`: no query is tried."""
    body = await wrapped(request, "model")
    _validate_contract(body, required=_REQUIRED, create=True)
    access = access_to(request)
    number, store = int(body["connector_id"]), access.store
    connector = store.connector(number)
    if connector is None or connector.workspace_id not in {None, access.workspace_id}:
        words = f'Couldn\'t find Connector with \'id\'={number} [WHERE "connectors"."workspace_id" = $1]'
        raise plain_error(404, words)
    _check_ai_catalog(store, number, body.get("query_type"))
    may_write(access.token)
    now = store.clock()
    row = {"workspace_id": access.workspace_id, "created_at": now, "updated_at": now}
    cleared = {"query": None, "primary_key": None, "query_type": ""}
    model = StoredModel(id=0, **{**cleared, **row, **_fields(body)})
    _check_row(store, model, "Model creation failed")
    return _answer(access, store.add_model(replace(model, id=store.new_id("models"))), status=201)


@routes.put("/api/v1/models/{id}")
@routes.patch("/api/v1/models/{id}")
async def update(request: web.Request) -> web.Response:
    """`PUT` or `PATCH /models/:id`: partial with both methods."""
    number, body = path_id(request), await wrapped(request, "model")
    documented = request.app[STORE].dialect == "documented"
    _validate_contract(body, required=_REQUIRED if documented and body else (), create=False)
    access = access_to(request)
    before = access.model(number)
    if body:
        after = replace(before, **_fields(body))
        _check_ai_catalog(access.store, after.connector_id, after.query_type)
    may_write(access.token)
    if not body:
        raise plain_error(422, "param is missing or the value is empty: model")
    _check_row(access.store, after, "Model update failed")
    if after != before:
        after = access.store.add_model(replace(after, updated_at=access.store.clock()))
    return _answer(access, after)


@routes.delete("/api/v1/models/{id}")
async def destroy(request: web.Request) -> web.Response:
    """`DELETE /models/:id`: for good, with its syncs and their runs, whoever made them."""
    number = path_id(request)
    access = access_to(request)
    held = access.model(number)
    may_write(access.token)
    destroy_model(access.store, held.id)
    return web.Response(status=204)


def _answer(access: Access, model: StoredModel, status: int = 200) -> web.Response:
    return web.json_response({"data": model_resource(access.store, model)}, status=status)


def _validate_contract(body: Mapping[str, Any], *, required: Sequence[str], create: bool) -> None:
    """Gate one: types, presence, enumerations, and what a query must not end in.

    Raises:
        Refusal: 400 E1.
    """
    problems = {name: ["is missing"] for name in required if name not in body}
    for name in _TEXTS:
        value = body.get(name)
        if name in body and not isinstance(value, str) and not (value is None and name in _NULLABLE):
            problems[name] = ["must be filled" if value is None else "must be a string"]
        elif value == "" and name not in _NULLABLE:
            problems[name] = ["must be filled"]
    if "connector_id" in body and not is_integer(body["connector_id"]):
        problems["connector_id"] = ["must be an integer"]
    configuration = body.get("configuration")
    if "configuration" in body and not (isinstance(configuration, dict) and configuration):
        problems["configuration"] = ["must be filled" if configuration in (None, {}, "") else "must be a hash"]
    if not problems:
        problems = _rule_problems(body, create=create)
    if problems:
        raise validation_error({"model": problems})


def _rule_problems(body: Mapping[str, Any], *, create: bool) -> dict[str, list[str]]:
    """What the rules of gate one say, once every field has the right type."""
    problems: dict[str, list[str]] = {}
    kind, query, configuration = str(body.get("query_type")), body.get("query"), body.get("configuration")
    if "query_type" in body and kind not in {*_QUERY_TYPES, *_CONFIGURED}:
        problems["query_type"] = ["invalid query type"]
    if create and kind != "unstructured" and not (body.get("primary_key") or "").strip():
        problems["primary_key"] = ["Primary key is required"]
    limited = not create or kind in {"raw_sql", "dbt", "soql"}
    if limited and query and _LIMITED.search(query):
        problems["query"] = ["Query validation failed: Query cannot contain LIMIT or OFFSET"]
    if create and kind in {"raw_sql", "dbt", "soql"} and not (query or "").strip():
        problems["query"] = ["Query is required for this query type"]
    if create and kind in _CONFIGURED:
        if not configuration:
            problems["configuration"] = ["Configuration is required for this query type"]
        elif missing := [name for name in _CONFIGURED[kind] if name not in configuration]:
            problems["configuration"] = [f"Config must contain {' & '.join(missing)}"]
    return problems


def _fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a body that are stored; the workspace is always that of the header.

    Raises:
        Refusal: 400 E2.
    """
    refuse_nul(dict(body))
    fields = {name: body[name] for name in _TEXTS if name in body}
    if "connector_id" in body:
        fields["connector_id"] = int(body["connector_id"])
    return fields | shared_fields(body)


def _check_ai_catalog(store: Store, connector_id: int, query_type: str | None) -> None:
    """Models of an AI connector need its catalog; of any other connector nobody looks, see `model_resource`.

    Raises:
        Refusal: 422 E3.
    """
    connector = store.connector(connector_id)
    if query_type != "ai_ml" or connector is None or store.catalog(connector_id) is not None:
        return
    if store.definitions.is_ai_model(connector.kind, connector.definition):
        raise api_error(422, "Catalog is not present for the connector")


def _check_row(store: Store, model: StoredModel, failed: str) -> None:
    """What the server's model checks before it is saved.

    Raises:
        Refusal: 422 E3.
    """
    if store.connector(model.connector_id) is None:
        raise api_error(422, failed, {"connector": "must exist"})
    if model.query_type in _QUERY_TYPES and not (model.query or "").strip():
        raise api_error(422, failed, {"query": "can't be blank"})
    if model.query_type in _CONFIGURED and not model.configuration:
        raise api_error(422, failed, {"configuration": "can't be blank"})
    if model.query_type == "unstructured" and not _are_chunks_valid((model.configuration or {}).get("chunk_config")):
        raise api_error(422, failed, {"configuration": "Translation missing: configuration.invalid_json"})


def _are_chunks_valid(chunks: Any) -> bool:
    sizes = [chunks.get("chunk_size"), chunks.get("chunk_overlap")] if isinstance(chunks, dict) else []
    whole = [size for size in sizes if isinstance(size, int) and not isinstance(size, bool)]
    return len(whole) == 2 and whole[0] >= 1 and whole[1] >= 0  # noqa: PLR2004 (both of them)
