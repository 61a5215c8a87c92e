"""Leader election by a Lease, and fencing: right before each request, a check that this process still leads.

A process that has lost its Lease exits at once. Cleaning up could send requests, and what an immediate exit leaves
behind is what SIGKILL leaves, which the next leader must handle anyway.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Final, NoReturn

from sync_operator.domain.lease_record import LeaseTimes, ObservedRecord, can_acquire, is_valid, observe_record
from sync_operator.errors import KubernetesError
from sync_operator.kubernetes.lease_client import Lease

__all__ = ["TIMES", "LeaderElector", "elapsed"]

_log = logging.getLogger(__name__)
TIMES: Final = LeaseTimes()
_JITTER: Final = 0.2
_MIN_RETRY_DELAY: Final = 0.01
"""Minimum delay between attempts in seconds, so that the loop does not spin when almost no time is left."""
_STANDBY_STALE_AFTER: Final = 50.0
"""Seconds without reading the Lease after which a standby process is unhealthy: it could not take over."""
_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Monotonic clock in seconds. It advances while the process is stopped and, if the OS allows, during suspend."""
    return time.clock_gettime(_CLOCK)


class LeaderElector:
    """One candidate: stands by, acquires the Lease, renews it, and releases it.

    Args:
        lease: the Lease.
        identity: holder identity, unique to this process.
        on_lost: called when this process led and must not continue; ends the process.
        times: duration, deadline and retry period of the Lease.
        clock: monotonic clock in seconds that also advances while the process is stopped.
    """

    def __init__(
        self,
        lease: Lease,
        identity: str,
        on_lost: Callable[[str], NoReturn],
        *,
        times: LeaseTimes = TIMES,
        clock: Callable[[], float] = elapsed,
    ) -> None:
        self.times = times
        self._lease = lease
        self._identity = identity
        self._on_lost = on_lost
        self._clock = clock
        self._version = ""
        self._confirmed_at: float | None = None
        self._last_read_at = clock()
        self._last_logged = ""
        self._renewal: asyncio.Task[None] | None = None

    @property
    def is_leader(self) -> bool:
        """True while this process may act."""
        return is_valid(self._confirmed_at, self._clock(), self.times)

    @property
    def renewal(self) -> asyncio.Task[None]:
        """The task that renews the Lease.

        Raises:
            RuntimeError: this process has not been elected yet.
        """
        if self._renewal is None:
            raise RuntimeError("not elected yet")
        return self._renewal

    def assert_leading(self) -> None:
        """End the process if another one may lead. To be called right before each request."""
        if not self.is_leader:
            self._on_lost(f"{self._lease} was {self._age_text()}; another process may lead")

    def standby_error(self) -> str:
        """Why this process neither leads nor could take over; empty if it does or could. Thread-safe."""
        if self._confirmed_at is not None:
            return "" if self.is_leader else f"{self._lease} is lost: it was {self._age_text()}"
        age = self._clock() - self._last_read_at
        return f"{self._lease} could not be read for {age:.0f} s" if age > _STANDBY_STALE_AFTER else ""

    async def acquire(self, stop_requested: asyncio.Event) -> bool:
        """Stand by until this process leads, then renew the Lease in a task; False if a stop is requested first."""
        standing = asyncio.create_task(self._acquire_loop())
        stopping = asyncio.create_task(stop_requested.wait())
        await asyncio.wait([standing, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not standing.done():
            standing.cancel()
            return False
        standing.result()
        # kopf cancels tasks that are created after it has started, so this one is created before.
        self._renewal = asyncio.create_task(self._renew_loop(), name="lease")
        return True

    async def release(self) -> None:
        """Release the Lease so that another process can lead at once. No request may be sent afterwards."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait([self._renewal])
        self._confirmed_at = None
        try:
            async with asyncio.timeout(self.times.deadline / 2):
                released = await self._lease.release(self._version)
                found = None if released else await self._lease.read()
                if found is not None and found.holder == self._identity:
                    # The renewal that was cancelled above had reached the API server.
                    released = await self._lease.release(found.version)
                _log.info("%s is %s", self._lease, "released" if released else "not ours any more")
        except (KubernetesError, TimeoutError) as error:
            _log.warning("%s is left to expire: %s", self._lease, _error_text(error))

    async def _acquire_loop(self) -> None:
        """Poll the Lease until it can be acquired, and acquire it."""
        seen: ObservedRecord | None = None
        while True:
            try:
                async with asyncio.timeout(self.times.deadline / 2):
                    found = await self._lease.read()
                    self._last_read_at = self._clock()
                    seen = observe_record(seen, found, self._last_read_at)
                    if can_acquire(seen, self._identity, self._last_read_at):
                        if await self._try_acquire(seen):
                            return
                    elif seen.lease is not None:
                        self._log_once(f"standing by: {self._lease} is held by {seen.lease.holder}")
            except (KubernetesError, TimeoutError) as error:
                self._log_once(f"standing by: {self._lease} cannot be had: {_error_text(error)}", logging.WARNING)
            await asyncio.sleep(self.times.retry * random.uniform(1, 1 + _JITTER))  # noqa: S311 (jitter, not a secret)

    async def _try_acquire(self, seen: ObservedRecord) -> bool:
        requested_at = self._clock()
        taken = await self._lease.acquire(seen, self._identity, self.times)
        if taken is None:
            return False
        self._version, self._confirmed_at = taken.version, requested_at
        _log.info("leading: %s is held by %s (transition %d)", self._lease, self._identity, taken.transitions)
        return True

    async def _renew_loop(self) -> None:
        """Renew the Lease until it is lost, which ends the process."""
        started = self._clock()
        while True:
            await asyncio.sleep(
                max(_MIN_RETRY_DELAY, min(started + self.times.retry - self._clock(), self._seconds_left()))
            )
            self.assert_leading()  # after a sleep that was too long, the Lease must not even be renewed
            started = self._clock()
            try:
                async with asyncio.timeout(min(self.times.deadline / 2, self._seconds_left())):
                    await self._renew()
            except (KubernetesError, TimeoutError) as error:
                _log.warning("%s is not renewed: %s", self._lease, _error_text(error))

    async def _renew(self) -> None:
        """Renew once. After a version conflict, read the Lease and retry if this process still holds it.

        A conflict does not mean that the Lease is lost: the response to our own renewal was lost, or a label was
        edited.
        """
        requested_at = self._clock()
        renewed = await self._lease.renew(self._version)
        while renewed is None:
            found = await self._lease.read()
            if found is None:
                self._on_lost(f"{self._lease} was deleted; another process may lead")
            if found.holder != self._identity:
                self._on_lost(f"{self._lease} was taken by {found.holder or 'nobody'}; another process may lead")
            requested_at = self._clock()
            renewed = await self._lease.renew(found.version)
        self._version, self._confirmed_at = renewed.version, requested_at

    def _seconds_left(self) -> float:
        """Seconds until the renew deadline, counted from the last renewal that was confirmed."""
        return (self._confirmed_at or 0.0) + self.times.deadline - self._clock()

    def _age_text(self) -> str:
        if self._confirmed_at is None:
            return "never ours, or given back"
        age = self._clock() - self._confirmed_at
        return f"last confirmed {age:.1f} s ago, and counts for {self.times.deadline:g} s"

    def _log_once(self, words: str, level: int = logging.INFO) -> None:
        """Log a message unless it was the last one logged, so that polling does not repeat it."""
        if words != self._last_logged:
            self._last_logged = words
            _log.log(level, "%s", words)


def _error_text(error: Exception) -> str:
    return str(error) or "no answer in time"
