"""Time-driven changes: workflows make runs, runs change their status, the server's own scheduler starts runs.

Nothing runs in the background: each request first processes, in order, the events due since the last one
(`process_due`).
"""

from datetime import datetime, timedelta
from functools import partial
from heapq import heappop
from typing import Final

from sync_operator.sandbox.state import ACTIVE, Ending, Outcome, Run, Store, StoredSync

__all__ = ["active_runs", "end_workflow", "process_due", "rows_sent", "run_rows", "start_workflow"]

_STAGES: Final = ((0.05, "started"), (0.10, "querying"), (0.35, "queued"), (0.40, "in_progress"))
"""Part of a run's duration after which each status begins; before the first one it is `pending`."""


def process_due(store: Store) -> None:
    """Process all events that are due by now."""
    now = store.clock()
    while store.events and store.events[0].at <= now:
        event = heappop(store.events)
        event.action(event.at)


def start_workflow(store: Store, sync: StoredSync, at: datetime, outcome: Outcome) -> None:
    """Start a sync's workflow; its run appears once a worker picks it up. A swallowed trigger has no effect."""
    if outcome.appears_after is None or store.temporal_away:
        return
    sync.workflow = number = store.next_number()

    def appear(when: datetime) -> None:
        if sync.workflow != number:
            return
        if sync.status == "disabled":
            sync.workflow = None
        else:
            _schedule_stages(store, sync, number, store.add_run(sync, when, outcome))

    store.at(at + timedelta(seconds=outcome.appears_after), appear)


def end_workflow(store: Store, sync: StoredSync) -> None:
    """End the workflow and the schedule; the rows of runs keep their status for ever (contract section 7)."""
    if store.temporal_away:
        return
    sync.workflow = sync.server_schedule = None
    for run in active_runs(store, sync.id):
        run.moving = run.moving and run.outcome.outlives


def active_runs(store: Store, sync_id: int) -> list[Run]:
    """The active runs of a sync, oldest first; while there is one, a trigger gets 424."""
    return [run for run in store.runs_of(sync_id) if run.status in ACTIVE]


def run_rows(run: Run) -> dict[str, int]:
    """The counters of a run: 0 until its end, except those counted while querying (contract section 6)."""
    outcome = run.outcome
    queried = run.status not in {"pending", "started"}
    ended = run.status == Ending.SUCCESS or (run.status == Ending.FAILED and outcome.failed_rows > 0)
    total = max(0, outcome.rows - outcome.skipped_rows - outcome.unkeyed_rows - run.kept_rows) if ended else 0
    failed, pending = min(outcome.failed_rows, total), min(outcome.pending_rows, total)
    failed_rows = 0 if run.in_batches and failed < total else failed
    return {
        "total_query_rows": outcome.rows if queried else 0,
        "skipped_rows": outcome.skipped_rows if queried else 0,
        "total_rows": total,
        "successful_rows": total - failed_rows - pending,
        "failed_rows": failed_rows,
    }


def rows_sent(run: Run) -> int:
    """Rows that reach the destination, whatever the counters say."""
    counts, failed = run_rows(run), run.outcome.failed_rows
    hidden = min(failed, counts["total_rows"]) - counts["failed_rows"]
    return (counts["successful_rows"] - hidden) * run.outcome.tries


def _schedule_stages(store: Store, sync: StoredSync, workflow: int, run: Run) -> None:
    """Plan the events of a run: its stages and its end."""

    def move(when: datetime, status: str) -> None:
        if run.moving:
            run.status, run.updated_at = status, when
            run.started_at = when if status == "started" else run.started_at

    def end(when: datetime) -> None:
        if not run.moving:
            return
        move(when, run.outcome.ending.value)
        run.moving = False
        if run.status == Ending.FAILED and run.outcome.keeps_rows:
            sync.kept_rows = max(sync.kept_rows, run.outcome.rows - run.outcome.skipped_rows)
        if sync.workflow == workflow:
            sync.workflow = None
        if not run.outcome.abrupt:
            run.finished_at = when
            if store.catalog(sync.attributes["destination_id"]) is not None:
                _update_sync_status(sync, run, when)

    for share, status in _STAGES:
        at = run.created_at + timedelta(seconds=run.outcome.seconds * share)
        store.at(at, partial(move, status=status))
    if not run.outcome.stuck:
        store.at(run.created_at + timedelta(seconds=run.outcome.seconds), end)


def _update_sync_status(sync: StoredSync, run: Run, when: datetime) -> None:
    """Set a sync's status after a run: failure always, success only if it is pending or healthy (failure is sticky)."""
    before = sync.status
    if run.status == Ending.FAILED:
        sync.status = "failed"
    elif sync.status in {"pending", "healthy"}:
        sync.status = "healthy"
    if sync.status != before:
        sync.updated_at = when
