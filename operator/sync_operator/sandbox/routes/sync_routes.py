"""Routes of syncs: create, list, show, update, delete, enable."""

import asyncio
from typing import Any

from aiohttp import web

from sync_operator.sandbox.access import STORE, authenticate, find_sync, may_write, no_sync, workspace_of
from sync_operator.sandbox.error_shapes import bad_request, non_json_error, plain_error, validation_error
from sync_operator.sandbox.fault_injection import json_body
from sync_operator.sandbox.render import page_of, single, sync_resource
from sync_operator.sandbox.routes.request_validation import permitted_fields, validate_contract, validate_model
from sync_operator.sandbox.server_scheduler import register_schedule
from sync_operator.sandbox.state import Store, StoredSync, Token
from sync_operator.sandbox.workflow_progress import end_workflow

__all__ = ["routes"]

routes = web.RouteTableDef()


@routes.post("/api/v1/syncs")
async def create(request: web.Request) -> web.Response:
    """`POST /syncs`."""
    store, token = request.app[STORE], authenticate(request)
    body = await _sync_body(request)
    validate_contract(store.dialect, body, create=True)
    workspace_id = workspace_of(request, token)
    may_write(token)
    validate_model(store, body)
    now = store.clock()
    kept = permitted_fields(body, create=True, dialect=store.dialect)
    sync = StoredSync(store.next_sync, workspace_id, kept, created_at=now, updated_at=now)
    store.next_sync += 1
    store.syncs[sync.id] = sync
    register_schedule(store, sync, now)
    return single(store, sync_resource(store, sync), status=201)


@routes.get("/api/v1/syncs")
async def index(request: web.Request) -> web.Response:
    """`GET /syncs`: sorted by their last change, newest first.

    Each row takes time, and lists are made one at a time. A client that disconnects does not end the work on its list
    (contract section 11).
    """
    store, token = request.app[STORE], authenticate(request)
    workspace_id = workspace_of(request, token)
    if "page[number]" in request.query and store.dialect == "multiwoven":
        raise validation_error({"page": ["must be an integer"]})
    syncs = [sync for sync in store.current_syncs() if sync.workspace_id == workspace_id]
    syncs.sort(key=lambda sync: (sync.updated_at, sync.id), reverse=True)
    page = page_of(request, store, syncs)
    if store.list_cost:
        async with store.worker:
            await asyncio.sleep(store.list_cost * len(page.items))
    data = [sync_resource(store, sync) for sync in page.items]
    return web.json_response({"data": data, "links": page.links})


@routes.get("/api/v1/syncs/{id}")
async def show(request: web.Request) -> web.Response:
    """`GET /syncs/:id`."""
    store, sync, _ = _known(request)
    return single(store, sync_resource(store, sync))


@routes.put("/api/v1/syncs/{id}")
@routes.patch("/api/v1/syncs/{id}")
async def update(request: web.Request) -> web.Response:
    """`PUT` or `PATCH /syncs/:id`: a partial update with both methods."""
    authenticate(request)
    body = await _sync_body(request)
    validate_contract(request.app[STORE].dialect, body, create=False)
    store, sync, token = _known(request)
    may_write(token)
    if not body:
        raise plain_error(422, "param is missing or the value is empty: sync")
    validate_model(store, body, sync.attributes)
    before = dict(sync.attributes)
    sync.attributes |= permitted_fields(body, create=False, dialect=store.dialect)
    if sync.attributes != before:
        sync.updated_at = store.clock()
    register_schedule(store, sync, store.clock())
    resource = sync_resource(store, sync)
    if store.dialect == "documented":
        return web.json_response({"success": True, "message": "Sync updated successfully", "data": resource})
    return single(store, resource)


@routes.delete("/api/v1/syncs/{id}")
async def destroy(request: web.Request) -> web.Response:
    """`DELETE /syncs/:id`: a soft delete that cannot be undone."""
    store, sync, token = _known(request)
    may_write(token)
    sync.discarded_at = store.clock()
    end_workflow(store, sync)
    return web.Response(status=204)


@routes.patch("/api/v1/syncs/{id}/enable")
async def enable(request: web.Request) -> web.Response:
    """`PATCH /syncs/:id/enable`: anything but JSON false enables (contract S9)."""
    if request.app[STORE].dialect == "documented":
        raise non_json_error(404)
    store, sync, token = _known(request)
    may_write(token)
    wanted = (await json_body(request)).get("enable") is not False
    if wanted == (sync.status != "disabled"):
        verb = "enable" if wanted else "disable"
        raise bad_request(f"Event '{verb}' cannot transition from '{sync.status}'.")
    if store.catalog(sync.attributes["destination_id"]) is None:
        raise bad_request("Validation failed: Catalog Catalog is missing")
    sync.status = "pending" if wanted else "disabled"
    sync.updated_at = store.clock()
    if wanted:
        register_schedule(store, sync, sync.updated_at)
    else:
        end_workflow(store, sync)
    return single(store, sync_resource(store, sync))


def _known(request: web.Request) -> tuple[Store, StoredSync, Token]:
    """The sync in the path, after the checks of token, id and workspace.

    Raises:
        Refusal: one of the checks failed, or there is no such sync.
    """
    store, token = request.app[STORE], authenticate(request)
    text = request.match_info["id"]
    if not text.isdigit():
        raise validation_error({"id": ["must be an integer"]})
    workspace_id = workspace_of(request, token)
    sync = find_sync(store, int(text), workspace_id)
    if sync is None:
        raise no_sync(store, int(text))
    return store, sync, token


async def _sync_body(request: web.Request) -> dict[str, Any]:
    """The sync's fields in a request; a body without the wrapper ``sync`` is accepted too."""
    body = await json_body(request)
    inner = body.get("sync", body)
    return inner if isinstance(inner, dict) else {}
