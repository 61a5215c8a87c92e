"""The server's responses: resources, lists with links, and what the two dialects wrap differently."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from sync_operator.sandbox.error_shapes import bad_request
from sync_operator.sandbox.pipeline.records import StoredCatalog, StoredConnector, StoredModel
from sync_operator.sandbox.pipeline.secret_mask import mask_secrets
from sync_operator.sandbox.state import Run, Store, StoredSync
from sync_operator.sandbox.workflow_progress import run_rows

__all__ = [
    "catalog_resource",
    "connector_resource",
    "listing",
    "model_resource",
    "page_of",
    "run_resource",
    "single",
    "stamp",
    "sync_resource",
]


def stamp(time: datetime | None) -> str | None:
    """A timestamp in the server's format."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z" if time else None


def single(store: Store, resource: dict[str, Any], *, status: int = 200) -> web.Response:
    """A response with one resource: in ``data``, or bare in the documented dialect (which also has no 201)."""
    if store.dialect == "documented":
        return web.json_response(resource)
    return web.json_response({"data": resource}, status=status)


@dataclass(frozen=True, slots=True)
class ListPage[T]:
    """The items of one page of a list, and the page's links."""

    items: Sequence[T]
    links: dict[str, str | None]


def page_of[T](request: web.Request, store: Store, items: Sequence[T], *, sized: bool = True) -> ListPage[T]:
    """One page of a list; one that is not ``sized`` ignores ``per_page`` and has ten items a page.

    Raises:
        Refusal: 400, for ``per_page=0``.
    """
    size_name = "page_size" if store.dialect == "documented" else "per_page"
    default = 100 if store.dialect == "documented" else 10
    given_size = request.query.get(size_name) if sized or store.dialect == "documented" else None
    page, size = _number(request.query.get("page"), 1), _number(given_size, default)
    if size == 0:
        raise bad_request("divided by 0")
    size = size if size > 0 else default
    page = max(page, 1)
    last = max(1, -(-len(items) // size))
    base = f"{request.scheme}://{request.host}{request.path}"

    def link(number: int) -> str:
        return f"{base}?{urlencode({'page': number, size_name: size})}"

    links = {
        "self": link(page),
        "first": link(1),
        "prev": link(page - 1) if page > 1 else None,
        "next": link(page + 1) if page != last else None,
        "last": link(last),
    }
    return ListPage(items[(page - 1) * size : page * size], links)


def listing(
    request: web.Request, store: Store, resources: Sequence[dict[str, Any]], *, sized: bool = True
) -> web.Response:
    """The response with one page of a list, by `page_of`.

    Raises:
        Refusal: 400, for ``per_page=0``.
    """
    page = page_of(request, store, resources, sized=sized)
    return web.json_response({"data": list(page.items), "links": page.links})


def sync_resource(store: Store, sync: StoredSync) -> dict[str, Any]:
    """A sync as a resource; in the documented dialect only with the fields of the documentation page.

    Raises:
        Refusal: 400, if the sync's connector is gone, which the server does not handle (contract section 11).
    """
    if sync.id in store.broken:
        raise bad_request("undefined method 'read_attribute_for_serialization' for nil")
    names = (
        *("source_id", "destination_id", "model_id", "configuration", "schedule_type", "sync_mode", "sync_interval"),
        *("sync_interval_unit", "cron_expression", "stream_name", "cursor_field"),
    )
    attributes: dict[str, Any] = {name: sync.attributes.get(name) for name in names} | {"status": sync.status}
    if store.dialect == "multiwoven":
        attributes |= {
            "current_cursor_field": None,
            "created_at": stamp(sync.created_at),
            "updated_at": stamp(sync.updated_at),
            "source": _embedded_connector(_connector_of(store, sync, "source")),
            "destination": _embedded_connector(_connector_of(store, sync, "destination")),
            "model": _embedded_model(store, sync.attributes["model_id"]),
        }
    return {"id": str(sync.id), "type": "syncs", "attributes": attributes}


def run_resource(run: Run) -> dict[str, Any]:
    """A run as a resource."""
    started, finished = run.started_at, run.finished_at
    attributes = {
        "sync_id": run.sync_id,
        "status": run.status,
        "sync_run_type": "general",
        "started_at": stamp(started),
        "finished_at": stamp(finished),
        "duration": (finished - started).total_seconds() if started and finished else None,
        **run_rows(run),
        "error": None,
        "created_at": stamp(run.created_at),
        "updated_at": stamp(run.updated_at),
    }
    return {"id": str(run.id), "type": "sync_runs", "attributes": attributes}


def connector_resource(store: Store, held: StoredConnector) -> dict[str, Any]:
    """A connector as a resource, with its secrets masked.

    Raises:
        Refusal: 400, if this release of the server has no such definition (contract, part two, section 12).
    """
    attributes = {
        "name": held.name,
        "description": held.description,
        "connector_type": held.kind,
        "workspace_id": held.workspace_id or min(store.workspaces),
        "configuration": _shown_configuration(store, held),
        "connector_name": held.definition,
        "icon": "icon.svg",
        "created_at": stamp(held.created_at),
        "updated_at": stamp(held.updated_at),
    }
    if store.dialect == "documented":
        del attributes["description"]
    return {"id": str(held.id), "type": "connectors", "attributes": attributes}


def model_resource(store: Store, held: StoredModel) -> dict[str, Any]:
    """A model as a resource, with its connector.

    Raises:
        Refusal: 400, if the server fails on it, and so on every list that contains it: the definition of its connector
            is gone, or it is one of ``ai_ml`` whose connector has no catalog (contract, part two, section 12).
    """
    source = store.connector(held.connector_id) or StoredConnector(0, "source", "", held.updated_at)
    attributes = {
        "name": held.name,
        "description": held.description,
        "query": held.query,
        "query_type": held.query_type,
        "configuration": _model_configuration(store, held, source),
        "primary_key": held.primary_key,
        "created_at": stamp(held.created_at),
        "updated_at": stamp(held.updated_at),
        "connector": _embedded_connector(source) | {"configuration": _shown_configuration(store, source)},
    }
    if store.dialect == "documented":
        attributes["connector_id"] = held.connector_id
    return {"id": str(held.id), "type": "models", "attributes": attributes}


def catalog_resource(connector_id: int, held: StoredCatalog, workspace_id: int) -> dict[str, Any]:
    """A catalog as a resource."""
    streams = list(held.streams)
    digest = hashlib.sha256(json.dumps(streams, sort_keys=True).encode()).hexdigest()
    attributes = {
        "connector_id": connector_id,
        "workspace_id": workspace_id,
        "catalog": {"streams": streams},
        "catalog_hash": digest,
    }
    return {"id": str(held.id), "type": "catalogs", "attributes": attributes}


def _connector_of(store: Store, sync: StoredSync, kind: str) -> StoredConnector:
    number = sync.attributes[f"{kind}_id"]
    return store.connector(number, kind) or StoredConnector(number, kind, f"{kind} {number}", sync.created_at)


def _embedded_connector(held: StoredConnector) -> dict[str, Any]:
    """A connector as embedded in a sync or a model: with an integer id."""
    return {
        "id": held.id,
        "name": held.name,
        "description": held.description,
        "connector_type": held.kind,
        "connector_name": held.definition,
        "updated_at": stamp(held.updated_at),
    }


def _embedded_model(store: Store, model_id: int) -> dict[str, Any]:
    held = store.model(model_id) or StoredModel(model_id, f"model {model_id}", store.clock())
    return {"id": held.id, **model_resource(store, held)["attributes"]}


def _shown_configuration(store: Store, held: StoredConnector) -> Any:
    if store.definitions.get(held.kind, held.definition) is None:
        raise bad_request(f"uninitialized constant Multiwoven::Integrations::{held.kind.title()}::{held.definition}")
    if not store.masks_secrets:
        return held.configuration
    return mask_secrets(held.configuration, store.definitions.secret_names(held.kind, held.definition))


def _model_configuration(store: Store, held: StoredModel, source: StoredConnector) -> Any:
    """The configuration; that of ``ai_ml`` with the schema of the stream that is named like the definition."""
    if held.query_type != "ai_ml":
        return held.configuration
    catalog = store.catalog(source.id)
    if catalog is None:
        raise bad_request("undefined method `catalog' for nil")
    schemas = [stream.get("json_schema") for stream in catalog.streams if stream["name"] == source.definition]
    return {**(held.configuration or {}), "json_schema": next(iter(schemas), None)}


def _number(text: str | None, default: int) -> int:
    try:
        return int(text) if text is not None else default
    except ValueError:
        return default
