"""The sandbox's own API, `/sandbox/…`: what was received, what is to go wrong, how runs are to go, what is stored."""

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from sync_operator.sandbox.faults import Fault, Faults
from sync_operator.sandbox.guard import STORE
from sync_operator.sandbox.progress import end_workflow, rows_sent, settle
from sync_operator.sandbox.schedule import register_schedule
from sync_operator.sandbox.state import Ending, Store, StoredSync, Thing, Token

__all__ = ["FAULTS", "routes"]

routes = web.RouteTableDef()
FAULTS = web.AppKey("faults", Faults)
_ONE: Final = {"connectors": "connector", "models": "model"}


@routes.get("/sandbox/requests")
async def requests(request: web.Request) -> web.Response:
    """Every request of the API since the start or the last DELETE, the oldest first."""
    return web.json_response([asdict(entry) for entry in request.app[FAULTS].log])


@routes.delete("/sandbox/requests")
async def forget_requests(request: web.Request) -> web.Response:
    """Start the log anew."""
    request.app[FAULTS].log.clear()
    return web.json_response({})


@routes.post("/sandbox/faults")
async def add_fault(request: web.Request) -> web.Response:
    """Add a fault; the fields are those of `Fault`."""
    request.app[FAULTS].waiting.append(Fault(**await _object(request, Fault.__dataclass_fields__)))
    return web.json_response({})


@routes.delete("/sandbox/faults")
async def clear_faults(request: web.Request) -> web.Response:
    """Let everything go well again."""
    request.app[FAULTS].waiting.clear()
    return web.json_response({})


@routes.post("/sandbox/outcomes")
async def plan_outcome(request: web.Request) -> web.Response:
    """How the next run of ``sync_id`` (or of any sync) goes, ``times`` times; the fields are those of `Outcome`."""
    store = request.app[STORE]
    fields = type(store.default_outcome).__dataclass_fields__
    asked = await _object(request, {*fields, "sync_id", "times"})
    sync_id, times = asked.pop("sync_id", None), asked.pop("times", 1)
    if "ending" in asked:
        asked["ending"] = Ending(asked["ending"])
    outcome = replace(store.default_outcome, **asked)
    store.planned.setdefault(sync_id, []).extend([outcome] * times)
    return web.json_response({})


@routes.get("/sandbox/state")
async def state(request: web.Request) -> web.Response:
    """Every sync and run, also the deleted ones."""
    store = request.app[STORE]
    settle(store)
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
    return web.json_response({"syncs": syncs, "runs": runs})


@routes.put("/sandbox/state")
async def set_state(request: web.Request) -> web.Response:
    """The server is rebuilt, restored or replaced: from now on it has these ``syncs`` alone, and no runs.

    They are written as `GET /sandbox/state` shows them; of those with no ``created_at`` the time is now. New ones get
    the ids after theirs, or from ``next_sync`` on.
    """
    store = request.app[STORE]
    asked = await _object(request, {"syncs", "runs", "next_sync"})
    store.forget_syncs()
    now = store.clock()
    for entry in asked.get("syncs", ()):
        made = datetime.fromisoformat(entry["created_at"]) if "created_at" in entry else now
        sync = StoredSync(
            entry["id"], entry.get("workspace_id", min(store.workspaces)), entry["attributes"], made, made
        )
        sync.status = entry.get("status", sync.status)
        sync.discarded_at = now if entry.get("deleted") else None
        store.syncs[sync.id] = sync
        if sync.discarded_at is None:
            register_schedule(store, sync, now)
    store.next_sync = asked.get("next_sync", max(store.syncs, default=0) + 1)
    return web.json_response({})


@routes.patch("/sandbox/syncs/{id}")
async def edit_sync(request: web.Request) -> web.Response:
    """Somebody changes a sync behind the operator's back: any attributes, and ``status``.

    ``broken`` (true or false): its connector is gone, so that the server can show neither it nor a page that has it.
    """
    store = request.app[STORE]
    sync = store.syncs.get(int(request.match_info["id"]))
    if sync is None:
        raise web.HTTPNotFound(text="no such sync; GET /sandbox/state lists them\n")
    asked: dict[str, Any] = await request.json()
    if "broken" in asked:
        (store.broken.add if asked.pop("broken") else store.broken.discard)(sync.id)
    sync.status = asked.pop("status", sync.status)
    sync.attributes |= asked
    sync.updated_at = store.clock()
    return web.json_response({})


@routes.patch("/sandbox/runs/{id}")
async def edit_run(request: web.Request) -> web.Response:
    """Give a run another ``status``, such as ``paused``; it does not move by itself any more."""
    store = request.app[STORE]
    settle(store)
    run = store.runs.get(int(request.match_info["id"]))
    if run is None:
        raise web.HTTPNotFound(text="no such run; GET /sandbox/state lists them\n")
    run.status = (await _object(request, {"status"}))["status"]
    run.updated_at, run.moving = store.clock(), False
    return web.json_response({})


