"""Everything here runs against one control plane, and against worlds that the tests take apart."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from tests.support.ledger import Ledger
from tests.support.nursery import Nursery, running_nursery
from tests.support.pipeline_world import PipelineWorld, running_pipeline_worlds
from tests.support.plane import Kube, Plane, build_plane, running_plane
from tests.support.world import World, running_world

_PIPELINE_WORLDS = 6
_LEDGER = pytest.StashKey[Ledger]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LEDGER] = Ledger()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of pytest-xdist is through with its tests."""
    node.config.stash[_LEDGER].add(getattr(node, "workeroutput", {}).get("ledger", {}))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["ledger"] = session.config.stash[_LEDGER].plain()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was done to the operator, and how it came out of it."""
    if lines := config.stash[_LEDGER].lines():
        terminalreporter.section("chaos")
        for line in lines:
            terminalreporter.line(line)


@pytest.fixture
def ledger(pytestconfig: pytest.Config) -> Ledger:
    return pytestconfig.stash[_LEDGER]


@pytest.fixture(scope="session")
def planes() -> Iterator[ExitStack]:
    """Holds the one control plane that is running."""
    with ExitStack() as running:
        yield running


@pytest.fixture(scope="session")
def plane(planes: ExitStack, tmp_path_factory: pytest.TempPathFactory) -> Plane:
    return planes.enter_context(running_plane(build_plane(), tmp_path_factory.mktemp("plane")))


@pytest.fixture
def restart_plane(planes: ExitStack, plane: Plane) -> Callable[[], None]:
    """Ends the control plane, and starts it again with the same objects and at the same address."""

    def restart() -> None:
        planes.close()
        planes.enter_context(running_plane(plane.binary, plane.folder))

    return restart


@pytest.fixture(scope="session")
def kube(plane: Plane) -> Iterator[Kube]:
    cluster = Kube(plane.kubeconfig)
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with running_nursery() as running:
        yield running


@pytest.fixture(scope="module")
def world(plane: Plane, kube: Kube, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(plane, kube, nursery, tmp_path_factory.mktemp("world")) as running:
        yield running


@pytest.fixture
def worlds(
    plane: Plane, kube: Kube, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[PipelineWorld]]:
    """Worlds of whole pipelines, side by side."""
    with running_pipeline_worlds(plane, kube, nursery, tmp_path_factory, _PIPELINE_WORLDS) as running:
        yield running
