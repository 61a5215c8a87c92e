"""The mark in a description on the server: its last line names the resource that it belongs to. Pure.

It is read by people, too: short and plain.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from sync_operator.api.constants import CLUSTER_ANNOTATION
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.syncapi.types import RemoteResource

__all__ = ["mark_owner", "marked_cluster", "marked_description", "ownership_proof", "unmarked"]

_DESCRIPTION: Final = "description"
_PREFIX: Final = "Managed by sync-operator: "
_MARK: Final = re.compile(rf"{_PREFIX}(?P<uid>[0-9a-zA-Z-]{{1,64}})(?: of cluster (?P<cluster>[0-9a-zA-Z-]{{1,64}}))?")


def marked_description(snapshot: ResourceSnapshot, description: str | None) -> str:
    """The description to write: that of the spec, and the mark as its last line."""
    cluster = _cluster(snapshot)
    mark = f"{_PREFIX}{snapshot.resource.uid}" + (f" of cluster {cluster}" if cluster else "")
    return f"{description}\n{mark}" if description else mark


def unmarked(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """A body or attributes, with a description that lacks the mark of whatever resource."""
    description = fields.get(_DESCRIPTION)
    if not isinstance(description, str):
        return fields
    text, _, last = description.rpartition("\n")
    return {**fields, _DESCRIPTION: (text or None) if _MARK.fullmatch(last.strip()) else description}


def mark_owner(remote: RemoteResource) -> str | None:
    """The uid of the resource that the mark names; None without a mark."""
    found = _mark(remote)
    return found["uid"] if found is not None else None


def marked_cluster(remote: RemoteResource) -> str:
    """The uid of the cluster that the mark names; empty without one."""
    found = _mark(remote)
    return (found["cluster"] if found is not None else "") or ""


def ownership_proof(snapshot: ResourceSnapshot, remote: RemoteResource) -> bool | None:
    """True if the mark names this resource, False if it names another one of this cluster; else None.

    The mark of another cluster proves nothing: that cluster may be gone, and this one made from the same manifests.
    """
    found = _mark(remote)
    if found is None:
        return None
    if found["uid"] == snapshot.resource.uid:
        return True
    return False if found["cluster"] and found["cluster"] == _cluster(snapshot) else None


def _mark(remote: RemoteResource) -> re.Match[str] | None:
    description = remote.attributes.get(_DESCRIPTION)
    return _MARK.fullmatch(description.rpartition("\n")[2].strip()) if isinstance(description, str) else None


def _cluster(snapshot: ResourceSnapshot) -> str:
    """The cluster's uid as the resource has it, which stays the same where this process does not know it."""
    return snapshot.resource.annotations.get(CLUSTER_ANNOTATION) or snapshot.cluster
