"""How a Job gets its run (contract section 7): a trigger answered with 2xx may start nothing, so the list is polled."""

import logging
from datetime import datetime, timedelta
from typing import Final

from sync_operator.errors import (
    FailedPreconditionError,
    IdentityError,
    OutcomeUnknownError,
    PreconditionFailure,
    TransientError,
)
from sync_operator.runner.retry import Retrier
from sync_operator.runner.run_matching import find_existing_run, is_own, scheduled_time_from_job_name, to_server_clock
from sync_operator.runner.server_clock import Clock, ServerClock
from sync_operator.settings import RunnerSettings
from sync_operator.syncapi.client import ApiClient
from sync_operator.syncapi.types import Dialect, RemoteRun

__all__ = ["MAX_TRIGGERS", "TRIGGER_DEADLINE", "Trigger"]

_log = logging.getLogger(__name__)
_START_TIMEOUT: Final = 300.0
"""Seconds without a usable response, or until a rotated token arrives, before a run is known.

After that give up: the next scheduled run follows.
"""
TRIGGER_DEADLINE: Final = 120.0
"""Seconds within which a triggered run must appear in the list, before the sync is triggered again."""
MAX_TRIGGERS: Final = 3
_MIN_POLL_INTERVAL: Final = 1.0
_MAX_POLL_INTERVAL: Final = 10.0
_POLL_GROWTH: Final = 1.3
_SERVER_SCHEDULE_DELAY: Final = 10.0
"""Seconds within which a run that the server's own schedule started must appear in the list."""
_ON_TIME_TOLERANCE: Final = timedelta(seconds=75)
"""Delay up to which a pod is on time: a Job's name contains its minute only, and a pod takes some seconds to start."""


