"""The clusters and servers on which contenders are measured: of their own, and started anew for each."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from kubernetes import client
from tests.support.plane import Kube, Plane, build_plane, running_plane
from tests.support.running import Sandbox, eventually, running_sandbox
from tests.support.syncs import Tenant

from sync_operator.api.constants import API_VERSION, SYNC_KIND

__all__ = ["Stage", "staged"]

_PATIENCE: Final = 120.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A control plane, and a folder for what goes with it."""

    plane: Plane
    kube: Kube
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Of the contenders."""
        return {"PATH": os.environ["PATH"], "KUBECONFIG": str(self.plane.kubeconfig)}

    @property
    def version(self) -> str:
        """Of Kubernetes."""
        return str(client.VersionApi(self.kube.core.api_client).get_code().git_version)

    async def settle(self) -> None:
        """Wait until the cluster's garbage collector knows our kinds, which takes up to half a minute.

        Until then it looks at each owner of a CronJob, and these requests would be counted.
        """
        core = self.kube.core
        gone = {"apiVersion": API_VERSION, "kind": SYNC_KIND, "name": "gone", "uid": "gone"}
        metadata = client.V1ObjectMeta(name="canary", owner_references=[gone])
        core.create_namespaced_config_map("default", client.V1ConfigMap(metadata=metadata))

        def collected() -> bool:
            return not core.list_namespaced_config_map("default", field_selector="metadata.name=canary").items

        await asyncio.to_thread(eventually, collected, "an orphan to be collected", seconds=_PATIENCE)

    @contextmanager
    def sandbox(self, namespaces: list[str], *options: str) -> Iterator[Sandbox]:
        """Start a sandbox, with a workspace for each of these namespaces: they are numbered from 1 on."""
        folder = self.folder / f"sandbox-{namespaces[0]}"
        folder.mkdir()
        numbers = [str(number) for number, _ in enumerate(namespaces, 1)]
        with running_sandbox(folder, *(f"--workspace={number}" for number in numbers), *options) as sandbox:
            for namespace, number in zip(namespaces, numbers, strict=True):
                self.kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))
                tenant = Tenant(self.kube, namespace, sandbox)
                tenant.secret()
                tenant.workspace(requestsPerMinute=100_000, dialect="Multiwoven", workspaceId=number)
            yield sandbox


@contextmanager
def staged() -> Iterator[Stage]:
    """Start a control plane with nothing in it, in a folder that is gone afterwards."""
    with TemporaryDirectory(prefix="sync-operator-bench-") as name:
        folder = Path(name)
        with running_plane(build_plane(), folder / "cluster", audited=False) as plane:
            kube = Kube(plane.kubeconfig)
            yield Stage(plane, kube, folder)
            kube.close()
