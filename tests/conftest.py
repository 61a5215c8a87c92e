"""What several suites share: a sandbox of each kind, and a real control plane, started once for the session.

`make test`, `make test-all` and `make chaos` run several sessions in parallel (pytest-xdist), each with its own control
plane.
"""

import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from kubernetes import client
from tests.support.gitops import GitOps
from tests.support.helm import Helm, build_helm
from tests.support.plane import Kube, Plane, build_plane, running_plane
from tests.support.running import PORTS, Sandbox, running_sandbox
from tests.support.served import Served, served
from tests.support.suites import WEIGHT, is_long
from tests.support.tools import build_tool
from xdist.scheduler import LoadScopeScheduling

from sync_operator.syncapi.types import Dialect

_BUILDS: dict[str, Callable[[], Path]] = {
    "plane_binary": build_plane,
    "helm_binary": build_helm,
    "promtool": partial(build_tool, "promtool"),
    "actionlint": partial(build_tool, "actionlint"),
    "gitops": partial(build_tool, "gitops"),
}
_BUILT = pytest.StashKey[dict[str, Path]]()


class Places(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Which tests one worker runs: those of a file. What takes longest begins first.

    Tests of `tests/chaos` have nothing in common but the worker's control plane, and some take minutes: each goes to
    whoever is free.
    """

    def _assign_work_unit(self, node: Any) -> None:
        longest = max(self.workqueue, key=lambda scope: WEIGHT.get(scope, 0))
        self.workqueue.move_to_end(longest, last=False)
        super()._assign_work_unit(node)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file.startswith("tests/chaos/") else file


# How long one example takes says nothing on a loaded machine; pytest-timeout bounds the whole test.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


def pytest_configure(config: pytest.Config) -> None:
    """The workers inherit the environment of the process that starts them, and what it does with signals.

    A shell script starts what it puts in the background with SIGINT ignored, and whatever that starts ignores it too:
    `nohup make test &` must be able to test Ctrl-C all the same.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        noted = TemporaryDirectory(prefix="sync-operator-ports-")
        config.add_cleanup(noted.cleanup)
        os.environ[PORTS] = noted.name


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return Places(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-docs", action="store_true", help="write what commands print into the pages of docs/")
    parser.addoption("--write-messages", action="store_true", help="write the golden file tests/unit/messages.txt")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even read the files of the other job: with several workers that takes half a minute."""
    chosen = {"long": False, "not long": True}.get(config.option.markexpr)
    if chosen is None or not collection_path.match("test_*.py"):
        return None
    return is_long(collection_path.relative_to(config.rootpath).as_posix()) is chosen or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if is_long(item.nodeid):
            item.add_marker("long")


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    """A sandbox of the Multiwoven dialect."""
    async with served() as running:
        yield running


@pytest.fixture(params=list(Dialect))
async def either(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """A sandbox of each dialect in turn."""
    async with served(request.param) as running:
        yield running


@pytest.fixture
async def documented_api() -> AsyncIterator[Served]:
    """A sandbox of the documented dialect."""
    async with served(Dialect.DOCUMENTED) as running:
        yield running


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what the tests need before the first of them, whose time limit is not meant for compiling Kubernetes."""
    built = session.config.stash.setdefault(_BUILT, {})
    if session.config.option.collectonly:
        return
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        built.update({name: build() for name, build in _BUILDS.items() if name in wanted})


@pytest.fixture(scope="session")
def plane_binary(request: pytest.FixtureRequest) -> Path:
    return request.config.stash[_BUILT]["plane_binary"]


@pytest.fixture(scope="session")
def helm_binary(request: pytest.FixtureRequest) -> Path:
    return request.config.stash[_BUILT]["helm_binary"]


@pytest.fixture(scope="session")
def helm(helm_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm without a cluster."""
    return Helm(helm_binary, tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def promtool(request: pytest.FixtureRequest) -> Path:
    return request.config.stash[_BUILT]["promtool"]


@pytest.fixture(scope="session")
def actionlint(request: pytest.FixtureRequest) -> Path:
    return request.config.stash[_BUILT]["actionlint"]


@pytest.fixture(scope="session")
def gitops(request: pytest.FixtureRequest) -> GitOps:
    return GitOps(request.config.stash[_BUILT]["gitops"])


@pytest.fixture(scope="session")
def plane(plane_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with running_plane(plane_binary, tmp_path_factory.mktemp("plane")) as running:
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
    kube.drop_namespace(name)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path, "--run-seconds", "1") as running:
        yield running
