"""What a Job stands for, and which of the server's runs answers it already. Pure.

A pod does not know whether it is its Job's first, and the highest run id that an earlier pod noted is gone with it.
What is left is the time since which the Job stands for a run, and the server's list of runs. So the rule is: **a run
made since then is this Job's run, whoever asked for it**. It holds for a replacement pod after any death of the one
before, and for a server that runs the sync by its own schedule too.

A run under way that was made before that time answers a Job whose time has come by schedule. It does not answer a Job
that somebody asked for, who may have new rows for it: that Job waits for its end.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sync_operator.remote.types import RemoteRun
from sync_operator.runner.ending import ExitCode, ending_of

__all__ = ["answering_run", "is_own", "made_at", "since_there", "slot_of"]

_SCHEDULED_JOB: Final = re.compile(r"-(\d{8,9})$", re.ASCII)
_OLDEST_SLOT: Final = timedelta(days=60)
_SLACK: Final = timedelta(seconds=2)
"""A `Date` header knows whole seconds only, and a server's own schedule fires on the dot."""

_DATE_STEP: Final = timedelta(seconds=1)
"""What a `Date` header may be behind the server's clock, and so a time of that clock which was reckoned from it."""

MAX_TRUSTED_OFFSET: Final = timedelta(minutes=1)
"""Between the node's clock and the server's; what differs by more is compared with the control plane's first."""


def slot_of(job_name: str, now: datetime) -> datetime | None:
    """The scheduled time that the CronJob controller put into the Job's name, as minutes since 1970.

    None for other names, also for those that end in digits by chance (``orders-20260301``): no Job comes months late.
    """
    match = _SCHEDULED_JOB.search(job_name)
    if match is None:
        return None
    slot = datetime.fromtimestamp(int(match[1]) * 60, UTC)
    return slot if -_OLDEST_SLOT <= slot - now <= timedelta(days=1) else None


def since_there(since: datetime, node: datetime, server: datetime) -> datetime:
    """What the server's clock shows, or showed, at a time of the control plane's clock.

    Three clocks are involved, and nobody tells the offset between the control plane's and the server's: only the node's
    can be held against each. Where node and server differ by more than a minute, one of the two is wrong, and it is the
    one by which the Job began longer ago, or has yet to begin. Otherwise a node that is minutes ahead would take the
    run of the time before for this Job's, and no run would ever be made.

    Args:
        since: the time, by the control plane's clock; it has passed.
        node: the node's time now.
        server: the server's time now.
    """
    offset = server - node
    by_node, by_server = node - since, server - since
    node_is_right = by_server < -_SLACK or -_SLACK <= by_node <= by_server
    return since + offset if abs(offset) <= MAX_TRUSTED_OFFSET or node_is_right else since


def made_at(run: RemoteRun) -> datetime | None:
    """When a run was made, by the server's clock, from whatever time this server shows."""
    return run.created_at or run.started_at or run.finished_at


def is_own(run: RemoteRun, since: datetime | None, *, requested: bool = False) -> bool:
    """True for a run made since that time (of the server's clock), since when a Job stands for a run.

    Nothing that was made before a request is its run, by no second: where the two clocks do not show which came first,
    it is not. A pod takes longer than that to ask for its own run.
    """
    made = made_at(run)
    return since is not None and made is not None and made >= since + (_DATE_STEP if requested else -_SLACK)


def answering_run(
    runs: Sequence[RemoteRun],
    since: datetime | None,
    *,
    retries: int,
    max_failed_rows_percent: float,
    requested: bool = False,
) -> RemoteRun | None:
    """The run to be followed (or judged, if it has ended) instead of asking for one; None when one is due.

    A run under way comes first. Of a requested Job it need not be its own: see `is_own`.

    Args:
        runs: the server's runs, the highest id first.
        since: time of the server's clock since which the Job stands for a run; None when it is not known.
        retries: how many failed runs of its own a Job may follow by another one.
        max_failed_rows_percent: share of rows (0-100) that may fail in a run called delivered.
        requested: True for a Job that somebody asked for.
    """
    active = next((run for run in runs if run.status.active), None)
    if active is not None:
        return active
    own = [run for run in runs if is_own(run, since, requested=requested)]
    if not own or not own[0].status.finished:
        return own[0] if own else None
    endings = [ending_of(run, max_failed_rows_percent, before=runs) for run in own if run.status.finished]
    failed = [ending.run for ending in endings if ending.code is ExitCode.FAILED]
    return own[0] if own[0] not in failed or len(failed) > retries else None
