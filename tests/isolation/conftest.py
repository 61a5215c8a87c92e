"""One controller with the rights that the chart gives it, one healthy tenant, and tenants that attack it.

Every case has the same form: the attack begins, and while it lasts the healthy tenant creates a new Sync, which must
become Ready within `PATIENCE` seconds. How long it took is printed at the end of the run. The controller is shared by
the tests of one file: a test that needs other settings, or that ends the controller, starts its own with
`running_controller`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from secrets import token_hex
from typing import Final

import pytest
from kubernetes import client
from tests.support.apart import LOGINS, running_with_rights
from tests.support.helm import Helm
from tests.support.plane import Kube, Plane
from tests.support.running import Controller, Sandbox
from tests.support.syncs import Tenant

from sync_operator.api.constants import SYNC_KIND

PATIENCE: Final = 20.0
"""Seconds in which a healthy tenant's new Sync becomes Ready, whatever others do."""

_WAITED: Final = "seconds until Ready"

type Newcomer = Callable[[Sandbox], Tenant]
type Served = Callable[[], None]


@pytest.fixture(scope="module")
def controller(plane: Plane, helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """The shared controller, with the rights of the chart's service account and the chart's number of workers."""
    folder = tmp_path_factory.mktemp("controller")
    with running_with_rights(plane, helm, folder, LOGINS) as running:
        yield running


@pytest.fixture
def newcomer(kube: Kube) -> Iterator[Newcomer]:
    """Makes a tenant with a namespace of its own, without Secret and Workspace."""
    made: list[str] = []

    def make(sandbox: Sandbox) -> Tenant:
        namespace = f"tenant-{token_hex(4)}"
        kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))
        made.append(namespace)
        return Tenant(kube, namespace, sandbox)

    with ExitStack() as stack:
        yield make
        for namespace in made:
            stack.callback(kube.drop_namespace, namespace)


@pytest.fixture
def healthy(newcomer: Newcomer, sandbox: Sandbox, controller: Controller) -> Tenant:  # noqa: ARG001 - it runs
    """A connected tenant, whose first Sync is Ready before the attack begins."""
    tenant = newcomer(sandbox)
    tenant.connect()
    tenant.ready("before")
    return tenant


@pytest.fixture
def assert_served(healthy: Tenant, record_property: Callable[[str, object], None]) -> Served:
    """Asserts that a new Sync of the healthy tenant becomes Ready in time. It may be called several times."""
    counted = iter(range(1, 1000))

    def look() -> None:
        name = f"new-{next(counted)}"
        began = time.monotonic()
        healthy.sync(name, streamName=f"contacts-{name}")
        healthy.when(SYNC_KIND, name, "Ready", seconds=PATIENCE)
        record_property(_WAITED, time.monotonic() - began)

    return look


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how long the healthy tenant waited in each case, the longest wait first."""
    waits = [
        (float(str(seconds)), report.nodeid)
        for report in terminalreporter.getreports("passed")
        for name, seconds in report.user_properties
        if name == _WAITED
    ]
    if waits:
        terminalreporter.section("seconds until a new Sync of the healthy tenant was Ready, during the attack")
        for seconds, case in sorted(waits, reverse=True):
            terminalreporter.write_line(f"{seconds:6.2f}  {case}")
