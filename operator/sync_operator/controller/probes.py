"""`/healthz` and `/readyz` for the kubelet, served by `HttpThread`; the response names the check that failed.

The lag of the main event loop tells a blocked loop from a busy one.
"""

import asyncio
import time
from collections.abc import Callable
from enum import Enum
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from sync_operator.controller.leader_election import LeaderElector
from sync_operator.kubernetes.watch.watch_middleware import WatchMiddleware

__all__ = ["Health", "Stage", "probe_handlers"]

_STUCK_AFTER: Final = 30.0
"""Event-loop lag in seconds after which the process is unhealthy; our longest synchronous step takes under 3 s."""
_HEARTBEAT_INTERVAL: Final = 0.02
"""Seconds between two heartbeats of the main loop; lag shorter than this may go unnoticed."""
_WATCHED_PLURALS: Final = frozenset(
    {"connectors", "models", "syncs", "workspaces", "cronjobs", "jobs", "secrets", "configmaps"}
)


class Stage(Enum):
    """Stage of the process's life."""

    STARTING = "starting"
    STANDBY = "standing by"
    ACTING = "acting"


class Health:
    """The checks behind both probes: state is written by the main loop and read by the probes' thread.

    Attributes:
        stage: stage of the process's life.

    Args:
        watches: the watches of the session.
        leader: this process's candidate; None without leader election.
        clock: monotonic clock, in seconds.
        stalled: returns an error if keys wait and no reconcile finishes, else an empty string.
    """

    def __init__(
        self,
        watches: WatchMiddleware,
        leader: LeaderElector | None,
        clock: Callable[[], float] = time.monotonic,
        *,
        stalled: Callable[[], str] = str,
    ) -> None:
        self.stage = Stage.STARTING
        self._watches = watches
        self._leader = leader
        self._clock = clock
        self._stalled = stalled
        self._last_beat_at = clock()

    async def heartbeat(self, observe_lag: Callable[[float], None]) -> None:
        """Record heartbeats of the event loop, until cancelled.

        Args:
            observe_lag: called at each heartbeat with its lag in seconds.
        """
        while True:
            self._last_beat_at = self._clock()
            await asyncio.sleep(_HEARTBEAT_INTERVAL)
            observe_lag(max(0.0, self._clock() - self._last_beat_at - _HEARTBEAT_INTERVAL))

    def liveness_error(self) -> str:
        """Why the kubelet should restart the process; empty if it is healthy."""
        silence = self._clock() - self._last_beat_at
        if silence > _STUCK_AFTER:
            return f"the event loop is stuck: no turn for {silence:.0f} s"
        return (
            (self._leader.standby_error() if self._leader else "") or self._watches.stale_watches() or self._stalled()
        )

    def readiness_error(self) -> str:
        """Why the process is not ready; empty if it stands by, or acts with filled caches and running watches."""
        if self.stage is Stage.STARTING or (self.stage is Stage.ACTING and not self._watches.covers(_WATCHED_PLURALS)):
            return Stage.STARTING.value
        return self.liveness_error()


def probe_handlers(health: Health) -> dict[str, Handler]:
    """Make the handlers of both probes, by path, to be served by `HttpThread`."""

    async def healthz(_: web.Request) -> web.Response:
        return _response(health.liveness_error(), "ok")

    async def readyz(_: web.Request) -> web.Response:
        return _response(health.readiness_error(), health.stage.value)

    return {"/healthz": healthz, "/readyz": readyz}


def _response(error: str, healthy: str) -> web.Response:
    return web.Response(text=f"{error or healthy}\n", status=503 if error else 200)
