"""Follows a run to its end: progress lines, the runner's own timeout, and runs that the server has abandoned."""

import logging
from datetime import timedelta
from typing import Final

from sync_operator.errors import SyncOperatorError
from sync_operator.runner.outcome import ExitCode, RunOutcome, outcome_of
from sync_operator.runner.retry import Retrier, RetryExhaustedError
from sync_operator.runner.run_liveness import CHECK_AFTER, RunLiveness, assess_liveness, time_since_progress
from sync_operator.runner.run_progress import progress_fields, progress_line
from sync_operator.runner.server_clock import Clock
from sync_operator.runner.trigger import MAX_TRIGGERS, TRIGGER_DEADLINE, Trigger
from sync_operator.settings import RunnerSettings
from sync_operator.syncapi.client import ApiClient
from sync_operator.syncapi.types import Dialect, RemoteRun, RunStatus

__all__ = ["Follower"]

_log = logging.getLogger(__name__)
_FOLLOW_TIMEOUT: Final = 1800.0
"""Seconds without a usable response, or until a rotated token arrives, while a run is active.

Servers restart, and the run continues meanwhile.
"""
_CANCEL_TIMEOUT: Final = 60.0
"""Seconds for canceling a run: the pod has 120 s between its own timeout and the Job's deadline."""
_CANCEL_POLL_INTERVAL: Final = 5.0
_WORKFLOW_RELEASE_DELAY: Final = 2.0
"""Seconds after the end of a run during which a trigger may have no effect: its workflow still holds the id."""
_MIN_POLL_INTERVAL: Final = 1.0
_MAX_POLL_INTERVAL: Final = 60.0
_POLL_GROWTH: Final = 1.3
_PROGRESS_LOG_INTERVAL: Final = 60.0
"""Seconds after which a progress line is logged although nothing has changed."""


