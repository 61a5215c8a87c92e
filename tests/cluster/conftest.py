"""A controller that serves the shared control plane, and tenants of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.plane import Kube, Plane
from tests.support.running import Controller, Sandbox, running_controller, running_sandbox
from tests.support.syncs import Tenant


@pytest.fixture(scope="session")
def controller(plane: Plane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with running_controller(plane, tmp_path_factory.mktemp("controller")) as running:
        yield running


@pytest.fixture
def documented(tmp_path: Path) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path, "--run-seconds", "1", "--dialect", "documented") as running:
        yield running


@pytest.fixture
def tenant(kube: Kube, namespace: str, sandbox: Sandbox, controller: Controller) -> Tenant:  # noqa: ARG001 - it runs
    return Tenant(kube, namespace, sandbox)
