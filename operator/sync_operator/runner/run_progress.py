"""Progress lines of a run, for `kubectl logs -f`: status, row counts, elapsed time. Pure."""

from datetime import timedelta

from sync_operator.syncapi.types import RemoteRun
from sync_operator.util.durations import format_duration

__all__ = ["progress_fields", "progress_line"]


def progress_line(run: RemoteRun, elapsed: timedelta) -> str:
    """One line of text, such as ``run 7 in_progress: 400 of 1000 rows (40 %), 12s``."""
    rows = run.rows
    done = rows.succeeded + rows.failed
    if done and rows.total:
        counts = f": {done} of {rows.total} rows ({100 * done // rows.total} %)"
    elif rows.total or (rows.queried and not run.status.finished):
        counts = f": {rows.total or rows.queried} rows to send"
    elif rows.queried:
        counts = f": {rows.queried} rows read"
    else:
        counts = ""
    refused = f", {rows.failed} refused" if rows.failed else ""
    return f"run {run.id} {run.status.value}{counts}{refused}, {format_duration(elapsed)}"


def progress_fields(run: RemoteRun, elapsed: timedelta) -> dict[str, int | str]:
    """The same as fields of a JSON log line; counts are rows, ``elapsed_seconds`` is whole seconds."""
    return {
        "run": run.id,
        "status": run.status.value,
        **{name: count for name, count in run.rows.as_dict().items() if count is not None},
        "elapsed_seconds": int(elapsed.total_seconds()),
    }
