"""From a trigger to the end of its run (contract section 7): a trigger's 2xx promises nothing, so look for the run."""

import logging
from datetime import datetime, timedelta
from typing import Final

from sync_operator.errors import OutcomeUnknownError, ServerState, StateError
from sync_operator.remote.client import ApiClient
from sync_operator.remote.types import Dialect, RemoteRun
from sync_operator.runner.ending import Ending, ExitCode, ending_of
from sync_operator.runner.patience import Clock, Patience
from sync_operator.runner.progress import progress_fields, progress_line
from sync_operator.settings import RunnerSettings

__all__ = ["Follower"]

_log = logging.getLogger(__name__)
_START_PATIENCE: Final = 300.0
"""Seconds of no answer before a run is known: the next scheduled run comes anyway."""
_FOLLOW_PATIENCE: Final = 1800.0
"""Seconds of no answer while a run goes on: servers restart, and the run lives on without us."""
_TRIGGER_DEADLINE: Final = 120.0
"""Seconds in which a triggered run must show up, before it is triggered again."""
_MOST_TRIGGERS: Final = 3
_FIRST_POLL: Final = 1.0
_LONGEST_POLL: Final = 60.0
_POLL_GROWTH: Final = 1.3


class Follower:
    """Makes one run and follows it."""

    def __init__(self, client: ApiClient, settings: RunnerSettings, clock: Clock) -> None:
        self._client = client
        self._settings = settings
        self._clock = clock
        self._patience = Patience(clock)
        self._started = clock.now()

    async def run(self, slot: datetime | None) -> Ending:
        """Trigger, find the run, follow it to its end, and judge it.

        Args:
            slot: the scheduled time that this Job stands for; None for a requested run.

        Raises:
            GaveUpError: the server gave no usable answer for too long.
            SyncOperatorError: the server refused.
        """
        known = await self._runs()
        run = self._already_there(known, slot)
        if run is None:
            run = await self._find(max((entry.id for entry in known), default=0))
        if run is None:
            message = (
                f"the server accepted {_MOST_TRIGGERS} triggers, but no run appeared within "
                f"{_TRIGGER_DEADLINE:.0f} s of each; look whether its workers are up"
            )
            return Ending(ExitCode.FAILED, message)
        return await self._follow(run)

    def _already_there(self, runs: tuple[RemoteRun, ...], slot: datetime | None) -> RemoteRun | None:
        """A run to be followed instead of making one: an active one, or one that took this Job's slot.

        A server of the documented dialect schedules by itself too, so there a run of this slot may be over already.
        """
        active = next((run for run in runs if run.status.active), None)
        if active is not None:
            _log.info("run %s is under way already: following it", active.id, extra={"run": active.id})
            return active
        if slot is None or self._settings.dialect != Dialect.DOCUMENTED:
            return None
        taken = next((run for run in runs if run.created_at is not None and run.created_at >= slot), None)
        if taken is not None:
            _log.info("the server made run %s for this time: not triggering another", taken.id, extra={"run": taken.id})
        return taken

    async def _find(self, newest: int) -> RemoteRun | None:
        """Trigger until a newer run shows up; None when that never happens."""
        for _ in range(_MOST_TRIGGERS):
            if not await self._trigger():
                active = next((run for run in await self._runs() if run.status.active), None)
                if active is not None:
                    _log.info("run %s is under way already: following it", active.id, extra={"run": active.id})
                    return active
            run = await self._await_newer(newest)
            if run is not None:
                _log.info("run %s started", run.id, extra={"run": run.id})
                return run
            _log.warning("no run appeared within %.0f s of the trigger", _TRIGGER_DEADLINE)
        return None

    async def _trigger(self) -> bool:
        """Ask for a run; False when the server says that one is active."""
        try:
            await self._patience.call(lambda: self._client.trigger(self._settings.sync_id), seconds=_START_PATIENCE)
        except OutcomeUnknownError as error:
            _log.warning("%s; looking for the run", error)
        except StateError as error:
            if error.state is not ServerState.RUN_ACTIVE:
                raise
            return False
        else:
            _log.info("triggered sync %s", self._settings.sync_id)
        return True

    async def _await_newer(self, newest: int) -> RemoteRun | None:
        deadline = self._clock.now() + _TRIGGER_DEADLINE
        pause = _FIRST_POLL
        while self._clock.now() < deadline:
            await self._clock.sleep(pause)
            newer = [run for run in await self._runs() if run.id > newest]
            if newer:
                return newer[-1]
            pause = min(pause * _POLL_GROWTH, 10.0)
        return None

    async def _follow(self, run: RemoteRun) -> Ending:
        """Poll less and less often until the run has ended; cancel it when our own time is over."""
        pause = _FIRST_POLL
        limit = self._settings.timeout
        while not run.status.finished:
            _log.info(progress_line(run, self._elapsed()), extra=progress_fields(run, self._elapsed()))
            if limit is not None and self._elapsed() >= limit:
                return await self._cancel(run, limit)
            left = (limit - self._elapsed()).total_seconds() if limit else _LONGEST_POLL
            await self._clock.sleep(max(0.1, min(pause, left)))
            pause = min(pause * _POLL_GROWTH, _LONGEST_POLL)
            run = await self._read(run.id)
        ending = ending_of(run, self._settings.max_failed_rows_percent)
        _log.info(progress_line(run, self._elapsed()), extra=progress_fields(run, self._elapsed()))
        return ending

    async def _cancel(self, run: RemoteRun, limit: timedelta) -> Ending:
        words = f"run {run.id} took longer than SYNC_RUN_TIMEOUT ({limit}): "
        canceled = await self._patience.call(
            lambda: self._client.cancel(self._settings.sync_id), seconds=_START_PATIENCE
        )
        last = await self._read(run.id)
        if not canceled and last.status.finished:
            return ending_of(last, self._settings.max_failed_rows_percent)
        return Ending(ExitCode.CANCELED, words + "canceled", last)

    async def _runs(self) -> tuple[RemoteRun, ...]:
        return await self._patience.call(
            lambda: self._client.list_runs(self._settings.sync_id), seconds=_START_PATIENCE
        )

    async def _read(self, run_id: int) -> RemoteRun:
        return await self._patience.call(
            lambda: self._client.get_run(self._settings.sync_id, run_id), seconds=_FOLLOW_PATIENCE
        )

    def _elapsed(self) -> timedelta:
        return timedelta(seconds=int(self._clock.now() - self._started))
