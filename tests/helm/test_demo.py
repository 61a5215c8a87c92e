"""`make demo CLUSTER=current` touches nothing before somebody has said yes. tests/e2e/test_demo.py lets it run."""

import subprocess
from pathlib import Path

from tests.support.demo import demo_in, nothing_left
from tests.support.plane import IMAGE, ROOT, Plane


def demo(cluster: Plane, helm_binary: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return demo_in(cluster.kubeconfig, IMAGE, *options, programs=(cluster.folder / "bin", helm_binary.parent))


def test_it_asks_first_and_does_not_disturb_an_operator(cluster: Plane, helm_binary: Path) -> None:
    with nothing_left(cluster.kubectl):
        refused = demo(cluster, helm_binary)
    assert refused.returncode == 2, refused.stdout
    assert "refused: nobody is there to be asked; add --yes" in refused.stdout

    cluster.kubectl("apply", "-f", str(ROOT / "crds"))
    with nothing_left(cluster.kubectl):
        beside = demo(cluster, helm_binary, "--yes")
    assert beside.returncode == 1, beside.stdout
    assert "customresourcedefinition.apiextensions.k8s.io/syncs.squared.ai" in beside.stdout
    assert "would disturb the operator" in beside.stdout
