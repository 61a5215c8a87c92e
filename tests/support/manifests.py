"""Manifests for tests: the least that is valid, changed where a test needs it."""

from collections.abc import Mapping
from typing import Any

from sync_operator.api.constants import API_VERSION, CONNECTOR_KIND, MODEL_KIND, SYNC_KIND, WORKSPACE_KIND

__all__ = [
    "BY_NAME",
    "REMOVED",
    "connector_manifest",
    "connector_spec",
    "foreign_cronjob",
    "merged",
    "model_manifest",
    "model_spec",
    "sync_manifest",
    "sync_spec",
    "workspace_manifest",
    "workspace_spec",
]

REMOVED = object()
"""As a value in changes: take the field out."""

BY_NAME: dict[str, Any] = {
    "sourceId": REMOVED,
    "sourceRef": {"serverName": "Warehouse"},
    "destinationId": REMOVED,
    "destinationRef": {"serverName": "CRM"},
    "modelId": REMOVED,
    "modelRef": {"serverName": "Customers"},
}
"""Changes: source, destination and model by name."""


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, objects within objects too."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        if value is REMOVED:
            del result[key]
        elif isinstance(old, Mapping) and isinstance(value, Mapping) and key != "configuration":
            result[key] = merged(old, value)
        else:
            result[key] = value
    return result


def sync_spec(**changes: Any) -> dict[str, Any]:
    """The spec of a manual Sync."""
    return merged(
        {
            "sourceId": 1,
            "destinationId": 2,
            "modelId": 3,
            "scheduleType": "manual",
            "configuration": {"email": "mail"},
            "streamName": "contacts",
        },
        changes,
    )


def workspace_spec(**changes: Any) -> dict[str, Any]:
    """The spec of a Workspace with a token."""
    return merged({"url": "https://api.example.com", "auth": {"tokenSecretRef": {"name": "token"}}}, changes)


def connector_spec(**changes: Any) -> dict[str, Any]:
    """The spec of a destination."""
    return merged(
        {
            "connectorType": "destination",
            "connectorName": "Http",
            "configuration": {"destination_url": "https://crm.example.com", "headers": {}},
        },
        changes,
    )


def model_spec(**changes: Any) -> dict[str, Any]:
    """The spec of a Model over a Connector."""
    return merged(
        {
            "connectorRef": {"name": "warehouse"},
            "query": "SELECT id, email FROM customers ORDER BY id",
            "primaryKey": "id",
        },
        changes,
    )


def sync_manifest(name: str, /, **changes: Any) -> dict[str, Any]:
    """A whole Sync, with `changes` to its spec."""
    return _manifest(SYNC_KIND, name, sync_spec(**changes))


def workspace_manifest(name: str, /, **changes: Any) -> dict[str, Any]:
    """A whole Workspace, with `changes` to its spec."""
    return _manifest(WORKSPACE_KIND, name, workspace_spec(**changes))


def connector_manifest(name: str, /, **changes: Any) -> dict[str, Any]:
    """A whole Connector, with `changes` to its spec."""
    return _manifest(CONNECTOR_KIND, name, connector_spec(**changes))


def model_manifest(name: str, /, **changes: Any) -> dict[str, Any]:
    """A whole Model, with `changes` to its spec."""
    return _manifest(MODEL_KIND, name, model_spec(**changes))


def _manifest(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def foreign_cronjob(name: str) -> dict[str, Any]:
    """A CronJob that is none of ours."""
    job = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "x", "image": "x"}]}}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job}},
    }
