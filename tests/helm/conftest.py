"""Helm, and a fresh control plane for what is really installed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.helm import Helm
from tests.support.plane import Kube, Plane, running_plane


@pytest.fixture
def cluster(plane_binary: Path, tmp_path: Path) -> Iterator[Plane]:
    """A cluster into which nothing of ours was installed, and in which no other controller of ours is at work."""
    with running_plane(plane_binary, tmp_path / "cluster", bare=True) as running:
        yield running


@pytest.fixture
def installer(cluster: Plane, helm_binary: Path, tmp_path: Path) -> Helm:
    """Helm as the cluster's administrator."""
    return Helm(helm_binary, tmp_path, cluster.kubeconfig)


@pytest.fixture
def kube_of_cluster(cluster: Plane) -> Iterator[Kube]:
    kube = Kube(cluster.kubeconfig)
    yield kube
    kube.close()
