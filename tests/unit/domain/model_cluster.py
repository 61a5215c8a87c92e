"""A model of the cluster for simulations: Syncs and CronJobs as an API server keeps them."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.support.manifests import sync_manifest
from tests.support.snapshots import MAPPING

from sync_operator.api.base import rfc3339
from sync_operator.errors import KubernetesError

__all__ = ["NAMESPACE", "Cluster", "merged"]

NAMESPACE = "team"


@dataclass
class Cluster:
    """Objects by name, in one namespace. What is returned is a copy, as a client gets it."""

    clock: Callable[[], datetime]
    syncs: dict[str, dict[str, Any]] = field(default_factory=dict)
    cronjobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    version: int = 100

    def apply(self, name: str, *, at: Mapping[str, Any] | None = None, **spec: Any) -> None:
        """Create a Sync, or change its spec; ``at`` goes into its metadata."""
        if name in self.syncs:
            self.merge(name, {"spec": spec, "metadata": dict(at or {})})
            return
        self.version += 1
        obj = sync_manifest(name, **{"configuration": MAPPING} | spec)
        obj["metadata"] |= {
            "namespace": NAMESPACE,
            "uid": f"{name}-{self.version}",
            "generation": 1,
            "resourceVersion": str(self.version),
            "creationTimestamp": rfc3339(self.clock()),
        } | dict(at or {})
        self.syncs[name] = obj | {"status": {"observedGeneration": -1}}

    def delete(self, name: str) -> None:
        """`kubectl delete`: the object is gone once its last finalizer is."""
        self.merge(name, {"metadata": {"deletionTimestamp": rfc3339(self.clock())}})

    def merge(self, name: str, patch: Mapping[str, Any], *, version: str = "") -> dict[str, Any]:
        """Patch a Sync; where a version is given, only that one.

        Raises:
            KubernetesError: there is no such Sync, or no such version of it any more.
        """
        before = self.syncs.get(name)
        if before is None:
            raise KubernetesError(404, "NotFound", f"Sync {name!r} is gone")
        if version not in {"", before["metadata"]["resourceVersion"]}:
            raise KubernetesError(409, "Conflict", "the object has been modified")
        self.version += 1
        after = self.syncs[name] = merged(before, patch)
        metadata = after["metadata"]
        metadata["resourceVersion"] = str(self.version)
        metadata["generation"] += after["spec"] != before["spec"]
        if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
            del self.syncs[name]
        return deepcopy(after)

    def write_cronjob(self, name: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Create a CronJob, or put another in its place; what the API server gave the first one stays."""
        self.version += 1
        born = {"uid": f"cronjob-{self.version}", "creationTimestamp": rfc3339(self.clock())}
        held = self.cronjobs.get(name, {"metadata": born})
        written = merged({"status": held.get("status", {})}, manifest)
        written["metadata"] = held["metadata"] | written["metadata"] | {"resourceVersion": str(self.version)}
        self.cronjobs[name] = written
        return deepcopy(written)


def merged(held: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """An object after a JSON merge patch."""
    result = dict(held)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            before = result.get(name)
            result[name] = merged(before if isinstance(before, Mapping) else {}, value)
        else:
            result[name] = deepcopy(value)
    return result
