"""The cluster that has no controller, under the names by which other tests know theirs, and a session with it."""

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support.plane import Kube, Plane

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
