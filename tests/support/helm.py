"""Real Helm (`helm/tool`) for tests: renders our chart, and installs it."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from tests.support.plane import ROOT

__all__ = ["CHART", "EVERYTHING", "NAMESPACE", "RELEASE", "Helm", "HelmError", "build_helm", "the"]

CHART: Final = ROOT / "helm" / "sync-operator"
RELEASE: Final = "op"
NAMESPACE: Final = "ops"
EVERYTHING: Final[dict[str, Any]] = {
    "watchNamespaces": [NAMESPACE],
    "runPods": {"admissionPolicy": {"enabled": True}},
    "leaderElection": {"enabled": True},
    "podDisruptionBudget": {"enabled": True},
    "networkPolicy": {"enabled": True},
    "serviceMonitor": {"enabled": True},
    "prometheusRule": {"enabled": True},
    "grafanaDashboard": {"enabled": True},
    "workspace": {
        "create": True,
        "spec": {"url": "https://api.example.com", "auth": {"tokenSecretRef": {"name": "token"}}},
    },
}
"""Values that bring every template to life."""


class HelmError(Exception):
    """Helm refused; the text is what it said."""


class Helm:
    """Helm with folders of its own, so that nobody's settings or caches play a part."""

    def __init__(self, binary: Path, folder: Path, kubeconfig: Path | None = None) -> None:
        self._binary = binary
        self._environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig or folder / "none"),
            **{f"HELM_{kind}_HOME": str(folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")},
        }

    def __call__(self, *words: str | Path, values: Mapping[str, Any] | None = None) -> str:
        """Run one command with values from its standard input.

        Raises:
            HelmError: it failed.
        """
        done = subprocess.run(
            [self._binary, *words, *(("--values", "-") if values is not None else ())],
            input=json.dumps(values),
            capture_output=True,
            text=True,
            check=False,
            env=self._environment,
        )
        if done.returncode:
            raise HelmError(done.stderr)
        return done.stdout

    def template(
        self, *options: str, release: str = RELEASE, namespace: str = NAMESPACE, **values: Any
    ) -> list[dict[str, Any]]:
        """What the chart renders with these values, without the CRDs unless they are asked for."""
        chosen = {"crds": {"enabled": False}} | values
        text = self("template", release, CHART, "--namespace", namespace, *options, values=chosen)
        return [document for document in yaml.safe_load_all(text) if document]


def the(kind: str, rendered: list[dict[str, Any]]) -> dict[str, Any]:
    """The one object of a kind."""
    [found] = [document for document in rendered if document["kind"] == kind]
    return found


def build_helm() -> Path:
    """The binary of Helm; takes minutes where it was never built on this machine."""
    done = subprocess.run([ROOT / "helm" / "tool" / "build"], stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.strip().splitlines()[-1])
