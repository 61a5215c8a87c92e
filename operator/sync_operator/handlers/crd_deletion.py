"""Whether the CRD of the Syncs is being deleted: that deletes every Sync, and says nothing about the servers' syncs."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sync_operator.cluster.kube import CRDS, GROUP_VERSIONS, Kube
from sync_operator.errors import KubernetesError
from sync_operator.handlers.shared import Grow, Shared
from sync_operator.model.names import GROUP, SYNC_PLURAL, VERSION

__all__ = ["CrdDeletion"]

_log = logging.getLogger(__name__)
_CRD: Final = f"{SYNC_PLURAL}.{GROUP}"
_FORBIDDEN: Final = 403
_CHANGES: Final = "patch"
"""A verb that the API server takes off the list of what a kind can do once its CRD is being deleted."""


@dataclass(frozen=True, slots=True)
class _Found:
    deleting: bool
    at: datetime


class CrdDeletion:
    """Asks the API server once for all Syncs whose deletion was noticed before it is asked.

    The API server marks the CRD as deleted before it deletes the first Sync, so an answer that is younger than the
    news of a Sync's deletion tells for certain why the Sync is deleted.

    Args:
        kube: the cluster.
        clock: the time now.
        everywhere: True where all namespaces are served: then the CRD itself may be read. Otherwise the list of kinds
            is, which everybody may read.
    """

    def __init__(self, kube: Kube, clock: Callable[[], datetime], *, everywhere: bool) -> None:
        self._kube = kube
        self._clock = clock
        self._everywhere = everywhere
        self._noticed: dict[str, datetime] = {}
        self._answers: Shared[str, _Found] = Shared(clock)

    def noticed(self, uid: str) -> None:
        """There is news that this Sync is being deleted."""
        self._noticed.setdefault(uid, self._clock())

    def forget(self, uid: str) -> None:
        """The Sync is gone."""
        self._noticed.pop(uid, None)

    async def under_way(self, uid: str) -> bool:
        """True when the CRD is being deleted, or is gone, as of a moment after the news of this Sync's deletion.

        Raises:
            KubernetesError: the API server does not tell.
        """
        since = self._noticed.get(uid) or self._clock()
        return (await self._answers.fetch(_CRD, self._ask, since=since)).deleting

    async def _ask(self, at: datetime, _grow: Grow) -> _Found:
        deleting = await self._is_deleted() if self._everywhere else await self._is_closed()
        if deleting:
            words = "the CRD %s is being deleted: its Syncs go, and what they stand for stays on the servers"
            _log.warning(words, _CRD)
        return _Found(deleting, at)

    async def _is_deleted(self) -> bool:
        try:
            crd = await self._kube.get(CRDS, None, _CRD)
        except KubernetesError as error:
            if error.status != _FORBIDDEN:
                raise
            return await self._is_closed()
        return crd is None or "deletionTimestamp" in crd["metadata"]

    async def _is_closed(self) -> bool:
        kinds = await self._kube.get(GROUP_VERSIONS, None, VERSION)
        listed = kinds.get("resources", ()) if kinds is not None else ()
        return not any(kind["name"] == SYNC_PLURAL and _CHANGES in kind["verbs"] for kind in listed)
