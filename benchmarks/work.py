"""What must be done for one Sync, as plain requests: floor and plain operator send the same, and nothing else."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sync_operator.model.names import API_VERSION, SYNC_KIND

__all__ = ["CRONJOBS", "NAMESPACE", "SYNCS", "Phase", "cronjob", "server_body", "status"]

NAMESPACE: Final = "bench"
SYNCS: Final = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/syncs"
CRONJOBS: Final = f"/apis/batch/v1/namespaces/{NAMESPACE}/cronjobs"


class Phase(StrEnum):
    """What is measured, in this order."""

    CREATE = "create"
    RESTART = "restart"
    UPDATE = "update"
    COMPARE = "compare"
    DELETE = "delete"


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
            "schedule": "@every 840h",
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
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
            "message": f"registered as sync {sync_id} in workspace 1, runs at '@every 840h' in time zone Etc/UTC",
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
            "effectiveSchedule": "@every 840h",
            "timeZone": "Etc/UTC",
            "nextRuns": [now] * 5,
            "cronJob": sync["metadata"]["name"],
            "conditions": conditions,
        }
    }
