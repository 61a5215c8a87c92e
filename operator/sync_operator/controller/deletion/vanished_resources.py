"""Resources that are gone in the cluster while their deletion is still to be carried out on the server.

The API server looks for finalizers when a deletion arrives, and not again after it has asked the admission webhooks:
our finalizer may come in between. Then the resource is gone at once, and what it stands for is to be deleted all the
same.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

__all__ = ["VanishedResources"]

_log: Final = logging.getLogger(__name__)


class VanishedResources:
    """Their uids. They are in no list, and nothing is written to them.

    A new resource of the same name takes the place of one, and no other process knows of it.

    Attributes:
        on_finished: called with a kind and a resource whose deletion was carried out.
    """

    def __init__(self) -> None:
        self.on_finished: Callable[[str, Mapping[str, Any]], None] = lambda *_: None
        self._uids: set[str] = set()

    def __contains__(self, uid: str | None) -> bool:
        return uid in self._uids

    def discard(self, uid: str) -> None:
        """Forget one."""
        self._uids.discard(uid)

    @staticmethod
    def has_vanished(last: Mapping[str, Any], finalizer: str) -> bool:
        """True if a resource that is gone had this finalizer, and no deletion that waited for it.

        One whose finalizers somebody has removed has none in its last state, or a time of deletion.
        """
        metadata = last["metadata"]
        return finalizer in metadata.get("finalizers", ()) and "deletionTimestamp" not in metadata

    def add(self, kind: str, last: Mapping[str, Any], at: datetime) -> dict[str, Any]:
        """Remember one.

        Args:
            kind: its kind.
            last: its last state.
            at: the time now.

        Returns:
            The resource as one that is being deleted.
        """
        metadata = last["metadata"]
        self._uids.add(metadata["uid"])
        words = "%s %s/%s was deleted before its finalizer was respected; what it stands for is deleted all the same"
        _log.warning(words, kind, metadata["namespace"], metadata["name"])
        return {**last, "metadata": {**metadata, "deletionTimestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}"}}
