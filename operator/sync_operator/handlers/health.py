"""`/healthz` and `/readyz` for the kubelet, answered from a thread with an event loop of its own.

So a main loop that is stuck is told from one that is busy, by the time since its last turn, and the answer says which
sign of life is missing. Where even this thread cannot run, the probe gets no answer, which fails it as well.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any, Final

from aiohttp import web

from sync_operator.cluster.watches import Watches
from sync_operator.handlers.leader import Leader

__all__ = ["Health", "Probes", "Stage"]

_STUCK: Final = 30.0
"""Seconds without a turn after which the main loop is stuck: no work of ours holds it for a tenth of that."""
_BEAT: Final = 0.02
"""Seconds between two turns that are looked at: of what holds the loop, at most so much is not seen."""
_KINDS: Final = frozenset({"syncs", "workspaces", "cronjobs", "jobs", "secrets"})


class Stage(Enum):
    """How far the process has come."""

    STARTING = "starting"
    STANDBY = "standing by"
    ACTING = "acting"


class Health:
    """Signs of life: written by the main loop, read by the thread of the probes.

    Attributes:
        stage: how far the process has come.

    Args:
        watches: those of the session.
        leader: this process's part in the election, if there is one.
        clock: seconds that only grow.
        stalled: says that work waits and none is finished; empty while it goes on.
    """

    def __init__(
        self,
        watches: Watches,
        leader: Leader | None,
        clock: Callable[[], float] = time.monotonic,
        *,
        stalled: Callable[[], str] = str,
    ) -> None:
        self.stage = Stage.STARTING
        self._watches = watches
        self._leader = leader
        self._clock = clock
        self._stalled = stalled
        self._turned_at = clock()

    async def beat(self, lagged: Callable[[float], None]) -> None:
        """Note turns of the loop, for ever.

        Args:
            lagged: is told by how many seconds each turn came later than it was due.
        """
        while True:
            self._turned_at = self._clock()
            await asyncio.sleep(_BEAT)
            lagged(max(0.0, self._clock() - self._turned_at - _BEAT))

    def trouble(self) -> str:
        """Says why the process should be ended; empty when it should not."""
        still = self._clock() - self._turned_at
        if still > _STUCK:
            return f"the event loop is stuck: no turn for {still:.0f} s"
        return (self._leader.trouble() if self._leader else "") or self._watches.dead() or self._stalled()

    def unready(self) -> str:
        """Says why the process is not ready; empty when it stands by, or acts with filled caches that are watched."""
        if self.stage is Stage.STARTING or (self.stage is Stage.ACTING and not self._watches.cover(_KINDS)):
            return Stage.STARTING.value
        return self.trouble()


class Probes:
    """The server of the probes, on all interfaces.

    Args:
        health: what they are answered from.
        port: 0 takes a free one.
    """

    def __init__(self, health: Health, port: int) -> None:
        self._health = health
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="probes", daemon=True)
        self._runner: web.AppRunner | None = None

    def start(self) -> None:
        """Begin to answer.

        Raises:
            OSError: the port is not free.
        """
        self._thread.start()
        self._run(self._serve())

    def stop(self) -> None:
        """Answer no more."""
        if self._runner is not None:
            self._run(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, doing: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(doing, self._loop).result()

    async def _serve(self) -> None:
        async def healthz(_: web.Request) -> web.Response:
            return _answer(self._health.trouble(), "ok")

        async def readyz(_: web.Request) -> web.Response:
            return _answer(self._health.unready(), self._health.stage.value)

        app = web.Application()
        app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, port=self._port).start()


def _answer(trouble: str, well: str) -> web.Response:
    return web.Response(text=f"{trouble or well}\n", status=503 if trouble else 200)
