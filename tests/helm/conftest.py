"""Helm, and a control plane without our CRDs, for what is really installed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.helm import NAMESPACE, Helm
from tests.support.plane import Kube, Plane, running_plane


@pytest.fixture(scope="session")
def helm(helm_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm without a cluster."""
    return Helm(helm_binary, tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def bare_plane(plane_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with running_plane(plane_binary, tmp_path_factory.mktemp("bare-plane"), bare=True) as running:
        yield running


@pytest.fixture
def cluster(bare_plane: Plane) -> Iterator[Plane]:
    """A cluster into which nothing of ours was installed, and in which no other controller of ours is at work."""
    yield bare_plane
    bare_plane.kubectl("delete", "customresourcedefinition", "--all", "--timeout=30s")
    bare_plane.kubectl("delete", "clusterrole,clusterrolebinding", "-l", "app.kubernetes.io/managed-by=Helm")
    bare_plane.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=30s")


@pytest.fixture
def installer(cluster: Plane, helm_binary: Path, tmp_path: Path) -> Helm:
    """Helm as the cluster's administrator."""
    return Helm(helm_binary, tmp_path, cluster.kubeconfig)


@pytest.fixture
def kube_of_cluster(cluster: Plane) -> Iterator[Kube]:
    kube = Kube(cluster.kubeconfig)
    yield kube
    kube.close()
