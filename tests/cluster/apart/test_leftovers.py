"""What is kept in memory follows what there is: whoever edits or comes and goes all day leaves nothing behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from tests.support.manifests import workspace_manifest
from tests.support.nursery import Nursery
from tests.support.plane import ROOT, Plane
from tests.support.replicas import Replica, leader_of, running_replicas
from tests.support.running import eventually
from tests.support.syncs import Tenant

from sync_operator.model.names import WORKSPACE_KIND

pytestmark = pytest.mark.timeout(240)

TIMES: Final = 60
AUTHORITY: Final = (ROOT / "tests/support/tls/authority.pem").read_text()


@pytest.fixture
def replica(nursery: Nursery, quiet: Plane, team: Tenant, tmp_path: Path) -> Iterator[Replica]:
    quick: dict[str, Any] = {"SYNC_OPERATOR_RESYNC_SECONDS": "10"}
    with running_replicas(nursery, quiet, tmp_path, team.namespace, 1, **quick) as [one]:
        yield leader_of([one])


def page(replica: Replica) -> str:
    return httpx.get(f"http://127.0.0.1:{replica.metrics_port}/metrics", trust_env=False, timeout=10).text


def kept(replica: Replica) -> dict[str, int]:
    """Counts by kind, but for what comes and goes with each request."""
    head = 'sync_operator_kept{kind="'
    lines = [line.removeprefix(head) for line in page(replica).splitlines() if line.startswith(head)]
    counts = {line.partition('"')[0]: int(float(line.rpartition(" ")[2])) for line in lines}
    return {kind: count for kind, count in counts.items() if kind != "connections"}


def test_edits_of_an_authority_leave_nothing(replica: Replica, team: Tenant) -> None:
    team.connect()
    team.secret(AUTHORITY, "ca", "ca.crt")
    body = workspace_manifest("https", url="https://127.0.0.1:1", caSecretRef={"name": "ca", "key": "ca.crt"})
    team.kube.create(body, team.namespace)
    team.when(WORKSPACE_KIND, "https", "Ready", "False")
    before = kept(replica)
    assert before["tls_contexts"] >= 1

    for number in range(TIMES):
        team.secret(f"{AUTHORITY}\n# edit {number}\n", "ca", "ca.crt")
    team.ready()

    # The one before the last is kept for requests that are under way.
    eventually(lambda: kept(replica)["tls_contexts"] <= before["tls_contexts"] + 1, "contexts to be given back")
    assert kept(replica)["endpoints"] <= before["endpoints"] + 1


def test_workspaces_that_come_and_go_leave_nothing(replica: Replica, team: Tenant) -> None:
    team.connect()
    team.ready()
    before = kept(replica)

    for number in range(TIMES):
        name = f"w-{number}"
        team.kube.create(workspace_manifest(name, url=team.sandbox.url, workspaceId=str(number)), team.namespace)
        if number >= 10:
            team.kube.resource(WORKSPACE_KIND).delete(name=f"w-{number - 10}", namespace=team.namespace)
    for number in range(TIMES - 10, TIMES):
        team.kube.resource(WORKSPACE_KIND).delete(name=f"w-{number}", namespace=team.namespace)

    eventually(lambda: kept(replica) == before, "all to be given back")
    assert f'workspace="{team.namespace}/w-' not in page(replica)
