"""The sandbox's control API, `/sandbox/…`: the request log, faults, planned outcomes of runs, and the stored state."""

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from aiohttp import web

from sync_operator.sandbox.access import STORE
from sync_operator.sandbox.fault_injection import Fault, Faults
from sync_operator.sandbox.pipeline.stored_pipeline import pipeline_rows, replace_pipeline
from sync_operator.sandbox.server_scheduler import register_schedule
from sync_operator.sandbox.state import Ending, StoredSync, Token
from sync_operator.sandbox.workflow_progress import process_due, rows_sent

__all__ = ["FAULTS", "known_fields", "routes"]

routes = web.RouteTableDef()
FAULTS = web.AppKey("faults", Faults)


@routes.get("/sandbox/requests")
async def requests(request: web.Request) -> web.Response:
    """Every API request since the start or the last DELETE, oldest first."""
    return web.json_response([asdict(entry) for entry in request.app[FAULTS].log])


@routes.delete("/sandbox/requests")
async def forget_requests(request: web.Request) -> web.Response:
    """Clear the log."""
    request.app[FAULTS].log.clear()
    return web.json_response({})


@routes.post("/sandbox/faults")
async def add_fault(request: web.Request) -> web.Response:
    """Add a fault; the fields are those of `Fault`."""
    request.app[FAULTS].waiting.append(Fault(**await known_fields(request, Fault.__dataclass_fields__)))
    return web.json_response({})


@routes.delete("/sandbox/faults")
async def clear_faults(request: web.Request) -> web.Response:
    """Remove all faults."""
    request.app[FAULTS].waiting.clear()
    return web.json_response({})


@routes.post("/sandbox/outcomes")
async def plan_outcome(request: web.Request) -> web.Response:
    """Plan the outcome of the next ``times`` runs of ``sync_id`` (or of any sync), with the fields of `Outcome`."""
    store = request.app[STORE]
    fields = type(store.default_outcome).__dataclass_fields__
    body = await known_fields(request, {*fields, "sync_id", "times"})
    sync_id, times = body.pop("sync_id", None), body.pop("times", 1)
    if "ending" in body:
        body["ending"] = Ending(body["ending"])
    outcome = replace(store.default_outcome, **body)
    store.planned.setdefault(sync_id, []).extend([outcome] * times)
    return web.json_response({})


@routes.get("/sandbox/state")
async def state(request: web.Request) -> web.Response:
    """Every sync and run, including deleted ones, every connector with its catalog, and every model."""
    store = request.app[STORE]
    process_due(store)
    syncs = [
        {
            "id": sync.id,
            "workspace_id": sync.workspace_id,
            "status": sync.status,
            "deleted": sync.discarded_at is not None,
            "server_schedule": sync.server_schedule,
            "created_at": sync.created_at.isoformat(),
            "attributes": sync.attributes,
        }
        for sync in store.syncs.values()
    ]
    runs = [
        {
            "id": run.id,
            "sync_id": run.sync_id,
            "status": run.status,
            "rows_sent": rows_sent(run),
        }
        for run in store.runs.values()
    ]
    return web.json_response({"syncs": syncs, "runs": runs, **pipeline_rows(store)})


@routes.put("/sandbox/state")
async def set_state(request: web.Request) -> web.Response:
    """Simulate a server that is rebuilt, restored or replaced: from now on it has only these ``syncs``, and no runs.

    Their format is that of `GET /sandbox/state`; a missing ``created_at`` means now. New syncs get ids after theirs, or
    from ``next_sync`` on. Where ``connectors`` and ``models`` are given, it has only these, too.
    """
    store = request.app[STORE]
    body = await known_fields(request, {"syncs", "runs", "next_sync", "connectors", "models"})
    store.delete_all_syncs()
    now = store.clock()
    for entry in body.get("syncs", ()):
        made = datetime.fromisoformat(entry["created_at"]) if "created_at" in entry else now
        sync = StoredSync(
            entry["id"], entry.get("workspace_id", min(store.workspaces)), entry["attributes"], made, made
        )
        sync.status = entry.get("status", sync.status)
        sync.discarded_at = now if entry.get("deleted") else None
        store.syncs[sync.id] = sync
        if sync.discarded_at is None:
            register_schedule(store, sync, now)
    store.next_sync = body.get("next_sync", max(store.syncs, default=0) + 1)
    replace_pipeline(store, body)
    return web.json_response({})


