"""Rows that nothing moves any more, told from long runs by what the server shows. Pure.

A sync that is disabled loses its workflow but keeps its row, and that row blocks every later run until it is canceled
(contract section 7). A long run looks the same: while a load goes on its row does not change, for as long as 48 hours
a try and three tries (S15). So silence alone proves nothing before that time is over. Earlier, only a sign that the
sync was disabled counts: it still is, or it is `pending` again, which besides a sync that never ended a run only one
is that was enabled after having been disabled. The sign must be younger than the row's last change, and the silence
long, because an update of a new sync during its first run leaves the same traces.
"""

from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from sync_operator.remote.types import RemoteRun, RemoteSync

__all__ = ["LOOK_AFTER", "Fate", "fate_of", "silent_for"]

LOOK_AFTER: Final = timedelta(minutes=10)
"""Silence after which a look at the sync is worth a request."""
_SILENT_AFTER_ENABLING: Final = timedelta(hours=2)
_SURELY_DEAD: Final = timedelta(hours=3 * 48 + 6)
"""Three tries of 48 hours, and some time in between."""


class Fate(Enum):
    """What has become of a run."""

    ALIVE = auto()
    """It may well go on."""
    DISABLED = auto()
    """Its workflow was ended, and while the sync is disabled its row cannot be canceled either."""
    LEFT_BEHIND = auto()
    """Nothing moves it any more; canceling the row frees the sync."""


def silent_for(run: RemoteRun, now: datetime) -> timedelta:
    """How long the row has not changed, by the server's clock; no time where the server does not show it."""
    return now - run.updated_at if run.updated_at is not None else timedelta(0)


def fate_of(run: RemoteRun, sync: RemoteSync, now: datetime) -> Fate:
    """Whether a run that is active still goes on, at a time of the server's clock."""
    silent = silent_for(run, now)
    if silent < LOOK_AFTER or run.updated_at is None:
        return Fate.ALIVE
    if sync.status == "disabled":
        return Fate.DISABLED
    enabled_since = sync.status == "pending" and sync.updated_at is not None and sync.updated_at > run.updated_at
    if silent >= _SURELY_DEAD or (enabled_since and silent >= _SILENT_AFTER_ENABLING):
        return Fate.LEFT_BEHIND
    return Fate.ALIVE
