"""A tenant's namespace with a Workspace at a sandbox, and what tests ask of the Syncs in it."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.manifests import sync_manifest, workspace_manifest
from tests.support.plane import Kube
from tests.support.running import TOKEN, Sandbox, eventually

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND

__all__ = ["MAPPING", "Tenant", "condition", "is_ready"]

MAPPING = [{"from": "id", "to": "external_id", "mapping_type": "standard"}]


def condition(obj: Mapping[str, Any], kind: str = "Ready") -> dict[str, Any]:
    """One condition of an object; empty when it has none of that type."""
    conditions = obj.get("status", {}).get("conditions", ())
    return next((dict(entry) for entry in conditions if entry["type"] == kind), {})


def is_ready(obj: Mapping[str, Any]) -> bool:
    """True when an object is Ready as it stands now."""
    found = condition(obj)
    return found.get("status") == "True" and found["observedGeneration"] == obj["metadata"]["generation"]


@dataclass(frozen=True)
class Tenant:
    """A namespace, and the sandbox that its Workspace names."""

    kube: Kube
    namespace: str
    sandbox: Sandbox

    def secret(self, value: str = TOKEN, name: str = "token", key: str = "token") -> None:
        """Create or change a Secret; by default the one with the token."""
        data = {key: base64.b64encode(value.encode()).decode()}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
        resource = self.kube.resource("Secret", "v1")
        resource.server_side_apply(body=body, namespace=self.namespace, field_manager="tests", force_conflicts=True)

    def workspace(self, **changes: Any) -> dict[str, Any]:
        """Create the Workspace `default`."""
        spec = {"url": self.sandbox.url, "workspaceId": "1", "requestsPerMinute": 100_000, **changes}
        return self.kube.create(workspace_manifest("default", **spec), self.namespace)

    def connect(self, **changes: Any) -> None:
        """Create Secret and Workspace, and wait until it is ready."""
        self.secret()
        self.workspace(**changes)
        self.when(WORKSPACE_KIND, "default", "Ready")

    def sync(self, name: str = "orders", **changes: Any) -> dict[str, Any]:
        """Create a Sync."""
        return self.kube.create(sync_manifest(name, **{"configuration": MAPPING} | changes), self.namespace)

    def ready(self, name: str = "orders", **changes: Any) -> dict[str, Any]:
        """Create a Sync and wait until it is ready."""
        self.sync(name, **changes)
        return self.when(SYNC_KIND, name, "Ready")

    def get(self, name: str = "orders") -> dict[str, Any]:
        return self.kube.get(SYNC_KIND, name, self.namespace)

    def history(self, since: str, name: str = "orders") -> list[dict[str, Any]]:
        """What a Sync was, from the state after that resource version on until now."""
        watch = self.kube.resource(SYNC_KIND).watch(
            namespace=self.namespace, name=name, resource_version=since, timeout=1
        )
        return [event["raw_object"] for event in watch]

    def patch(self, name: str = "orders", **spec: Any) -> dict[str, Any]:
        return self.kube.patch(SYNC_KIND, name, self.namespace, {"spec": spec})

    def when(
        self, kind: str, name: str, wanted: str, status: str = "True", reason: str = "", *, seconds: float = 30
    ) -> dict[str, Any]:
        """The object, once it has the condition for its current generation."""

        def look() -> dict[str, Any] | None:
            obj = self.kube.get(kind, name, self.namespace)
            found = condition(obj, wanted)
            current = found.get("observedGeneration") == obj["metadata"]["generation"]
            fits = found.get("status") == status and reason in {"", found.get("reason")}
            return obj if current and fits else None

        return eventually(look, f"{kind} {name}: {wanted}={status} {reason}", seconds=seconds)

    def ran(self, job_trigger: str = "", name: str = "orders", *, seconds: float = 30) -> dict[str, Any]:
        """The Sync, once its last run has ended."""

        def look() -> dict[str, Any] | None:
            sync = self.get(name)
            last = sync.get("status", {}).get("lastRun", {})
            return sync if last.get("finishedAt") and job_trigger in {"", last["trigger"]} else None

        return eventually(look, f"a finished run of {name}", seconds=seconds)

    def request_run(self, token: str, name: str = "orders") -> None:
        body = {"metadata": {"annotations": {"squared.ai/run-requested-at": token}}}
        self.kube.patch(SYNC_KIND, name, self.namespace, body)

    def delete(self, name: str = "orders") -> None:
        self.kube.resource(SYNC_KIND).delete(name=name, namespace=self.namespace)

    def names(self) -> set[str]:
        """The Syncs that there are."""
        return {item.metadata.name for item in self.kube.resource(SYNC_KIND).get(namespace=self.namespace).items}

    def gone(self, name: str = "orders") -> None:
        """Wait until a Sync is gone."""
        eventually(lambda: name not in self.names(), f"Sync {name} to be gone")

    def cronjob(self, name: str = "orders") -> dict[str, Any]:
        return self._read("CronJob", "batch/v1", name)

    def cronjobs(self) -> list[str]:
        return [obj["metadata"]["name"] for obj in self._list("CronJob", "batch/v1")]

    def job(self, name: str) -> dict[str, Any]:
        return self._read("Job", "batch/v1", name)

    def jobs(self) -> list[dict[str, Any]]:
        return self._list("Job", "batch/v1")

    def pods(self) -> list[dict[str, Any]]:
        return self._list("Pod", "v1")

    def _read(self, kind: str, api_version: str, name: str) -> dict[str, Any]:
        return dict(self.kube.resource(kind, api_version).get(name=name, namespace=self.namespace).to_dict())

    def _list(self, kind: str, api_version: str) -> list[dict[str, Any]]:
        return list(self.kube.resource(kind, api_version).get(namespace=self.namespace).to_dict()["items"])

    def told(self, *reasons: str, name: str = "orders") -> None:
        """Wait until these events, in this order, are the last ones about a Sync: they come after its status."""
        eventually(lambda: self.events(name)[-len(reasons) :] == list(reasons), f"the events {', '.join(reasons)}")

    def all_events(self) -> list[dict[str, Any]]:
        """The namespace's events, whoever wrote them."""
        return self._list("Event", "v1")

    def events(self, name: str = "orders") -> list[str]:
        """Reasons of the events about a Sync that we wrote, in order."""
        events = self._list("Event", "v1")
        ours = [event for event in events if event["involvedObject"]["kind"] in {SYNC_KIND, WORKSPACE_KIND}]
        about = [event for event in ours if event["involvedObject"]["name"] == name]
        return [event["reason"] for event in sorted(about, key=lambda event: int(event["metadata"]["resourceVersion"]))]
