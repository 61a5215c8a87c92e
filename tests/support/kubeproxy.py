"""The kube-apiserver seen through a `Proxy`, and what it says when it refuses: 409 and 410."""

import base64
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml
from tests.support.faults import Answer
from tests.support.plane import Plane
from tests.support.proxy import Proxy, running_proxy

__all__ = ["CONFLICT", "EXPIRED", "EXPIRED_WATCH", "TOO_MANY", "running_kubeproxy"]


def _status(code: int, reason: str, message: str) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


CONFLICT: Final = Answer(
    409, _status(409, "Conflict", "the object has been modified; please apply your changes to the latest version")
)
EXPIRED: Final = Answer(
    410, _status(410, "Expired", "The provided continue parameter is too old to display a consistent list result.")
)
TOO_MANY: Final = Answer(429, _status(429, "TooManyRequests", "please try again later"), {"Retry-After": "1"})
EXPIRED_WATCH: Final = {"type": "ERROR", "object": _status(410, "Expired", "too old resource version: 1 (2)")}
"""The last line of a watch whose history is lost."""


@contextmanager
def running_kubeproxy(plane: Plane, folder: Path, *, credentials: Path | None = None) -> Iterator[tuple[Proxy, Path]]:
    """A proxy in front of the control plane, and a kubeconfig that names it: plain http, the same credentials.

    Args:
        plane: the control plane.
        folder: where the kubeconfig is to be.
        credentials: another kubeconfig of the plane than its administrator's.
    """
    config = yaml.safe_load((credentials or plane.kubeconfig).read_text())
    [entry] = config["clusters"]
    cluster = entry["cluster"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    with running_proxy("cluster", cluster["server"], trust=ssl.create_default_context(cadata=authority)) as proxy:
        entry["cluster"] = {"server": proxy.url}
        kubeconfig = folder / "proxied.kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(config))
        yield proxy, kubeconfig
