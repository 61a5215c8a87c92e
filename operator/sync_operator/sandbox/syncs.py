"""`/syncs`: create, list, show, update, delete, enable."""

import asyncio
from typing import Any

from aiohttp import web

from sync_operator.sandbox.faults import json_body
from sync_operator.sandbox.guard import STORE, authenticate, find_sync, may_write, no_sync, workspace_of
from sync_operator.sandbox.progress import end_workflow
from sync_operator.sandbox.render import page_of, single, sync_resource
from sync_operator.sandbox.schedule import register_schedule
from sync_operator.sandbox.shapes import e1, e2, e4, e5
from sync_operator.sandbox.state import Store, StoredSync, Token
from sync_operator.sandbox.validate import gate_one, gate_two, permitted

__all__ = ["routes"]

routes = web.RouteTableDef()


@routes.post("/api/v1/syncs")
async def create(request: web.Request) -> web.Response:
    """`POST /syncs`."""
    store, token = request.app[STORE], authenticate(request)
    body = await _sync_body(request)
    gate_one(store.dialect, body, create=True)
    workspace_id = workspace_of(request, token)
    may_write(token)
    gate_two(store, body, create=True)
    now = store.clock()
    kept = permitted(body, create=True, dialect=store.dialect)
    sync = StoredSync(store.next_sync, workspace_id, kept, created_at=now, updated_at=now)
    store.next_sync += 1
    store.syncs[sync.id] = sync
    register_schedule(store, sync, now)
    return single(store, sync_resource(store, sync), status=201)


@routes.get("/api/v1/syncs")
async def index(request: web.Request) -> web.Response:
    """`GET /syncs`: the last moved first. It takes its time for each row, one list after the other.

    Who gives up on a list does not end the work on it (contract section 11).
    """
    store, token = request.app[STORE], authenticate(request)
    workspace_id = workspace_of(request, token)
    if "page[number]" in request.query and store.dialect == "multiwoven":
        raise e1({"page": ["must be an integer"]})
    syncs = [sync for sync in store.living() if sync.workspace_id == workspace_id]
    syncs.sort(key=lambda sync: (sync.updated_at, sync.id), reverse=True)
    shown = page_of(request, store, syncs)
    if store.list_cost:
        async with store.worker:
            await asyncio.sleep(store.list_cost * len(shown.things))
    data = [sync_resource(store, sync) for sync in shown.things]
    return web.json_response({"data": data, "links": shown.links})


@routes.get("/api/v1/syncs/{id}")
async def show(request: web.Request) -> web.Response:
    """`GET /syncs/:id`."""
    store, sync, _ = _known(request)
    return single(store, sync_resource(store, sync))


@routes.put("/api/v1/syncs/{id}")
@routes.patch("/api/v1/syncs/{id}")
async def update(request: web.Request) -> web.Response:
    """`PUT` or `PATCH /syncs/:id`: partial in both verbs."""
    authenticate(request)
    body = await _sync_body(request)
    gate_one(request.app[STORE].dialect, body, create=False)
    store, sync, token = _known(request)
    may_write(token)
    if not body:
        raise e4(422, "param is missing or the value is empty: sync")
    gate_two(store, body, create=False)
    before = dict(sync.attributes)
    sync.attributes |= permitted(body, create=False, dialect=store.dialect)
    if sync.attributes != before:
        sync.updated_at = store.clock()
    register_schedule(store, sync, store.clock())
    resource = sync_resource(store, sync)
    if store.dialect == "documented":
        return web.json_response({"success": True, "message": "Sync updated successfully", "data": resource})
    return single(store, resource)


@routes.delete("/api/v1/syncs/{id}")
async def destroy(request: web.Request) -> web.Response:
    """`DELETE /syncs/:id`: soft, and for good."""
    store, sync, token = _known(request)
    may_write(token)
    sync.discarded_at = store.clock()
    end_workflow(store, sync)
    return web.Response(status=204)


@routes.patch("/api/v1/syncs/{id}/enable")
async def enable(request: web.Request) -> web.Response:
    """`PATCH /syncs/:id/enable`: anything but JSON false enables (contract S9)."""
    if request.app[STORE].dialect == "documented":
        raise e5(404)
    store, sync, token = _known(request)
    may_write(token)
    wanted = (await json_body(request)).get("enable") is not False
    if wanted == (sync.status != "disabled"):
        verb = "enable" if wanted else "disable"
        raise e2(f"Event '{verb}' cannot transition from '{sync.status}'.")
    sync.status = "pending" if wanted else "disabled"
    sync.updated_at = store.clock()
    if wanted:
        register_schedule(store, sync, sync.updated_at)
    else:
        end_workflow(store, sync)
    return single(store, sync_resource(store, sync))


def _known(request: web.Request) -> tuple[Store, StoredSync, Token]:
    """The sync in the path, after token, number, and workspace have been looked at."""
    store, token = request.app[STORE], authenticate(request)
    text = request.match_info["id"]
    if not text.isdigit():
        raise e1({"id": ["must be an integer"]})
    workspace_id = workspace_of(request, token)
    sync = find_sync(store, int(text), workspace_id)
    if sync is None:
        raise no_sync(store, int(text))
    return store, sync, token


async def _sync_body(request: web.Request) -> dict[str, Any]:
    """The sync's fields; an unwrapped body is accepted too."""
    body = await json_body(request)
    inner = body.get("sync", body)
    return inner if isinstance(inner, dict) else {}