class Trigger:
    """Finds the run of this Job, or triggers one.

    Attributes:
        server: the server's clock.
        runs: the sync's runs, as last listed.
        requested: True for a Job that was requested by a user: only a run created since then is its run.
    """

    def __init__(self, client: ApiClient, settings: RunnerSettings, clock: Clock, retrier: Retrier) -> None:
        self.server = ServerClock(clock)
        self.runs: tuple[RemoteRun, ...] = ()
        self._client = client
        self._settings = settings
        self._clock = clock
        self._retrier = retrier
        scheduled_time = scheduled_time_from_job_name(settings.run_name, clock.wall())
        self.requested = settings.since is not None or scheduled_time is None
        # Pods of a manually created Job do not know when that was: the start of this pod is the earliest safe time.
        self._since = settings.since or scheduled_time or clock.wall()
        self._late = clock.wall() - self._since > _ON_TIME_TOLERANCE
        self._since_server_time: datetime | None = None
        self._newest_known_id: int | None = None
        self._is_identified = settings.registered_at is None

    async def ensure_run(self) -> RemoteRun | None:
        """A run to follow, or a finished run of this Job; None if none appeared after any of the triggers.

        Raises:
            RetryExhaustedError: the server gave no usable response for too long.
            SyncOperatorError: the server refused, or the id belongs to another sync (`IdentityError`).
        """
        if not self._is_identified:
            await self._retrier.call(self._identify, seconds=_START_TIMEOUT)
        self._newest_known_id = None
        grace_period = self._grace_period()
        run = await self._poll_for_run(grace_period) if grace_period else None
        for _ in range(MAX_TRIGGERS):
            run = run or await self._retrier.call(self._trigger_if_needed, seconds=_START_TIMEOUT)
            run = run or await self._poll_for_run(TRIGGER_DEADLINE)
            if run is not None:
                return run
            _log.warning("no run appeared within %.0f s of the trigger", TRIGGER_DEADLINE)
        return None

    async def _identify(self) -> None:
        """Check that the id still belongs to the sync that was registered."""
        sync_id, expected = self._settings.sync_id, self._settings.registered_at
        found = await self._client.syncs.get(sync_id)
        if expected is not None and found.created_at is not None and not found.was_created_at(expected):
            raise IdentityError(
                f"sync {sync_id} was registered at {_text(expected)}, but the sync with that id on the "
                f"server was created at {_text(found.created_at)}: it is another sync, and nothing was "
                "run; the Sync's condition Ready says more"
            )
        self._is_identified = True

    def is_own(self, run: RemoteRun) -> bool:
        """True for a run created for this Job, as opposed to one that was already active."""
        newer = self._newest_known_id is not None and run.id > self._newest_known_id
        return newer or is_own(run, self._since_server_time, requested=self.requested)

    def _grace_period(self) -> float:
        """Seconds to poll for a run before the first trigger.

        The previous pod may have died right after its trigger, before the run appeared. On a Multiwoven server that is
        harmless: a sync has one workflow at a time, and a trigger before the row exists has no effect. For the
        documented dialect no such rule is known, and its server also schedules the sync by itself. There a pod that is
        on time waits some seconds for the server's own run, and one that is late (such as a replacement) first waits
        for the run that an earlier trigger may have started.
        """
        if self._settings.dialect != Dialect.DOCUMENTED:
            return 0.0
        return TRIGGER_DEADLINE if self._late else _SERVER_SCHEDULE_DELAY

    async def _trigger_if_needed(self) -> RemoteRun | None:
        """Trigger a run unless there is one; the list is read right before each trigger, including retries."""
        run = await self._read_runs()
        if run is not None:
            return run
        try:
            await self._client.trigger(self._settings.sync_id)
        except OutcomeUnknownError as error:
            _log.warning("%s; looking for the run", error)
        except FailedPreconditionError as error:
            if error.state is not PreconditionFailure.RUN_ACTIVE:
                raise
            raise TransientError(f"{error}, which is to be followed") from error
        else:
            _log.info("triggered sync %s", self._settings.sync_id)
        return None

    async def _poll_for_run(self, seconds: float) -> RemoteRun | None:
        """Poll for a run with growing pauses; None if none appeared in that time."""
        deadline = self._clock.now() + seconds
        pause = _MIN_POLL_INTERVAL
        while True:
            run = await self._retrier.call(self._read_runs, seconds=_START_TIMEOUT)
            left = deadline - self._clock.now()
            if run is not None or left <= 0:
                return run
            await self._clock.sleep(max(0.1, min(pause, left)))
            pause = min(pause * _POLL_GROWTH, _MAX_POLL_INTERVAL)

    async def _read_runs(self) -> RemoteRun | None:
        """Read the server's list, and return this Job's run; None if there is none yet."""
        run_list = await self._client.list_runs_with_server_time(self._settings.sync_id)
        self.server.observe(run_list.server_time)
        self.runs = run_list.runs
        if self._since_server_time is None:
            # Computed once only: later, a clock that is behind would look like one that is right.
            self._since_server_time = to_server_clock(self._since, self._clock.wall(), self.server.now())
        if self._newest_known_id is None:
            self._newest_known_id = max((run.id for run in run_list.runs), default=0)
        newest = self._newest_known_id
        run = find_existing_run(
            run_list.runs,
            self._since_server_time,
            retries=self._settings.retries,
            max_failed_rows_percent=self._settings.max_failed_rows_percent,
            requested=self.requested,
        ) or next((run for run in reversed(run_list.runs) if run.id > newest), None)
        if run is not None:
            waits = self.requested and not self.is_own(run)
            _log.info(_found_message(run, new=run.id > newest, waits=waits), extra={"run": run.id})
        return run


def _text(time: datetime) -> str:
    return time.isoformat(sep=" ", timespec="milliseconds" if time.microsecond else "seconds")


def _found_message(run: RemoteRun, *, new: bool, waits: bool) -> str:
    if new:
        return f"run {run.id} started"
    if waits:
        return f"run {run.id} was under way before this one was asked for: waiting for its end"
    if run.status.finished:
        return f"run {run.id} was made for this time already: not asking for another"
    return f"run {run.id} is under way already: following it"
