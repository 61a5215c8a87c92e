"""A controller that serves the shared control plane with the rights that the chart gives it, and tenants of it."""

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from kubernetes import client
from tests.support.apart import LOGINS, running_with_rights
from tests.support.helm import Helm
from tests.support.nursery import Nursery, free_port, running_nursery
from tests.support.permissions import denied, granted, note_rights, requests, used
from tests.support.pipeline import PASSWORD
from tests.support.plane import Kube, Plane, running_plane
from tests.support.running import Controller, Sandbox, running_sandbox
from tests.support.syncs import Tenant


@pytest.fixture(scope="session")
def metrics_port() -> int:
    """Where the suite's own controller serves its metrics."""
    return free_port()


@pytest.fixture(scope="session")
def controller(
    plane: Plane, helm: Helm, metrics_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Controller]:
    folder = tmp_path_factory.mktemp("controller")
    settings = {
        "SYNC_OPERATOR_METRICS_PORT": str(metrics_port),
        "SYNC_OPERATOR_RUN_START_SECONDS": "15",
        "SYNC_OPERATOR_RUN_POD_SERVICE_ACCOUNTS": "absent",
        "SYNC_OPERATOR_RUN_POD_PRIORITY_CLASSES": "absent",
    }
    with running_with_rights(plane, helm, folder, LOGINS, **settings) as running:
        yield running
    asked = requests(plane)
    assert denied(asked) == []
    note_rights(granted(plane, "clusterrole"), used(asked))


@pytest.fixture
def documented(tmp_path: Path) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path, "--run-seconds", "1", "--dialect", "documented") as running:
        yield running


@pytest.fixture
def tenant(kube: Kube, namespace: str, sandbox: Sandbox, controller: Controller) -> Tenant:  # noqa: ARG001 - it runs
    return Tenant(kube, namespace, sandbox)


@pytest.fixture(scope="package")
def quiet(plane_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A cluster without the suite's own controller, which serves every namespace."""
    with running_plane(plane_binary, tmp_path_factory.mktemp("quiet")) as running:
        yield running


@pytest.fixture(scope="package")
def nursery() -> Iterator[Nursery]:
    with running_nursery() as running:
        yield running


@pytest.fixture
def team(quiet: Plane, sandbox: Sandbox) -> Iterator[Tenant]:
    """A tenant of that cluster."""
    kube = Kube(quiet.kubeconfig)
    namespace = f"team-{token_hex(4)}"
    kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))
    yield Tenant(kube, namespace, sandbox)
    kube.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sandbox]:
    """A server that has nothing."""
    with running_sandbox(tmp_path, "--run-seconds", "1") as running:
        running.control("PUT", "/state", {"syncs": [], "connectors": [], "models": []})
        yield running


@pytest.fixture
def shop(kube: Kube, namespace: str, server: Sandbox, controller: Controller) -> Tenant:  # noqa: ARG001 - it runs
    """A tenant of that server, with the Secret of its source."""
    tenant = Tenant(kube, namespace, server)
    tenant.connect()
    tenant.secret(PASSWORD, "warehouse", "password")
    return tenant
