"""`make demo CLUSTER=current`, as a script runs it: nobody can be asked."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.plane import ROOT

__all__ = ["demo_in", "nothing_left"]


def demo_in(
    kubeconfig: Path, image: str, *options: str, programs: tuple[Path, ...]
) -> subprocess.CompletedProcess[str]:
    """Run it to its end; all that it prints is in ``stdout``.

    Args:
        kubeconfig: of the cluster.
        image: that the cluster can pull.
        options: more of the demo's options.
        programs: folders in which it finds kubectl and helm.
    """
    path = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / "demo", "--cluster", "current", "--image", image, *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, "KUBECONFIG": str(kubeconfig), "PATH": path},
    )


@contextmanager
def nothing_left(kubectl: Callable[..., subprocess.CompletedProcess[str]]) -> Iterator[None]:
    """Assert that the cluster's own objects are in the end what they were.

    What was being deleted already, as the namespaces of other tests, may go meanwhile.
    """
    before = _objects(kubectl)
    yield
    after = _objects(kubectl)
    assert after.keys() <= before.keys(), f"left: {sorted(after.keys() - before.keys())}"
    taken = {name for name in before.keys() - after.keys() if not before[name]}
    assert not taken, f"not made by it, and gone: {sorted(taken)}"


def _objects(kubectl: Callable[..., subprocess.CompletedProcess[str]]) -> dict[str, bool]:
    """Kind and name of each object that the demo could make or take; True if it is being deleted."""
    listed = json.loads(kubectl("get", "crd,ns,clusterroles,clusterrolebindings", "-o", "json").stdout)["items"]
    return {f"{item['kind']}/{item['metadata']['name']}": "deletionTimestamp" in item["metadata"] for item in listed}
