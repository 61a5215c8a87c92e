"""How a Job gets its run (contract section 7): a trigger's 2xx promises nothing, so look for the run."""

import logging
from datetime import datetime, timedelta
from typing import Final

from sync_operator.errors import IdentityError, OutcomeUnknownError, ServerState, StateError, TransientError
from sync_operator.remote.client import ApiClient
from sync_operator.remote.types import Dialect, RemoteRun
from sync_operator.runner.clock import Clock, ServerClock
from sync_operator.runner.duty import answering_run, is_own, since_there, slot_of
from sync_operator.runner.patience import Patience
from sync_operator.settings import RunnerSettings

__all__ = ["MOST_TRIGGERS", "TRIGGER_DEADLINE", "Starter"]

_log = logging.getLogger(__name__)
_START_PATIENCE: Final = 300.0
"""Seconds of no usable answer before a run is known: the next scheduled run comes anyway."""
TRIGGER_DEADLINE: Final = 120.0
"""Seconds in which a triggered run must show up, before it is triggered again."""
MOST_TRIGGERS: Final = 3
_FIRST_POLL: Final = 1.0
_LONGEST_POLL: Final = 10.0
_POLL_GROWTH: Final = 1.3
_OWN_SCHEDULE: Final = 10.0
"""Seconds in which a run by the server's own schedule must show up."""
_PUNCTUAL: Final = timedelta(seconds=75)
"""A Job's name tells its minute only, and a pod takes some seconds to start."""


class Starter:
    """Finds the run that answers this Job, or makes one.

    Attributes:
        server: the server's clock.
        runs: of the sync, as the server told them last.
        requested: True for a Job that somebody asked for: only a run made since then is its run.
    """

    def __init__(self, client: ApiClient, settings: RunnerSettings, clock: Clock, patience: Patience) -> None:
        self.server = ServerClock(clock)
        self.runs: tuple[RemoteRun, ...] = ()
        self._client = client
        self._settings = settings
        self._clock = clock
        self._patience = patience
        slot = slot_of(settings.run_name, clock.wall())
        self.requested = settings.since is not None or slot is None
        # A Job made by hand does not tell its pods when that was: this one's start is the earliest that is certain.
        self._since = settings.since or slot or clock.wall()
        self._late = clock.wall() - self._since > _PUNCTUAL
        self._since_there: datetime | None = None
        self._newest: int | None = None
        self._is_identified = settings.registered_at is None

    async def obtain(self) -> RemoteRun | None:
        """A run to follow, or one of this Job that has ended; None when none showed up after any of the triggers.

        Raises:
            GaveUpError: the server gave no usable answer for too long.
            SyncOperatorError: the server refused, or has another sync there (`IdentityError`).
        """
        if not self._is_identified:
            await self._patience.call(self._identify, seconds=_START_PATIENCE)
        self._newest = None
        hold = self._hold()
        run = await self._watch(hold) if hold else None
        for _ in range(MOST_TRIGGERS):
            run = run or await self._patience.call(self._look_and_trigger, seconds=_START_PATIENCE)
            run = run or await self._watch(TRIGGER_DEADLINE)
            if run is not None:
                return run
            _log.warning("no run appeared within %.0f s of the trigger", TRIGGER_DEADLINE)
        return None

    async def _identify(self) -> None:
        """Look, before anything is run or followed, whether the server still has the sync that was registered."""
        sync_id, expected = self._settings.sync_id, self._settings.registered_at
        found = (await self._client.get_sync(sync_id)).created_at
        if expected is not None and found is not None and found.replace(microsecond=0) != expected:
            raise IdentityError(
                f"sync {sync_id} was registered at {_second(expected)}, but what has that id on the server was made at "
                f"{_second(found)}: it is another sync, and nothing was run; the Sync's condition Ready tells more"
            )
        self._is_identified = True

    def is_own(self, run: RemoteRun) -> bool:
        """True for a run made for this Job, as opposed to one that was found under way."""
        newer = self._newest is not None and run.id > self._newest
        return newer or is_own(run, self._since_there, requested=self.requested)

    def _hold(self) -> float:
        """Seconds to look for a run before the first trigger.

        The pod before this one may have died right after its trigger, with the run still to appear. A Multiwoven
        server makes that harmless: a sync has one workflow at a time, and a trigger before the row exists is void. Of
        the documented dialect no such thing is known, and its server runs the sync by itself as well: there a pod that
        comes in time leaves the server's own run some seconds to show up, and one that comes late (as a replacement
        does) first waits for what an earlier trigger may have started.
        """
        if self._settings.dialect != Dialect.DOCUMENTED:
            return 0.0
        return TRIGGER_DEADLINE if self._late else _OWN_SCHEDULE

    async def _look_and_trigger(self) -> RemoteRun | None:
        """Ask for a run unless there is one: looked at right before, also when the trigger is sent once more."""
        run = await self._look()
        if run is not None:
            return run
        try:
            await self._client.trigger(self._settings.sync_id)
        except OutcomeUnknownError as error:
            _log.warning("%s; looking for the run", error)
        except StateError as error:
            if error.state is not ServerState.RUN_ACTIVE:
                raise
            raise TransientError(f"{error}, which is to be followed") from error
        else:
            _log.info("triggered sync %s", self._settings.sync_id)
        return None

    async def _watch(self, seconds: float) -> RemoteRun | None:
        """Look for a run, less and less often; None when none showed up in that time."""
        deadline = self._clock.now() + seconds
        pause = _FIRST_POLL
        while True:
            run = await self._patience.call(self._look, seconds=_START_PATIENCE)
            left = deadline - self._clock.now()
            if run is not None or left <= 0:
                return run
            await self._clock.sleep(max(0.1, min(pause, left)))
            pause = min(pause * _POLL_GROWTH, _LONGEST_POLL)

    async def _look(self) -> RemoteRun | None:
        """The run that answers this Job, as the server's list tells it now."""
        seen = await self._client.look_at_runs(self._settings.sync_id)
        self.server.told(seen.clock)
        self.runs = seen.runs
        if self._since_there is None:
            # Once: as time goes on, a clock that is behind comes to look like one that is right.
            self._since_there = since_there(self._since, self._clock.wall(), self.server.now())
        if self._newest is None:
            self._newest = max((run.id for run in seen.runs), default=0)
        newest = self._newest
        run = answering_run(
            seen.runs,
            self._since_there,
            retries=self._settings.retries,
            max_failed_rows_percent=self._settings.max_failed_rows_percent,
            requested=self.requested,
        ) or next((run for run in reversed(seen.runs) if run.id > newest), None)
        if run is not None:
            waits = self.requested and not self.is_own(run)
            _log.info(_found(run, new=run.id > newest, waits=waits), extra={"run": run.id})
        return run


def _second(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")


def _found(run: RemoteRun, *, new: bool, waits: bool) -> str:
    if new:
        return f"run {run.id} started"
    if waits:
        return f"run {run.id} was under way before this one was asked for: waiting for its end"
    if run.status.finished:
        return f"run {run.id} was made for this time already: not asking for another"
    return f"run {run.id} is under way already: following it"