@routes.put("/sandbox/engine")
async def set_engine(request: web.Request) -> web.Response:
    """Trouble with the workflow engine: ``temporal_away`` (true: nothing comes of calls), ``cancel_lag`` (seconds)."""
    store = request.app[STORE]
    asked = await _object(request, {"temporal_away", "cancel_lag"})
    store.temporal_away = asked.get("temporal_away", store.temporal_away)
    store.cancel_lag = asked.get("cancel_lag", store.cancel_lag)
    return web.json_response({})


@routes.put("/sandbox/lists")
async def set_list_cost(request: web.Request) -> web.Response:
    """How long lists of syncs take: ``cost_ms`` milliseconds a row."""
    request.app[STORE].list_cost = (await _object(request, {"cost_ms"}))["cost_ms"] / 1000
    return web.json_response({})


@routes.put("/sandbox/users/{email}")
async def set_password(request: web.Request) -> web.Response:
    """Let a user log in with this ``password``; there are none at the start."""
    request.app[STORE].passwords[request.match_info["email"]] = (await _object(request, {"password"}))["password"]
    return web.json_response({})


@routes.put("/sandbox/tokens/{token}")
async def set_token(request: web.Request) -> web.Response:
    """Let this bearer token work, for the user ``email`` with ``role`` in ``workspaces``.

    Workspaces that were not there at the start are what other accounts of the documented dialect have: each sees only
    its own, and all ids come from one counter.
    """
    asked = await _object(request, {"email", "role", "workspaces"})
    if "workspaces" in asked:
        asked["workspaces"] = frozenset(asked["workspaces"])
    request.app[STORE].tokens[request.match_info["token"]] = Token(**asked)
    return web.json_response({})


@routes.delete("/sandbox/tokens/{token}")
async def delete_token(request: web.Request) -> web.Response:
    """Let this bearer token work no more."""
    request.app[STORE].tokens.pop(request.match_info["token"], None)
    return web.json_response({})


@routes.put("/sandbox/{list:connectors|models}/{id}")
async def set_thing(request: web.Request) -> web.Response:
    """Make a connector or model, or another of it: ``name``, ``workspace_id``, ``kind`` (source, destination).

    A model reads from source ``connector_id``.
    """
    store, things = _things(request)
    asked = await _object(request, {"name", "workspace_id", "kind", "connector_id"})
    number = int(request.match_info["id"])
    kind = asked.get("kind", "source") if things is store.connectors else "model"
    home, source = asked.get("workspace_id", min(store.workspaces)), asked.get("connector_id", 1)
    things[number] = Thing(number, kind, asked["name"], store.clock(), home, source)
    store.missing.discard((_ONE[request.match_info["list"]], number))
    return web.json_response({})


@routes.delete("/sandbox/{list:connectors|models}/{id}")
async def delete_thing(request: web.Request) -> web.Response:
    """Somebody deletes a connector or model: its syncs go with it, for good."""
    store, things = _things(request)
    gone = things.pop(int(request.match_info["id"]))
    store.missing.add((_ONE[request.match_info["list"]], gone.id))
    for sync in store.living():
        if sync.attributes[f"{gone.kind}_id"] == gone.id:
            sync.discarded_at = store.clock()
            end_workflow(store, sync)
    return web.json_response({})


@routes.put("/sandbox/catalogs/{id}")
async def set_catalog(request: web.Request) -> web.Response:
    """Streams of a destination's catalog, as a JSON list; null makes the catalog missing.

    A stream is a name, or an object of ``name`` and ``batch_support`` (true: it is written in batches).
    """
    store, number = request.app[STORE], int(request.match_info["id"])
    asked: list[Any] | None = await request.json()
    streams = [{"name": entry} if isinstance(entry, str) else entry for entry in asked or ()]
    store.catalogs[number] = [stream["name"] for stream in streams] if asked is not None else None
    store.batches -= {entry for entry in store.batches if entry[0] == number}
    store.batches |= {(number, stream["name"]) for stream in streams if stream.get("batch_support")}
    return web.json_response({})


def _things(request: web.Request) -> tuple[Store, dict[int, Thing]]:
    store = request.app[STORE]
    return store, store.connectors if request.match_info["list"] == "connectors" else store.models


async def _object(request: web.Request, known: Any) -> dict[str, Any]:
    """A JSON object with known fields only: a typo in a test's fault must not pass for a fault."""
    asked: dict[str, Any] = await request.json()
    unknown = sorted(set(asked) - set(known))
    if unknown:
        raise web.HTTPBadRequest(text=f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}\n")
    return asked
