"""What must be done for one Sync, as plain requests: floor and plain operator send the same, and nothing else."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import aiohttp
import httpcore

from sync_operator.model.names import API_VERSION, SYNC_KIND

__all__ = ["NAMESPACE", "Cluster", "Phase", "Server", "cronjob", "server_body", "status"]

NAMESPACE: Final = "bench"

_MERGE: Final = {"Content-Type": "application/merge-patch+json"}
_JSON: Final = {"Content-Type": "application/json"}
_NOT_FOUND: Final = 404


class Phase(StrEnum):
    """What is measured, in this order."""

    CREATE = "create"
    RESTART = "restart"
    UPDATE = "update"
    COMPARE = "compare"
    DELETE = "delete"


class Server:
    """The sync server through the HTTP client that the operator uses."""

    def __init__(self, url: str, token: str) -> None:
        self._url = f"{url}/api/v1"
        given = {"Authorization": f"Bearer {token}", "Workspace-Id": "1", "Content-Type": "application/json"}
        self._headers = [(name.encode(), value.encode()) for name, value in given.items()]
        self._http = httpcore.AsyncConnectionPool(max_connections=16, keepalive_expiry=30)

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """One request; its decoded answer."""
        data = b"" if body is None else json.dumps(body).encode()
        answer = await self._http.request(method, self._url + path, headers=self._headers, content=data)
        if answer.status >= 300:  # noqa: PLR2004 (HTTP: success is below)
            raise RuntimeError(f"{method} {path}: {answer.status}")
        return json.loads(answer.content) if answer.content else None

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()


class Cluster:
    """The API server through the session that all contenders use."""

    def __init__(self, server: str, http: aiohttp.ClientSession) -> None:
        self._server = server
        self._http = http

    async def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """One request; what is gone already gives an empty answer."""
        headers = _MERGE if method == "PATCH" else _JSON
        data = None if body is None else json.dumps(body)
        async with self._http.request(method, self._server + path, data=data, headers=headers) as answer:
            text = await answer.read()
            if answer.status == _NOT_FOUND:
                return {}
            answer.raise_for_status()
        parsed: dict[str, Any] = json.loads(text)
        return parsed

    async def syncs(self, namespace: str) -> list[dict[str, Any]]:
        """All Syncs, in pages."""
        items: list[dict[str, Any]] = []
        token = ""
        while True:
            page = await self.call("GET", f"{_syncs(namespace)}?limit=500&continue={token}")
            items += page["items"]
            token = page["metadata"].get("continue", "")
            if not token:
                return items

    async def write(self, sync: Mapping[str, Any], patch: object, subresource: str = "") -> dict[str, Any]:
        """Merge a change into a Sync."""
        metadata = sync["metadata"]
        path = f"{_syncs(metadata['namespace'])}/{metadata['name']}{subresource}"
        return await self.call("PATCH", path, patch)

    async def create_cronjob(self, manifest: Mapping[str, Any]) -> None:
        """Create a CronJob."""
        await self.call("POST", _cronjobs(manifest["metadata"]["namespace"]), manifest)

    async def delete_cronjob(self, namespace: str, name: str) -> None:
        """Delete a CronJob, and in the background what it owns."""
        await self.call("DELETE", f"{_cronjobs(namespace)}/{name}?propagationPolicy=Background")

    async def server(self, namespace: str) -> Server:
        """The sync server that the namespace's Workspace names."""
        workspace = await self.call("GET", f"/apis/{API_VERSION}/namespaces/{namespace}/workspaces/default")
        secret = await self.call("GET", f"/api/v1/namespaces/{namespace}/secrets/token")
        return Server(workspace["spec"]["url"], base64.b64decode(secret["data"]["token"]).decode())


def server_body(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent for a Sync."""
    return {
        "sync": {
            "source_id": spec["sourceId"],
            "destination_id": spec["destinationId"],
            "model_id": spec["modelId"],
            "schedule_type": "manual",
            "configuration": spec["configuration"],
            "stream_name": spec["streamName"],
            "sync_mode": spec["syncMode"],
            "sync_interval": spec["syncInterval"],
            "sync_interval_unit": spec["syncIntervalUnit"],
        }
    }


def cronjob(sync: Mapping[str, Any], sync_id: str) -> dict[str, Any]:
    """A CronJob as the operator makes it."""
    metadata = sync["metadata"]
    labels = {"app.kubernetes.io/managed-by": "benchmark", "squared.ai/sync": metadata["name"]}
    container = {
        "name": "runner",
        "image": "sync-operator:test",
        "args": ["runner", "--termination-message", "/dev/termination-log"],
        "env": [
            {"name": "SYNC_ID", "value": sync_id},
            {"name": "SYNC_API_URL", "value": "http://127.0.0.1"},
            {"name": "SYNC_API_WORKSPACE_ID", "value": "1"},
            {"name": "SYNC_API_TOKEN_FILE", "value": "/var/run/secrets/sync-operator/token/token"},
        ],
        "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets/sync-operator/token", "readOnly": True}],
        "securityContext": {"readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "token", "secret": {"secretName": "token"}}],
    }
    owner = {"apiVersion": API_VERSION, "kind": SYNC_KIND, "name": metadata["name"], "uid": metadata["uid"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "labels": labels,
            "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}],
        },
        "spec": {
            "schedule": f"{int(metadata['name'][-2:]) % 60} 3 * * *",
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 300,
            "jobTemplate": {
                "metadata": {"labels": labels},
                "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": labels}, "spec": pod}},
            },
        },
    }


def status(sync: Mapping[str, Any], sync_id: str) -> dict[str, Any]:
    """A status of the size that the operator writes."""
    generation, now = sync["metadata"]["generation"], datetime.now(UTC).isoformat(timespec="seconds")
    conditions = [
        {
            "type": kind,
            "status": "True",
            "reason": "Registered",
            "message": f"registered as sync {sync_id} in workspace 1, runs at a minute of its own each day",
            "lastTransitionTime": now,
            "observedGeneration": generation,
        }
        for kind in ("Ready", "Registered", "Scheduled")
    ]
    return {
        "status": {
            "observedGeneration": generation,
            "id": sync_id,
            "workspaceId": "1",
            "origin": "Created",
            "serverStatus": "healthy",
            "effectiveSchedule": "0 3 * * *",
            "timeZone": "Etc/UTC",
            "nextRuns": [now] * 5,
            "cronJob": sync["metadata"]["name"],
            "conditions": conditions,
        }
    }


def _syncs(namespace: str) -> str:
    return f"/apis/{API_VERSION}/namespaces/{namespace}/syncs"


def _cronjobs(namespace: str) -> str:
    return f"/apis/batch/v1/namespaces/{namespace}/cronjobs"
