"""A release of the chart on a real node."""

from pathlib import Path
from typing import Any, Final

from tests.support.helm import CHART, Helm
from tests.support.node import IMAGE
from tests.support.plane import Kube

from sync_operator.api.constants import GROUP

__all__ = ["Release"]

_PATIENCE: Final = "4m"
_VALUES: Final[dict[str, Any]] = {
    "image": dict(zip(("registry", "repository", "tag"), IMAGE.replace(":", "/").split("/"), strict=True)),
    "allowInsecureHosts": ["*.svc"],
    "resyncSeconds": 10,
}


class Release:
    """The release `sync-operator` in a namespace, as a platform team installs it."""

    NAME: Final = "sync-operator"

    def __init__(self, helm: Helm, kube: Kube, namespace: str) -> None:
        self._helm = helm
        self._kube = kube
        self.namespace = namespace

    def install(self, chart: Path = CHART, **values: Any) -> None:
        """Install it, and wait until it is ready."""
        self._do("install", chart, "--wait", "--timeout", _PATIENCE, values=_VALUES | values)

    def upgrade(self, chart: Path = CHART, **values: Any) -> None:
        """Upgrade it to a chart and values, and wait until it is ready."""
        self._do("upgrade", chart, "--wait", "--timeout", _PATIENCE, values=_VALUES | values)

    def rollback(self, revision: int) -> None:
        """Go back to a revision, and wait until it is ready."""
        self._do("rollback", str(revision), "--wait", "--timeout", _PATIENCE)

    def uninstall(self, *options: str) -> None:
        """Uninstall it, and wait until everything is gone."""
        self._do("uninstall", "--wait", "--timeout", _PATIENCE, *options)

    def remove(self) -> None:
        """Remove whatever is left of it, and its CRDs."""
        self._do("uninstall", "--wait", "--no-hooks", "--ignore-not-found")
        for name in self.crds():
            allowed = {"metadata": {"annotations": {"squared.ai/allow-delete": "true"}}}
            self._crds.patch(name=name, body=allowed, content_type="application/merge-patch+json")
            self._crds.delete(name=name)

    @property
    def _crds(self) -> Any:
        return self._kube.resource("CustomResourceDefinition", "apiextensions.k8s.io/v1")

    def crds(self) -> set[str]:
        """Names of our CRDs, as far as there are any."""
        return {crd.metadata.name for crd in self._crds.get().items if crd.spec.group == GROUP}

    def pods(self) -> list[dict[str, Any]]:
        """The controller's pods."""
        selector = f"app.kubernetes.io/instance={self.NAME}"
        listed = self._kube.resource("Pod", "v1").get(namespace=self.namespace, label_selector=selector)
        return list(listed.to_dict()["items"])

    def logs(self) -> list[str]:
        """What each of the controller's pods wrote."""
        read = self._kube.core.read_namespaced_pod_log
        return [read(pod["metadata"]["name"], self.namespace) for pod in self.pods()]

    def _do(self, what: str, *words: str | Path, values: dict[str, Any] | None = None) -> None:
        self._helm(what, self.NAME, *words, "--namespace", self.namespace, values=values)
