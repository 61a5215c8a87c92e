"""A tenant whose lists are huge and slow, in many Workspaces, beside a healthy one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.isolation.conftest import Newcomer, Served
from tests.support.manifests import workspace_manifest
from tests.support.running import Sandbox, eventually, running_sandbox
from tests.support.served import BODY

WORKSPACES = 24
"""More than there are workers."""


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Sandbox]:
    """A server with 1,500 syncs that takes half a minute to list them."""
    with running_sandbox(tmp_path, "--list-cost-ms", "20") as running:
        running.rebuilt(*({"id": number, "attributes": BODY} for number in range(1, 1501)))
        yield running


@pytest.mark.timeout(300)
def test_a_huge_slow_list_keeps_nobody_else_waiting(newcomer: Newcomer, slow: Sandbox, assert_served: Served) -> None:
    hostile = newcomer(slow)
    hostile.connect()
    for number in range(WORKSPACES):
        spec = {"url": slow.url, "workspaceId": "1", "requestsPerMinute": 100_000}
        hostile.kube.create(workspace_manifest(f"w{number}", **spec), hostile.namespace)
        hostile.sync(f"s{number}", workspaceRef={"name": f"w{number}"}, streamName=f"stream-{number}")
    eventually(lambda: slow.requests("GET", "/syncs"), "the first list to be asked for")

    for _ in range(3):
        assert_served()
