"""Runs: trigger and cancel, and what can be read of runs and their records."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from sync_operator.sandbox.faults import json_body
from sync_operator.sandbox.guard import STORE, authenticate, find_sync, may_write, no_sync, workspace_of
from sync_operator.sandbox.progress import active_runs, run_rows, settle, start_workflow
from sync_operator.sandbox.render import listing, run_resource, single, stamp
from sync_operator.sandbox.shapes import e1, e3
from sync_operator.sandbox.state import Run, Store, StoredSync, Token

__all__ = ["routes"]

routes = web.RouteTableDef()
_STATUSES: Final = (
    "pending",
    "started",
    "querying",
    "queued",
    "in_progress",
    "success",
    "failed",
    "paused",
    "canceled",
)
_MOST_RECORDS: Final = 1000


@dataclass(frozen=True, slots=True)
class _Asked:
    store: Store
    sync: StoredSync
    token: Token


@routes.post("/api/v1/schedule_syncs")
async def trigger(request: web.Request) -> web.Response:
    """`POST /schedule_syncs`: a 200 promises nothing."""
    authenticate(request)
    body = await json_body(request)
    inner = body.get("schedule_sync")
    sync_id = inner.get("sync_id") if isinstance(inner, dict) else None
    if not isinstance(sync_id, int):
        raise e1({"schedule_sync": {"sync_id": ["must be an integer" if sync_id is not None else "is missing"]}})
    asked = _asked(request, sync_id)
    store, sync = asked.store, asked.sync
    _may_be_run(asked)
    if active_runs(store, sync.id) and store.dialect == "multiwoven":
        raise e3(424, "Sync cannot be scheduled due to active sync run")
    scheduled = sync.server_schedule is not None and store.dialect == "multiwoven"
    if sync.workflow is None and not scheduled:
        start_workflow(store, sync, store.clock(), store.next_outcome(sync.id))
    return web.json_response({"message": "Sync scheduled successfully"})


@routes.delete("/api/v1/schedule_syncs/{id}")
async def cancel(request: web.Request) -> web.Response:
    """`DELETE /schedule_syncs/:sync_id`: cancels the newest active run, one a call."""
    authenticate(request)
    asked = _asked(request, _number(request, "id"))
    _may_be_run(asked)
    busy = active_runs(asked.store, asked.sync.id)
    if not busy:
        raise e3(424, "Sync cannot be cancelled due to no active sync run")
    if not asked.store.temporal_away:
        _cancel(asked, busy[-1])
    return web.json_response({"message": "Sync cancelled successfully"})


@routes.get("/api/v1/syncs/{id}/sync_runs")
async def index(request: web.Request) -> web.Response:
    """`GET /syncs/:id/sync_runs`: the last moved first."""
    authenticate(request)
    wanted = request.query.get("status")
    if wanted is not None and wanted not in _STATUSES:
        raise e1({"status": ["must be a valid status"]})
    asked = _asked(request, _number(request, "id"))
    runs = [run for run in asked.store.runs_of(asked.sync.id) if wanted in {None, run.status}]
    runs.sort(key=lambda run: (run.updated_at, run.id), reverse=True)
    return listing(request, asked.store, [run_resource(run) for run in runs])


@routes.get("/api/v1/syncs/{id}/sync_runs/{run}")
async def show(request: web.Request) -> web.Response:
    """`GET /syncs/:id/sync_runs/:run`: in ``data`` in both dialects."""
    authenticate(request)
    asked = _asked(request, _number(request, "id"))
    run = _run(request, asked, "Sync Run not found")
    resource = run_resource(run)
    return (
        web.json_response({"data": resource}) if asked.store.dialect == "documented" else single(asked.store, resource)
    )


@routes.get("/api/v1/syncs/{id}/sync_runs/{run}/sync_records")
async def records(request: web.Request) -> web.Response:
    """`GET …/sync_records`: the oldest first."""
    authenticate(request)
    wanted = request.query.get("status")
    if wanted not in {None, "pending", "success", "failed"}:
        raise e1({"status": ["must be a valid status"]})
    asked = _asked(request, _number(request, "id"))
    run = _run(request, asked, "SyncRun not found")
    counts = run_rows(run)
    failed, succeeded = counts["failed_rows"], counts["successful_rows"]
    pending = counts["total_rows"] - failed - succeeded
    numbers = {"failed": failed, "success": succeeded, "pending": pending}
    statuses = [status for status, number in numbers.items() for _ in range(min(number, _MOST_RECORDS))]
    found = [
        {
            "id": str(run.id * 1_000_000 + number),
            "type": "sync_records",
            "attributes": {
                "sync_id": run.sync_id,
                "sync_run_id": run.id,
                "record": {"email": f"person{number}@example.com"},
                "status": status,
                "action": "destination_insert",
                "logs": {"request": "{}", "response": run.outcome.reason, "level": "error"}
                if status == "failed"
                else {},
                "created_at": stamp(run.created_at),
                "updated_at": stamp(run.updated_at),
            },
        }
        for number, status in enumerate(statuses, 1)
        if wanted in {None, status}
    ]
    return listing(request, asked.store, found)


def _number(request: web.Request, name: str) -> int:
    text = request.match_info[name]
    if not text.isdigit():
        raise e1({name: ["must be an integer"]})
    return int(text)


def _asked(request: web.Request, sync_id: int) -> _Asked:
    store, token = request.app[STORE], authenticate(request)
    sync = find_sync(store, sync_id, workspace_of(request, token))
    if sync is None:
        raise no_sync(store, sync_id, runs=True)
    return _Asked(store, sync, token)


def _cancel(asked: _Asked, run: Run) -> None:
    """The row is marked at once, the workflow ends when the engine gets to it."""
    store, sync = asked.store, asked.sync
    now, workflow = store.clock(), sync.workflow
    run.status, run.updated_at, run.moving = "canceled", now, False

    def end(_: datetime) -> None:
        if sync.workflow == workflow:
            sync.workflow = None

    store.at(now + timedelta(seconds=store.cancel_lag), end)
    settle(store)


def _may_be_run(asked: _Asked) -> None:
    """The order of the server's looks: disabled, not manual, then the role; the documented page knows no such rule."""
    if asked.store.dialect == "multiwoven":
        if asked.sync.status == "disabled":
            raise e3(424, "Sync is disabled")
        if asked.sync.attributes.get("schedule_type") != "manual":
            raise e3(424, "Sync Schedule type should be manual")
    may_write(asked.token)


def _run(request: web.Request, asked: _Asked, words: str) -> Run:
    run = asked.store.runs.get(_number(request, "run"))
    if run is None or run.sync_id != asked.sync.id:
        raise e3(404, words)
    return run
