"""The cluster that has no controller, under the names by which other tests know theirs, and a session with it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.support.pipeline import Process, running_process
from tests.support.plane import Kube, Plane
from tests.support.running import running_sandbox
from tests.support.syncs import Tenant

from sync_operator.kubernetes.auth.cluster_auth import ClusterSession, open_session


@pytest.fixture(scope="package")
def plane(quiet: Plane) -> Plane:
    """The control plane that no controller of the suite serves, also where one has been started for other files."""
    return quiet


@pytest.fixture(scope="package")
def kube(plane: Plane) -> Iterator[Kube]:
    cluster = Kube(plane.kubeconfig)
    yield cluster
    cluster.close()


@pytest.fixture
async def session(quiet: Plane, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ClusterSession]:
    monkeypatch.setenv("KUBECONFIG", str(quiet.kubeconfig))
    opened = open_session()
    yield opened
    await opened.kopf.close()
    await opened.http.close()


@pytest.fixture
async def world(session: ClusterSession, team: Tenant, tmp_path: Path) -> AsyncIterator[Process]:
    """A process that looks after the Connectors and Models of one team, and an empty server of its own."""
    with running_sandbox(tmp_path) as sandbox:
        async with running_process(session, team.namespace, sandbox) as process:
            sandbox.control("PUT", "/state", {"syncs": [], "connectors": [], "models": []})
            await process.secret()
            yield process
