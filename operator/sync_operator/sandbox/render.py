"""The server's responses: resources, lists with links, and what the two dialects wrap differently."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from sync_operator.sandbox.error_shapes import bad_request
from sync_operator.sandbox.state import Run, Store, StoredResource, StoredSync
from sync_operator.sandbox.workflow_progress import run_rows

__all__ = ["connector", "listing", "model", "page_of", "run_resource", "single", "stamp", "sync_resource"]


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
    """One page of a list; the list of connectors is not ``sized``: it ignores ``per_page`` and has ten items a page.

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
            "source": connector(store, sync.attributes["source_id"], "source"),
            "destination": connector(store, sync.attributes["destination_id"], "destination"),
            "model": model(store, sync.attributes["model_id"]),
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


def connector(store: Store, connector_id: int, kind: str) -> dict[str, Any]:
    """A connector as embedded in a sync: without its configuration, and with an integer id."""
    held = store.connectors.get(connector_id) or StoredResource(
        connector_id, kind, f"{kind} {connector_id}", store.clock()
    )
    return {"id": held.id, "connector_type": held.kind, "connector_name": "Sandbox", **_named(held)}


def model(store: Store, model_id: int) -> dict[str, Any]:
    """A model as embedded in a sync."""
    held = store.models.get(model_id) or StoredResource(model_id, "model", f"model {model_id}", store.clock())
    source = connector(store, held.connector_id, "source")
    return {"id": held.id, "query_type": "raw_sql", "primary_key": "id", **_named(held), "connector": source}


def _named(held: StoredResource) -> dict[str, Any]:
    return {"name": held.name, "updated_at": stamp(held.updated_at)}


def _number(text: str | None, default: int) -> int:
    try:
        return int(text) if text is not None else default
    except ValueError:
        return default