class Follower:
    """Ensures that the Job has a run, and follows it.

    Attributes:
        run: the run that is followed, as last read; None while there is none.
        canceling: True while a run is canceled because of the runner's own timeout, which must not be interrupted.
    """

    def __init__(self, client: ApiClient, settings: RunnerSettings, clock: Clock, retrier: Retrier) -> None:
        self.run: RemoteRun | None = None
        self.canceling = False
        self._client = client
        self._settings = settings
        self._clock = clock
        self._retrier = retrier
        self._trigger = Trigger(client, settings, clock, retrier)
        self._started_at = clock.now()
        self._last_logged: tuple[object, float] = (None, 0.0)
        self._sync_read_at = clock.now() - CHECK_AFTER.total_seconds()

    async def follow(self) -> RunOutcome:
        """Find or trigger the run of this Job, follow it to its end, and evaluate it.

        Raises:
            RetryExhaustedError: the server gave no usable response for too long.
            SyncOperatorError: the server refused a call.
        """
        while True:
            self.run = await self._trigger.ensure_run()
            if self.run is None:
                message = (
                    f"the server accepted {MAX_TRIGGERS} triggers, but no run appeared within "
                    f"{TRIGGER_DEADLINE:.0f} s of each; look whether its workers are up"
                )
                return RunOutcome(ExitCode.FAILED, message)
            outcome = await self._poll_until_finished(self.run)
            if outcome is not None:
                return outcome

    async def _poll_until_finished(self, run: RemoteRun) -> RunOutcome | None:
        """Poll with growing pauses until the run has ended.

        Returns:
            None if it was not this Job's run and no longer blocks it: it was abandoned and is canceled now, or it
            began before the request and has ended.
        """
        pause = _MIN_POLL_INTERVAL
        own = self._trigger.is_own(run)
        blocks_own_run = self._trigger.requested and not own
        while not run.status.finished:
            self._log_progress(run)
            left = self._time_left(run, own=own)
            if left is not None and left <= 0:
                return self._wait_timed_out(run) if blocks_own_run else await self._time_out(run)
            if self._should_read_sync(run):
                liveness = await self._assess_liveness(run)
                if liveness is not RunLiveness.ALIVE:
                    return await self._handle_abandoned(run, liveness, own=own)
            await self._clock.sleep(pause if left is None else max(0.1, min(pause, left)))
            pause = min(pause * _POLL_GROWTH, _MAX_POLL_INTERVAL)
            self.run = run = await self._read(run.id)
        self._log_progress(run)
        if blocks_own_run:
            await self._clock.sleep(_WORKFLOW_RELEASE_DELAY)
            if self._settings.since is not None:
                self._started_at = self._clock.now()  # the deadline of such a Job allows for the wait
            return None
        return self._evaluate(run)

    def _evaluate(self, run: RemoteRun) -> RunOutcome:
        return outcome_of(run, self._settings.max_failed_rows_percent, before=self._trigger.runs)

    def _time_left(self, run: RemoteRun, *, own: bool) -> float | None:
        """Seconds until the runner's own timeout; None without one.

        It counts from the start of this pod, and for the Job's own run from that run's start, under an earlier pod too.
        """
        if self._settings.timeout is None:
            return None
        elapsed = self._clock.now() - self._started_at
        if own:
            elapsed = max(elapsed, self._elapsed(run).total_seconds())
        return self._settings.timeout.total_seconds() - elapsed

    def _wait_timed_out(self, run: RemoteRun) -> RunOutcome:
        """The outcome when the timeout ends during the wait for a run of another client, which must not be canceled."""
        message = (
            f"run {run.id} was under way before this run was asked for, and goes on after SYNC_RUN_TIMEOUT "
            f"({self._settings.timeout}): no run was made; ask again when it has ended, or cancel it on the server"
        )
        return RunOutcome(ExitCode.FAILED, message)

    async def _time_out(self, run: RemoteRun) -> RunOutcome:
        """Cancel the run, and check that it is canceled: a 2xx response does not guarantee it."""
        self.canceling = True
        message = f"run {run.id} took longer than SYNC_RUN_TIMEOUT ({self._settings.timeout}): "
        deadline = self._clock.now() + _CANCEL_TIMEOUT
        while True:
            try:
                await self._retrier.call(
                    lambda: self._client.cancel(self._settings.sync_id), seconds=deadline - self._clock.now()
                )
                self.run = run = await self._read(run.id, seconds=deadline - self._clock.now())
            except (RetryExhaustedError, SyncOperatorError) as error:
                return RunOutcome(ExitCode.CANCELED, f"{message}not canceled: {error}")
            if run.status is RunStatus.CANCELED:
                return RunOutcome(ExitCode.CANCELED, message + "canceled", run)
            if run.status.finished:
                return self._evaluate(run)
            if self._clock.now() + _CANCEL_POLL_INTERVAL > deadline:
                return RunOutcome(ExitCode.CANCELED, f"{message}asked to cancel it, but the server lets it go on")
            await self._clock.sleep(_CANCEL_POLL_INTERVAL)

    def _should_read_sync(self, run: RemoteRun) -> bool:
        """True if the run's row has not changed for so long that the sync should be read (which costs a request)."""
        unchanged = time_since_progress(run, self._trigger.server.now()) >= CHECK_AFTER
        waited = self._clock.now() - self._sync_read_at >= CHECK_AFTER.total_seconds()
        return unchanged and waited and self._settings.dialect != Dialect.DOCUMENTED

    async def _assess_liveness(self, run: RemoteRun) -> RunLiveness:
        self._sync_read_at = self._clock.now()
        sync = await self._retrier.call(lambda: self._client.syncs.get(self._settings.sync_id), seconds=_FOLLOW_TIMEOUT)
        return assess_liveness(run, sync, self._trigger.server.now())

    async def _handle_abandoned(self, run: RemoteRun, liveness: RunLiveness, *, own: bool) -> RunOutcome | None:
        """Handle a run that the server has abandoned; None if a run of this Job can start now."""
        message = f"run {run.id} was left behind as {run.status.value}"
        if liveness is RunLiveness.DISABLED:
            code = ExitCode.CANCELED if own else ExitCode.REFUSED
            return RunOutcome(
                code, f"{message} when the sync was disabled on the server; enable it: until then it cannot run"
            )
        silent = time_since_progress(run, self._trigger.server.now())
        message += f": nothing has moved it for {silent.total_seconds() / 3600:.1f} hours"
        _log.warning("%s; canceling it", message)
        await self._retrier.call(lambda: self._client.cancel(self._settings.sync_id), seconds=_FOLLOW_TIMEOUT)
        if not own:
            return None
        self.run = run = await self._read(run.id)
        return RunOutcome(ExitCode.CANCELED, f"{message}; canceled", run if run.status.finished else None)

    async def _read(self, run_id: int, *, seconds: float = _FOLLOW_TIMEOUT) -> RemoteRun:
        return await self._retrier.call(lambda: self._client.get_run(self._settings.sync_id, run_id), seconds=seconds)

    def _elapsed(self, run: RemoteRun) -> timedelta:
        """How long the run has taken so far; if the server does not say, how long this pod has."""
        created_at = run.creation_time
        if created_at is None:
            return timedelta(seconds=int(self._clock.now() - self._started_at))
        until = run.finished_at or self._trigger.server.now()
        return timedelta(seconds=max(0, int((until - created_at).total_seconds())))

    def _log_progress(self, run: RemoteRun) -> None:
        """Log a progress line if something has changed, or if the last one is `_PROGRESS_LOG_INTERVAL` seconds old."""
        state, now = (run.status, run.rows), self._clock.now()
        if state == self._last_logged[0] and now - self._last_logged[1] < _PROGRESS_LOG_INTERVAL:
            return
        self._last_logged = (state, now)
        _log.info(progress_line(run, self._elapsed(run)), extra=progress_fields(run, self._elapsed(run)))
