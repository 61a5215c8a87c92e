"""Tests here run against a real API server and real controllers, started once for the session."""

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from kubernetes import client
from tests.support.plane import Kube, Plane, build_plane, running_plane
from tests.support.running import Controller, Sandbox, running_controller, running_sandbox
from tests.support.syncs import Tenant

_BINARY = pytest.StashKey[Path]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the control plane before the first test, whose time limit is not meant for compiling Kubernetes."""
    if session.config.option.collectonly or not any("plane" in getattr(i, "fixturenames", ()) for i in session.items):
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        session.config.stash[_BINARY] = build_plane()


@pytest.fixture(scope="session")
def plane(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with running_plane(request.config.stash[_BINARY], tmp_path_factory.mktemp("plane")) as running:
        yield running


@pytest.fixture(scope="session")
def kube(plane: Plane) -> Iterator[Kube]:
    cluster = Kube(plane.kubeconfig)
    yield cluster
    cluster.close()


@pytest.fixture
def namespace(kube: Kube) -> Iterator[str]:
    name = f"test-{token_hex(4)}"
    kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    yield name
    kube.core.delete_namespace(name)


@pytest.fixture(scope="session")
def controller(plane: Plane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with running_controller(plane, tmp_path_factory.mktemp("controller")) as running:
        yield running


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path, "--run-seconds", "1") as running:
        yield running


@pytest.fixture
def documented(tmp_path: Path) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path, "--run-seconds", "1", "--dialect", "documented") as running:
        yield running


@pytest.fixture
def tenant(kube: Kube, namespace: str, sandbox: Sandbox, controller: Controller) -> Tenant:  # noqa: ARG001 - it runs
    return Tenant(kube, namespace, sandbox)
