"""What looking after Syncs costs the API server and the sync server, by their own counts: figures that are promised."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from kubernetes import client
from tests.support.counters import api_writes, server_requests
from tests.support.plane import Kube, Plane, running_plane
from tests.support.running import Controller, Sandbox, eventually, running_controller
from tests.support.syncs import Tenant, condition

from sync_operator.model.names import SYNC_KIND, WORKSPACE_KIND

SYNCS: Final = 20
RESYNC: Final = 10
"""Seconds after which the operator lists everything and compares it with the server."""
NAMES: Final = [f"sync-{number}" for number in range(SYNCS)]


@dataclass(frozen=True)
class Apart:
    """A cluster that nobody else uses: all that it counts is ours."""

    plane: Plane
    tenant: Tenant
    controller: Controller

    def costs(self, work: Callable[[], None]) -> Counter[str]:
        """Writes to the API server for some work, until all Syncs are Ready as they stand then."""
        before = api_writes(self.plane)
        self.tenant.sandbox.forget_requests()
        work()
        eventually(self.settled, "all Syncs to be ready and told of", seconds=60)
        return api_writes(self.plane) - before

    def change(self, **spec: object) -> None:
        for name in NAMES:
            self.tenant.patch(name, **spec)

    def settled(self) -> bool:
        syncs = self.tenant.kube.resource(SYNC_KIND).get(namespace=self.tenant.namespace).to_dict()["items"]
        found = [(condition(sync), sync["metadata"]["generation"]) for sync in syncs]
        ready = [entry for entry, now in found if entry.get("status") == "True" and entry["observedGeneration"] == now]
        counted = self.tenant.kube.get(WORKSPACE_KIND, "default", self.tenant.namespace)["status"].get("syncs")
        return len(ready) == SYNCS and counted == SYNCS

    def compared(self) -> bool:
        """True once the sync server was asked for its list twice."""
        return server_requests(self.tenant.sandbox)["GET /api/vN/syncs"] > 1


@pytest.fixture
def apart(plane_binary: Path, tmp_path: Path, sandbox: Sandbox) -> Iterator[Apart]:
    with running_plane(plane_binary, tmp_path / "cluster") as plane:
        kube = Kube(plane.kubeconfig)
        kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name="team")))
        tenant = Tenant(kube, "team", sandbox)
        with running_controller(plane, tmp_path, SYNC_OPERATOR_RESYNC_SECONDS=str(RESYNC)) as controller:
            tenant.connect()
            yield Apart(plane, tenant, controller)
        kube.close()


@pytest.mark.timeout(300)
def test_nothing_is_written_twice_and_nothing_without_need(apart: Apart) -> None:
    tenant = apart.tenant

    def create() -> None:
        for name in NAMES:
            tenant.sync(name, scheduleType="interval", syncInterval=6, syncIntervalUnit="hours")

    created = apart.costs(create)
    assert server_requests(tenant.sandbox)["POST /api/vN/syncs"] == SYNCS
    by_us = {name: created.pop(name) for name in ("PATCH syncs", "APPLY cronjobs", "PATCH syncs/status")}
    assert by_us == dict.fromkeys(by_us, SYNCS), "finalizer with mark, CronJob, status"
    assert created.pop("POST syncs") == SYNCS
    assert created.pop("POST events") <= SYNCS
    assert created.pop("PATCH workspaces/status", 0) <= 3, "its count of Syncs"
    assert not created

    updated = apart.costs(lambda: apart.change(syncMode="incremental"))
    assert updated.pop("PATCH syncs") == SYNCS, "ours to change the spec"
    assert updated.pop("PATCH syncs/status") == SYNCS
    assert updated.pop("POST events", 0) <= SYNCS
    assert not updated

    moved = apart.costs(lambda: apart.change(syncInterval=12))
    assert moved.pop("PATCH syncs") == SYNCS, "ours to change the spec"
    assert moved.pop("PATCH syncs/status") == SYNCS
    assert moved.pop("APPLY cronjobs") == SYNCS
    assert moved.pop("PATCH cronjobs/status") == SYNCS, "the guard against looking back"
    assert moved.pop("POST events", 0) <= SYNCS
    assert not moved

    def idle() -> None:
        eventually(apart.compared, "two comparisons with the server", seconds=60)

    assert apart.costs(idle) == {}
    assert set(server_requests(tenant.sandbox)) <= {"GET /api/vN/syncs", "GET /api/vN/users/me"}

    def restart() -> None:
        assert apart.controller.stop() == 0
        apart.controller.start()
        idle()

    assert apart.costs(restart) == {}
