"""What a finished run delivered: judged by its rows, because `success` does not mean that they arrived."""

from dataclasses import dataclass

from sync_operator.model.conditions import Reason
from sync_operator.remote.types import RemoteRun, RunStatus

__all__ = ["Verdict", "judge"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a run kept its promise, the reason for the condition, and words for people."""

    delivered: bool
    reason: Reason
    message: str


def judge(run: RemoteRun, max_failed_rows_percent: float) -> Verdict:
    """Judge a finished run.

    Args:
        run: a run whose status is final.
        max_failed_rows_percent: share of its rows (0-100) that may be refused.
    """
    rows = run.rows
    total = max(rows.total, rows.succeeded + rows.failed)
    skipped = f", {rows.skipped} skipped" if rows.skipped else ""
    counts = f"{rows.succeeded} of {total} rows delivered, {rows.failed} refused{skipped}"
    why = f" ({run.error})" if run.error else ""
    match run.status:
        case RunStatus.SUCCESS if rows.failed * 100 <= max_failed_rows_percent * total:
            words = counts if total else f"no rows to send{skipped}"
            return Verdict(True, Reason.RUN_SUCCEEDED, f"run {run.id}: {words}")
        case RunStatus.SUCCESS:
            allowed = f"run.maxFailedRowsPercent allows {max_failed_rows_percent:g} %"
            return Verdict(False, Reason.ROWS_REJECTED, f"run {run.id}: {counts}; {allowed}")
        case RunStatus.CANCELED:
            return Verdict(False, Reason.RUN_CANCELED, f"run {run.id} was canceled: {counts}")
        case _:
            return Verdict(False, Reason.RUN_FAILED, f"run {run.id} ended as {run.status.value}{why}: {counts}")
