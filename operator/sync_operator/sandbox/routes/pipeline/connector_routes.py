"""Routes of connectors: list, show, create, update, delete (contract, part two, sections 1, 3, 4 and 8)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from sync_operator.sandbox.access import STORE, authenticate, may_write
from sync_operator.sandbox.error_shapes import api_error, bad_request, plain_error, validation_error
from sync_operator.sandbox.pipeline.bundled_definitions import KINDS
from sync_operator.sandbox.pipeline.configuration_check import is_valid
from sync_operator.sandbox.pipeline.records import StoredConnector
from sync_operator.sandbox.render import connector_resource, listing
from sync_operator.sandbox.routes.pipeline.lookup import Access, access_to, listed_store, newest_first, path_id, wrapped
from sync_operator.sandbox.routes.request_validation import is_integer
from sync_operator.sandbox.routes.stored_json import refuse_nul, shared_fields
from sync_operator.sandbox.state import Store

__all__ = ["definition_problem", "destroy_connector", "destroy_model", "routes"]

routes = web.RouteTableDef()
_TEXTS: Final = ("name", "connector_name", "connector_type")
_REQUIRED: Final = (*_TEXTS, "configuration")
_PAIR: Final = "[:connector_type, :connector_name]"
_CATEGORIES: Final[Mapping[str, frozenset[str]]] = {
    "ai_ml": frozenset({"AI Model"}),
    "llm": frozenset({"LLM"}),
    "database": frozenset({"Relational Database", "database"}),
    "web": frozenset({"Web Scraper"}),
    "ai_ml_service": frozenset({"AI_ML Service"}),
    "vector": frozenset({"Vector Database"}),
}
"""Words that the server knows as ``category`` and ``sub_category``, beside ``data``."""


@routes.get("/api/v1/connectors")
async def connectors(request: web.Request) -> web.Response:
    """`GET /connectors`: ``category`` and ``sub_category`` name a method that is called on all connectors."""
    authenticate(request)
    kind = request.query.get("type")
    if kind is not None and kind.lower() not in KINDS:
        raise validation_error({"type": ["invalid type" if kind else "must be filled"]})
    store, access = listed_store(request), access_to(request)
    held = newest_first(store.connectors.values(), access.workspace_id)
    held = [row for row in held if kind is None or row.kind == kind.lower()]
    for name in ("category", "sub_category"):
        held = _in_category(store, held, name, request.query.get(name))
    resources = [connector_resource(store, row) for row in held]
    return listing(request, store, resources, sized=store.sizes_connectors)


@routes.get("/api/v1/connectors/{id}")
async def show(request: web.Request) -> web.Response:
    """`GET /connectors/:id`."""
    number = path_id(request)
    access = access_to(request)
    return _answer(access, access.connector(number))


@routes.post("/api/v1/connectors")
async def create(request: web.Request) -> web.Response:
    """`POST /connectors`: nothing is connected to."""
    body = await wrapped(request, "connector")
    _validate_contract(request, body, required=_REQUIRED)
    access = access_to(request)
    may_write(access.token)
    store, now = access.store, access.store.clock()
    fields = _fields(body)
    _check_name(store, access.workspace_id, fields["kind"], fields["name"])
    row: dict[str, Any] = {
        "workspace_id": access.workspace_id,
        "created_at": now,
        "updated_at": now,
        "any_stream": False,
    } | fields
    connector = StoredConnector(id=0, **row)
    _check_configuration(store, connector, "Connector creation failed")
    made = store.add_connector(replace(connector, id=store.new_id("connectors")))
    return _answer(access, made, status=201)


@routes.put("/api/v1/connectors/{id}")
@routes.patch("/api/v1/connectors/{id}")
async def update(request: web.Request) -> web.Response:
    """`PUT` or `PATCH /connectors/:id`: partial, but the configuration is replaced whole."""
    number, body = path_id(request), await wrapped(request, "connector")
    documented = request.app[STORE].dialect == "documented"
    _validate_contract(request, body, required=_REQUIRED if documented and body else ())
    access = access_to(request)
    before = access.connector(number)
    may_write(access.token)
    if not body:
        raise plain_error(422, "param is missing or the value is empty: connector")
    fields = _fields(body)
    if is_integer(body.get("workspace_id")):
        fields["workspace_id"] = int(body["workspace_id"])
    after = replace(before, **fields)
    _check_configuration(access.store, after, "Connector update failed")
    if after != before:
        after = access.store.add_connector(replace(after, updated_at=access.store.clock()))
    return _answer(access, after)


@routes.delete("/api/v1/connectors/{id}")
async def destroy(request: web.Request) -> web.Response:
    """`DELETE /connectors/:id`: for good, with all models, syncs and runs below it, whoever made them."""
    number = path_id(request)
    access = access_to(request)
    held = access.connector(number)
    may_write(access.token)
    destroy_connector(access.store, held.id)
    return web.Response(status=204)


def destroy_connector(store: Store, number: int) -> None:
    """Delete a connector, its catalog, its models, and every sync that uses one of them."""
    for model in [model for model in store.models.values() if model.connector_id == number]:
        destroy_model(store, model.id)
    for sync in store.current_syncs():
        if number in {sync.attributes.get("source_id"), sync.attributes.get("destination_id")}:
            store.destroy_sync(sync)
    store.catalogs.pop(number, None)
    store.connectors.pop(number, None)


def destroy_model(store: Store, number: int) -> None:
    """Delete a model, and every sync that uses it."""
    for sync in store.current_syncs():
        if sync.attributes.get("model_id") == number:
            store.destroy_sync(sync)
    store.models.pop(number, None)


def definition_problem(store: Store, kind: str, name: str) -> str:
    """What the server's first gate says of a definition; empty if it is enabled, or the kind is not in lower case."""
    if kind not in KINDS or store.definitions.get(kind, name) is not None:
        return ""
    return f"invalid connector {kind} name"


