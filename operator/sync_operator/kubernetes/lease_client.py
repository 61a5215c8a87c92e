"""Client for one Lease (coordination.k8s.io/v1): read, acquire, renew, release."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sync_operator.domain.lease_record import LeaseTimes, LeaseView, ObservedRecord, acquire_record, release_record
from sync_operator.errors import KubernetesError
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.resources import LEASES

__all__ = ["Lease"]


class Lease:
    """The leader-election Lease. Each write has a resource version, so that of two concurrent writes only one succeeds.

    Args:
        kube: client of the cluster.
        namespace: namespace of the Lease.
        name: name of the Lease.
        clock: wall clock for the timestamps in it, which are informative only.
    """

    def __init__(self, kube: KubeClient, namespace: str, name: str, clock: Callable[[], datetime]) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = name
        self._clock = clock

    def __str__(self) -> str:
        return f"Lease {self._namespace}/{self._name}"

    async def read(self) -> LeaseView | None:
        """Read the Lease; None if there is none.

        Raises:
            KubernetesError: it could not be read.
        """
        found = await self._kube.get(LEASES, self._namespace, self._name)
        return _view(found) if found is not None else None

    async def acquire(self, seen: ObservedRecord, identity: str, times: LeaseTimes) -> LeaseView | None:
        """Acquire the Lease: create it, or change its holder; None if another writer was faster.

        Raises:
            KubernetesError: the API server refused the write or did not respond.
        """
        spec = acquire_record(seen, identity, self._time(), times)
        if seen.lease is not None and seen.there:
            return await self._change(seen.lease.version, spec)
        body = {"apiVersion": LEASES.api_version, "kind": "Lease", "metadata": {"name": self._name}, "spec": spec}
        created = await self._kube.create(LEASES, self._namespace, body)
        return _view(created) if created is not None else None

    async def renew(self, version: str) -> LeaseView | None:
        """Write a new renew time; None if the Lease has another resource version by now, or is gone.

        Raises:
            KubernetesError: the API server refused the write or did not respond.
        """
        return await self._change(version, {"renewTime": self._time()})

    async def release(self, version: str) -> bool:
        """Release the Lease; False if it has another resource version by now, or is gone.

        Raises:
            KubernetesError: the API server refused the write or did not respond.
        """
        return await self._change(version, release_record(self._time())) is not None

    async def _change(self, version: str, spec: Mapping[str, Any]) -> LeaseView | None:
        patch = {"metadata": {"resourceVersion": version}, "spec": spec}
        try:
            changed = await self._kube.merge_patch(LEASES, self._namespace, self._name, patch)
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
