"""A controller that serves the shared control plane with the rights that the chart gives it, and tenants of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.helm import Helm
from tests.support.permissions import install_account
from tests.support.plane import Kube, Plane
from tests.support.running import Controller, Sandbox, running_controller, running_sandbox
from tests.support.syncs import Tenant

_LAST = "test_permissions.py"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Look at what was asked for when all of it was."""
    items.sort(key=lambda item: item.path.name == _LAST)


@pytest.fixture(scope="session")
def controller(plane: Plane, helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    folder = tmp_path_factory.mktemp("controller")
    account = install_account(helm, plane, folder, loginWorkspaces={"enabled": True})
    with running_controller(plane, folder, KUBECONFIG=str(account)) as running:
        yield running


@pytest.fixture
def documented(tmp_path: Path) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path, "--run-seconds", "1", "--dialect", "documented") as running:
        yield running


@pytest.fixture
def tenant(kube: Kube, namespace: str, sandbox: Sandbox, controller: Controller) -> Tenant:  # noqa: ARG001 - it runs
    return Tenant(kube, namespace, sandbox)
