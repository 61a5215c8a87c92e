"""Helm, and a control plane of its own for what is really installed."""

from pathlib import Path

import pytest
from tests.support.helm import Helm


@pytest.fixture(scope="session")
def helm(helm_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm without a cluster."""
    return Helm(helm_binary, tmp_path_factory.mktemp("helm"))
