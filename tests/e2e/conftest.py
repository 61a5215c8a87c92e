"""A real node, the image built from the Dockerfile, and the chart installed by Helm."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support import planted
from tests.support.helm import Helm
from tests.support.node import NODES, RealNode, build_image, clean, running_node, traces
from tests.support.plane import Kube
from tests.support.release import Release
from tests.support.restricted import new_namespace, serve_sandbox
from tests.support.running import Sandbox, eventually
from tests.support.syncs import Tenant

from sync_operator.api.constants import WORKSPACE_KIND

NODE = "e2e"
_FIGURES = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = {}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was measured on the way."""
    if figures := config.stash[_FIGURES]:
        terminalreporter.section("the image")
        for name, value in sorted(figures.items()):
            terminalreporter.line(f"| {name} | {value} |")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what there was when a test failed: afterwards nothing of it is left."""
    report = yield
    arguments: dict[str, Any] = getattr(item, "funcargs", {})
    if report.failed and report.when == "call" and {"release", "tenant", "node"} <= arguments.keys():
        report.sections.append(("controller", "".join(arguments["release"].logs())[-6000:]))
        seen = arguments["node"].kubectl(
            "get", "syncs,jobs,pods,events", "-n", arguments["tenant"].namespace, "-o", "wide"
        )
        report.sections.append(("tenant", seen.stdout))
    return report


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> dict[str, str]:
    """Put here what is to be shown in the end."""
    return pytestconfig.stash[_FIGURES]


@pytest.fixture(scope="session")
def archive() -> Iterator[Path]:
    """The image."""
    clean("image")
    yield build_image(NODES / "image")
    clean("image")


@pytest.fixture(scope="session")
def node(archive: Path) -> Iterator[RealNode]:
    """The node, and this process in its network. In the end nothing of it may be left on the machine."""
    clean(NODE)
    before = traces(NODE)
    with running_node(NODE, archive) as running:
        with running.network():
            yield running
        assert running.stop() == 0
    left = {kind: there - before[kind] for kind, there in traces(NODE).items()}
    assert not any(left.values()), f"left on the machine: {left}"


@pytest.fixture(scope="session")
def kube(node: RealNode) -> Iterator[Kube]:
    cluster = Kube(node.kubeconfig)
    yield cluster
    cluster.close()


@pytest.fixture
def server(kube: Kube) -> Iterator[str]:
    """A namespace for a sync server."""
    namespace = new_namespace(kube, "server")
    yield namespace
    kube.core.delete_namespace(namespace)


@pytest.fixture
def sandbox(kube: Kube, server: str) -> Iterator[Sandbox]:
    """A sync server in a container of its own, as the docs set it up."""
    served = serve_sandbox(kube, server)
    yield served
    served.close()


@pytest.fixture
def values() -> dict[str, Any]:
    """What of the chart's values a module wants otherwise."""
    return {}


@pytest.fixture
def release(helm_binary: Path, node: RealNode, kube: Kube, tmp_path: Path, values: dict[str, Any]) -> Iterator[Release]:
    """The chart, installed in a namespace of its own."""
    namespace = new_namespace(kube, "operator")
    installed = Release(Helm(helm_binary, tmp_path, node.kubeconfig), kube, namespace)
    installed.install(**values)
    yield installed
    installed.remove()
    kube.core.delete_namespace(namespace)


@pytest.fixture
def tenant(kube: Kube, release: Release, server: str, sandbox: Sandbox) -> Iterator[Tenant]:
    """A namespace with a Workspace at the sandbox."""
    tenant = Tenant(kube, new_namespace(kube, "tenant"), sandbox)
    tenant.secret(planted.TOKEN)
    tenant.workspace(url=f"http://sandbox.{server}.svc:8088")
    tenant.when(WORKSPACE_KIND, "default", "Ready", seconds=60)
    yield tenant
    if release.pods() and release.crds():
        for name in tenant.names():
            tenant.delete(name)
        eventually(lambda: not tenant.names(), "the Syncs to be gone", seconds=60)
    kube.core.delete_namespace(tenant.namespace)
