"""Which Syncs and Models refer to a Connector or Model: by its resource in the cluster, or by its id on the server."""

from collections.abc import Iterator, Mapping
from typing import Any

from sync_operator.api.kinds.workspace import RemoteWorkspace, remote_workspace_of
from sync_operator.controller.informer.indexer import Indexer
from sync_operator.controller.workqueue.workqueue import Key
from sync_operator.domain.usage import REFERENCE_FIELDS, used_ids

__all__ = ["ReferenceIndex"]


class ReferenceIndex:
    """References of the cached Syncs and Models; the store keeps it up to date."""

    def __init__(self) -> None:
        self._by_name: Indexer[tuple[str, Key], tuple[str, str]] = Indexer()
        self._by_id: Indexer[tuple[str, str, str], tuple[str, str]] = Indexer()
        self._registered: Indexer[tuple[str, str, str, RemoteWorkspace], tuple[str, str]] = Indexer()

    def entries(self, kind: str, obj: Mapping[str, Any]) -> Iterator[tuple[Indexer[Any, Any], Any]]:
        """The indexes that an object is in, each with its index key."""
        namespace = obj["metadata"]["namespace"]
        for target, name in self._named(kind, obj):
            yield self._by_name, (kind, Key(target, namespace, name))
        used, status = used_ids(kind, obj), obj.get("status", {})
        for target, remote_id in used:
            yield self._by_id, (kind, target, remote_id)
        if used and status.get("id") and status.get("url"):
            remote_workspace = remote_workspace_of(status["url"], status.get("workspaceId"))
            for target, remote_id in used:
                yield self._registered, (kind, target, remote_id, remote_workspace)

    def referrers(self, target: Key) -> list[Key]:
        """What refers to a resource by its name, in its namespace."""
        return [Key(kind, *ref) for kind in REFERENCE_FIELDS for ref in self._by_name.get((kind, target))]

    def users(self, kind: str, remote_id: str) -> list[Key]:
        """What was registered with that id of a connector or model, or asks for it, on whatever server."""
        return [Key(each, *ref) for each in REFERENCE_FIELDS for ref in self._by_id.get((each, kind, remote_id))]

    def count_registered(self, user: str, kind: str, remote_id: str, remote_workspace: RemoteWorkspace) -> int:
        """How many resources of a kind are registered with that id of a connector or model in a remote workspace."""
        return self._registered.count((user, kind, remote_id, remote_workspace))

    def targets(self, kind: str, obj: Mapping[str, Any]) -> list[Key]:
        """The resources that a Sync or Model refers to by their names."""
        return [Key(target, obj["metadata"]["namespace"], name) for target, name in self._named(kind, obj)]

    def _named(self, kind: str, obj: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for field, target in REFERENCE_FIELDS.get(kind, ()):
            ref = obj.get("spec", {}).get(f"{field}Ref")
            if isinstance(ref, Mapping) and ref.get("name"):
                yield target, ref["name"]