@routes.patch("/sandbox/syncs/{id}")
async def edit_sync(request: web.Request) -> web.Response:
    """Change a sync as another client of the server would: any attributes, and ``status``.

    ``broken`` (true or false): its connector is gone, so the server can show neither the sync nor a page with it.
    """
    store = request.app[STORE]
    sync = store.syncs.get(int(request.match_info["id"]))
    if sync is None:
        raise web.HTTPNotFound(text="no such sync; GET /sandbox/state lists them\n")
    body: dict[str, Any] = await request.json()
    if "broken" in body:
        (store.broken.add if body.pop("broken") else store.broken.discard)(sync.id)
    sync.status = body.pop("status", sync.status)
    sync.attributes |= body
    sync.updated_at = store.clock()
    return web.json_response({})


@routes.patch("/sandbox/runs/{id}")
async def edit_run(request: web.Request) -> web.Response:
    """Set the ``status`` of a run, such as ``paused``; no event changes it afterwards."""
    store = request.app[STORE]
    process_due(store)
    run = store.runs.get(int(request.match_info["id"]))
    if run is None:
        raise web.HTTPNotFound(text="no such run; GET /sandbox/state lists them\n")
    run.status = (await known_fields(request, {"status"}))["status"]
    run.updated_at, run.moving = store.clock(), False
    return web.json_response({})


@routes.put("/sandbox/engine")
async def set_engine(request: web.Request) -> web.Response:
    """Simulate trouble of the workflow engine: ``temporal_away`` (true: it is down), ``cancel_lag`` (seconds)."""
    store = request.app[STORE]
    body = await known_fields(request, {"temporal_away", "cancel_lag"})
    store.temporal_away = body.get("temporal_away", store.temporal_away)
    store.cancel_lag = body.get("cancel_lag", store.cancel_lag)
    return web.json_response({})


@routes.put("/sandbox/lists")
async def set_list_cost(request: web.Request) -> web.Response:
    """Set how long lists of syncs take: ``cost_ms`` milliseconds per row."""
    request.app[STORE].list_cost = (await known_fields(request, {"cost_ms"}))["cost_ms"] / 1000
    return web.json_response({})


@routes.put("/sandbox/users/{email}")
async def set_password(request: web.Request) -> web.Response:
    """Add a user who can log in with this ``password``; there are none at the start."""
    request.app[STORE].passwords[request.match_info["email"]] = (await known_fields(request, {"password"}))["password"]
    return web.json_response({})


@routes.put("/sandbox/tokens/{token}")
async def set_token(request: web.Request) -> web.Response:
    """Add a bearer token of the user ``email`` with ``role`` in ``workspaces``.

    Workspaces that did not exist at the start stand for other accounts of the documented dialect: each account sees
    only its own workspace, and all ids come from one counter.
    """
    body = await known_fields(request, {"email", "role", "workspaces"})
    if "workspaces" in body:
        body["workspaces"] = frozenset(body["workspaces"])
    request.app[STORE].tokens[request.match_info["token"]] = Token(**body)
    return web.json_response({})


@routes.delete("/sandbox/tokens/{token}")
async def delete_token(request: web.Request) -> web.Response:
    """Revoke this bearer token."""
    request.app[STORE].tokens.pop(request.match_info["token"], None)
    return web.json_response({})


async def known_fields(request: web.Request, known: Any) -> dict[str, Any]:
    """The request's JSON object; unknown fields are refused, so that a typo in a test does not go unnoticed."""
    body: dict[str, Any] = await request.json()
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise web.HTTPBadRequest(text=f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}\n")
    return body
