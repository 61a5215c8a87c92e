"""Time moves everything: the status of a run follows from its age, and the server's own schedule makes runs."""

from datetime import datetime, timedelta
from typing import Final

from croniter import croniter

from sync_operator.sandbox.state import ACTIVE, Ending, Run, Store, StoredSync

__all__ = ["active_runs", "crude_cron", "run_rows", "run_status", "settle"]

_STAGES: Final = ((0.05, "pending"), (0.10, "started"), (0.35, "querying"), (0.40, "queued"))
"""Share of a run's life at which each stage ends; the rest is `in_progress`."""
_MOST_CATCH_UP: Final = 100


def run_status(run: Run, now: datetime) -> str:
    """Status of a run at a time."""
    if run.ended is not None:
        return run.ended
    if run.frozen is not None:
        return run.frozen
    age = (now - run.created_at).total_seconds()
    share = age / run.outcome.seconds if run.outcome.seconds > 0 else 1.0
    if share >= 1 and not run.outcome.stuck:
        return run.outcome.ending.value
    return next((stage for until, stage in _STAGES if share < until), "in_progress")


def run_rows(run: Run, now: datetime) -> dict[str, int]:
    """Counters of a run: 0 until the end, but for what querying counts (contract section 6)."""
    status, outcome = run_status(run, now), run.outcome
    queried = status not in {"pending", "started"}
    ended = status == Ending.SUCCESS or (status == Ending.FAILED and outcome.failed_rows > 0)
    sent = outcome.rows - outcome.skipped_rows
    return {
        "total_query_rows": outcome.rows if queried else 0,
        "skipped_rows": outcome.skipped_rows if queried else 0,
        "total_rows": sent if ended else 0,
        "successful_rows": sent - outcome.failed_rows if ended else 0,
        "failed_rows": outcome.failed_rows if ended else 0,
    }


def active_runs(store: Store, sync_id: int) -> list[Run]:
    """Runs of a sync that are active in the sense of the 424 rule, the oldest first."""
    now = store.clock()
    return [run for run in store.runs_of(sync_id) if run_status(run, now) in ACTIVE]


def settle(store: Store) -> None:
    """Bring the store up to the present: runs that start, runs that end, and the server's own schedule."""
    now = store.clock()
    for sync in store.living():
        _schedule(store, sync, now)
    for entry in [entry for entry in store.coming if entry[0] <= now]:
        store.coming.remove(entry)
        at, sync_id, outcome = entry
        run = Run(id=store.next_run, sync_id=sync_id, created_at=at, outcome=outcome, updated_at=at)
        store.runs[run.id] = run
        store.next_run += 1
    for run in store.runs.values():
        status = run_status(run, now)
        if run.ended is None and status in set(Ending):
            run.ended = status
            run.ended_at = run.updated_at = run.created_at + timedelta(seconds=run.outcome.seconds)
            _tell_sync(store, run)


def crude_cron(interval: int, unit: str) -> str:
    """The cron line that the server makes of an interval; as crude as the real one (contract S6)."""
    return {
        "minutes": f"*/{interval} * * * *",
        "hours": f"0 */{interval} * * *",
        "days": f"0 0 */{interval} * *",
        "weeks": f"0 0 */{interval * 7} * *",
    }[unit]


def _schedule(store: Store, sync: StoredSync, now: datetime) -> None:
    """Make the runs that the server's own schedule was due for; one at a time, as its workflow does."""
    if sync.server_schedule is None or sync.status == "disabled" or sync.scheduled_until is None:
        return
    try:
        times = croniter(sync.server_schedule, sync.scheduled_until)
    except ValueError:
        return  # accepted by the API, and failing out of sight (contract S7)
    for _ in range(_MOST_CATCH_UP):
        due: datetime = times.get_next(datetime)
        if due > now:
            break
        sync.scheduled_until = due
        busy = any(run.sync_id == sync.id and run_status(run, due) in ACTIVE for run in store.runs.values())
        if not busy:
            store.coming.append((due, sync.id, store.next_outcome(sync.id)))


def _tell_sync(store: Store, run: Run) -> None:
    """A finished run moves its sync: success only a pending or healthy one, failure any (it is sticky)."""
    sync = store.syncs[run.sync_id]
    if run.ended == Ending.FAILED:
        sync.status = "failed"
    elif sync.status in {"pending", "healthy"}:
        sync.status = "healthy"
    sync.updated_at = run.ended_at or sync.updated_at
