"""What the probes say, and that they need no main loop to say it."""

import asyncio
import time
from typing import Any, Final, cast

import httpx
import pytest

from sync_operator.controller.http_thread import HttpThread
from sync_operator.controller.probes import Health, Stage, probe_handlers
from sync_operator.kubernetes.watch.watch_middleware import WatchMiddleware

KINDS: Final = frozenset({"connectors", "models", "syncs", "workspaces", "cronjobs", "jobs", "secrets", "configmaps"})


class Signs:
    """Watches and leader as the tests say, and a clock that only they move."""

    def __init__(self) -> None:
        self.now = 100.0
        self.covered = KINDS
        self.dead_watch = ""
        self.lease_trouble = ""
        self.health = Health(cast("WatchMiddleware", self), cast("Any", self), lambda: self.now)

    def covers(self, plurals: frozenset[str]) -> bool:
        return plurals <= self.covered

    def stale_watches(self) -> str:
        return self.dead_watch

    def standby_error(self) -> str:
        return self.lease_trouble


def test_one_that_starts_is_well_and_not_ready() -> None:
    signs = Signs()

    assert (signs.health.liveness_error(), signs.health.readiness_error()) == ("", "starting")


def test_one_that_stands_by_is_ready_without_any_watch() -> None:
    signs = Signs()
    signs.covered = frozenset()
    signs.health.stage = Stage.STANDBY

    assert (signs.health.liveness_error(), signs.health.readiness_error()) == ("", "")


@pytest.mark.parametrize("missing", sorted(KINDS))
def test_one_that_acts_is_ready_when_every_kind_is_watched(missing: str) -> None:
    signs = Signs()
    signs.health.stage = Stage.ACTING
    assert signs.health.readiness_error() == ""

    signs.covered = KINDS - {missing}
    assert signs.health.readiness_error() == "starting"


@pytest.mark.parametrize("stage", [Stage.STANDBY, Stage.ACTING])
def test_every_missing_sign_of_life_is_told(stage: Stage) -> None:
    signs = Signs()
    signs.health.stage = stage

    signs.dead_watch = "the watch is dead"
    assert signs.health.liveness_error() == signs.health.readiness_error() == "the watch is dead"
    signs.lease_trouble = "the Lease is lost"
    assert signs.health.liveness_error() == signs.health.readiness_error() == "the Lease is lost"
    signs.now += 30
    assert signs.health.liveness_error() == "the Lease is lost", "not yet"
    signs.now += 1
    assert (
        signs.health.liveness_error() == signs.health.readiness_error() == "the event loop is stuck: no turn for 31 s"
    )


async def test_a_turn_of_the_loop_makes_it_well_and_tells_by_how_much_it_was_late() -> None:
    signs = Signs()
    signs.now += 60
    lags: list[float] = []
    beating = asyncio.create_task(signs.health.heartbeat(lags.append))
    await asyncio.sleep(0)

    assert signs.health.liveness_error() == ""
    signs.now += 2.02
    await asyncio.sleep(0.25)
    assert lags[0] == pytest.approx(2.0)
    assert lags[1] == 0.0
    beating.cancel()


def test_the_probes_are_answered_where_no_main_loop_turns() -> None:
    signs = Signs()
    server = HttpThread()
    server.start()
    try:
        port = server.serve(0, probe_handlers(signs.health))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            assert (http.get("/healthz").status_code, http.get("/healthz").text) == (200, "ok\n")
            assert (http.get("/readyz").status_code, http.get("/readyz").text) == (503, "starting\n")
            signs.health.stage = Stage.STANDBY
            assert http.get("/readyz").text == "standing by\n"
            signs.now += 40
            stuck = http.get("/healthz")
            assert (stuck.status_code, stuck.text) == (503, "the event loop is stuck: no turn for 40 s\n")
    finally:
        asyncio.run(server.stop())


def test_the_clock_is_the_machines_unless_told_otherwise() -> None:
    health = Health(WatchMiddleware(), None)

    assert abs(health._last_beat_at - time.monotonic()) < 10
    assert health.liveness_error() == ""
