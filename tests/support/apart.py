"""Controllers that have the rights of the chart's service account; and one with a cluster to itself."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kubernetes import client
from tests.support.helm import Helm
from tests.support.permissions import denied, install_account, requests
from tests.support.plane import Kube, Plane, running_plane
from tests.support.running import Controller, Sandbox, running_controller
from tests.support.syncs import Tenant

__all__ = ["LOGINS", "Apart", "running_apart", "running_with_rights"]

LOGINS: Final = {"loginWorkspaces": {"enabled": True}}
"""Values of the chart by which its account may write the Secrets of Workspaces that log in."""


@contextmanager
def running_with_rights(
    plane: Plane,
    helm: Helm,
    folder: Path,
    values: Mapping[str, Any] | None = None,
    wrapper: tuple[str, ...] = (),
    /,
    **environment: str,
) -> Iterator[Controller]:
    """Start a controller with the chart's service account, and stop it in the end.

    Args:
        plane: the control plane.
        helm: renders the chart.
        folder: for the controller's logs and its kubeconfig.
        values: of the chart.
        wrapper: a command that runs the controller.
        environment: variables of the controller.
    """
    account = install_account(helm, plane, folder, **(values or {}))
    with running_controller(plane, folder, wrapper, KUBECONFIG=str(account), **environment) as controller:
        yield controller


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
        with running_with_rights(plane, helm, folder, **environment) as controller:
            kube = Kube(plane.kubeconfig)
            kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name="team")))
            yield Apart(plane, Tenant(kube, "team", sandbox), controller)
            kube.close()
        assert denied(requests(plane)) == []
