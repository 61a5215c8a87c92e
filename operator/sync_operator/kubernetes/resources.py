"""The resources of the Kubernetes API that the operator reads or writes: their URLs."""

from dataclasses import dataclass
from typing import Final

from sync_operator.api.constants import (
    CONNECTOR_PLURAL,
    GROUP,
    MODEL_PLURAL,
    SYNC_PLURAL,
    VERSION,
    WORKSPACE_PLURAL,
)

__all__ = [
    "CONFIG_MAPS",
    "CONNECTORS",
    "CRDS",
    "CRONJOBS",
    "EVENTS",
    "GROUP_VERSIONS",
    "JOBS",
    "LEASES",
    "MODELS",
    "NAMESPACES",
    "PODS",
    "SECRETS",
    "SYNCS",
    "WORKSPACES",
    "Resource",
]


@dataclass(frozen=True, slots=True)
class Resource:
    """One API resource: its URL prefix and plural."""

    prefix: str
    plural: str

    @property
    def api_version(self) -> str:
        """Group and version for the field ``apiVersion``; items of a list come without it."""
        return self.prefix.removeprefix("/apis/").removeprefix("/api/")

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """URL path of a collection or an object."""
        parts = [self.prefix, f"namespaces/{namespace}" if namespace else None, self.plural, name, subresource]
        return "/".join(part for part in parts if part)


SYNCS: Final = Resource(f"/apis/{GROUP}/{VERSION}", SYNC_PLURAL)
CONNECTORS: Final = Resource(f"/apis/{GROUP}/{VERSION}", CONNECTOR_PLURAL)
MODELS: Final = Resource(f"/apis/{GROUP}/{VERSION}", MODEL_PLURAL)
WORKSPACES: Final = Resource(f"/apis/{GROUP}/{VERSION}", WORKSPACE_PLURAL)
CRONJOBS: Final = Resource("/apis/batch/v1", "cronjobs")
JOBS: Final = Resource("/apis/batch/v1", "jobs")
PODS: Final = Resource("/api/v1", "pods")
SECRETS: Final = Resource("/api/v1", "secrets")
CONFIG_MAPS: Final = Resource("/api/v1", "configmaps")
EVENTS: Final = Resource("/api/v1", "events")
LEASES: Final = Resource("/apis/coordination.k8s.io/v1", "leases")
NAMESPACES: Final = Resource("/api/v1", "namespaces")
CRDS: Final = Resource("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions")
GROUP_VERSIONS: Final = Resource(f"/apis/{GROUP}", "")
"""Discovery: ``get`` with the name of a version returns the kinds of our group and their verbs."""
