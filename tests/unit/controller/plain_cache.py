"""The cache, kept in one dictionary and searched through: slow, and plainly right."""

from datetime import datetime
from typing import Any

from sync_operator.api.kinds.workspace import RemoteWorkspace, remote_workspace_of
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.domain.create_fence.matching import Claim

__all__ = ["Plain"]


class Plain:
    """Objects by kind, namespace and name."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str, str], dict[str, Any]] = {}

    def put(self, kind: str, new: dict[str, Any]) -> None:
        metadata = new["metadata"]
        key = (kind, metadata["namespace"], metadata["name"])
        old = self.held.get(key)
        same = old is not None and old["metadata"]["uid"] == metadata["uid"]
        if not same or old is None or int(old["metadata"]["resourceVersion"]) < int(metadata["resourceVersion"]):
            self.held[key] = new

    def drop(self, kind: str, gone: dict[str, Any]) -> None:
        metadata = gone["metadata"]
        key = (kind, metadata["namespace"], metadata["name"])
        if key in self.held and self.held[key]["metadata"]["uid"] == metadata["uid"]:
            del self.held[key]

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [held for key, held in self.held.items() if key[0] == kind]

    def place(self, one: dict[str, Any]) -> RemoteWorkspace | None:
        status, spec = one["status"], one["spec"]
        if status.get("id"):
            return remote_workspace_of(status["url"], status["workspaceId"])
        name = spec.get("workspaceRef", {}).get("name", "default")
        home = self.held.get(("Workspace", one["metadata"]["namespace"], name))
        return remote_workspace_of(home["spec"]["url"], home["spec"].get("workspaceId")) if home else None

    def claims(self, place: RemoteWorkspace, sync_id: str, but: NamespacedName) -> set[Claim]:
        found = set()
        for one in self.all("Sync"):
            metadata, status = one["metadata"], one["status"]
            wanted = status.get("id") or one["spec"].get("externalId")
            if wanted == sync_id and self.place(one) == place and (metadata["namespace"], metadata["name"]) != but:
                born = datetime.fromisoformat(metadata["creationTimestamp"])
                holder = f"{metadata['namespace']}/{metadata['name']}"
                found.add(Claim(holder, "id" in status, born, metadata["uid"]))
        return found
