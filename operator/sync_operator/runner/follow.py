"""Following a run to its end: progress, our own timeout, and rows that nothing moves any more."""

import logging
from datetime import timedelta
from typing import Final

from sync_operator.errors import SyncOperatorError
from sync_operator.remote.client import ApiClient
from sync_operator.remote.types import Dialect, RemoteRun, RunStatus
from sync_operator.runner.clock import Clock
from sync_operator.runner.duty import made_at
from sync_operator.runner.ending import Ending, ExitCode, ending_of
from sync_operator.runner.patience import GaveUpError, Patience
from sync_operator.runner.progress import progress_fields, progress_line
from sync_operator.runner.start import MOST_TRIGGERS, TRIGGER_DEADLINE, Starter
from sync_operator.runner.stuck import LOOK_AFTER, Fate, fate_of, silent_for
from sync_operator.settings import RunnerSettings

__all__ = ["Follower"]

_log = logging.getLogger(__name__)
_FOLLOW_PATIENCE: Final = 1800.0
"""Seconds of no usable answer while a run goes on: servers restart, and the run lives on without us."""
_CANCEL_PATIENCE: Final = 60.0
"""Seconds for canceling: the pod has 120 s between its own timeout and the Job's deadline."""
_CANCEL_PAUSE: Final = 5.0
_AFTER_ANOTHER: Final = 2.0
"""Seconds after the end of a run in which a trigger may be void, because its workflow still holds the id."""
_FIRST_POLL: Final = 1.0
_LONGEST_POLL: Final = 60.0
_POLL_GROWTH: Final = 1.3
_TELL_EVERY: Final = 60.0
"""Seconds after which a progress line is due although nothing changed."""


