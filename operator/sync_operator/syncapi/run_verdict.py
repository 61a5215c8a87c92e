"""Whether a finished run delivered its rows: by row counts, because `success` does not mean that they arrived."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sync_operator.api.statuses.conditions import Reason
from sync_operator.syncapi.types import RemoteRun, Rows, RunStatus

__all__ = ["RunVerdict", "evaluate_run"]

_REMEDY: Final = (
    "To send them, delete this Sync with deletionPolicy Delete and apply it again: a new sync sends all rows"
)


@dataclass(frozen=True, slots=True)
class RunVerdict:
    """Whether a run delivered its rows, the reason for the condition, and the message."""

    delivered: bool
    reason: Reason
    message: str


def evaluate_run(
    run: RemoteRun, max_failed_rows_percent: float, *, before: Iterable[RemoteRun] = (), in_batches: bool = False
) -> RunVerdict:
    """Evaluate a finished run.

    Args:
        run: a run whose status is final.
        max_failed_rows_percent: share of its rows (0-100) that may be refused.
        before: known runs of the same sync, in any order; only those before ``run`` count.
        in_batches: True if the destination's stream is written in batches, of which the server reports less.
    """
    rows = run.rows
    total, missing = _total(rows), _missing(rows)
    counts = _counts(rows)
    why = f" ({run.error})" if run.error else ""
    match run.status:
        case RunStatus.SUCCESS if missing:
            words = f"{missing} neither; the server does not send them again"
            return RunVerdict(False, Reason.RUN_FAILED, f"run {run.id}: {counts}, {words}. {_REMEDY}")
        case RunStatus.SUCCESS if (loser := _run_that_lost_rows(run, before)) is not None:
            words = (
                f"{rows.queried} rows read and none sent: run {loser.id} had read them, and did not deliver them all"
            )
            return RunVerdict(
                False, Reason.RUN_FAILED, f"run {run.id}: {words}; the server does not send them again. {_REMEDY}"
            )
        case RunStatus.SUCCESS if rows.failed * 100 <= max_failed_rows_percent * total:
            words = counts if total else f"no rows to send{_skipped(rows)}"
            return RunVerdict(True, Reason.RUN_SUCCEEDED, f"run {run.id}: {words}{_caveats(rows, in_batches)}")
        case RunStatus.SUCCESS:
            allowed = f"run.maxFailedRowsPercent allows {max_failed_rows_percent:g} %"
            return RunVerdict(False, Reason.ROWS_REJECTED, f"run {run.id}: {counts}; {allowed}")
        case RunStatus.CANCELED:
            return RunVerdict(False, Reason.RUN_CANCELED, f"run {run.id} was canceled: {counts}")
        case _:
            return RunVerdict(False, Reason.RUN_FAILED, f"run {run.id} ended as {run.status.value}{why}: {counts}")


def _total(rows: Rows) -> int:
    return max(rows.total, rows.succeeded + rows.failed)


def _missing(rows: Rows) -> int:
    """Rows that were to be sent, but that the server reports neither as delivered nor as refused."""
    return _total(rows) - rows.succeeded - rows.failed


def _skipped(rows: Rows) -> str:
    return f", {rows.skipped} skipped" if rows.skipped else ""


def _counts(rows: Rows) -> str:
    return f"{rows.succeeded} of {_total(rows)} rows delivered, {rows.failed} refused{_skipped(rows)}"


def _run_that_lost_rows(run: RemoteRun, before: Iterable[RemoteRun]) -> RemoteRun | None:
    """The earlier run that read rows and lost them, if this one read them again and sent none; else None.

    A server stores the rows that a run has read, and sends them in that run only. A later run that reads the same rows
    leaves out what is stored. So a run that sends nothing, and skips nothing as unchanged, does not deliver the rows of
    a failed run before it, and neither do runs between the two that sent nothing either.
    """
    if not run.rows.queried or _total(run.rows) or run.rows.skipped != 0:
        return None
    for earlier in sorted(before, key=lambda entry: entry.id, reverse=True):
        if earlier.id >= run.id or not earlier.status.finished:
            continue
        is_success, rows = earlier.status is RunStatus.SUCCESS, earlier.rows
        if (is_success and _missing(rows)) or (earlier.status is RunStatus.FAILED and rows.queried):
            return earlier
        if is_success and _total(rows):
            return None
    return None


def _caveats(rows: Rows, in_batches: bool) -> str:
    """What the server does not report about such a run, as an addition to the message."""
    words = ""
    unsent = rows.queried - _total(rows) - (rows.skipped or 0)
    if unsent > 0:
        words = (
            f"; {unsent} of {rows.queried} rows read were not to be sent: the server does not tell those sent before "
            "from those without a primary key or with one that comes twice"
        )
    if in_batches and rows.succeeded:
        words += "; the stream is written in batches, of which the server counts every row as delivered if one was"
    return words
