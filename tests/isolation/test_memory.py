"""What the worst tenant that is let in costs of the controller's memory (S-H5): far less than the chart's limit."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Final

import pytest
from tests.isolation.conftest import PATIENCE, Newcomer
from tests.support.apart import running_with_rights
from tests.support.helm import Helm
from tests.support.hostile import Hostile, hostile_server
from tests.support.manifests import REMOVED, sync_manifest, workspace_manifest
from tests.support.plane import Plane
from tests.support.running import Controller, Sandbox, eventually

from sync_operator.api.constants import SYNC_KIND
from sync_operator.util.bounds import MAX_LIST_ITEMS, MAX_VALUES

MAX_MEMORY: Final = 340
"""MiB; the chart's limit is 512, and a third is to spare."""
WORKSPACES: Final = 3
SYNCS: Final = 60
SYNC: Final = (
    b'{"id": "%d", "attributes": {"status": "%s", "created_at": "2024-01-01T00:00:00Z", '
    b'"updated_at": "2024-01-01T00:00:00Z", "configuration": "%s"}}'
)
NAMED: Final = b'{"id": %d, "attributes": {"name": "%s"}}'
PAGES_ASKED: Final = 10
"""Pages, of 500 syncs each, after which a list may be refused for want of room."""
NEAR_THE_LIMIT: Final = {"many": [{"a": 1}] * (MAX_VALUES // 2 - 2), "long": "x" * 200_000}


@pytest.fixture
def hostile() -> Iterator[list[Hostile]]:
    """Servers with the largest lists that are read: of syncs, and of names."""
    syncs = [SYNC % (number, b"s" * 250, b"x" * 780) for number in range(1, MAX_LIST_ITEMS)]
    names = [NAMED % (number, ("\N{GRINNING FACE}" * 200).encode()) for number in range(1, MAX_LIST_ITEMS)]
    with ExitStack() as stack:
        servers = [stack.enter_context(hostile_server()) for _ in range(WORKSPACES)]
        for server in servers:
            server.lists("/syncs", syncs)
            server.lists("/connectors?type=source", names)
            server.says("POST /syncs", {"data": {"id": "1", "attributes": {"configuration": NEAR_THE_LIMIT}}}, 201)
            server.says("GET /syncs/", {"data": {"id": "1", "attributes": {"configuration": NEAR_THE_LIMIT}}})
        yield servers


@pytest.fixture
def own(plane: Plane, helm: Helm, tmp_path: Path) -> Iterator[Controller]:
    """A controller that the test may end."""
    folder = tmp_path / "own"
    folder.mkdir()
    with running_with_rights(plane, helm, folder) as running:
        yield running


def all_read(hostile: list[Hostile]) -> bool:
    """True when most of every list of syncs was asked for."""
    return all(server.asked.count("GET /syncs") > PAGES_ASKED for server in hostile)


@pytest.mark.timeout(300)
def test_the_worst_tenant_stays_far_below_the_limit(
    own: Controller, newcomer: Newcomer, sandbox: Sandbox, hostile: list[Hostile]
) -> None:
    healthy, attacker = newcomer(sandbox), newcomer(sandbox)
    healthy.connect()
    healthy.ready("first")
    attacker.secret()
    for number, server in enumerate(hostile):
        spec = {"url": server.url, "workspaceId": "1", "requestsPerMinute": 100_000}
        attacker.kube.create(workspace_manifest(f"workspace-{number}", **spec), attacker.namespace)
    for number, home in zip(range(SYNCS), cycle(range(WORKSPACES)), strict=False):
        by_name = {"sourceId": REMOVED, "sourceRef": {"serverName": "Warehouse"}} if number % 2 else {}
        spec = {"workspaceRef": {"name": f"workspace-{home}"}, "configuration": NEAR_THE_LIMIT, **by_name}
        attacker.kube.create(sync_manifest(f"sync-{number}", **spec), attacker.namespace)
    eventually(lambda: all_read(hostile), "every large list to be read", seconds=120)
    healthy.sync("new", streamName="new")
    healthy.when(SYNC_KIND, "new", "Ready", seconds=PATIENCE)
    before = own.memory_peak

    own.stop()
    for server in hostile:
        server.asked.clear()
    own.start()
    healthy.sync("newer", streamName="newer")
    healthy.when(SYNC_KIND, "newer", "Ready", seconds=PATIENCE)
    eventually(lambda: all_read(hostile), "every large list to be read again", seconds=120)

    print(json.dumps({"MiB at most": round(before), "after a restart": round(own.memory_peak)}))  # noqa: T201 (the figures)
    assert max(before, own.memory_peak) < MAX_MEMORY
