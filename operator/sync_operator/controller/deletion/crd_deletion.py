"""Detects the deletion of a CRD: it deletes every resource of the kind, but must not delete anything on servers."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sync_operator.api.constants import GROUP, VERSION
from sync_operator.controller.drift.single_flight import Grow, SingleFlightCache
from sync_operator.errors import KubernetesError
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.resources import CRDS, GROUP_VERSIONS, Resource

__all__ = ["CrdDeletion"]

_log = logging.getLogger(__name__)
_FORBIDDEN: Final = 403
_WRITE_VERB: Final = "patch"
"""A verb that the API server removes from a resource's discovery document while its CRD is being deleted."""


@dataclass(frozen=True, slots=True)
class _Answer:
    deleting: bool
    at: datetime


class CrdDeletion:
    """Asks the API server whether the CRD is being deleted; one request serves all resources deleted before it.

    The API server sets the CRD's deletion timestamp before it deletes the first resource. So a response that is
    newer than the watch event of a deletion shows reliably why the resource is being deleted.

    Args:
        kube: client of the API server.
        clock: returns the current time.
        kind: kind of that CRD, for the log.
        resource: its resource.
        clusterwide: True if all namespaces are served: then the CRD itself is read. Otherwise the discovery document,
            which every account may read.
    """

    def __init__(
        self, kube: KubeClient, clock: Callable[[], datetime], kind: str, resource: Resource, *, clusterwide: bool
    ) -> None:
        self._kube = kube
        self._clock = clock
        self._kind = kind
        self._plural = resource.plural
        self._crd = f"{resource.plural}.{GROUP}"
        self._clusterwide = clusterwide
        self._observed_at: dict[str, datetime] = {}
        self._cache: SingleFlightCache[str, _Answer] = SingleFlightCache(clock)

    def observe_deletion(self, uid: str) -> None:
        """Record when this resource was first seen with a deletion timestamp."""
        self._observed_at.setdefault(uid, self._clock())

    def observed_at(self, uid: str) -> datetime | None:
        """When this resource was first seen with a deletion timestamp; None if it was not."""
        return self._observed_at.get(uid)

    def forget(self, uid: str) -> None:
        """Drop the record of a resource that is gone."""
        self._observed_at.pop(uid, None)

    async def is_being_deleted(self, uid: str) -> bool:
        """True if the CRD is being deleted or gone, by a response that is newer than the deletion.

        Raises:
            KubernetesError: the API server refused the request or did not respond.
        """
        since = self.observed_at(uid) or self._clock()
        return (await self._cache.fetch(self._crd, self._fetch, since=since)).deleting

    async def _fetch(self, at: datetime, _grow: Grow) -> _Answer:
        deleting = await self._crd_is_deleted() if self._clusterwide else await self._discovery_refuses_writes()
        if deleting:
            words = "the CRD %s is being deleted: its %ss go, and what they stand for stays on the servers"
            _log.warning(words, self._crd, self._kind)
        return _Answer(deleting, at)

    async def _crd_is_deleted(self) -> bool:
        try:
            crd = await self._kube.get(CRDS, None, self._crd)
        except KubernetesError as error:
            if error.status != _FORBIDDEN:
                raise
            return await self._discovery_refuses_writes()
        return crd is None or "deletionTimestamp" in crd["metadata"]

    async def _discovery_refuses_writes(self) -> bool:
        kinds = await self._kube.get(GROUP_VERSIONS, None, VERSION)
        listed = kinds.get("resources", ()) if kinds is not None else ()
        return not any(kind["name"] == self._plural and _WRITE_VERB in kind["verbs"] for kind in listed)
