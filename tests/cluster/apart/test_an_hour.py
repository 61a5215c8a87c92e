"""An hour in which nothing changes, of Connectors with every definition: masks are no drift, and a Secret is seen.

The real loop against a real API server and the sandbox, with a clock that is moved by the period after which the
operator compares: twelve comparisons, each of which reads all Secrets anew.
"""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from tests.support import planted
from tests.support.definition_values import MadeConnector, connectors_of_all_definitions
from tests.support.pipeline import Process, running_process
from tests.support.plane import Plane
from tests.support.running import running_sandbox
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import CONNECTOR_KIND
from sync_operator.kubernetes.auth.cluster_auth import ClusterSession
from sync_operator.kubernetes.resources import CONNECTORS
from sync_operator.syncapi.types import Dialect

pytestmark = pytest.mark.timeout(400)

CONNECTORS_MADE: Final = 200
HOUR: Final = timedelta(hours=1)
PERIOD: Final = timedelta(seconds=300)
"""SYNC_OPERATOR_RESYNC_SECONDS, by default."""


@pytest.fixture(params=list(Dialect))
async def world(
    request: pytest.FixtureRequest, session: ClusterSession, team: Tenant, tmp_path: Path
) -> AsyncIterator[Process]:
    with running_sandbox(tmp_path, "--dialect", request.param.lower()) as sandbox:
        async with running_process(session, team.namespace, sandbox, request.param) as process:
            sandbox.control("PUT", "/state", {"syncs": [], "connectors": [], "models": []})
            yield process


async def resync(world: Process, after: timedelta) -> set[str]:
    """Compare that much later, and reconcile what that queues: its names."""
    world.ahead += after
    world.queue.added.clear()
    await world.compare()
    queued = {key.name for key in world.queue.added if key.kind == CONNECTOR_KIND}
    for name in sorted(queued):
        await world.reconcile(CONNECTOR_KIND, name)
    return queued


def server_writes(world: Process) -> list[str]:
    return [call for call in world.calls() if not call.startswith("GET ")]


async def versions(world: Process) -> dict[str, str]:
    listed = await world.kube.list(CONNECTORS, world.namespace)
    return {obj["metadata"]["name"]: obj["metadata"]["resourceVersion"] for obj in listed}


async def create_all(world: Process, made: list[MadeConnector]) -> None:
    for each in made:
        await world.secret_of(each.name, each.secrets)
        await world.connector(each.name, **each.spec)
        await world.reconcile(CONNECTOR_KIND, each.name)
    told = {obj["metadata"]["name"]: condition(obj) for obj in await world.kube.list(CONNECTORS, world.namespace)}
    assert not {name: entry for name, entry in told.items() if entry.get("status") != "True"}
    assert Counter(call for call in world.calls() if call == "POST /connectors") == {"POST /connectors": len(made)}


async def test_in_an_hour_nothing_is_written_and_then_one_changed_secret_once(
    world: Process, quiet: Plane, caplog: pytest.LogCaptureFixture
) -> None:
    made = connectors_of_all_definitions(CONNECTORS_MADE)
    with_secrets = {each.name for each in made if each.secrets}
    await create_all(world, made)
    world.forget()
    before, since = await versions(world), quiet.audit_log.stat().st_size

    for _ in range(HOUR // PERIOD):
        assert await resync(world, PERIOD) >= with_secrets, "each is looked at, because no list shows its secrets"

    assert server_writes(world) == []
    assert await versions(world) == before
    assert quiet.operator_writes(since, world.namespace) == []

    one = made[len(made) // 2]
    await world.secret_of(one.name, dict.fromkeys(one.secrets, planted.ROTATED))
    await resync(world, PERIOD)
    await resync(world, PERIOD)

    [row] = [row for row in world.stored() if row["name"] == one.name]
    assert len(server_writes(world)) == 1
    assert server_writes(world)[0].endswith(f" /connectors/{row['id']}")
    after = await versions(world)
    assert {name for name in after if after[name] != before[name]} == {one.name}
    objects = {obj["metadata"]["name"]: str(obj) for obj in await world.kube.list(CONNECTORS, world.namespace)}
    assert planted.found([*objects.items(), ("events", str(world.events.told)), ("log", caplog.text)]) == []
