"""What looking after Syncs costs the API server and the sync server, by their own counts: figures that are promised."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from tests.support.apart import Apart, running_apart
from tests.support.counters import api_requests, server_requests, writes
from tests.support.helm import Helm
from tests.support.permissions import requests
from tests.support.running import Sandbox, eventually
from tests.support.syncs import Tenant, condition, is_ready

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND

SYNCS: Final = 20
RELIST: Final = 10
"""Seconds after which the operator lists everything and compares it with the server."""
NAMES: Final = [f"sync-{number}" for number in range(SYNCS)]


@dataclass(frozen=True)
class Bill:
    """What a controller costs that has a cluster to itself."""

    apart: Apart

    @property
    def tenant(self) -> Tenant:
        return self.apart.tenant

    def costs(self, work: Callable[[], None]) -> Counter[str]:
        """Writes to the API server for some work, until all Syncs are Ready as they stand then."""
        before = writes(api_requests(self.apart.plane))
        self.tenant.sandbox.forget_requests()
        work()
        eventually(self.settled, "all Syncs to be ready and told of", seconds=60)
        return writes(api_requests(self.apart.plane)) - before

    def change(self, **spec: object) -> None:
        for name in NAMES:
            self.tenant.patch(name, **spec)

    def settled(self) -> bool:
        syncs = self.tenant.kube.resource(SYNC_KIND).get(namespace=self.tenant.namespace).to_dict()["items"]
        workspace = self.tenant.kube.get(WORKSPACE_KIND, "default", self.tenant.namespace)
        compared = condition(workspace, "Compared").get("status") == "True"
        return sum(map(is_ready, syncs)) == SYNCS and workspace["status"].get("syncs") == SYNCS and compared

    def delete_all(self) -> Counter[str]:
        """What the controller asks of the namespace to delete all at once, until their events are there."""
        before = len(requests(self.apart.plane))
        self.tenant.sandbox.forget_requests()
        # Slow answers, so that most of them find others before them and come for a second time.
        self.tenant.sandbox.fault(method="DELETE", path="/schedule_syncs", times=-1, delay=0.5)
        everything = f"metadata.namespace={self.tenant.namespace}"
        self.tenant.kube.resource(SYNC_KIND).delete(namespace=self.tenant.namespace, field_selector=everything)
        eventually(lambda: self.tenant.names() == set(), "all Syncs to be gone", seconds=60)
        for name in NAMES:
            self.tenant.told("Deleted", name=name)
        asked = (entry["objectRef"] | entry for entry in requests(self.apart.plane)[before:])
        ours = (entry for entry in asked if entry.get("namespace") == self.tenant.namespace)
        return Counter(f"{entry['verb']} {entry['resource']}" for entry in ours)

    def compared(self) -> bool:
        """True once the sync server was asked for its list twice."""
        return server_requests(self.tenant.sandbox)["GET /api/vN/syncs"] > 1


@pytest.fixture
def bill(plane_binary: Path, helm: Helm, tmp_path: Path, sandbox: Sandbox) -> Iterator[Bill]:
    with running_apart(plane_binary, helm, tmp_path, sandbox, SYNC_OPERATOR_RELIST_SECONDS=str(RELIST)) as apart:
        apart.tenant.connect()
        yield Bill(apart)


@pytest.mark.timeout(300)
def test_nothing_is_written_twice_and_nothing_without_need(bill: Bill) -> None:
    tenant = bill.tenant

    def create() -> None:
        for name in NAMES:
            tenant.sync(name, scheduleType="interval", syncInterval=6, syncIntervalUnit="hours")

    created = bill.costs(create)
    assert server_requests(tenant.sandbox)["POST /api/vN/syncs"] == SYNCS
    by_us = {name: created.pop(name) for name in ("PATCH syncs", "APPLY cronjobs", "PATCH syncs/status")}
    assert by_us == dict.fromkeys(by_us, SYNCS), "finalizer with mark, CronJob, status"
    assert created.pop("POST syncs") == SYNCS
    assert created.pop("POST events") <= SYNCS
    assert created.pop("PATCH workspaces/status", 0) <= 4, "its count of Syncs, and its first comparison"
    assert not created

    updated = bill.costs(lambda: bill.change(syncMode="incremental"))
    assert updated.pop("PATCH syncs") == SYNCS, "ours to change the spec"
    assert updated.pop("PATCH syncs/status") == SYNCS
    assert updated.pop("POST events", 0) <= SYNCS
    assert not updated

    moved = bill.costs(lambda: bill.change(syncInterval=12))
    assert moved.pop("PATCH syncs") == SYNCS, "ours to change the spec"
    assert moved.pop("PATCH syncs/status") == SYNCS
    assert moved.pop("APPLY cronjobs") == SYNCS
    assert moved.pop("PATCH cronjobs/status") == SYNCS, "the guard against looking back"
    assert moved.pop("POST events", 0) <= SYNCS
    assert not moved

    def idle() -> None:
        eventually(bill.compared, "two comparisons with the server", seconds=60)

    assert bill.costs(idle) == {}
    assert set(server_requests(tenant.sandbox)) <= {"GET /api/vN/syncs", "GET /api/vN/users/me"}

    def restart() -> None:
        assert bill.apart.controller.stop() == 0
        bill.apart.controller.start()
        idle()

    assert bill.costs(restart) == {}

    asked = bill.delete_all()
    assert server_requests(tenant.sandbox) - Counter({"GET /api/vN/syncs": 100}) == {
        "GET /api/vN/syncs/N": SYNCS,
        "DELETE /api/vN/schedule_syncs/N": SYNCS,
        "DELETE /api/vN/syncs/N": SYNCS,
    }
    assert asked.pop("patch workspaces", 0) <= 3, "its count of Syncs"
    assert asked.pop("get secrets", 0) <= 3, "its credentials, read anew when it is looked at"
    assert asked == dict.fromkeys(("delete cronjobs", "list jobs", "patch syncs", "create events"), SYNCS)
