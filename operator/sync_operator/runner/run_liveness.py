"""Distinguishes runs that the server has abandoned from runs that take long, by the server's resources. Pure.

The run of a sync that is disabled loses its workflow but keeps its row, which blocks every later run until it is
canceled (contract section 7). A long run looks the same: its row does not change during a load, for up to 48 hours in
each of three attempts (S15). So an unchanged row alone proves nothing before that time is over. Earlier, only a sign
that the sync was disabled counts: it still is, or it is `pending` again. Only two kinds of sync are pending: those that
never finished a run, and those that were enabled again after being disabled. The sign must be younger than the row's
last change, and the row unchanged for long, because an update of a new sync during its first run looks the same.
"""

from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from sync_operator.syncapi.types import RemoteRun, RemoteSync

__all__ = ["CHECK_AFTER", "RunLiveness", "assess_liveness", "time_since_progress"]

CHECK_AFTER: Final = timedelta(minutes=10)
"""Time without a change of the run's row after which the sync is read, which costs a request."""
_SILENT_AFTER_ENABLING: Final = timedelta(hours=2)
_DEAD_AFTER: Final = timedelta(hours=3 * 48 + 6)
"""Three attempts of 48 hours, and some time in between."""


class RunLiveness(Enum):
    """Whether the server still works on a run."""

    ALIVE = auto()
    """It may still be running."""
    DISABLED = auto()
    """Its workflow was ended; while the sync is disabled, its row cannot be canceled either."""
    LEFT_BEHIND = auto()
    """The server no longer works on it; canceling the row frees the sync."""


def time_since_progress(run: RemoteRun, now: datetime) -> timedelta:
    """Time since the row last changed, by the server's clock; zero if the server does not report it."""
    return now - run.updated_at if run.updated_at is not None else timedelta(0)


def assess_liveness(run: RemoteRun, sync: RemoteSync, now: datetime) -> RunLiveness:
    """Whether the server still works on an active run; ``now`` is a time of the server's clock."""
    unchanged_for = time_since_progress(run, now)
    if unchanged_for < CHECK_AFTER or run.updated_at is None:
        return RunLiveness.ALIVE
    if sync.status == "disabled":
        return RunLiveness.DISABLED
    enabled_since = sync.status == "pending" and sync.updated_at is not None and sync.updated_at > run.updated_at
    if unchanged_for >= _DEAD_AFTER or (enabled_since and unchanged_for >= _SILENT_AFTER_ENABLING):
        return RunLiveness.LEFT_BEHIND
    return RunLiveness.ALIVE
