"""`make demo CLUSTER=current` on a real node: a run is shown, and nothing is left."""

from pathlib import Path

import pytest
from tests.support.demo import demo_in, nothing_left
from tests.support.node import IMAGE, RealNode


@pytest.mark.timeout(400)  # of which the demo waits up to 150 s for its run, and two minutes for the chart
def test_it_shows_a_run_and_leaves_nothing(node: RealNode, helm_binary: Path) -> None:
    with nothing_left(node.kubectl):
        shown = demo_in(node.kubeconfig, IMAGE, "--yes", programs=(node.kubeconfig.parent / "bin", helm_binary.parent))

    assert shown.returncode == 0, shown.stdout
    assert "of 1000 rows delivered" in shown.stdout
