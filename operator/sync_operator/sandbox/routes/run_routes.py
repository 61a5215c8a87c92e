"""Routes of runs: trigger, cancel, and reading runs and their records."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from sync_operator.sandbox.access import STORE, authenticate, find_sync, may_write, no_sync, workspace_of
from sync_operator.sandbox.error_shapes import api_error, validation_error
from sync_operator.sandbox.fault_injection import json_body
from sync_operator.sandbox.render import listing, run_resource, single, stamp
from sync_operator.sandbox.state import Run, Store, StoredSync, Token
from sync_operator.sandbox.workflow_progress import active_runs, process_due, run_rows, start_workflow

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
_MAX_RECORDS: Final = 1000


@dataclass(frozen=True, slots=True)
class _SyncRequest:
    store: Store
    sync: StoredSync
    token: Token


@routes.post("/api/v1/schedule_syncs")
async def trigger(request: web.Request) -> web.Response:
    """`POST /schedule_syncs`: trigger a sync; a 200 does not mean that a run starts."""
    authenticate(request)
    body = await json_body(request)
    inner = body.get("schedule_sync")
    sync_id = inner.get("sync_id") if isinstance(inner, dict) else None
    if not isinstance(sync_id, int):
        raise validation_error(
            {"schedule_sync": {"sync_id": ["must be an integer" if sync_id is not None else "is missing"]}}
        )
    sync_request = _sync_request(request, sync_id)
    store, sync = sync_request.store, sync_request.sync
    _may_be_run(sync_request)
    if active_runs(store, sync.id) and store.dialect == "multiwoven":
        raise api_error(424, "Sync cannot be scheduled due to active sync run")
    scheduled = sync.server_schedule is not None and store.dialect == "multiwoven"
    if sync.workflow is None and not scheduled:
        start_workflow(store, sync, store.clock(), store.next_outcome(sync.id))
    return web.json_response({"message": "Sync scheduled successfully"})


@routes.delete("/api/v1/schedule_syncs/{id}")
async def cancel(request: web.Request) -> web.Response:
    """`DELETE /schedule_syncs/:sync_id`: cancel the newest active run; one per request."""
    authenticate(request)
    sync_request = _sync_request(request, _number(request, "id"))
    _may_be_run(sync_request)
    busy = active_runs(sync_request.store, sync_request.sync.id)
    if not busy:
        raise api_error(424, "Sync cannot be cancelled due to no active sync run")
    if not sync_request.store.temporal_away:
        _cancel(sync_request, busy[-1])
    return web.json_response({"message": "Sync cancelled successfully"})


@routes.get("/api/v1/syncs/{id}/sync_runs")
async def index(request: web.Request) -> web.Response:
    """`GET /syncs/:id/sync_runs`: sorted by their last change, newest first."""
    authenticate(request)
    wanted = request.query.get("status")
    if wanted is not None and wanted not in _STATUSES:
        raise validation_error({"status": ["must be a valid status"]})
    sync_request = _sync_request(request, _number(request, "id"))
    runs = [run for run in sync_request.store.runs_of(sync_request.sync.id) if wanted in {None, run.status}]
    runs.sort(key=lambda run: (run.updated_at, run.id), reverse=True)
    return listing(request, sync_request.store, [run_resource(run) for run in runs])


@routes.get("/api/v1/syncs/{id}/sync_runs/{run}")
async def show(request: web.Request) -> web.Response:
    """`GET /syncs/:id/sync_runs/:run`: wrapped in ``data`` in both dialects."""
    authenticate(request)
    sync_request = _sync_request(request, _number(request, "id"))
    run = _run(request, sync_request, "Sync Run not found")
    resource = run_resource(run)
    return (
        web.json_response({"data": resource})
        if sync_request.store.dialect == "documented"
        else single(sync_request.store, resource)
    )


@routes.get("/api/v1/syncs/{id}/sync_runs/{run}/sync_records")
async def records(request: web.Request) -> web.Response:
    """`GET …/sync_records`: oldest first."""
    authenticate(request)
    wanted = request.query.get("status")
    if wanted not in {None, "pending", "success", "failed"}:
        raise validation_error({"status": ["must be a valid status"]})
    sync_request = _sync_request(request, _number(request, "id"))
    run = _run(request, sync_request, "SyncRun not found")
    counts = run_rows(run)
    failed, succeeded = counts["failed_rows"], counts["successful_rows"]
    pending = counts["total_rows"] - failed - succeeded
    numbers = {"failed": failed, "success": succeeded, "pending": pending}
    statuses = [status for status, number in numbers.items() for _ in range(min(number, _MAX_RECORDS))]
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
    return listing(request, sync_request.store, found)


def _number(request: web.Request, name: str) -> int:
    text = request.match_info[name]
    if not text.isdigit():
        raise validation_error({name: ["must be an integer"]})
    return int(text)


def _sync_request(request: web.Request, sync_id: int) -> _SyncRequest:
    store, token = request.app[STORE], authenticate(request)
    sync = find_sync(store, sync_id, workspace_of(request, token))
    if sync is None:
        raise no_sync(store, sync_id, runs=True)
    return _SyncRequest(store, sync, token)


def _cancel(sync_request: _SyncRequest, run: Run) -> None:
    """Cancel a run: its row changes at once, its workflow ends after ``cancel_lag``."""
    store, sync = sync_request.store, sync_request.sync
    now, workflow = store.clock(), sync.workflow
    run.status, run.updated_at, run.moving = "canceled", now, False

    def end(_: datetime) -> None:
        if sync.workflow == workflow:
            sync.workflow = None

    store.at(now + timedelta(seconds=store.cancel_lag), end)
    process_due(store)


def _may_be_run(sync_request: _SyncRequest) -> None:
    """Check that a sync may be triggered or cancelled, in the server's order: disabled, not manual, then the role.

    The documented dialect checks only the role.
    """
    if sync_request.store.dialect == "multiwoven":
        if sync_request.sync.status == "disabled":
            raise api_error(424, "Sync is disabled")
        if sync_request.sync.attributes.get("schedule_type") != "manual":
            raise api_error(424, "Sync Schedule type should be manual")
    may_write(sync_request.token)


def _run(request: web.Request, sync_request: _SyncRequest, words: str) -> Run:
    run = sync_request.store.runs.get(_number(request, "run"))
    if run is None or run.sync_id != sync_request.sync.id:
        raise api_error(404, words)
    return run
