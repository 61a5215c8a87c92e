"""What must be done for one Sync, as plain requests: floor and plain operator send the same, and nothing else.

Bodies are to the field what the operator sends, as a test says: to write a smaller object would be less work.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sync_operator.api.constants import (
    API_VERSION,
    APPLIED_ANNOTATION,
    CLUSTER_ANNOTATION,
    CREATE_LOST_ANNOTATION,
    CREATE_STARTED_ANNOTATION,
    FINALIZER,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    SYNC_KIND,
    SYNC_LABEL,
    SYNC_NAME,
    TAKE_OVER_ANNOTATION,
    TEMPLATE_ANNOTATION,
)

__all__ = [
    "ACCOUNT",
    "CRONJOBS",
    "JOBS",
    "NAMESPACE",
    "SERVER",
    "SYNCS",
    "UID",
    "Phase",
    "conditions",
    "cronjob",
    "made_at",
    "mark",
    "server_body",
    "status",
    "timestamp",
]

NAMESPACE: Final = "bench"
SYNCS: Final = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/syncs"
CRONJOBS: Final = f"/apis/batch/v1/namespaces/{NAMESPACE}/cronjobs"
JOBS: Final = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
SERVER: Final = "http://127.0.0.1:12345"
"""Stands for the sync server's URL in what is written into the cluster."""
ACCOUNT: Final = "1"
"""The id of the token's user, which an operator asks for once."""
UID: Final = "00000000-0000-0000-0000-000000000000"
"""Stands for the uid that is the cluster's mark, which is read once."""
_LOG: Final = "/dev/termination-log"
_TOKEN: Final = "/var/run/secrets/sync-operator/token"  # noqa: S105 (a path)


class Phase(StrEnum):
    """What is measured, in this order."""

    CREATE = "create"
    RESTART = "restart"
    UPDATE = "update"
    COMPARE = "compare"
    DELETE = "delete"


def timestamp() -> str:
    """The time now, as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def made_at(sync: Mapping[str, Any]) -> str:
    """When the server made a sync, in whole seconds: by that its status and its run pods know it again."""
    return f"{sync['attributes']['created_at'][:19]}Z"


def mark(finalizer: str = FINALIZER) -> dict[str, Any]:
    """The finalizer of a kind, with the marks of the cluster and of a create that is about to be sent once."""
    started = f"{datetime.now(UTC).isoformat(timespec='seconds')}/{'0' * 32}"
    marks = {
        CLUSTER_ANNOTATION: UID,
        TAKE_OVER_ANNOTATION: None,
        CREATE_STARTED_ANNOTATION: started,
        CREATE_LOST_ANNOTATION: None,
    }
    return {"metadata": {"annotations": marks, "finalizers": [finalizer]}}


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


def cronjob(sync: Mapping[str, Any], sync_id: str, registered_at: str) -> dict[str, Any]:
    """The CronJob of a Sync."""
    metadata = sync["metadata"]
    name = metadata["name"]
    ours = {"labels": {MANAGED_BY_LABEL: MANAGED_BY, SYNC_LABEL: name}, "annotations": {SYNC_NAME: name}}
    owner = {"apiVersion": API_VERSION, "kind": SYNC_KIND, "name": name, "uid": metadata["uid"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": ours["labels"],
            "annotations": {**ours["annotations"], APPLIED_ANNOTATION: "0" * 16},
            "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}],
        },
        "spec": {
            "schedule": "@every 840h",
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "suspend": False,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "metadata": {**ours, "annotations": {**ours["annotations"], TEMPLATE_ANNOTATION: "0" * 16}},
                "spec": {
                    "backoffLimit": 0,
                    "podFailurePolicy": {"rules": [_ignored(), _exit("Ignore", 143), _exit("FailJob", 2, 4)]},
                    "template": {"metadata": ours, "spec": _pod(sync_id, registered_at)},
                },
            },
        },
    }


def _ignored() -> dict[str, Any]:
    return {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}


def _exit(action: str, *codes: int) -> dict[str, Any]:
    return {"action": action, "onExitCodes": {"containerName": "runner", "operator": "In", "values": list(codes)}}


def _pod(sync_id: str, registered_at: str) -> dict[str, Any]:
    values = {
        "SYNC_ID": sync_id,
        "SYNC_REGISTERED_AT": registered_at,
        "SYNC_API_URL": SERVER,
        "SYNC_API_WORKSPACE_ID": "1",
        "SYNC_API_DIALECT": "Multiwoven",
        "SYNC_API_TOKEN_FILE": f"{_TOKEN}/token",
        "SYNC_MAX_FAILED_ROWS_PERCENT": "0",
    }
    settings = {"LOG_FORMAT": "json", "SYNC_OPERATOR_ALLOW_INSECURE_HOSTS": "127.0.0.1"}
    job = {"apiVersion": "v1", "fieldPath": "metadata.labels['batch.kubernetes.io/job-name']"}
    container = {
        "name": "runner",
        "image": "sync-operator:test",
        "args": ["runner", "--termination-message", _LOG],
        "env": [
            *({"name": name, "value": value} for name, value in values.items()),
            {"name": "SYNC_RUN_NAME", "valueFrom": {"fieldRef": job}},
            *({"name": name, "value": value} for name, value in settings.items()),
        ],
        "terminationMessagePath": _LOG,
        "volumeMounts": [{"name": "token", "mountPath": _TOKEN, "readOnly": True}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    items = [{"key": "token", "path": "token"}]
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "serviceAccountName": "default",
        "volumes": [{"name": "token", "secret": {"secretName": "token", "items": items}}],
    }


def status(sync: Mapping[str, Any], sync_id: str, registered_at: str) -> dict[str, Any]:
    """The status of a Sync that is Ready."""
    generation, spec = sync["metadata"]["generation"], sync["spec"]
    registered, scheduled = f"registered as sync {sync_id} in workspace 1", "runs every 840h"
    said = (
        ("Ready", "Scheduled", f"{registered}, {scheduled}"),
        ("Registered", "Registered", registered),
        ("Scheduled", "Scheduled", scheduled),
    )
    return {
        "status": {
            "observedGeneration": generation,
            "id": sync_id,
            "workspaceId": "1",
            "url": SERVER,
            "registeredAt": registered_at,
            "account": ACCOUNT,
            "origin": "Created",
            "sourceId": spec["sourceId"],
            "destinationId": spec["destinationId"],
            "modelId": spec["modelId"],
            "serverStatus": "pending",
            "effectiveSchedule": "@every 840h",
            "health": "Unknown",
            "message": f"{registered}, {scheduled}",
            "timeZone": "Etc/UTC",
            "nextRuns": [timestamp()] * 5,
            "cronJob": sync["metadata"]["name"],
            "conditions": conditions(generation, *said),
        }
    }


def conditions(generation: int, *said: tuple[str, str, str]) -> list[dict[str, Any]]:
    """Conditions that are true, each by type, reason and message."""
    return [
        {
            "type": kind,
            "status": "True",
            "observedGeneration": generation,
            "lastTransitionTime": timestamp(),
            "reason": reason,
            "message": message,
        }
        for kind, reason, message in said
    ]