class Follower:
    """Makes one run and follows it.

    Attributes:
        run: the run that is followed, as last seen; None while there is none.
        canceling: True while our own timeout is being carried out, which is not to be interrupted.
    """

    def __init__(self, client: ApiClient, settings: RunnerSettings, clock: Clock, patience: Patience) -> None:
        self.run: RemoteRun | None = None
        self.canceling = False
        self._client = client
        self._settings = settings
        self._clock = clock
        self._patience = patience
        self._starter = Starter(client, settings, clock, patience)
        self._started = clock.now()
        self._told: tuple[object, float] = (None, 0.0)
        self._looked_at_sync = clock.now() - LOOK_AFTER.total_seconds()

    async def ending(self) -> Ending:
        """Find or make the run of this Job, follow it to its end, and judge it.

        Raises:
            GaveUpError: the server gave no usable answer for too long.
            SyncOperatorError: the server refused.
        """
        while True:
            self.run = await self._starter.obtain()
            if self.run is None:
                message = (
                    f"the server accepted {MOST_TRIGGERS} triggers, but no run appeared within "
                    f"{TRIGGER_DEADLINE:.0f} s of each; look whether its workers are up"
                )
                return Ending(ExitCode.FAILED, message)
            ending = await self._follow(self.run)
            if ending is not None:
                return ending

    async def _follow(self, run: RemoteRun) -> Ending | None:
        """Poll less and less often until the run has ended.

        None when it was another's and is out of the way of ours: left behind and canceled, or begun before ours was
        asked for and waited for.
        """
        pause = _FIRST_POLL
        own = self._starter.is_own(run)
        in_the_way = self._starter.requested and not own
        while not run.status.finished:
            self._tell(run)
            left = self._time_left(run, own=own)
            if left is not None and left <= 0:
                return self._waited_too_long(run) if in_the_way else await self._time_out(run)
            if self._sync_is_due(run):
                fate = await self._fate(run)
                if fate is not Fate.ALIVE:
                    return await self._abandon(run, fate, own=own)
            await self._clock.sleep(pause if left is None else max(0.1, min(pause, left)))
            pause = min(pause * _POLL_GROWTH, _LONGEST_POLL)
            self.run = run = await self._read(run.id)
        self._tell(run)
        if in_the_way:
            await self._clock.sleep(_AFTER_ANOTHER)
            if self._settings.since is not None:
                self._started = self._clock.now()  # the deadline of such a Job has room for the wait
            return None
        return self._judged(run)

    def _judged(self, run: RemoteRun) -> Ending:
        return ending_of(run, self._settings.max_failed_rows_percent, before=self._starter.runs)

    def _time_left(self, run: RemoteRun, *, own: bool) -> float | None:
        """Seconds until our own timeout: of this pod, and for a run of this Job, of the pods before it too."""
        if self._settings.timeout is None:
            return None
        elapsed = self._clock.now() - self._started
        if own:
            elapsed = max(elapsed, self._elapsed(run).total_seconds())
        return self._settings.timeout.total_seconds() - elapsed

    def _waited_too_long(self, run: RemoteRun) -> Ending:
        """Our own timeout is over before the run of others: theirs is not ours to cancel."""
        words = (
            f"run {run.id} was under way before this run was asked for, and goes on after SYNC_RUN_TIMEOUT "
            f"({self._settings.timeout}): no run was made; ask again when it has ended, or cancel it on the server"
        )
        return Ending(ExitCode.FAILED, words)

    async def _time_out(self, run: RemoteRun) -> Ending:
        """Cancel the run, and see that it is canceled: a 2xx does not promise that either."""
        self.canceling = True
        words = f"run {run.id} took longer than SYNC_RUN_TIMEOUT ({self._settings.timeout}): "
        deadline = self._clock.now() + _CANCEL_PATIENCE
        while True:
            try:
                await self._patience.call(
                    lambda: self._client.cancel(self._settings.sync_id), seconds=deadline - self._clock.now()
                )
                self.run = run = await self._read(run.id, seconds=deadline - self._clock.now())
            except (GaveUpError, SyncOperatorError) as error:
                return Ending(ExitCode.CANCELED, f"{words}not canceled: {error}")
            if run.status is RunStatus.CANCELED:
                return Ending(ExitCode.CANCELED, words + "canceled", run)
            if run.status.finished:
                return self._judged(run)
            if self._clock.now() + _CANCEL_PAUSE > deadline:
                return Ending(ExitCode.CANCELED, f"{words}asked to cancel it, but the server lets it go on")
            await self._clock.sleep(_CANCEL_PAUSE)

    def _sync_is_due(self, run: RemoteRun) -> bool:
        """True when the row has been silent for so long that the sync is worth a look (which costs a request)."""
        silent = silent_for(run, self._starter.server.now()) >= LOOK_AFTER
        waited = self._clock.now() - self._looked_at_sync >= LOOK_AFTER.total_seconds()
        return silent and waited and self._settings.dialect != Dialect.DOCUMENTED

    async def _fate(self, run: RemoteRun) -> Fate:
        self._looked_at_sync = self._clock.now()
        sync = await self._patience.call(
            lambda: self._client.get_sync(self._settings.sync_id), seconds=_FOLLOW_PATIENCE
        )
        return fate_of(run, sync, self._starter.server.now())

    async def _abandon(self, run: RemoteRun, fate: Fate, *, own: bool) -> Ending | None:
        """What to do about a row that nothing moves any more; None when the way is free for a run of our own."""
        words = f"run {run.id} was left behind as {run.status.value}"
        if fate is Fate.DISABLED:
            code = ExitCode.CANCELED if own else ExitCode.REFUSED
            return Ending(
                code, f"{words} when the sync was disabled on the server; enable it: until then it cannot run"
            )
        silent = silent_for(run, self._starter.server.now())
        words += f": nothing has moved it for {silent.total_seconds() / 3600:.1f} hours"
        _log.warning("%s; canceling it", words)
        await self._patience.call(lambda: self._client.cancel(self._settings.sync_id), seconds=_FOLLOW_PATIENCE)
        if not own:
            return None
        self.run = run = await self._read(run.id)
        return Ending(ExitCode.CANCELED, f"{words}; canceled", run if run.status.finished else None)

    async def _read(self, run_id: int, *, seconds: float = _FOLLOW_PATIENCE) -> RemoteRun:
        return await self._patience.call(lambda: self._client.get_run(self._settings.sync_id, run_id), seconds=seconds)

    def _elapsed(self, run: RemoteRun) -> timedelta:
        """How long the run has gone on; where the server does not say, how long this pod has."""
        made = made_at(run)
        if made is None:
            return timedelta(seconds=int(self._clock.now() - self._started))
        until = run.finished_at or self._starter.server.now()
        return timedelta(seconds=max(0, int((until - made).total_seconds())))

    def _tell(self, run: RemoteRun) -> None:
        """A progress line, when something has changed or none was due for a while."""
        state, now = (run.status, run.rows), self._clock.now()
        if state == self._told[0] and now - self._told[1] < _TELL_EVERY:
            return
        self._told = (state, now)
        _log.info(progress_line(run, self._elapsed(run)), extra=progress_fields(run, self._elapsed(run)))
