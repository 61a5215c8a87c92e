"""Which of several processes acts: an election by a Lease, and the check right before anything is sent.

A process that has lost its Lease ends on the spot. Tidying up could send something, and what it leaves behind is what a
SIGKILL leaves, which the next one has to bear anyway.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Final, NoReturn

from sync_operator.cluster.lease import Lease
from sync_operator.decide.lease import LeaseTimes, Sighting, holds, look, may_take
from sync_operator.errors import KubernetesError

__all__ = ["TIMES", "Leader", "elapsed"]

_log = logging.getLogger(__name__)
TIMES: Final = LeaseTimes()
_JITTER: Final = 0.2
_BREATH: Final = 0.01
"""Seconds between two tries at the least: with next to nothing left, it must not spin until that has passed too."""
_BLIND: Final = 50.0
"""Seconds without a look at the Lease after which a process that stands by is not fit to take over."""
_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Seconds that go on while the process is stopped and, where the system counts that, while the machine sleeps."""
    return time.clock_gettime(_CLOCK)


class Leader:
    """One candidate: stands by, leads, and resigns.

    Args:
        lease: what is contended for.
        me: name of this process and of no other.
        lost: called when we led and must not go on; ends the process.
        times: how long a Lease lasts.
        clock: seconds that only grow, whatever happens to the process.
    """

    def __init__(
        self,
        lease: Lease,
        me: str,
        lost: Callable[[str], NoReturn],
        *,
        times: LeaseTimes = TIMES,
        clock: Callable[[], float] = elapsed,
    ) -> None:
        self.times = times
        self._lease = lease
        self._me = me
        self._lost = lost
        self._clock = clock
        self._version = ""
        self._confirmed_at: float | None = None
        self._looked_at = clock()
        self._told = ""
        self._keeping: asyncio.Task[None] | None = None

    @property
    def leads(self) -> bool:
        """True while this process may act."""
        return holds(self._confirmed_at, self._clock(), self.times)

    @property
    def keeping(self) -> asyncio.Task[None]:
        """The task that renews the Lease; there is one once this process was elected."""
        if self._keeping is None:
            raise RuntimeError("not elected yet")
        return self._keeping

    def check(self) -> None:
        """To be called right before anything is sent; does not return where somebody else may lead."""
        if not self.leads:
            self._lost(f"{self._lease} was {self._age()}; another process may lead")

    def trouble(self) -> str:
        """Says why this process is of no use; empty when it is. May be called from any thread."""
        if self._confirmed_at is not None:
            return "" if self.leads else f"{self._lease} is lost: it was {self._age()}"
        blind = self._clock() - self._looked_at
        return f"{self._lease} could not be read for {blind:.0f} s" if blind > _BLIND else ""

    async def elected(self, told: asyncio.Event) -> bool:
        """Stand by until this process leads, and keep the Lease from then on; False when told to stop before."""
        standing = asyncio.create_task(self._stand())
        stopping = asyncio.create_task(told.wait())
        await asyncio.wait([standing, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not standing.done():
            standing.cancel()
            return False
        standing.result()
        # kopf cancels tasks that are born after it: so this one is made now.
        self._keeping = asyncio.create_task(self._keep(), name="lease")
        return True

    async def resign(self) -> None:
        """Let another process lead at once: nothing is under way any more, and nothing may be sent afterwards."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        self._confirmed_at = None
        try:
            async with asyncio.timeout(self.times.deadline / 2):
                released = await self._lease.release(self._version)
                found = None if released else await self._lease.read()
                if found is not None and found.holder == self._me:
                    # A renewal was under way when it was given up.
                    released = await self._lease.release(found.version)
                _log.info("%s is %s", self._lease, "released" if released else "not ours any more")
        except (KubernetesError, TimeoutError) as error:
            _log.warning("%s is left to expire: %s", self._lease, _words(error))

    async def _stand(self) -> None:
        """Look now and then until nobody leads any more, and we do."""
        seen: Sighting | None = None
        while True:
            try:
                async with asyncio.timeout(self.times.deadline / 2):
                    found = await self._lease.read()
                    self._looked_at = self._clock()
                    seen = look(seen, found, self._looked_at)
                    if may_take(seen, self._me, self._looked_at):
                        if await self._take(seen):
                            return
                    elif seen.lease is not None:
                        self._tell(f"standing by: {self._lease} is held by {seen.lease.holder}")
            except (KubernetesError, TimeoutError) as error:
                self._tell(f"standing by: {self._lease} cannot be had: {_words(error)}", logging.WARNING)
            await asyncio.sleep(self.times.retry * random.uniform(1, 1 + _JITTER))  # noqa: S311 (jitter, not a secret)

    async def _take(self, seen: Sighting) -> bool:
        asked = self._clock()
        taken = await self._lease.take(seen, self._me, self.times)
        if taken is None:
            return False
        self._version, self._confirmed_at = taken.version, asked
        _log.info("leading: %s is held by %s (transition %d)", self._lease, self._me, taken.transitions)
        return True

    async def _keep(self) -> None:
        """Renew the Lease for as long as it is ours, and end with it."""
        begun = self._clock()
        while True:
            await asyncio.sleep(max(_BREATH, min(begun + self.times.retry - self._clock(), self._left())))
            self.check()  # whoever slept too long must not even renew it
            begun = self._clock()
            try:
                async with asyncio.timeout(min(self.times.deadline / 2, self._left())):
                    await self._renew()
            except (KubernetesError, TimeoutError) as error:
                _log.warning("%s is not renewed: %s", self._lease, _words(error))

    async def _renew(self) -> None:
        """One renewal. Where the version is another, we may have made it: the answer was lost, or a label edited."""
        asked = self._clock()
        renewed = await self._lease.renew(self._version)
        while renewed is None:
            found = await self._lease.read()
            if found is None:
                self._lost(f"{self._lease} was deleted; another process may lead")
            if found.holder != self._me:
                self._lost(f"{self._lease} was taken by {found.holder or 'nobody'}; another process may lead")
            asked = self._clock()
            renewed = await self._lease.renew(found.version)
        self._version, self._confirmed_at = renewed.version, asked

    def _left(self) -> float:
        """Seconds until what was confirmed last no longer counts."""
        return (self._confirmed_at or 0.0) + self.times.deadline - self._clock()

    def _age(self) -> str:
        if self._confirmed_at is None:
            return "never ours, or given back"
        age = self._clock() - self._confirmed_at
        return f"last confirmed {age:.1f} s ago, and counts for {self.times.deadline:g} s"

    def _tell(self, words: str, level: int = logging.INFO) -> None:
        """Say it once, not at every look."""
        if words != self._told:
            self._told = words
            _log.log(level, "%s", words)


def _words(error: Exception) -> str:
    return str(error) or "no answer in time"
