"""Thousands of resources of three kinds: a controller that is started again leaves cluster and servers as they are."""

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from benchmarks.crowd import crowd
from benchmarks.pipelines import load_of_pipelines
from benchmarks.stage import Stage
from benchmarks.work import NAMESPACE
from kubernetes import client
from tests.support.apart import Apart, running_apart
from tests.support.helm import Helm
from tests.support.running import Sandbox, eventually
from tests.support.syncs import Tenant

PIPELINES: Final = 750
"""3,000 resources: 1,500 Connectors, 750 Models, 750 Syncs."""
PERIOD: Final = 30
"""Seconds between two comparisons with the server."""
PATIENCE: Final = 400.0


@pytest.fixture
def apart(plane_binary: Path, helm: Helm, tmp_path: Path, server: Sandbox) -> Iterator[Apart]:
    with running_apart(
        plane_binary, helm, tmp_path, server, SYNC_OPERATOR_RELIST_SECONDS=str(PERIOD), SYNC_OPERATOR_LOG_LEVEL="INFO"
    ) as running:
        yield running


async def create(apart: Apart, server: Sandbox, folder: Path) -> None:
    """Create all of them, and wait until all are Ready."""
    load = load_of_pipelines(PIPELINES)
    load.prepare(Stage(apart.plane, apart.tenant.kube, folder), server)
    async with crowd(apart.plane.kubeconfig, load.refs, load.manifest_of) as many:
        await many.create()
        await many.until(lambda: many.ready == len(load.refs), "all to be ready", seconds=PATIENCE)


def until_compared(server: Sandbox, count: int = 1) -> None:
    """Wait for so many more comparisons: the list of all Models takes two pages."""
    seen = len(server.requests("GET", "/models"))
    eventually(lambda: len(server.requests("GET", "/models")) >= seen + 2 * count, "comparisons", seconds=PATIENCE)


@pytest.mark.timeout(900)
def test_a_restart_with_thousands_of_resources_writes_nothing(apart: Apart, server: Sandbox, tmp_path: Path) -> None:
    kube = apart.tenant.kube
    kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
    Tenant(kube, NAMESPACE, server).connect()
    asyncio.run(create(apart, server, tmp_path))

    def settled() -> bool:
        """A whole comparison in which nothing is written: events and counts of users come after the status."""
        since = apart.plane.audit_log.stat().st_size
        until_compared(server)
        return apart.plane.operator_writes(since, NAMESPACE) == []

    eventually(settled, "the controller to have written all", seconds=PATIENCE)

    assert apart.controller.stop() == 0
    server.forget_requests()
    since, began = apart.plane.audit_log.stat().st_size, time.monotonic()
    apart.controller.start()
    until_compared(server, 2)

    sys.stdout.write(f"{time.monotonic() - began:.0f} s, {apart.controller.memory_peak:.0f} MiB at the peak\n")
    assert {entry["method"] for entry in server.requests()} == {"GET"}
    assert apart.plane.operator_writes(since, NAMESPACE) == []
