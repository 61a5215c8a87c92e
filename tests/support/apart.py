"""A cluster that a test has to itself, with a controller that has the chart's rights."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kubernetes import client
from tests.support.helm import Helm
from tests.support.permissions import denied, install_account, requests
from tests.support.plane import Kube, Plane, running_plane
from tests.support.running import Controller, Sandbox, running_controller
from tests.support.syncs import Tenant

__all__ = ["Apart", "running_apart"]


@dataclass(frozen=True)
class Apart:
    """All that is asked for in this cluster is the test's, or its controller's."""

    plane: Plane
    tenant: Tenant
    controller: Controller


@contextmanager
def running_apart(binary: Path, helm: Helm, folder: Path, sandbox: Sandbox, **environment: str) -> Iterator[Apart]:
    """Start a cluster and a controller; in the end nothing may have been denied to it."""
    with running_plane(binary, folder / "cluster") as plane:
        account = install_account(helm, plane, folder)
        with running_controller(plane, folder, KUBECONFIG=str(account), **environment) as controller:
            kube = Kube(plane.kubeconfig)
            kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name="team")))
            yield Apart(plane, Tenant(kube, "team", sandbox), controller)
            kube.close()
        assert denied(requests(plane)) == []
