"""One Lease (coordination.k8s.io/v1) as an object in the cluster: read, taken, renewed, released."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sync_operator.cluster.kube import LEASES, Kube
from sync_operator.decide.lease import LeaseTimes, LeaseView, Sighting, claim_of, release_of
from sync_operator.errors import KubernetesError

__all__ = ["Lease"]


class Lease:
    """The Lease of one release. Each write names the version that it changes: of two who want it, one gets it.

    Args:
        kube: the cluster.
        namespace: where it is.
        name: its name.
        clock: the time of day, written into it for people.
    """

    def __init__(self, kube: Kube, namespace: str, name: str, clock: Callable[[], datetime]) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = name
        self._clock = clock

    def __str__(self) -> str:
        return f"Lease {self._namespace}/{self._name}"

    async def read(self) -> LeaseView | None:
        """The Lease as it is; None when there is none.

        Raises:
            KubernetesError: it could not be read.
        """
        found = await self._kube.get(LEASES, self._namespace, self._name)
        return _view(found) if found is not None else None

    async def take(self, seen: Sighting, me: str, times: LeaseTimes) -> LeaseView | None:
        """Make or change it to be ours; None when somebody else was quicker.

        Raises:
            KubernetesError: the API server refused or gave no answer.
        """
        spec = claim_of(seen, me, self._time(), times)
        if seen.lease is not None and seen.there:
            return await self._change(seen.lease.version, spec)
        body = {"apiVersion": LEASES.api_version, "kind": "Lease", "metadata": {"name": self._name}, "spec": spec}
        made = await self._kube.create(LEASES, self._namespace, body)
        return _view(made) if made is not None else None

    async def renew(self, version: str) -> LeaseView | None:
        """Write a new time into it; None when it is no longer in that version, or gone.

        Raises:
            KubernetesError: the API server refused or gave no answer.
        """
        return await self._change(version, {"renewTime": self._time()})

    async def release(self, version: str) -> bool:
        """Let somebody else take it at once; False when it is no longer in that version.

        Raises:
            KubernetesError: the API server refused or gave no answer.
        """
        return await self._change(version, release_of(self._time())) is not None

    async def _change(self, version: str, spec: Mapping[str, Any]) -> LeaseView | None:
        patch = {"metadata": {"resourceVersion": version}, "spec": spec}
        try:
            changed = await self._kube.merge(LEASES, self._namespace, self._name, patch)
        except KubernetesError as error:
            if error.reason == "Conflict":
                return None
            raise
        return _view(changed) if changed is not None else None

    def _time(self) -> str:
        return self._clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _view(obj: Mapping[str, Any]) -> LeaseView:
    spec = obj.get("spec", {})
    return LeaseView(
        holder=spec.get("holderIdentity") or "",
        seconds=spec.get("leaseDurationSeconds") or 0,
        renewed=spec.get("renewTime") or "",
        transitions=spec.get("leaseTransitions") or 0,
        version=obj["metadata"]["resourceVersion"],
    )
