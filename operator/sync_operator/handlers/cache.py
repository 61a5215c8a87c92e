"""What the cluster holds, as last seen: kept by watch events and by the answers to our own writes."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sync_operator.cluster.views import owning_sync
from sync_operator.handlers.queue import Key
from sync_operator.model.names import SYNC_KIND, WORKSPACE_KIND

__all__ = ["Cache", "Ref", "workspace_name"]


class Ref(NamedTuple):
    """Namespace and name of an object."""

    namespace: str
    name: str


class Cache:
    """Objects by kind and name, with the few look-ups that a reconcile needs."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[Ref, dict[str, Any]]] = {}
        self._jobs: dict[Ref, set[Ref]] = {}

    def get(self, kind: str, ref: Ref) -> dict[str, Any] | None:
        """The object as last seen, or None."""
        return self._objects.get(kind, {}).get(ref)

    def all(self, kind: str) -> Iterable[dict[str, Any]]:
        """All objects of a kind."""
        return self._objects.get(kind, {}).values()

    def put(self, kind: str, obj: dict[str, Any]) -> bool:
        """Keep an object unless a newer state of it is known; True when it brought something new."""
        ref = ref_of(obj)
        held = self._objects.setdefault(kind, {}).get(ref)
        if held is not None and _same_life(held, obj) and version_of(held) >= version_of(obj):
            return False
        obj["metadata"].pop("managedFields", None)
        self._objects[kind][ref] = obj
        if kind == "Job" and (owner := owning_sync(obj)):
            self._jobs.setdefault(Ref(ref.namespace, owner), set()).add(ref)
        return True

    def drop(self, kind: str, obj: Mapping[str, Any]) -> None:
        """Forget an object that is gone, unless one of the same name took its place."""
        ref = ref_of(obj)
        held = self._objects.get(kind, {}).get(ref)
        if held is None or not _same_life(held, obj):
            return
        del self._objects[kind][ref]
        owner = owning_sync(held) if kind == "Job" else None
        if owner:
            jobs = self._jobs.get(Ref(ref.namespace, owner), set())
            jobs.discard(ref)
            if not jobs:
                self._jobs.pop(Ref(ref.namespace, owner), None)

    def replace(self, kind: str, objects: Iterable[dict[str, Any]]) -> None:
        """Take over a full list: what is not in it is gone, also when no watch event said so."""
        listed = {ref_of(obj): obj for obj in objects}
        for ref, held in list(self._objects.get(kind, {}).items()):
            if ref not in listed:
                self.drop(kind, held)
        for obj in listed.values():
            self.put(kind, obj)

    def jobs_of(self, sync: Ref) -> list[dict[str, Any]]:
        """Jobs of a Sync, oldest first."""
        held = self._objects.get("Job", {})
        jobs = [held[ref] for ref in self._jobs.get(sync, ()) if ref in held]
        return sorted(jobs, key=lambda job: (job["metadata"]["creationTimestamp"], job["metadata"]["name"]))

    def syncs_of(self, workspace: Ref) -> list[Key]:
        """Keys of the Syncs that refer to a Workspace."""
        return [
            Key(SYNC_KIND, *ref)
            for ref, obj in self._objects.get(SYNC_KIND, {}).items()
            if ref.namespace == workspace.namespace and workspace_name(obj) == workspace.name
        ]

    def workspaces_using(self, secret: Ref) -> list[Key]:
        """Keys of the Workspaces that refer to a Secret."""
        return [
            Key(WORKSPACE_KIND, *ref)
            for ref, obj in self._objects.get(WORKSPACE_KIND, {}).items()
            if ref.namespace == secret.namespace and secret.name in _secret_names(obj)
        ]

    def claims(self, url: str, workspace_id: str | None, *, but: Ref) -> dict[str, str]:
        """Server ids in one server workspace that other Syncs hold → ``namespace/name`` of the holder."""
        found = {}
        for ref, obj in self._objects.get(SYNC_KIND, {}).items():
            status = obj.get("status", {})
            if (
                ref != but
                and status.get("id")
                and (status.get("url"), status.get("workspaceId")) == (url, workspace_id)
            ):
                found[status["id"]] = f"{ref.namespace}/{ref.name}"
        return found


def ref_of(obj: Mapping[str, Any]) -> Ref:
    """Namespace and name of an object."""
    return Ref(obj["metadata"]["namespace"], obj["metadata"]["name"])


def version_of(obj: Mapping[str, Any]) -> int:
    """``metadata.resourceVersion``: comparable as a number within one life of an object (KEP-5504)."""
    return int(obj["metadata"]["resourceVersion"])


def workspace_name(sync: Mapping[str, Any]) -> str:
    """Name of the Workspace that a Sync refers to."""
    name: str = sync.get("spec", {}).get("workspaceRef", {}).get("name", "default")
    return name


def _same_life(held: Mapping[str, Any], obj: Mapping[str, Any]) -> bool:
    return bool(held["metadata"].get("uid") == obj["metadata"].get("uid"))


def _secret_names(workspace: Mapping[str, Any]) -> set[str]:
    spec = workspace.get("spec", {})
    auth = spec.get("auth", {})
    refs = (auth.get("tokenSecretRef"), auth.get("loginSecretRef"), spec.get("caSecretRef"))
    return {ref["name"] for ref in refs if ref and "name" in ref}