def _answer(access: Access, connector: StoredConnector, status: int = 200) -> web.Response:
    return web.json_response({"data": connector_resource(access.store, connector)}, status=status)


def _validate_contract(request: web.Request, body: Mapping[str, Any], *, required: Sequence[str]) -> None:
    """Gate one: types, presence and enumerations.

    Raises:
        Refusal: 400 E1.
    """
    problems = {name: ["is missing"] for name in required if name not in body}
    for name in _TEXTS:
        if name in body and not isinstance(body[name], str):
            problems[name] = ["must be filled" if body[name] is None else "must be a string"]
        elif body.get(name) == "":
            problems[name] = ["must be filled"]
    configuration = body.get("configuration")
    if "configuration" in body and not (isinstance(configuration, dict) and configuration):
        problems["configuration"] = ["must be filled" if configuration in (None, {}, "") else "must be a hash"]
    kind, definition = body.get("connector_type"), body.get("connector_name")
    if "connector_type" not in problems and isinstance(kind, str) and kind.lower() not in KINDS:
        problems["connector_type"] = ["invalid connector type"]
    if not problems and isinstance(kind, str) and isinstance(definition, str):
        problem = definition_problem(request.app[STORE], kind.lower(), definition)
        problems |= {_PAIR: [problem]} if problem else {}
    if problems:
        raise validation_error({"connector": problems})


def _fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a body that are stored.

    Raises:
        Refusal: 400 E2.
    """
    if "query_type" in body:
        raise bad_request("unknown attribute 'query_type' for Connector.")
    kind = body.get("connector_type")
    if kind is not None and kind not in KINDS:
        raise bad_request(f"'{kind}' is not a valid connector_type")
    refuse_nul(dict(body))
    columns = {"name": "name", "connector_type": "kind", "connector_name": "definition"}
    fields = {column: body[name] for name, column in columns.items() if name in body}
    return fields | shared_fields(body)


def _check_name(store: Store, workspace_id: int, kind: str, name: str) -> None:
    """Names are unique for each workspace and type, whatever the definition; only a create looks.

    Raises:
        Refusal: 422 E3, without a source.
    """
    for row in newest_first(store.connectors.values(), workspace_id):
        if (row.kind, row.name) == (kind, name):
            raise api_error(422, "A connector with the same name already exists.")


def _check_configuration(store: Store, connector: StoredConnector, failed: str) -> None:
    """Every save is checked against the definition's schema, also one of the name alone.

    Raises:
        Refusal: 422 E3, which names no field; 400 E2 if this release has no such definition.
    """
    schema = store.definitions.schema(connector.kind, connector.definition)
    if schema is None:
        kind = connector.kind.title()
        raise bad_request(f"uninitialized constant Multiwoven::Integrations::{kind}::{connector.definition}")
    if not is_valid(schema, connector.configuration):
        key = "en.activerecord.errors.models.connector.attributes.configuration.invalid_json"
        raise api_error(422, failed, {"configuration": f"Translation missing: {key}"})


def _in_category(store: Store, rows: list[StoredConnector], name: str, wanted: str | None) -> list[StoredConnector]:
    """The connectors of a category.

    Raises:
        Refusal: 400 E2, which prints the connectors with their secrets (contract, part two, section 12).
    """
    if wanted is None:
        return rows
    if wanted not in {*_CATEGORIES, "data"}:
        shown = ", ".join(f"#<Connector id: {row.id}, configuration: {dict(row.configuration)}>" for row in rows)
        raise bad_request(f"undefined method `{wanted}' for #<ActiveRecord::Relation [{shown}]>")

    def category(row: StoredConnector) -> Any:
        return (store.definitions.get(row.kind, row.definition) or {}).get(name)

    if wanted == "data":
        return [row for row in rows if category(row) != "AI Model"]
    return [row for row in rows if category(row) in _CATEGORIES[wanted]]
