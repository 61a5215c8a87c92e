"""Which run a Job asks for, and whether the server has such a run already. Pure.

A pod does not know whether it is its Job's first, and the highest run id that an earlier pod saw is lost with that pod.
What remains is the time since which the Job asks for a run, and the server's list of runs. So the rule is: **a run
created since then is this Job's run, whatever triggered it**. It also holds for a pod that replaces a dead one, and for
a server that runs the sync by its own schedule.

For a scheduled Job, an active run counts as its run although it was created before that time. For a requested Job it
does not, because the request may be about new rows: that Job waits until the run has ended.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sync_operator.runner.outcome import ExitCode, outcome_of
from sync_operator.syncapi.types import RemoteRun

__all__ = ["find_existing_run", "is_own", "scheduled_time_from_job_name", "to_server_clock"]

_SCHEDULED_JOB: Final = re.compile(r"-(\d{8,9})$", re.ASCII)
_MAX_SCHEDULED_AGE: Final = timedelta(days=60)
_CLOCK_TOLERANCE: Final = timedelta(seconds=2)
"""Tolerance: a `Date` header has whole seconds only, and a server's own schedule fires exactly on time."""

_DATE_RESOLUTION: Final = timedelta(seconds=1)
"""How far a `Date` header, and a time calculated from it, may be behind the server's clock."""

MAX_TRUSTED_OFFSET: Final = timedelta(minutes=1)
"""Difference of the node's and the server's clock beyond which both are compared with the control plane's first."""


def scheduled_time_from_job_name(job_name: str, now: datetime) -> datetime | None:
    """The scheduled time that the CronJob controller put into the Job's name, as minutes since 1970.

    None for other names, also for those that end in digits by chance (``orders-20260301``): no Job starts months late.
    """
    match = _SCHEDULED_JOB.search(job_name)
    if match is None:
        return None
    scheduled_time = datetime.fromtimestamp(int(match[1]) * 60, UTC)
    return scheduled_time if -_MAX_SCHEDULED_AGE <= scheduled_time - now <= timedelta(days=1) else None


def to_server_clock(since: datetime, node: datetime, server: datetime) -> datetime:
    """A time of the control plane's clock, converted to the server's clock.

    Three clocks are involved. The offset between the control plane's and the server's is unknown: only the node's clock
    can be compared with each. If node and server differ by more than a minute, one of the two is wrong: the one by
    which the Job began longer ago, or has yet to begin. Otherwise a node whose clock is minutes ahead would take the
    previous run for this Job's, and no run would ever be triggered.

    Args:
        since: the time, by the control plane's clock; it has passed.
        node: the node's time now.
        server: the server's time now.
    """
    offset = server - node
    by_node, by_server = node - since, server - since
    node_is_right = by_server < -_CLOCK_TOLERANCE or -_CLOCK_TOLERANCE <= by_node <= by_server
    return since + offset if abs(offset) <= MAX_TRUSTED_OFFSET or node_is_right else since


def is_own(run: RemoteRun, since: datetime | None, *, requested: bool = False) -> bool:
    """True for a run created since that time (of the server's clock), since which a Job asks for a run.

    For a requested Job it must be younger than the request by `_DATE_RESOLUTION`: a run that may have been created
    before the request is not its run. A pod takes longer than that to trigger its own.
    """
    created_at = run.creation_time
    return (
        since is not None
        and created_at is not None
        and created_at >= since + (_DATE_RESOLUTION if requested else -_CLOCK_TOLERANCE)
    )


def find_existing_run(
    runs: Sequence[RemoteRun],
    since: datetime | None,
    *,
    retries: int,
    max_failed_rows_percent: float,
    requested: bool = False,
) -> RemoteRun | None:
    """The run to follow (or to evaluate, if it has ended) instead of triggering one; None if one must be triggered.

    An active run comes first. For a requested Job it need not be its own: see `is_own`.

    Args:
        runs: the server's runs, the highest id first.
        since: time of the server's clock since which the Job asks for a run; None if unknown.
        retries: how many of its own failed runs a Job may retry.
        max_failed_rows_percent: share of rows (0-100) that may fail in a run that counts as delivered.
        requested: True for a Job that was requested by a user.
    """
    active = next((run for run in runs if run.status.active), None)
    if active is not None:
        return active
    own = [run for run in runs if is_own(run, since, requested=requested)]
    if not own or not own[0].status.finished:
        return own[0] if own else None
    outcomes = [outcome_of(run, max_failed_rows_percent, before=runs) for run in own if run.status.finished]
    failed = [outcome.run for outcome in outcomes if outcome.code is ExitCode.FAILED]
    return own[0] if own[0] not in failed or len(failed) > retries else None
