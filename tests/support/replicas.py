"""Several controllers of one release: each sees the cluster through a proxy of its own, and one of them leads."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from tests.support.kubeproxy import running_kubeproxy
from tests.support.nursery import Nursery, NurseryController, free_port
from tests.support.plane import Kube, Plane
from tests.support.proxy import Proxy
from tests.support.running import eventually

__all__ = ["DURATION", "LEASE_LOST", "Replica", "leader_of", "lease_of", "running_replicas"]

DURATION: Final = 15.0
LEASE_LOST: Final = 4
"""Exit code of a controller that has lost its Lease."""
_LEASE: Final = ("Lease", "coordination.k8s.io/v1")


class Replica(NurseryController):
    """A controller with probes that can be asked, and that can be paused."""

    def __init__(self, nursery: Nursery, plane: Plane, folder: Path, proxy: Proxy, **environment: str) -> None:
        self.health_port = free_port()
        self.proxy = proxy
        super().__init__(nursery, plane, folder, SYNC_OPERATOR_HEALTH_PORT=str(self.health_port), **environment)

    def probe(self, path: str) -> tuple[int, str]:
        """Status and text of a probe; 0 where nobody answers."""
        return _ask(f"http://127.0.0.1:{self.health_port}/{path}")

    @property
    def leads(self) -> bool:
        """What its metrics say."""
        return "\nsync_operator_leader 1.0" in _ask(f"http://127.0.0.1:{self.metrics_port}/metrics")[1]

    def signal(self, how: signal.Signals) -> None:
        os.kill(self.pid, how)


def leader_of(replicas: list[Replica], *, seconds: float = 30.0) -> Replica:
    """The one that acts, once it does with filled caches."""

    def look() -> Replica | None:
        return next((one for one in replicas if one.ended is None and one.probe("readyz") == (200, "acting\n")), None)

    return eventually(look, "a replica that acts", seconds=seconds)


def lease_of(kube: Kube, namespace: str) -> dict[str, Any]:
    """The Lease's spec."""
    found = kube.resource(*_LEASE).get(name="sync-operator", namespace=namespace).to_dict()
    return dict(found["spec"])


@contextmanager
def running_replicas(
    nursery: Nursery, plane: Plane, folder: Path, namespace: str, count: int, *, home: str = "", **environment: str
) -> Iterator[list[Replica]]:
    """Start so many controllers that serve one namespace, and keep their Lease there, or in another one."""
    with ExitStack() as stack:
        replicas = []
        for number in range(count):
            own = folder / f"replica-{number}"
            own.mkdir()
            proxy, kubeconfig = stack.enter_context(running_kubeproxy(plane, own))
            config = yaml.safe_load(kubeconfig.read_text())
            for entry in config["contexts"]:
                entry["context"]["namespace"] = home or namespace
            kubeconfig.write_text(yaml.safe_dump(config))
            replica = Replica(
                nursery,
                plane,
                own,
                proxy,
                **{
                    "KUBECONFIG": str(kubeconfig),
                    "SYNC_OPERATOR_LEADER_ELECTION": "true",
                    "SYNC_OPERATOR_WATCH_NAMESPACES": namespace,
                    **environment,
                },
            )
            replicas.append(replica)
        for replica in replicas:
            replica.begin()
        try:
            yield replicas
        finally:
            for replica in replicas:
                if replica.ended is None:
                    replica.signal(signal.SIGCONT)
                    replica.stop(signal.SIGKILL)


def _ask(url: str) -> tuple[int, str]:
    try:
        answer = httpx.get(url, trust_env=False, timeout=5)
    except httpx.TransportError:
        return 0, ""
    return answer.status_code, answer.text
